"""If these fail, the command line is slow to answer, hides an option, or answers a mistake with a riddle."""

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from common import verbs
from common.cli import main, parse
from common.cli_options import VERBS, verb_of
from common.config_options import options_of
from common.errors import UserError
from common.spelling import listed

ROOT = Path(__file__).parents[2]
VERB_NAMES = [verb.name for verb in VERBS]


@pytest.fixture
def fake(fake_app):
    from fake_app import config

    return config


@pytest.fixture
def command(fake):
    """Parses words of the fake application."""
    return lambda *words: parse("fake", "fake_app", fake.Config, fake.PRESETS, words)


@pytest.fixture
def run_main(fake, capsys):
    """Runs the command line: exit code, stdout, stderr."""

    def run(*words):
        code = main("fake", "fake_app", fake.Config, fake.PRESETS, words)
        return code, *capsys.readouterr()

    return run


def test_help_and_mistakes_do_without_tensorflow(tmp_path):
    """TensorFlow takes seconds to import; who asks for help or mistypes should not wait for it."""
    code = """
        import contextlib, io, sys
        from apps.sentiment.config import PRESETS, Config
        from common.cli import main
        mistakes = [
            [], ["tarin"], ["train", "--train.epochs", "0"], ["train", "--preset", "tyni"],
            ["train", "--config", "missing.yaml"], ["train", "--epochs", "3"],
            ["train", "--resume", "missing"],
            ["evaluate", "--run", "missing"], ["export"], ["predict", "--model", "missing", "text"],
            ["serve", "--model", "missing", "--port", "1"], ["demo", "--model", "missing"], ["diagnose", "--run", "missing"],
        ]
        helps = [["--help"], *([verb, "--help"] for verb in %r), ["config", "--preset", "tiny"]]
        for words in mistakes + helps:
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main("sentiment", package="apps.sentiment", config=Config, presets=PRESETS, argv=words)
            assert code == (2 if words in mistakes else 0), (words, code, err.getvalue())
            assert (err if words in mistakes else out).getvalue(), words
            slow = {"tensorflow", "keras", "numpy", "matplotlib", "sklearn"} & set(sys.modules)
            assert not slow, (words, slow)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code % (VERB_NAMES,))],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_the_entry_point_passes_the_exit_code_on():
    for words, code in ((["--help"], 0), (["tarin"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "apps.sentiment", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        assert done.stderr.count("\n") == (1 if code else 0)


def test_help_shows_every_verb_and_every_setting_with_default_unit_and_meaning(run_main, fake, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    overview, train = run_main("--help")[1], run_main("train", "-h")[1]
    for name in VERB_NAMES:
        assert re.search(rf"^  {name} ", overview, re.M), name
    for text in (overview, train):
        words = " ".join(text.split())
        for path, option in options_of(fake.Config).items():
            assert f"--{path} {option.placeholder}" in words
            assert option.meaning in words
        assert "size of the state (default: 4; features; >=1, <=512)" in words
        assert "share dropped (default: 0.5; >=0, <1)" in words
        assert "The network, 100 % fake." in words
        assert "tiny model.units=2 train.epochs=1" in words and "base the defaults" in words
        assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("columns", ["60", "80", "100", "200"])
@pytest.mark.parametrize("verb", VERBS, ids=VERB_NAMES)
def test_the_help_of_a_verb_shows_its_options(run_main, verb, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    code, out, err = run_main(verb.name, "--help")
    verb = verb_of(verb, "fake_app")
    assert code == 0 and not err
    words = " ".join(out.split())
    for flag in verb.flags:
        assert f"--{flag.name} {flag.placeholder}".strip() in words
        assert flag.meaning.replace("{app}", "fake") in words
        assert not flag.required or f"--{flag.name} {flag.placeholder} [options]" in words
        assert flag.default in (None, False) or f"(default: {flag.default}" in words
    assert not verb.arguments or f"[{verb.arguments} ...]" in words


def test_the_help_of_predict_is_the_applications(run_main):
    """Else a person is told of texts by an application that reads tables."""
    out = run_main("predict", "--help")[1]
    for words in (
        "usage: python -m apps.fake predict --model DIR [options] [QUESTION ...]",
        "how many answers to weigh (default: 4; answers)",
        "which comes first: best or worst (default: best)",
        """python -m apps.fake predict --model DIR 'It'"'"'s good.'""",
    ):
        assert words in out, words
    assert "text" not in out.lower()


def test_an_application_without_words_takes_none(command, monkeypatch):
    from fake_app import predict

    monkeypatch.setattr(predict, "ARGUMENTS", "")
    with pytest.raises(UserError, match="predict takes options only, so one is one word too many"):
        command("predict", "--model", "m", "one")


def test_what_a_command_line_means(command):
    train = command(
        "train",
        "--model.units",
        "7",
        "--preset=tiny",
        "--train.epochs=3",
        "--name",
        "a",
        "--json",
        "--data.path=-",
    )
    assert train.settings == {"model.units": "7", "train.epochs": "3", "data.path": "-"}
    assert train.flags["json"] is True and train.flags["saved_models"] == "saved_models"
    config = train.resolve()
    assert (config.model.units, config.train.epochs) == (7, 3)
    assert command("train").resolve() == type(config)()
    assert command("train", "--model.units", "7", "--model.units", "8").resolve().model.units == 8
    serve = command("serve", "--model", "m", "--port", "0")
    assert serve.flags["port"] == 0 and serve.flags["host"] == "127.0.0.1"
    assert command("evaluate", "--run", "r").flags["split"] == "test"


def test_texts_may_stand_anywhere_and_begin_with_a_dash(command):
    predict = command("predict", "--model", "m", "one text", "--json", "another", "-5 stars", "--", "--bad", "-x")
    assert predict.arguments == ("one text", "another", "-5 stars", "--bad", "-x")
    assert predict.flags["json"] is True and predict.flags["model"] == "m"
    assert command("predict", "--model", "m", "--input", "-").flags["input"] == "-"
    assert command("predict", "--model", "m", "--beam", "9").flags["beam"] == 9


@pytest.mark.parametrize("number", ["-1", "-1e-3", "-.5", "-inf"])
def test_negative_numbers_are_values(command, number):
    assert command("train", "--train.learning_rate", number).settings == {"train.learning_rate": number}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "",
            f"a verb is missing: {listed(VERB_NAMES)}; python -m apps.fake --help shows everything",
        ),
        (
            "tarin",
            f"there is no verb tarin, only {listed(VERB_NAMES, 'and')}; did you mean train?",
        ),
        (
            "--json train",
            f"the verb comes first, before --json: {listed(VERB_NAMES)}; python -m apps.fake --help shows everything",
        ),
        ("train --epochs 3", "train has no option --epochs; did you mean --train.epochs?"),
        ("train --epochs=3", "train has no option --epochs; did you mean --train.epochs?"),
        (
            "train --train.epoch 3",
            "unknown setting train.epoch = 3 (command line); did you mean train.epochs?",
        ),
        (
            "train --model.zzz=3",
            "unknown setting model.zzz = 3 (command line); the settings of model are cell, units, dropout, "
            "wide and quantiles",
        ),
        ("train --zzzzzz", "train has no option --zzzzzz; train --help lists the options"),
        ("train --pre tiny", "train has no option --pre; did you mean --preset?"),
        ("train -p tiny", "train has no option -p; train --help lists the options"),
        ("train --train.epochs", "--train.epochs needs a value after it"),
        ("train --preset --json", "--preset needs a value after it"),
        ("train --json=1", "--json is a switch and takes no value"),
        ("train tiny", "train takes options only, so tiny is one word too many"),
        ("train -- tiny", "train takes options only, so tiny is one word too many"),
        ("train --run x", "train has no option --run; it belongs to evaluate, export and diagnose"),
        (
            "evaluate --run x --train.epochs 3",
            "evaluate takes no settings such as --train.epochs; the run or the model brings its own",
        ),
        ("evaluate", "evaluate needs --run DIR, the run directory, e.g. runs/fake/20260101-120000"),
        (
            "evaluate --run x --split tset",
            "--split is tset, but must be test, validation or train; did you mean test?",
        ),
        ("train --explain", "train has no option --explain; it belongs to predict"),
        ("predict --model x --beam 0", "--beam is 0, but must be a whole number of at least 1"),
        ("predict --modle x", "predict has no option --modle; did you mean --model?"),
        (
            "predict --model x -zzzz",
            "predict has no option -zzzz; what is no option but begins with a dash goes after --",
        ),
        ("serve --model x --port abc", "--port is abc, but must be a whole number from 0 to 65535"),
        ("serve --model x --port -1", "--port is -1, but must be a whole number from 0 to 65535"),
        ("serve --model x --max_batch 0", "--max_batch is 0, but must be a whole number of at least 1"),
        (
            "train --train.batch_size 0",
            "train.batch_size is 0 (command line), but must be a whole number of at least 1 and at most 1000000 (examples)",
        ),
        ("config --preset tyni", "there is no preset tyni, only tiny and base; did you mean tiny?"),
        ("train --name a/b", "--name is 'a/b', but must be a plain folder name such as first-try"),
    ],
)
def test_a_mistake_is_one_sentence(run_main, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    assert run_main(*words.split()) == (2, "", f"error: {sentence}\n")
    assert not list(tmp_path.iterdir())


def test_an_error_of_several_lines_becomes_one(run_main, monkeypatch):
    def fail(command):
        raise UserError("first\n   second")

    monkeypatch.setattr(verbs, "run", fail)
    assert run_main("train") == (2, "", "error: first second\n")


def test_ctrl_c_is_one_line(run_main, monkeypatch):
    def interrupt(command):
        raise KeyboardInterrupt

    monkeypatch.setattr(verbs, "run", interrupt)
    assert run_main("train") == (130, "", "interrupted\n")


def test_a_bug_keeps_its_traceback(run_main, monkeypatch):
    monkeypatch.setattr(verbs, "run", lambda command: {}["bug"])
    with pytest.raises(KeyError):
        run_main("train")


@pytest.mark.parametrize(("before", "after"), [(None, "3"), ("0", "0")])
def test_tensorflow_is_quiet_unless_the_person_wants_it_loud(run_main, monkeypatch, before, after):
    if before is None:
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    else:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", before)
    seen = []
    monkeypatch.setattr(verbs, "run", lambda command: seen.append(os.environ["TF_CPP_MIN_LOG_LEVEL"]))
    # setenv now, so that monkeypatch also removes what main sets
    run_main("train")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", after)
    assert seen == [after]


def test_config_prints_what_config_reads(run_main, tmp_path, fake):
    code, out, err = run_main("config", "--preset", "tiny", "--model.wide", "true")
    assert code == 0 and not err
    (tmp_path / "my.yaml").write_text(out)
    assert run_main("config", "--config", str(tmp_path / "my.yaml"))[1] == out
    assert "units: 2" in out and "wide: true" in out


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="needs Unix pipes")
def test_a_reader_that_has_seen_enough_is_no_error():
    """`python -m apps.sentiment --help | head -1`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "apps.sentiment", "--help"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 0
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_behind_stdout_is_one_sentence():
    """`python -m apps.sentiment --help > /dev/full`."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "apps.sentiment", "--help"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write the output: No space left") and done.stderr.count("\n") == 1
