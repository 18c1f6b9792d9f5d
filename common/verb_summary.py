"""What `common.verbs` tells the person: stages, data, what was written, what to try next."""

import contextlib
import importlib
import shlex
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from common.command import Command
from common.config import changed_settings
from common.console import get_console, show_seconds
from common.interpreter import python_command
from common.native_log import hold_back_native_log
from common.runs import Run


class Stages:
    """Announces the stages of a verb and keeps the seconds each took.

    Args:
        before: Seconds of stages in earlier commands, to be kept.
    """

    def __init__(self, before: dict[str, float] | None = None):
        self.seconds: dict[str, float] = dict(before or {})

    @contextlib.contextmanager
    def stage(self, name: str, title: str) -> Iterator[None]:
        """Runs one stage; `name` is its key in metrics.json."""
        get_console().heading(title)
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)
        get_console().line(f"  {title.lower()} took {show_seconds(self.seconds[name])}")


def device_line() -> str:
    """Returns what the training will run on."""
    with hold_back_native_log():
        import tensorflow as tf

    names = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
    return f"GPU: {', '.join(names)}" if names else "CPU (TensorFlow sees no GPU)"


def settings_line(settings: Any) -> str:
    """Returns the settings that differ from their defaults."""
    changed = changed_settings(settings)
    return ", ".join(f"{path} {value}" for path, value in changed.items()) or "all as by default"


def show_splits(command: Command, splits: Any) -> None:
    """Writes what the splits say of themselves, what was noted when they were made, and what was left out.

    Args:
        command: Says who set `data.limit`.
        splits: Has `describe()`, name to text, `notes` and `cache`. Where `data.limit` left out examples it also has
            `available`, the numbers of examples without it, and where these are no examples, `unit` says what they are.
    """
    console = get_console()
    prepared = {"prepared in": splits.cache} if splits.cache else {}
    console.table({**splits.describe(), **prepared})
    for note in splits.notes:
        console.warn(note)
    available = getattr(splits, "available", None)
    if available:
        origin = command.origin("data.limit")
        kept = sum(map(len, (splits.train, splits.validation, splits.test)))
        console.warn(
            f"data.limit{f' ({origin})' if origin else ''} keeps {kept:,} of {sum(available):,} {getattr(splits, 'unit', 'examples')}; "
            "a training with --data.limit none uses all"
        )


def show_end(command: Command, the_run: Run, version: Path, stages: Stages) -> None:
    """Writes what a training left behind, and what to try next."""
    console = get_console()
    found = {"history": the_run.history_path, "TensorBoard logs": the_run.logs_path}
    console.files(
        {
            "run": the_run.path,
            "metrics": the_run.metrics_path(),
            **{what: path for what, path in found.items() if path.exists()},
            **{path.stem: path for path in (*the_run.tables(), *the_run.pictures())},
            "saved model": version,
        },
        commands_with_model(command, version.parent, the_run),
    )
    if the_run.preset == "tiny":
        console.line(
            "\nA model of the preset tiny is worth nothing: it shows that everything runs. Train without --preset tiny for one "
            "that answers."
        )
    console.line(f"\nDone in {show_seconds(sum(stages.seconds.values()))}.")


def commands_with_model(command: Command, model: Path, the_run: Run) -> list[tuple[str, str]]:
    """Returns what to try with the exported model of a run: purpose and command."""
    start = f"{python_command()} -m apps.{command.app}"
    example = importlib.import_module(f"{command.package}.predict").EXAMPLE
    words = shlex.join(_words_for(the_run, example))
    return [
        ("ask it", f"{start} predict --model {shlex.quote(str(model))} {words}"),
        ("serve it", f"{start} serve --model {shlex.quote(str(model))}"),
    ]


def _words_for(the_run: Run, example: Iterable[str]) -> list[str]:
    """Returns the words of an example with the files of a run: for `{run}` its path; a file that it has not is left out,
    together with the option that it is for."""
    words = []
    for word in example:
        found = word.replace("{run}", str(the_run.path))
        if found == word or Path(found).exists():
            words.append(found)
        elif words and words[-1].startswith("--"):
            words.pop()
    return words
