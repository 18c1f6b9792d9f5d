"""Which run `train` works in: a new one, or one that goes on, perhaps for more epochs.

Between the command and the training. What is wrong with either is said here, before any work.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.command import Command
from common.config import load_config, resolve_config, save_config
from common.errors import UserError
from common.files import require_writable_directory, write_json
from common.runs import Run, create_run, open_run


def run_to_train(command: Command) -> tuple[Any, Run, bool]:
    """Returns the settings, the run, and whether it is resumed."""
    flags = command.flags
    if flags["resume"] is None:
        settings = command.resolve()
        the_run = create_run(flags["runs"], command.app, settings, flags["name"])
        the_run.note(preset=flags["preset"])
        try:
            require_export_place(command)
        except UserError:
            forget_if_empty(the_run, False)
            raise
        return settings, the_run, False
    refuse_settings(command, f"--resume {flags['resume']} keeps the settings of the run", {"train.epochs"})
    if flags["name"] is not None:
        raise UserError("--resume continues a run under the name it has; leave --name out")
    the_run = open_run(flags["resume"], command.app, trained=False)
    settings = load_config(command.config_class, the_run.config_path)
    if command.settings:
        longer = resolve_config(command.config_class, config_file=the_run.config_path, overrides=command.settings)
    else:
        longer = settings
    if the_run.finished and longer.train.epochs <= settings.train.epochs:
        raise UserError(_finished_sentence(the_run, settings.train.epochs))
    if longer.train.epochs < settings.train.epochs:
        raise UserError(
            f"{the_run.path} was started for {settings.train.epochs} epochs, which can only be raised on --resume; "
            "leave --train.epochs out or give more"
        )
    require_export_place(command)
    return longer, the_run, True


@contextlib.contextmanager
def raised_epochs(the_run: Run, settings: Any) -> Iterator[None]:
    """Notes, while the block trains, that the run goes on with `settings`, if they are not those it has.

    A failure before anything of the new epochs was saved leaves the run as it was: a finished one is finished still.
    Ctrl-C is no failure; the run then waits for `--resume` with its new number of epochs.
    """
    before, info = the_run.config(type(settings)), the_run.info()
    if settings == before:
        yield
        return
    saved = _steps_saved(the_run)
    the_run.note(trained=False, finished=False)
    save_config(settings, the_run.config_path)
    try:
        yield
    except Exception:
        if _steps_saved(the_run) == saved:
            save_config(before, the_run.config_path)
            write_json(the_run.info_path, info)
        raise


def _steps_saved(the_run: Run) -> set[str]:
    return {path.name for path in the_run.checkpoints_path.glob("[0-9]*")}


def require_export_place(command: Command) -> None:
    """Checks the place of the export, which comes last, before the work that it would fail after."""
    require_writable_directory(Path(command.flags["saved_models"], command.app))


def _finished_sentence(the_run: Run, epochs: int) -> str:
    history = the_run.history_path
    lines = history.read_bytes().count(b"\n") if history.is_file() else 0
    if 0 < lines - 1 < epochs:  # the first is the header
        return (
            f"{the_run.path} is finished: its train.patience ended it after {lines - 1} of {epochs} epochs; "
            "to train longer, start a new run with a higher --train.patience"
        )
    return f"{the_run.path} is finished with its {epochs} epochs; to train on, raise --train.epochs above {epochs}"


def forget_if_empty(the_run: Run, existed: bool) -> None:
    """Removes a run whose data could not be read, so that its name is free for the next try."""
    if not existed and not the_run.preprocessor_path.exists():
        shutil.rmtree(the_run.path)


def refuse_settings(command: Command, reason: str, allowed: set[str] = frozenset()) -> None:
    """Raises UserError for a setting of the command that is none of the `allowed` ones."""
    given = [name for name in ("preset", "config") if command.flags[name] is not None]
    given += [path for path in command.settings if path not in allowed]
    if given:
        only = f" (only --{', --'.join(sorted(allowed))} may be given)" if allowed else ""
        raise UserError(f"{reason}, so leave --{given[0]} out{only}")
