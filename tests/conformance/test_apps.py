"""Every application keeps the contract of CONTRIBUTING.md. If these fail, knowing one application is no longer knowing all,
or what is served is not what was trained.

One small training per application, by command line, is shared by all checks; every answer is asked of a fresh process.
"""

import csv
import importlib
import importlib.util
import inspect
import json
import math
import re
import shlex
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.cli import main, parse
from common.cli_options import VERBS, Flag
from common.config import resolve_config
from common.config_options import options_of
from common.op_libraries import needed
from tests import command_line
from tests.command_line import REPOSITORY
from tests.conformance.app_answers import (
    IN_MEMORY,
    PREDICT,
    SAVED_MODEL,
    TOLERANCE,
    assert_same,
    assert_same_endpoints,
    without_padding,
)
from tests.conformance.apps import APPS, App
from tests.conformance.signatures_page import assert_the_page_is_true

# What each file exports, with its parameters; an application may add some that have a default.
EXPORTS = {
    "data": {"load_splits": ["config"]},
    "preprocessing": {"Preprocessor": None},
    "model": {"build_model": ["config", "preprocessor"]},
    "train": {"train": ["config", "run", "splits", "preprocessor", "resume"]},
    "evaluate": {"evaluate": ["config", "run", "splits", "split", "preprocessor", "model"]},
    "serving": {
        "endpoints": ["model", "preprocessor"],
        "questions": ["model", "preprocessor"],
        "metadata": ["model", "preprocessor"],
    },
    "predict": {
        "FLAGS": None,
        "ARGUMENTS": None,
        "EXAMPLE": None,
        "predict": ["model_dir", "arguments", "flags"],
    },
    "diagnose": {"diagnose": ["config", "folder", "splits", "preprocessor", "model"]},
}
# An application that has these files exports from them what the others do.
OPTIONAL = {"report": {"draw_pictures": ["run", "split"]}}
HEAVY = ("tensorflow", "keras", "jax", "tensorflow_datasets", "sklearn", "matplotlib", "scipy", "pandas", "numpy")


@dataclass(frozen=True)
class Trained:
    """A finished training: its application, the working directory, and what it wrote to stdout and stderr."""

    app: App
    folder: Path
    out: str
    err: str

    @property
    def run(self) -> Path:
        return self.folder / "runs" / self.app.name / "first"

    @property
    def exports(self) -> Path:
        return self.folder / "saved_models" / self.app.name

    def command(self, *words, **options):
        return command_line.run(self.app.name, *words, cwd=self.folder, **options)


@pytest.fixture(scope="session", params=APPS, ids=lambda app: app.name)
def app(request) -> App:
    return request.param


@pytest.fixture(scope="session")
def trained(app, tmp_path_factory) -> Trained:
    app.prepare()
    folder = tmp_path_factory.mktemp(app.name)
    words = ("train", "--preset", "tiny", "--name", "first", "--json", *app.tiny)
    return Trained(app, folder, *command_line.run(app.name, *words, cwd=folder))


def module(app: App, name: str):
    return importlib.import_module(f"{app.package}.{name}")


# What holds before any training


def test_the_files_of_the_contract_and_what_they_export(app):
    """Else a reader of one application does not find their way in the next."""
    folder = REPOSITORY / "apps" / app.name
    for name in ("__init__", "__main__", "config", *EXPORTS):
        assert (folder / f"{name}.py").is_file(), name
    assert (folder / "README.md").is_file()
    there = {name: exports for name, exports in OPTIONAL.items() if (folder / f"{name}.py").is_file()}
    for name, exports in {**EXPORTS, **there}.items():
        for export, parameters in exports.items():
            found = getattr(module(app, name), export)
            if parameters is not None:
                signature = inspect.signature(found).parameters
                assert list(signature)[: len(parameters)] == parameters, (name, export)
                assert all(p.default is not p.empty for p in list(signature.values())[len(parameters) :]), (
                    name,
                    export,
                )
            if callable(found):
                assert inspect.getdoc(found), f"{name}.{export} has no docstring"
    preprocessor = module(app, "preprocessing").Preprocessor
    for method in ("from_config", "adapt", "__call__", "invert", "save", "load"):
        assert callable(getattr(preprocessor, method)), method
    assert len((folder / "__main__.py").read_text("utf-8").splitlines()) <= 20


