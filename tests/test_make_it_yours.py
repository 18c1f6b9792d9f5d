"""What the pages show under "Make it yours", done. If these fail, a change that somebody takes from the page of an application
does not fit the code any more, or fits and does nothing."""

import contextlib
import csv
import functools
import json
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from common.errors import UserError
from tests.command_line import environment, run_python
from tests.make_it_yours import (
    APPS,
    PARTS,
    REPOSITORY,
    apply,
    blocks_of,
    change_of,
    commands_of,
    copy_repository,
    is_made,
    main,
    paths_of,
    text_of,
)
from tests.make_it_yours_trained import TRAINED, train, write_other_form

EACH = [(app, part) for app in APPS for part in PARTS]
RESOLVE = """
import importlib, json, shlex, sys
from common.cli import parse
app, commands = sys.argv[1], json.loads(sys.argv[2])
config = importlib.import_module(f"apps.{app}.config")
for command in commands:
    parse(app, f"apps.{app}", config.Config, config.PRESETS, shlex.split(command)).resolve()
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The repository once more; a test takes back what it changes."""
    return copy_repository(tmp_path_factory.mktemp("copy"))


@contextlib.contextmanager
def applied(changes: Iterable[str], folder: Path) -> Iterator[None]:
    """Applies the changes for as long as the context lasts; takes back all that it applied, even where one does not fit."""
    with contextlib.ExitStack() as stack:
        for change in changes:
            apply([change], folder)
            stack.callback(apply, [change], folder, "--reverse")
        yield


def check(copy: Path, paths: list[str]) -> None:
    """Names, order of imports and form, as `make lint` asks for them; and that it is Python."""
    for path in paths:
        compile((copy / path).read_text("utf-8"), path, "exec")
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", *paths]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@functools.cache
def made() -> dict[str, str]:
    """The files of changes that somebody has made here, by which the pages' changes no longer apply, and nothing is broken."""
    return {
        path: f"the change of apps/{app}/README.md, Your {part}, is made here"
        for app, part in EACH
        if is_made(app, part)
        for path in paths_of(change_of(app, part))
    }


def skip_what_is_made(*changes: str) -> None:
    for path in (path for change in changes for path in paths_of(change) if path in made()):
        pytest.skip(made()[path])


@pytest.mark.parametrize(("app", "part"), EACH, ids=[f"{app}-{part}" for app, part in EACH])
def test_a_change_of_the_page_applies_alone(copy, app, part):
    change = change_of(app, part)
    skip_what_is_made(change)
    with applied([change], copy):
        check(copy, paths_of(change))


@pytest.mark.parametrize("app", APPS)
def test_all_changes_of_a_page_apply_together_and_its_commands_are_then_right(copy, app):
    changes = [change_of(app, part) for part in PARTS]
    skip_what_is_made(*changes)
    with applied(changes, copy):
        check(copy, sorted({path for change in changes for path in paths_of(change)}))
        commands = [command for part in PARTS for command in commands_of(app, part)]
        assert len(commands) >= 2
        in_copy(copy, RESOLVE, app, json.dumps(commands))


def test_an_application_that_is_here_keeps_its_section():
    """Else it would drop out of all these tests in silence."""
    here = {page.parent.name for page in (REPOSITORY / "apps").glob("*/README.md")}
    assert set(TRAINED) & here <= set(APPS)


def test_a_change_can_be_taken_from_the_page_by_its_name(copy):
    words = [APPS[0], "loss", "metric"]
    assert main(words) == change_of(APPS[0], "loss") + change_of(APPS[0], "metric")
    for wrong in ([], [APPS[0]], [APPS[0], "lose"], ["nothing", "loss"]):
        with pytest.raises(UserError, match="cell, loss, metric, endpoint"):
            main(wrong)


def test_a_change_that_does_not_fit_is_named(copy):
    with pytest.raises(ValueError, match=r"apps/nothing\.py"):
        apply(["--- a/apps/nothing.py\n+++ b/apps/nothing.py\n@@ -1 +1 @@\n-a\n+b\n"], copy)


@pytest.mark.slow
@pytest.mark.parametrize("app", sorted(set(TRAINED) & set(APPS)))
def test_all_changes_of_a_page_in_a_training_on_its_file(tmp_path, app):
    skip_what_is_made(*(change_of(app, part) for part in PARTS))
    expected = TRAINED[app]
    copy = copy_repository(tmp_path / "copy")
    apply([change_of(app, part) for part in PARTS], copy)
    run, model = train(app, copy)

    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert {*expected.beside_baselines, *expected.in_history} <= metrics["metrics"].keys()
    for values in (metrics["metrics"], *metrics["baselines"].values()):
        assert all(values[name] is not None for name in expected.beside_baselines)

    with open(run / "history.csv", newline="") as file:
        epochs = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert {f"{split}{name}" for name in expected.in_history for split in ("", "val_")} <= epochs[-1].keys()
    assert expected.loss_is_new(epochs[-1], (run / "config.yaml").read_text("utf-8"))

    with zipfile.ZipFile(run / "model.keras") as file:
        assert f'"{expected.cell}' in file.read("config.json").decode()
    assert expected.answer_is_right(ask(app, copy, model)["predictions"][0])

    # The other form of the same file is read as the same examples.
    (command,) = commands_of(app, "cell")
    assert splits_of(app, copy, command, write_other_form(app, copy)) == splits_of(app, copy, command)


ASK = """
import sys
from common.saved_model import load, resolve_model
from common.server.rest import answer
sys.stdout.write(answer(load(resolve_model(sys.argv[1])), sys.stdin.buffer.read(), 128).decode())
"""

SPLITS = """
import importlib, json, shlex, sys
from common.cli import parse
app, command, other = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
config = importlib.import_module(f"apps.{app}.config")
settings = parse(app, f"apps.{app}", config.Config, config.PRESETS, shlex.split(command)).resolve()
settings = settings.model_copy(update={"data": settings.data.model_copy(update=other)})
splits = importlib.import_module(f"apps.{app}.data").load_splits(settings)
print(json.dumps([len(splits.train), len(splits.validation), len(splits.test)]))
"""


def ask(app: str, copy: Path, model: Path) -> dict[str, Any]:
    """Sends the request of the page to what answers it in `serve`, in a fresh process."""
    lines = [line for block in blocks_of(text_of(app, "endpoint"), "") for line in block.splitlines()]
    (line,) = [line.removeprefix("$ ") for line in lines if "curl" in line]
    if "| curl" in line:
        command = ["bash", "-c", line.partition("| curl")[0]]
        body = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=True).stdout
    else:
        body = shlex.split(line)[2]
    return json.loads(run_python(ASK, model, cwd=copy, stdin=body))


def splits_of(app: str, copy: Path, command: str, settings: Mapping[str, str] = MappingProxyType({})) -> list[int]:
    """How many examples each split of a training would have, with other settings of `data`."""
    out = in_copy(copy, SPLITS, app, command, json.dumps(dict(settings)))
    sizes = json.loads(out.splitlines()[-1])
    assert min(sizes) > 0
    return sizes


def in_copy(copy: Path, code: str, *words: str) -> str:
    """Runs Python with the changed code, in a fresh process; returns its stdout."""
    environ = environment(PYTHONPATH=str(copy), TF_CPP_MIN_LOG_LEVEL="3")
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
