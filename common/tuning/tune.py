"""The verb `tune`: tries settings, each in trainings of their own, and keeps those that are best on validation data.

runs/<app>/<search>/
    tuning.json                   what is looked through, and all trials
    trials.csv, best.yaml         the trials as a table; the settings of the best, for `train --config`
    tuning.png                    quality by trial and by value
    trial-<n>-seed<k>/            a run directory of each training, with output.log
"""

import csv
import dataclasses
import importlib
import time
from pathlib import Path
from typing import Any

from common.command import Command
from common.comparison.children import stoppable
from common.comparison.trainings import Training
from common.comparison.variants import flat, with_seed
from common.config import ConfigModel, save_config
from common.config_options import AnyOf, options_of, show
from common.console import get_console, show_seconds, show_value
from common.errors import UserError
from common.files import atomic_write, require_writable_directory
from common.interpreter import python_command
from common.quality import Quality, quality_of
from common.runs import Run, require_run_name
from common.tuning.record import COMPLETE, FAILED, FILE, PRUNED, Record, Trial, open_record
from common.tuning.space import Space, as_json, described, space_of, with_values
from common.tuning.study import Suggestion, require_optuna, suggest
from common.tuning.trials import carry_out, epochs_of

BEST, TRIALS, PICTURE = "best.yaml", "trials.csv", "tuning.png"
_SHOWN = 5  # of the best trials, on the console


@dataclasses.dataclass(frozen=True)
class Search:
    """What stays the same from trial to trial."""

    command: Command
    base: ConfigModel
    space: Space
    quality: Quality
    record: Record


def tune(command: Command) -> Path:
    """Tries settings until there are as many trials as asked for, or the time is over.

    Returns:
        `tuning.json`.

    Raises:
        UserError: Before any work for what is wrong with the command; in the end if every trial failed.
        KeyboardInterrupt: After Ctrl-C; the same command goes on.
    """
    flags = command.flags
    require_run_name(flags["name"])
    base, space, quality = command.resolve(), space_of(command), quality_of(command.package)
    folder = Path(flags["runs"], command.app, flags["name"])
    fixed = {path: value for path, value in flat(base).items() if path not in space}
    asked = {"app": command.app, "space": as_json(space), "fixed": fixed, "seeds": flags["seeds"]}
    record = open_record(folder, asked)
    require_optuna()
    require_writable_directory(folder)
    record.save()
    search = Search(command, base, space, quality, record)
    with Run(folder, command.app).lock(), stoppable():
        console = get_console()
        console.heading(f"{command.app}: tune {quality.metric} on validation data ({quality.direction}) in {folder}")
        console.table(described(space))
        try:
            _try_all(search)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the same command goes on where this one stopped") from None
        finally:
            _write_tables(search)
        _show(search)
    return folder / FILE


def _try_all(search: Search) -> None:
    console, flags, record = get_console(), search.command.flags, search.record
    started = time.monotonic()
    if record.finished:
        console.line(f"  {len(record.finished)} trials were finished before")
    while len(record.finished) < flags["trials"]:
        if flags["timeout"] is not None and time.monotonic() - started >= flags["timeout"]:
            console.line(f"  {show_seconds(flags['timeout'])} are over, so no other trial begins")
            return
        trial, suggestion = _next(search)
        # By the number that the folder, the table and the picture have; the first is 0.
        title = f"  trial {trial.number} ({trial.number + 1} of {flags['trials']})"
        console.line(f"{title}: {', '.join(f'{path} {_short(value)}' for path, value in trial.params.items())}")
        trial = _carried_out(search, trial, suggestion)
        record.put(trial)
        _write_tables(search)
        console.line(f"{title}: {_outcome(search, trial)}")


def _next(search: Search) -> tuple[Trial, Suggestion]:
    """Returns the trial that was interrupted, or a new one; the first has the settings that the command gives itself."""
    record = search.record
    trial = record.interrupted
    values = trial.params if trial else _own_values(search) if not record.trials else None
    options = options_of(search.command.config_class)
    seed = search.base.train.seed
    suggestion = suggest(record.finished, search.space, options, search.quality, seed, values)
    if trial is None:
        trial = Trial(len(record.trials), suggestion.params)
        record.put(trial)
    return trial, suggestion


def _own_values(search: Search) -> dict[str, Any]:
    """The values of the command where they lie within the space: the search is then never worse than they are."""
    given, own = flat(search.base), {}
    for path, values in search.space.items():
        value = given[path]
        inside = value in values.values if isinstance(values, AnyOf) else _between(values.low, value, values.high)
        if inside:
            own[path] = value
    return own


def _between(low: float, value: float | None, high: float) -> bool:
    return value is not None and low <= value <= high