def test_every_preset_is_valid_and_every_option_has_a_meaning(app):
    config = module(app, "config")
    assert {"tiny", "base", "overfit"} <= set(config.PRESETS)
    for preset in config.PRESETS:
        assert isinstance(resolve_config(config.Config, config.PRESETS, preset), config.Config)
    options = options_of(config.Config)
    assert {"data", "train"} <= {option.section for option in options.values()}
    assert not [path for path, option in options.items() if len(option.meaning) < 3]


_HELP = """
import runpy, sys
for words in (["--help"], *([verb, "--help"] for verb in sys.argv[3].split())):
    sys.argv[1:] = words
    try:
        runpy.run_module(PACKAGE, run_name="__main__")
    except SystemExit as end:
        assert end.code == 0, words
heavy = sorted(set(HEAVY) & set(sys.modules))
assert not heavy, f"the help imports {heavy}"
"""


def test_help_of_every_verb_answers_without_tensorflow(app, tmp_path):
    """Else a person who only wants to know an option waits for five seconds."""
    verbs = " ".join(verb.name for verb in VERBS)
    code = _HELP.replace("PACKAGE", repr(app.package)).replace("HEAVY", repr(HEAVY))
    out = command_line.run_python(code, "", "", verbs, cwd=tmp_path)
    for option in ("--train.epochs", "--data.source", "--run", "--model", *module(app, "config").PRESETS):
        assert option in out, option


def test_predict_has_options_of_its_own_and_an_example_that_can_be_typed(app):
    """Else the last line of a training tells a person to type what is refused."""
    config, predict = module(app, "config"), module(app, "predict")
    names = [flag.name for flag in predict.FLAGS]
    assert all(isinstance(flag, Flag) and len(flag.meaning) > 3 for flag in predict.FLAGS)
    assert not {"model", "json", "help"} & set(names) and len(set(names)) == len(names)
    words = ["predict", "--model", "m", *predict.EXAMPLE]
    command = parse(app.name, app.package, config.Config, config.PRESETS, words)
    assert set(command.flags) == {"model", "json", *names}
    assert predict.EXAMPLE and predict.ARGUMENTS.upper() == predict.ARGUMENTS


def test_config_prints_what_config_reads(app, capsys, tmp_path):
    config = module(app, "config")

    def run(*words):
        assert main(app.name, app.package, config.Config, config.PRESETS, words) == 0
        return capsys.readouterr().out

    printed = run("config", "--preset", "tiny", "--train.epochs", "7")
    (tmp_path / "my.yaml").write_text(printed)
    assert run("config", "--config", str(tmp_path / "my.yaml")) == printed
    assert "epochs: 7" in printed


# What the training leaves behind


def test_the_training_leaves_the_run_directory_of_the_contract(trained):
    run = trained.run
    settings = importlib.import_module(f"{trained.app.package}.config")
    expected = resolve_config(
        settings.Config, settings.PRESETS, "tiny", overrides=dict(_pairs(trained.app.tiny))
    ).model_dump(mode="json")
    with open(run / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(number + 1) for number in range(len(rows))]
    assert 1 <= len(rows) <= expected["train"]["epochs"]
    for row in rows:
        assert all(math.isfinite(float(value)) for value in row.values()), row
    assert {"epoch", "seconds", "loss", "val_loss", "learning_rate", "gradient_norm"} <= set(rows[0])
    assert (run / "model.keras").stat().st_size and any((run / "preprocessor").iterdir())
    assert list((run / "logs" / "train").glob("events.*")) and list((run / "logs" / "validation").glob("events.*"))
    assert {path.stem for path in (run / "pictures").glob("*.png")} >= set(trained.app.pictures)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (run / "pictures").iterdir())
    assert resolve_config(settings.Config, config_file=run / "config.yaml").model_dump(mode="json") == expected
    assert [path.name for path in trained.exports.iterdir() if path.name.isdecimal()][:1] == ["1"]
    assert not list(trained.folder.rglob(".tmp-*"))


def _pairs(words):
    return zip([word.removeprefix("--") for word in words[::2]], words[1::2], strict=True)


