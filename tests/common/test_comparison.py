"""If these fail, a night of trainings is lost, compares what is not comparable, or its table says what was not measured."""

import contextlib
import io
import json
import signal
import subprocess
import sys

import pytest

from common import console
from common.cli import main
from common.comparison import children, compare, trainings
from common.comparison.pictures import draw_comparison
from common.comparison.summary import spread, summarize, summarize_baselines
from common.comparison.tables import markdown, show_spread, table_cells
from common.comparison.trainings import Measured
from common.comparison.variants import variants_of
from common.figures import save_figure
from common.quality import Quality


@pytest.fixture
def processes(run_main, monkeypatch):
    """Verbs in this process instead of their own: what was run is in the list; `fail` makes trainings fail by their name."""
    from fake_app.config import PRESETS, Config

    class Processes(list):
        fail = {}
        asked = []

    ran = Processes()

    def run_verb(package, words, log):
        ran.append(" ".join(words[:3]).replace("runs/fake/", ""))
        for name, failure in ran.fail.items():
            if f"/{name}" in words[2]:
                if isinstance(failure, BaseException):
                    raise failure
                return children.Ended(2, 1.0, children.Usage(2**30, 5.0), failure)
        outer = console.get_console()
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
            code = main("fake", package, Config, PRESETS, list(words))
        console.use_console(outer)
        log.write_text(out.getvalue())
        assert code == 0, out.getvalue()
        return children.Ended(0, 1.0, children.Usage(2**30, 2.0), "")

    def ask(models):
        ran.asked.append(sorted(models))
        assert all(path.name.isdecimal() for path in models.values())
        return {name: 5.0 + position for position, name in enumerate(models)}

    ran.asked = []
    monkeypatch.setattr(trainings, "run_verb", run_verb)
    monkeypatch.setattr(compare, "inference_milliseconds", ask)
    return ran


def comparison(tmp_path, name="compare-cell"):
    return json.loads((tmp_path / "runs/fake" / name / "comparison.json").read_text())


def test_every_variant_is_trained_with_every_seed_and_put_beside_the_others(run_main, processes, tmp_path):
    code, out, err = run_main(
        "compare", "--cells", "gru,lstm", "--seeds", "2", "--preset", "tiny", "--data.examples", "4"
    )
    assert code == 0 and not err
    assert processes[:2] == ["train --resume compare-cell/gru-seed0", "evaluate --run compare-cell/gru-seed0"]
    assert [words for words in processes if words.startswith("train")] == [
        f"train --resume compare-cell/{cell}-seed{seed}" for seed in (0, 1) for cell in ("gru", "lstm")
    ]
    found = comparison(tmp_path)
    assert [row["variant"] for row in found["rows"]] == ["gru", "lstm"]
    assert found["rows"][0]["seeds"] == [0, 1] and found["rows"][0]["parameters"] == 7
    assert found["rows"][0]["validation"]["accuracy"] == {"mean": 0.5, "deviation": 0.0, "values": [0.5, 0.5]}
    assert found["rows"][1]["inference_ms"]["values"] == [6.0, 6.0] and found["rows"][0]["peak_bytes"] == 2**30
    assert found["baselines"]["linear"]["test"]["accuracy"]["mean"] == 0.9123
    config = (tmp_path / "runs/fake/compare-cell/lstm-seed1/config.yaml").read_text()
    for words in ("cell: lstm", "units: 2", "seed: 1", "examples: 4"):
        assert words in config
    info = json.loads((tmp_path / "runs/fake/compare-cell/lstm-seed1/run.json").read_text())
    assert info["preset"] == "tiny", "a training that is short on purpose is not warned of it"
    assert processes.asked == [["gru-seed0", "lstm-seed0"], ["gru-seed1", "lstm-seed1"]]
    table = (tmp_path / "runs/fake/compare-cell/comparison.md").read_text()
    assert "| gru | 0.500 ± 0.000 | 0.500 ± 0.000 |" in table and "| linear | 0.912 | 0.912 |" in table
    assert "roc_auc" not in table, "nobody has it"
    assert (tmp_path / "runs/fake/compare-cell/comparison.png").read_bytes().startswith(b"\x89PNG")
    assert "accuracy, validation" in out and "comparison.png" in out


