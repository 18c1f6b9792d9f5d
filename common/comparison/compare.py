"""The verb `compare`: trains every variant with every seed, then puts them beside each other.

runs/<app>/<comparison>/
    comparison.json          what is compared, and the table as numbers
    comparison.md, .png      the table and the picture
    <variant>-seed<k>/       a run directory of each training, with output.log
    saved_models/<variant>-seed<k>/
"""

import dataclasses
import importlib
from collections.abc import Callable
from pathlib import Path

from common.command import Command
from common.comparison.children import stoppable
from common.comparison.inference_cost import inference_milliseconds
from common.comparison.record import FILE, Record, open_record
from common.comparison.summary import summarize, summarize_baselines
from common.comparison.tables import markdown, remarks, table_cells
from common.comparison.trainings import LOG, VALIDATION, Training, carry_out, read_measured
from common.comparison.variants import Variants, variants_of
from common.console import get_console, show_seconds, show_value
from common.errors import UserError
from common.files import atomic_write, require_writable_directory
from common.quality import Quality, quality_of
from common.runs import Run, require_run_name
from common.saved_model import list_versions


@dataclasses.dataclass(frozen=True)
class Planned:
    """A training and the variant it is of."""

    variant: str
    training: Training


def compare(command: Command) -> Path:
    """Trains what is missing, and writes table and picture of what is finished.

    Returns:
        `comparison.json`.

    Raises:
        UserError: Before any work for what is wrong with the command; in the end if trainings failed.
        KeyboardInterrupt: After Ctrl-C; the same command goes on.
    """
    console, flags = get_console(), command.flags
    variants, quality = variants_of(command), quality_of(command.package)
    name = flags["name"] or variants.default_name
    require_run_name(name)
    folder = Path(flags["runs"], command.app, name)
    record = open_record(folder, command.app, variants)
    planned = plan(command, folder, variants)
    for each in planned:
        each.training.require_same_settings()
    require_writable_directory(folder)
    record.save()
    with Run(folder, command.app).lock(), stoppable():
        console.heading(
            f"{command.app}: compare {len(variants.variants)} variants with {flags['seeds']} "
            f"{'seed' if flags['seeds'] == 1 else 'seeds'} in {folder}"
        )
        try:
            _train_all(planned, record, quality)
            report(record, planned, variants, quality)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the same command goes on where this one stopped") from None
    failures = _failures(record, planned)
    if failures:
        raise UserError(
            f"{len(failures)} of {len(planned)} trainings failed, first {next(iter(failures))}: {next(iter(failures.values()))}; "
            f"see {LOG} in its run directory; the same command tries them again"
        )
    return folder / FILE


def plan(command: Command, folder: Path, variants: Variants) -> list[Planned]:
    """Returns all trainings, every variant with the first seed, then with the next: stopped early, all can be compared."""
    planned = []
    for number in range(command.flags["seeds"]):
        for variant in variants.variants:
            config = variant.with_seed(number)
            name = f"{variant.name}-seed{config.train.seed}"
            run = Run(folder / name, command.app)
            models, preset = folder / "saved_models" / name, command.flags["preset"]
            training = Training(command.app, command.package, config, run, models, preset)
            planned.append(Planned(variant.name, training))
    return planned


def _train_all(planned: list[Planned], record: Record, quality: Quality) -> None:
    console = get_console()
    for number, each in enumerate(planned, start=1):
        training = each.training
        title = f"  {number}/{len(planned)} {training.name}"
        if training.done:
            console.line(f"{title}: finished before, {_quality_words(each, quality)}")
            continue
        begun = training.begun
        console.line(f"{title}: {'goes on' if begun else 'begins'}; its output is in {training.run.path / LOG}")
        known = record.trainings.get(training.name, {})
        # Of a process that was interrupted nothing is known, so nothing is said of the sum.
        untold = begun and known.get("cpu_seconds") is None
        trained = carry_out(training)
        record.note(
            training.name,
            variant=each.variant,
            seed=training.config.train.seed,
            run=str(training.run.path),
            failure=trained.failure,
            process_seconds=round(trained.seconds + known.get("process_seconds", 0.0), 3),
            peak_bytes=_known(max, trained.train.peak_bytes, known.get("peak_bytes")),
            cpu_seconds=None if untold else _known(sum, trained.train.cpu_seconds, known.get("cpu_seconds")),
        )
        took = show_seconds(trained.seconds)
        if trained.failure:
            console.warn(f"{training.name} failed after {took}: {trained.failure}")
        else:
            console.line(f"{title}: finished in {took}, {_quality_words(each, quality)}")