def _carried_out(search: Search, trial: Trial, suggestion: Suggestion) -> Trial:
    command, folder = search.command, search.record.folder
    try:
        config = with_values(command, trial.params)
    except UserError as error:
        return dataclasses.replace(trial, state=FAILED, failure=str(error))
    values, epochs, seconds = [], {}, trial.seconds
    for number in range(command.flags["seeds"]):
        seeded = with_seed(config, number)
        run = Run(folder / f"trial-{trial.number}-seed{seeded.train.seed}", command.app)
        models, preset = folder / "saved_models", command.flags["preset"]
        training = Training(command.app, command.package, seeded, run, models, preset)
        training.require_same_settings()
        # The seeds after the first belong to a trial that has kept up.
        prunes = number == 0 and not command.flags["no_pruning"]
        outcome = carry_out(training, search.quality, suggestion.falls_behind if prunes else None)
        seconds += outcome.seconds
        if number == 0:
            epochs = epochs_of(run, search.quality.monitor)
        if outcome.value is None:
            state = PRUNED if outcome.stopped else FAILED
            return dataclasses.replace(trial, state=state, epochs=epochs, seconds=seconds, failure=outcome.failure)
        values.append(outcome.value)
    quality = sum(values) / len(values)
    return dataclasses.replace(
        trial, state=COMPLETE, quality=quality, values=tuple(values), epochs=epochs, seconds=seconds
    )


def _outcome(search: Search, trial: Trial) -> str:
    if trial.state == FAILED:
        return f"failed after {show_seconds(trial.seconds)}: {trial.failure}"
    if trial.state == PRUNED:
        return f"fell behind after {len(trial.epochs)} epochs, {show_seconds(trial.seconds)}"
    best = search.record.best(search.quality)
    words = f"{search.quality.metric} {show_value(trial.quality)} after {show_seconds(trial.seconds)}"
    return f"{words}, the best so far" if best is not None and best.number == trial.number else words


def _write_tables(search: Search) -> None:
    """Writes `trials.csv`, and `best.yaml` once there is a best one."""
    record, folder = search.record, search.record.folder
    with atomic_write(folder / TRIALS) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["trial", "state", search.quality.metric, "epochs", "seconds", *search.space, "failure"])
        for trial in record.trials:
            quality = "" if trial.quality is None else trial.quality
            params = [show(trial.params[path]) for path in search.space]
            row = [
                trial.number,
                trial.state,
                quality,
                len(trial.epochs),
                round(trial.seconds, 1),
                *params,
                trial.failure,
            ]
            writer.writerow(row)
    best = record.best(search.quality)
    if best is not None:
        save_config(with_values(search.command, best.params), folder / BEST)


def _show(search: Search) -> None:
    console, record, quality = get_console(), search.record, search.quality
    best = record.best(quality)
    if best is None:
        failures = [trial for trial in record.trials if trial.failure]
        if failures:
            raise UserError(
                f"none of {len(record.finished)} trials was finished; the first failed: {failures[0].failure}; "
                f"{TRIALS} in {record.folder} has the others"
            )
        return
    # Late: matplotlib takes a second, which a mistake in the command should not wait for.
    pictures = importlib.import_module("common.tuning.pictures")
    figures = importlib.import_module("common.figures")
    title = f"{search.command.app}, {record.folder.name}"
    figure = pictures.draw_trials(record.trials, search.space, best.number, quality, title)
    figures.save_figure(figure, record.folder / PICTURE)
    complete = [trial for trial in record.trials if trial.quality is not None]
    complete.sort(key=lambda trial: trial.quality, reverse=quality.mode == "max")
    console.heading(f"The best of {len(record.finished)} trials")
    rows = [["trial", quality.metric, *search.space]]
    for trial in complete[:_SHOWN]:
        values = [_short(trial.params[path]) for path in search.space]
        rows.append([str(trial.number), show_value(trial.quality), *values])
    console.grid(rows)
    console.line(
        f"  chosen on validation data, so {quality.metric} there flatters the best; a training with it measures it on the test"
    )
    folder = record.folder
    again = f"{python_command()} -m apps.{search.command.app} train --config {folder / BEST}"
    written = {"trials": folder / TRIALS, "picture": folder / PICTURE, "best settings": folder / BEST}
    console.files(written, [("train with the best settings, evaluate and export", again)])
    # `--preset tiny` and the like make a search short; who trains with what it found rarely wants that.
    given = flat(search.base)
    kept = [
        f"{path} {show(given[path])}"
        for path in ("data.limit", "train.epochs")
        if path in given and path not in search.space and search.command.origin(path)
    ]
    if kept:
        console.line(
            f"\n{BEST} keeps {' and '.join(kept)}, as the search had; for a training with "
            "all data and more epochs add --data.limit none --train.epochs N"
        )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else show(value)