def test_the_same_command_again_trains_nothing(run_main, processes, tmp_path):
    words = ("compare", "--cells", "gru,lstm", "--seeds", "1")
    assert run_main(*words)[0] == 0
    before = comparison(tmp_path)
    processes.clear(), processes.asked.clear()
    code, out, _ = run_main(*words)
    assert code == 0 and "finished before" in out
    assert not processes and not processes.asked and comparison(tmp_path) == before


def test_more_seeds_and_more_variants_are_added_to_what_is_there(run_main, processes, tmp_path):
    assert run_main("compare", "--vary", "model.units=4,8", "--seeds", "1")[0] == 0
    processes.clear()
    assert run_main("compare", "--vary", "model.units=4,8,16", "--seeds", "2")[0] == 0
    assert [words for words in processes if words.startswith("train")] == [
        f"train --resume compare-units/units={units}-seed{seed}" for units, seed in ((16, 0), (4, 1), (8, 1), (16, 1))
    ]
    assert [len(row["seeds"]) for row in comparison(tmp_path, "compare-units")["rows"]] == [2, 2, 2]


def test_an_interrupted_comparison_goes_on_where_it_stopped(run_main, processes, tmp_path):
    processes.fail = {"lstm-seed0": KeyboardInterrupt()}
    words = ("compare", "--cells", "gru,lstm", "--seeds", "1")
    code, _, err = run_main(*words)
    assert (code, err) == (130, "interrupted; the same command goes on where this one stopped\n")
    assert processes[-1] == "train --resume compare-cell/lstm-seed0"
    processes.clear()
    processes.fail = {}
    code, out, _ = run_main(*words)
    assert code == 0 and "lstm-seed0: goes on" in out
    assert processes == ["train --resume compare-cell/lstm-seed0", "evaluate --run compare-cell/lstm-seed0"]
    rows = comparison(tmp_path)["rows"]
    assert rows[0]["cpu_seconds"]["mean"] == 2.0 and rows[1]["cpu_seconds"] is None, "the first process did not tell"