def test_metrics_have_their_fixed_names_beside_baselines(trained):
    metrics = json.loads((trained.run / "metrics.json").read_text())
    assert {"app", "split", "metrics", "baselines", "seconds", "parameters", "config"} <= set(metrics)
    assert (metrics["app"], metrics["split"]) == (trained.app.name, "test")
    assert tuple(metrics["metrics"]) == trained.app.metrics
    assert set(trained.app.baselines) <= set(metrics["baselines"])
    for values in (metrics["metrics"], *metrics["baselines"].values()):
        assert set(values) <= set(trained.app.metrics)
        assert all(isinstance(value, (int, float)) and math.isfinite(value) for value in values.values()), values
    assert {"data", "adapt", "train", "evaluate", "export"} <= set(metrics["seconds"])
    assert metrics["parameters"] > 0


def test_with_json_the_last_line_is_metrics_json_and_a_person_reads_stderr(trained):
    *_, last = trained.out.splitlines()
    assert json.loads(last) == json.loads((trained.run / "metrics.json").read_text())
    assert trained.out.count("\n") == 1
    for words in (
        "Training",
        "epoch 1/",
        "Evaluation",
        f"saved_models/{trained.app.name}",
        "predict --model",
        "Done in",
    ):
        assert words in trained.err, words


def test_the_command_that_asks_the_model_names_files_that_are_there(trained):
    """Else the first thing a person types after a training is refused."""
    (line,) = [line for line in trained.err.splitlines() if " predict --model " in line]
    for word in shlex.split(line.strip())[1:]:
        assert not word.startswith(("runs/", "saved_models/")) or (trained.folder / word).exists(), word
        assert "{run}" not in word


def test_nobody_reads_what_cpp_has_to_say(trained):
    """Else the first thing a newcomer sees is an error about a GPU that nobody promised."""
    # Our own warnings begin with that word in small letters.
    assert not re.findall(
        r"^(?!(?-i:warning: )).*(?:\bcuda|oneDNN|absl::|[IWE]0000|Warning:).*$", trained.err, re.I | re.M
    )


# What later commands make of the run


def test_evaluate_in_a_fresh_process_gives_what_training_reported(trained):
    before = json.loads((trained.run / "metrics.json").read_text())
    out, _ = trained.command("evaluate", "--run", trained.run, "--json")
    after = json.loads(out.splitlines()[-1])
    assert after == json.loads((trained.run / "metrics.json").read_text())
    assert after["metrics"] == pytest.approx(before["metrics"], abs=TOLERANCE)
    assert after["baselines"] == before["baselines"] and after["config"] == before["config"]


@pytest.fixture(scope="session")
def in_memory(trained):
    """What `model.keras` and the preprocessor answer in a fresh process: by endpoint, to each example alone and beside others."""
    request = {"package": trained.app.package, "run": str(trained.run), "examples": trained.app.examples}
    return json.loads(command_line.run_python(IN_MEMORY, cwd=trained.folder, stdin=json.dumps(request)))


@pytest.fixture(scope="session")
def exported(trained, tmp_path_factory):
    """What the SavedModel of `train` answers to somebody without this repository."""
    return _answers(trained, trained.exports / "1", tmp_path_factory.mktemp("elsewhere"))


def _answers(trained, version, elsewhere):
    libraries = needed(version / "saved_model.pb")
    request = {"examples": trained.app.examples, "version": str(version), "op_libraries": libraries}
    return json.loads(command_line.run_python(SAVED_MODEL, cwd=elsewhere, isolated=True, stdin=json.dumps(request)))


def test_what_was_trained_is_what_is_exported_whoever_loads_it(trained, in_memory, exported):
    assert set(in_memory) == {"serving_default", *trained.app.endpoints}
    assert_the_page_is_true(trained.app.name, trained.exports / "1")
    assert_same_endpoints(exported, in_memory)


@pytest.mark.slow  # its two halves stand apart: `in_memory` loads the run, and the training exports
def test_export_makes_the_next_version_of_the_same_model(trained, in_memory, tmp_path):
    out, _ = trained.command("export", "--run", trained.run, "--json")
    assert json.loads(out.splitlines()[-1])["saved_model"] == f"saved_models/{trained.app.name}/2"
    assert_same_endpoints(_answers(trained, trained.exports / "2", tmp_path), in_memory)


def test_neighbours_in_a_batch_and_padding_change_no_answer(exported):
    for answers in exported.values():
        assert any(len(group) > 1 for group in answers["groups"]), "no two examples of the row have the same shape"
        for alone, together in zip(answers["alone"], answers["together"], strict=True):
            assert_same({name: without_padding(value, alone[name]) for name, value in together.items()}, alone)


