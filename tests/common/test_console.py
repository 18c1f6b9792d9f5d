"""If these fail, a log file fills with control characters, or a person does not see how long it will take."""

import io
import sys
from pathlib import Path

import pytest

from common.console import Console, get_console, metrics_line, show_seconds, show_value, use_console


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def plain(**options):
    stream = io.StringIO()
    return Console(stream=stream, **options), stream


def test_plain_output_has_no_control_characters():
    console, stream = plain()
    console.heading("Data [1]")
    console.table({"train": 25_000, "from [here]": "a [b] c"})
    console.warn("careful")
    console.metrics({"accuracy": 0.9123456, "loss": 0.1}, {"majority": {"accuracy": 0.5}})
    console.files({"run": Path("runs/a")}, [("ask it", "python -m apps.x predict")])
    with console.progress(10, "epoch 1/1") as progress:
        progress.update(10, loss=0.5)
    assert stream.getvalue().splitlines() == [
        "",
        "Data [1]",
        "  train        25,000",
        "  from [here]  a [b] c",
        "warning: careful",
        "            this model  majority",
        "  accuracy      0.9123    0.5000",
        "  loss          0.1000         -",
        "",
        "Written",
        "  run  runs/a",
        "",
        "Next",
        "  ask it:",
        "    python -m apps.x predict",
        "  epoch 1/1: 10/10, in 0.0 s, loss 0.5000",
    ]


def test_a_long_stage_writes_a_line_every_few_seconds_with_the_time_left():
    clock = Clock()
    console, stream = plain(every=5.0, clock=clock)
    with console.progress(100, "epoch") as progress:
        for step in range(1, 101):
            clock.now += 0.25
            progress.update(step, loss=1.0)
    lines = stream.getvalue().splitlines()
    assert lines == [
        "  epoch: 20/100, 20 s left, loss 1.0000",
        "  epoch: 40/100, 15 s left, loss 1.0000",
        "  epoch: 60/100, 10 s left, loss 1.0000",
        "  epoch: 80/100, 5.0 s left, loss 1.0000",
        "  epoch: 100/100, in 25 s, loss 1.0000",
    ]


@pytest.mark.parametrize("interactive", [False, True])
def test_the_time_left_does_not_count_steps_that_were_compiled(interactive):
    """Else a training of two minutes begins with the news that it will take twenty."""
    clock = Clock()
    console, stream = plain(every=5.0, clock=clock, interactive=interactive)
    with console.progress(100, "epoch") as progress:
        for step in range(1, 31):
            compiles = step in (1, 2, 20)
            clock.now += 20.0 if compiles else 1.0
            progress.update(step, unusual=compiles)
    text = stream.getvalue()
    if interactive:
        assert "70 s left" in text or "1 min 10 s left" in text
    else:
        assert text.splitlines()[:4] == [
            "  epoch: 1/100, in 20 s",
            "  epoch: 2/100, in 40 s",
            "  epoch: 7/100, 1 min 33 s left",
            "  epoch: 12/100, 1 min 28 s left",
        ]
        assert "  epoch: 20/100, 1 min 20 s left" in text


def test_the_time_left_of_a_resumed_stage_counts_only_what_was_done_now():
    clock = Clock()
    console, stream = plain(every=5.0, clock=clock)
    with console.progress(100, "epoch", start=80) as progress:
        for step in range(81, 91):
            clock.now += 1.0
            progress.update(step)
    assert stream.getvalue().splitlines()[0] == "  epoch: 85/100, 15 s left"


def test_a_stage_of_unknown_length_and_one_that_does_nothing():
    console, stream = plain()
    with console.progress(None, "reading") as progress:
        progress.update(7)
    with console.progress(0, "nothing"):
        pass
    assert stream.getvalue().splitlines() == ["  reading: 7, in 0.0 s", "  nothing: 0, in 0.0 s"]


def test_a_failing_stage_does_not_claim_to_be_done():
    console, stream = plain()
    with pytest.raises(ZeroDivisionError), console.progress(10, "epoch"):
        raise ZeroDivisionError
    assert stream.getvalue() == ""


def test_a_terminal_gets_the_same_words():
    console, stream = plain(interactive=True)
    console.heading("Data [1]")
    console.line("[not markup] :smile:")
    console.table({"from [here]": "a [b] c"})
    console.metrics({"accuracy": 0.5}, {"majority": {"accuracy": 0.25}})
    with console.progress(10, "epoch [1]") as progress:
        progress.update(10, loss=0.5)
    text = stream.getvalue()
    assert "\x1b[" in text
    for words in (
        "Data [1]",
        "[not markup] :smile:",
        "from [here]",
        "a [b] c",
        "majority",
        "0.2500",
        "10/10",
    ):
        assert words in text, words


@pytest.mark.parametrize("interactive", [False, True])
def test_a_line_break_in_a_label_does_not_break_a_table(interactive):
    console, stream = plain(interactive=interactive)
    console.table({"labels": "good\nenough, b\x1bad\u2028", "train": 1})
    assert "good\\nenough, b\\x1bad\\u2028" in stream.getvalue()


def test_long_paths_are_not_broken_on_a_terminal():
    """A person copies the commands from the terminal."""
    console, stream = plain(interactive=True)
    console.line("python -m apps.x predict --model " + "a" * 300)
    assert "a" * 300 in stream.getvalue()


def test_with_json_only_results_go_to_stdout(capsys):
    console = Console(json_output=True)
    console.heading("Working")
    console.result("a result")
    console.json({"accuracy": float("nan")})
    out, err = capsys.readouterr()
    assert out == 'a result\n{"accuracy": null}\n'
    assert err == "\nWorking\n"
    Console().line("progress")
    assert capsys.readouterr().out == "progress\n"


def test_a_pipe_and_a_dumb_terminal_are_plain(monkeypatch):
    assert not Console().interactive
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert not Console().interactive
    monkeypatch.setenv("TERM", "xterm")
    assert Console().interactive


def test_the_current_console():
    console = use_console(plain()[0])
    assert get_console() is console


def test_numbers_and_times():
    values = [None, 3, 25_000, True, 0.5, 0.0, 1e-9, 123456.0, float("nan"), "text"]
    assert [show_value(value) for value in values] == [
        "-",
        "3",
        "25,000",
        "True",
        "0.5000",
        "0.0000",
        "1e-09",
        "1.23e+05",
        "nan",
        "text",
    ]
    assert [show_seconds(s) for s in (0.04, 9.94, 9.96, 59.4, 59.6, 80, 3599.9, 7500)] == [
        "0.0 s",
        "9.9 s",
        "10 s",
        "59 s",
        "1 min 0 s",
        "1 min 20 s",
        "1 h 0 min",
        "2 h 5 min",
    ]
    assert metrics_line({"loss": 0.5123456, "accuracy": 0.75}) == "loss 0.5123, accuracy 0.7500"


def test_a_model_is_shown_with_its_parameters():
    class Layer:
        name = "embedding"

        def count_params(self):
            return 1234

    class Model(Layer):
        layers = (Layer(), Layer())

        def count_params(self):
            return 2468

    console, stream = plain()
    console.model(Model())
    assert stream.getvalue().splitlines() == [
        "  layer              parameters",
        "  embedding (Layer)       1,234",
        "  embedding (Layer)       1,234",
        "  all layers              2,468",
    ]