def test_a_training_that_fails_stops_no_other_and_is_tried_again(run_main, processes, tmp_path):
    processes.fail = {"gru-seed0": "the loss became NaN"}
    words = ("compare", "--cells", "gru,lstm", "--seeds", "1")
    code, out, err = run_main(*words)
    assert code == 2 and "1 of 2 trainings failed, first gru-seed0: the loss became NaN; see output.log" in err
    assert [row["variant"] for row in comparison(tmp_path)["rows"]] == ["lstm"]
    assert "Failed: gru-seed0 (the loss became NaN)." in out
    processes.fail = {}
    assert run_main(*words)[0] == 0
    assert [row["variant"] for row in comparison(tmp_path)["rows"]] == ["gru", "lstm"]
    assert [row["cpu_seconds"]["mean"] for row in comparison(tmp_path)["rows"]] == [7.0, 2.0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--cells gru,lstm --train.epochs 9", "train.epochs is 9, but runs/fake/compare-cell was begun with 5"),
        ("--vary model.units=4,8 --name compare-cell", "runs/fake/compare-cell compares model.cell, not model.units"),
        ("--cells gru,lstm --train.seed 7", "train.seed is 7, but runs/fake/compare-cell was begun with 0"),
    ],
)
def test_other_settings_than_those_recorded_are_refused(run_main, processes, words, sentence):
    assert run_main("compare", "--cells", "gru,lstm", "--seeds", "1")[0] == 0
    processes.clear()
    code, _, err = run_main("compare", "--seeds", "1", *words.split())
    assert code == 2 and err.startswith(f"error: {sentence}") and err.count("\n") == 1
    assert not processes


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "nothing to compare; name --cells"),
        ("--cells gru", "only gru is named, but a comparison needs two"),
        ("--cells gru,gruu", "variant gruu: model.cell is gruu (command line), but must be one of gru, lstm"),
        ("--cells gru,gru", "--cells has gru twice"),
        ("--cells gru,", "--cells is gru,, in which a value is missing"),
        ("--cells gru,lstm --model.cell lstm", "model.cell is varied, so leave --model.cell out"),
        ("--vary model.unit=1,2", "unknown setting model.unit = ... (--vary); did you mean model.units?"),
        ("--vary model.units", "--vary has model.units, but must be like"),
        ("--vary model.units=4,13", "variant units=13: model.units is 13, which brings bad luck"),
        ("--vary model.units=4,04", "units=4 and units=04 are the same settings"),
        ("--vary model.quantiles=0.1,0.2", "model.quantiles is a list itself"),
        ("--vary train.seed=1,2", "train.seed is what --seeds varies"),
        ("--cells gru,lstm --vary model.cell=gru,lstm", "model.cell is varied twice"),
        ("--cells gru,lstm --seeds 0", "--seeds is 0, but must be a whole number from 1 to 100"),
        ("--cells gru,lstm --train.seed 4294967295", "--train.seed and --seeds lead up to the seed 4294967297"),
        ("--cells gru,lstm --name a/b", "--name is 'a/b', but must be a plain folder name"),
        ("--configs a.yaml,b.yaml --config c.yaml", "--configs names whole configurations, so leave --config out"),
        ("--configs a.yaml,nope.yaml", "variant nope.yaml: cannot read the configuration file nope.yaml"),
        ("--configs a.yaml,b.yaml", "variant b.yaml: model.units is 0 (b.yaml, line 1)"),
        ("--configs a.yaml,c/a.yaml", "two variants are called a"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(run_main, processes, tmp_path, words, sentence):
    (tmp_path / "c").mkdir()
    for name, text in {"a": "model: {units: 3}", "b": "model: {units: 0}", "c/a": "model: {units: 5}"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    code, _, err = run_main("compare", *words.split())
    assert code == 2 and sentence in err and err.count("\n") == 1
    assert not processes and not (tmp_path / "runs").exists()


def test_a_folder_of_something_else_is_left_alone(run_main, processes, tmp_path):
    for name, file in (("a", "run.json"), ("b", "tuning.json")):
        (tmp_path / "runs/fake" / name).mkdir(parents=True)
        (tmp_path / "runs/fake" / name / file).write_text("{}")
        code, _, err = run_main("compare", "--cells", "gru,lstm", "--name", name)
        assert code == 2 and "give the comparison another --name" in err
    (tmp_path / "runs/fake/c").mkdir()
    (tmp_path / "runs/fake/c/comparison.json").write_text("{")
    assert "comparison.json is damaged" in run_main("compare", "--cells", "gru,lstm", "--name", "c")[2]
    assert not processes


def test_files_and_combinations_can_be_compared(fake_app, tmp_path, monkeypatch):
    from fake_app.config import PRESETS, Config

    from common.cli import parse

    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text("model: {units: 3}")
    (tmp_path / "large.yaml").write_text("model: {units: 300}")

    def variants(*words):
        found = variants_of(parse("fake", fake_app, Config, PRESETS, ["compare", *words]))
        return found.default_name, {each.name: each.config for each in found.variants}

    name, files = variants("--configs", "small.yaml,large.yaml", "--preset", "tiny", "--data.examples", "4")
    assert name == "compare-small-large" and list(files) == ["small", "large"]
    assert (files["large"].model.units, files["large"].train.epochs, files["large"].data.examples) == (300, 1, 4)
    name, product = variants("--cells", "gru,lstm", "--vary", "model.units=4,8; model.wide=true,false")
    assert name == "compare-cell-units-wide" and len(product) == 8
    assert product["lstm-units=8-wide=true"].model.model_dump() | {"cell": "lstm", "units": 8, "wide": True} == (
        product["lstm-units=8-wide=true"].model.model_dump()
    )


def measured(variant, seed, accuracy, seconds=10.0, milliseconds=2.0, parameters=100):
    metrics = {split: {"accuracy": accuracy, "loss": None} for split in ("validation", "test")}
    baselines = {split: {"naive": {"accuracy": 0.4}} for split in ("validation", "test")}
    return Measured(variant, seed, metrics, baselines, seconds, parameters, children.Usage(2**30, 30.0), milliseconds)


QUALITY = Quality("accuracy", "max", beside=("loss",))


def test_means_and_deviations_are_over_the_seeds():
    rows = summarize([measured("a", 1, 0.7), measured("a", 0, 0.5), measured("b", 0, 0.6)], ["a", "b", "c"], QUALITY)
    assert [row["variant"] for row in rows] == ["a", "b"]
    assert rows[0]["test"]["accuracy"]["mean"] == pytest.approx(0.6)
    assert rows[0]["test"]["accuracy"]["deviation"] == pytest.approx(0.02**0.5)  # sqrt(2 * 0.1² / (2 - 1))
    assert rows[0]["test"]["accuracy"]["values"] == [0.5, 0.7] and rows[1]["test"]["accuracy"]["deviation"] is None
    cells = table_cells(rows, summarize_baselines([measured("a", 0, 0.5)], QUALITY), QUALITY)
    assert cells[0][1:3] == ["accuracy, validation", "accuracy, test"] and "loss, test" not in cells[0]
    assert cells[1][:3] == ["a", "0.600 ± 0.141", "0.600 ± 0.141"] and cells[3][:2] == ["naive", "0.400"]
    assert markdown([["a|b", "c"], ["1", "2"]]) == "| a\\|b | c |\n| --- | ---: |\n| 1 | 2 |\n"
    assert spread([None, None]) is None and show_spread(None) == "-"
    assert show_spread({"mean": 1234.5, "deviation": 10.2}) == "1,234 ± 10"


def test_more_or_less_is_better_as_declared():
    assert Quality("mae", "min").best({"a": 1.0, "b": 2.0}) == "a"
    assert Quality("accuracy", "max").best({"a": 1.0, "b": 2.0}) == "b" and QUALITY.best({}) is None


def test_the_picture_shows_every_variant_and_survives_what_was_not_measured(tmp_path):
    names = [f"variant{number}$" for number in range(14)]
    found = [
        measured(name, seed, 0.5 + 0.01 * i, 10 * (i + 1), None) for i, name in enumerate(names) for seed in (0, 1)
    ]
    rows = summarize(found, names, QUALITY)
    figure = draw_comparison(rows, summarize_baselines(found, QUALITY), QUALITY)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [word.partition(" ")[0] for word in words[:14]] == names
    save_figure(figure, tmp_path / "picture.png")
    one = summarize(found[:1], names, QUALITY)
    save_figure(draw_comparison(one, {}, Quality("accuracy", "min")), tmp_path / "one.png")


def test_what_a_process_says_of_its_failure(tmp_path):
    log = tmp_path / "log"
    log.write_text("error: of before\n")
    (tmp_path / "app.py").write_text(
        "import sys; print('working'); print('error: ' + sys.argv[1], file=sys.stderr); sys.exit(2)"
    )
    command = [sys.executable, str(tmp_path / "app.py"), "no data"]
    with open(log, "ab") as file:
        begins = file.tell()
        code, usage = children.run_process(command, file)
    assert code == 2 and (usage.peak_bytes is None or usage.peak_bytes > 2**20)
    assert children._why(code, log, begins) == "no data"
    assert "memory" in children._why(-signal.SIGKILL, log, 0)


_PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored
from common.comparison.children import run_process, stoppable
with stoppable():
    try:
        run_process([sys.executable, "-c", sys.argv[1], sys.argv[2]])
    except KeyboardInterrupt:
        print("both ended", flush=True)
"""
_CHILD = """
import pathlib, sys, time
try:
    print("ready", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    pathlib.Path(sys.argv[1]).write_text("saved")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_a_comparison_stops_its_training_which_saves_first(tmp_path, number):
    """Else a training nobody knows of keeps both cores busy."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, _CHILD, str(tmp_path / "checkpoint")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "ready\n"
    parent.send_signal(number)
    out, _ = parent.communicate(timeout=60)
    assert out == "both ended\n" and (tmp_path / "checkpoint").read_text() == "saved"