def test_predict_answers_the_same_however_it_is_asked(trained, in_memory, tmp_path):
    alone = in_memory["serving_default"]["alone"]
    for number, prediction in enumerate(trained.app.predictions):
        folder = _folder(tmp_path / str(number), prediction)
        words = ("predict", "--model", trained.exports, "--json", *prediction.words)
        out, err = command_line.run(trained.app.name, *words, cwd=folder, stdin=prediction.stdin)
        assert not err, prediction.words
        positions = range(len(alone)) if prediction.examples is None else prediction.examples
        assert_same(prediction.answers(out, folder), [alone[position] for position in positions], str(prediction.words))
        assert {path.name for path in folder.iterdir()} == {*prediction.files, *prediction.leaves}
        assert all((folder / name).stat().st_size for name in prediction.leaves)


def test_predict_for_people_needs_nothing_but_the_saved_model(trained, tmp_path):
    """Else who gets only the exported model cannot ask it, or waits for Keras."""
    prediction = trained.app.predictions[0]
    folder = _folder(tmp_path / "folder", prediction)
    words = (trained.app.package, "predict", "--model", trained.exports, *prediction.words)
    out = command_line.run_python(PREDICT, *words, cwd=folder, stdin=prediction.stdin)
    assert out.strip() and "Traceback" not in out
    assert {path.name for path in folder.iterdir()} == {*prediction.files, *prediction.leaves}


def _folder(path, prediction):
    path.mkdir()
    for name, content in prediction.files.items():
        (path / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def test_predict_gives_its_reasons(trained):
    if not trained.app.explains:
        pytest.skip("this application explains nothing")
    prediction = trained.app.predictions[0]
    model = ("predict", "--model", trained.exports, "--explain", *prediction.words)
    out, err = trained.command(*model)
    assert not err and "Traceback" not in out
    lines = trained.command(*model, "--json")[0].splitlines()
    assert len(lines) == len(trained.app.examples)
    for answer in map(json.loads, lines):
        assert math.isclose(sum(value for _, value in answer["words"]) + answer["bias"], answer["score"], abs_tol=1e-4)


def test_serve_answers_the_same_and_stops_when_told(trained, in_memory):
    expected = in_memory["serving_default"]
    words = ("serve", "--model", trained.exports, "--port", "0")
    process = command_line.start(trained.app.name, *words, cwd=trained.folder)
    try:
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline()).group()
        curl = process.stdout.readline()
        for group in expected["groups"]:
            examples = [trained.app.examples[position] for position in group]
            rows = [{name: example[name] for name in expected["inputs"]} for example in examples]
            predictions = _post(f"{url}/v1/models/{trained.app.name}:predict", {"instances": rows})["predictions"]
            if not isinstance(predictions[0], dict):  # the only output goes without its name
                predictions = [{name: row} for row in predictions for name in expected["alone"][0]]
            assert_same(predictions, [expected["together"][position] for position in group])
        # The line that it tells people to try.
        body = shlex.split(curl)[2]
        body = (trained.folder / body[1:]).read_text() if body.startswith("@") else body
        assert len(_post(f"{url}/v1/models/{trained.app.name}:predict", json.loads(body))["predictions"]) == 1
        process.terminate()
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and not err


def _post(url, document):
    with urllib.request.urlopen(url, json.dumps(document).encode(), timeout=60) as response:
        return json.load(response)


def test_diagnose_leaves_its_picture(trained):
    trained.command("diagnose", "--run", trained.run)
    assert (trained.run / "pictures" / "gradient_through_time.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_jax_trains_the_same_application(app, tmp_path):
    """Else the road to several machines that the README names is closed. The export runs on TensorFlow all the same."""
    app.prepare()
    words = ("train", "--preset", "tiny", "--name", "jax", "--json", "--train.epochs", "1", *app.tiny)
    out, _ = command_line.run(app.name, *words, cwd=tmp_path, KERAS_BACKEND="jax")
    metrics = json.loads(out.splitlines()[-1])
    assert tuple(metrics["metrics"]) == app.metrics
    assert (tmp_path / "saved_models" / app.name / "1" / "saved_model.pb").is_file()