def _known(together: Callable[[list[float]], float], *values: float | None) -> float | None:
    """What several processes took, of which some may be unknown."""
    found = [value for value in values if value is not None]
    return together(found) if found else None


def _quality_words(each: Planned, quality: Quality) -> str:
    measured = read_measured(each.training, each.variant, {})
    return f"{quality.metric} on validation {show_value(measured.metrics[VALIDATION].get(quality.metric))}"


def report(record: Record, planned: list[Planned], variants: Variants, quality: Quality) -> None:
    """Writes the table and the picture of the finished trainings, in the end with what a request costs."""
    console = get_console()
    finished = [each for each in planned if each.training.done]
    if not finished:
        return
    _measure_requests(record, finished)
    measured = [
        read_measured(each.training, each.variant, record.trainings.get(each.training.name, {})) for each in finished
    ]
    rows = summarize(measured, [variant.name for variant in variants.variants], quality)
    baselines = summarize_baselines(measured, quality)
    record.content["quality"] = dataclasses.asdict(quality)
    record.content["rows"], record.content["baselines"] = rows, baselines
    record.save()
    cells, said = table_cells(rows, baselines, quality), remarks(rows, quality, _failures(record, planned))
    with atomic_write(record.folder / "comparison.md") as file:
        file.write(markdown(cells) + "\n" + "\n".join(said) + "\n")
    _draw(record, rows, baselines, quality)
    console.heading("Comparison")
    console.grid(cells)
    for sentence in said:
        console.line(f"  {sentence}")
    written = {what: record.folder / f"comparison.{what}" for what in ("json", "md", "png")}
    console.files({"numbers": written["json"], "table": written["md"], "picture": written["png"]})


def _measure_requests(record: Record, finished: list[Planned]) -> None:
    """Asks the models of each seed in turn, unless all of that seed were asked side by side before."""
    console = get_console()
    by_seed: dict[int, list[Planned]] = {}
    for each in finished:
        by_seed.setdefault(each.training.config.train.seed, []).append(each)
    for seed, group in by_seed.items():
        names = sorted(each.training.name for each in group)
        if all(record.trainings.get(name, {}).get("asked_beside") == names for name in names):
            continue
        console.line(f"  asking the exported models of seed {seed} in turn")
        models = {each.training.name: _export_of(each.training) for each in group}
        for name, milliseconds in inference_milliseconds(models).items():
            record.note(name, inference_ms=milliseconds, asked_beside=names)


def _export_of(training: Training) -> Path:
    place = training.saved_models / training.app
    versions = list_versions(place) if place.is_dir() else []
    if not versions:
        raise UserError(f"the export of {training.run.path} is gone; delete that folder, and it is trained again")
    return place / str(versions[-1])


def _draw(record: Record, rows: list, baselines: dict, quality: Quality) -> None:
    # Late: matplotlib takes a second, which a mistake in the command should not wait for.
    pictures = importlib.import_module("common.comparison.pictures")
    figures = importlib.import_module("common.figures")
    figure = pictures.draw_comparison(rows, baselines, quality, f"{record.content['app']}, {record.folder.name}")
    figures.save_figure(figure, record.folder / "comparison.png")


def _failures(record: Record, planned: list[Planned]) -> dict[str, str]:
    names = [each.training.name for each in planned if not each.training.done]
    return {name: record.trainings[name]["failure"] for name in names if record.trainings.get(name, {}).get("failure")}
