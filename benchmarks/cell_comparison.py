"""Every recurrent cell in every application that takes it, with the same budget: the table cells × applications.

`compare` of each application does the work, so the same command goes on where it stopped, skips what is finished and tries again
what failed. The budget is between `tiny` and the default training, a minute or two for each training on two idle cores; BUDGETS
says how. The table and the JSON file are written after every application and every seed, of what is finished by then. Settings
were not chosen for any of the cells, and a longer training may order them otherwise.

The runs are in `runs/<app>/cell_comparison/`, each with its log `output.log`.
"""

import importlib
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from benchmarks import child, results
from common.comparison.children import run_process, stoppable
from common.comparison.tables import markdown, show_spread
from common.config import resolve_config
from common.config_sections import CellName
from common.errors import UserError
from common.quality import quality_of

NAME = "cell_comparison"
CELLS = get_args(CellName)
# Settings of each application beside its defaults. Where other parts of the network could do the work of the cell, they are off.
BUDGETS: dict[str, tuple[str, ...]] = {
    # 6,000 reviews of at most 200 words; no bag of words and phrases beside the recurrent layer.
    "sentiment": (
        *("--data.limit", "6000", "--preprocessing.max_length", "200", "--preprocessing.phrase_length", "1"),
        *("--model.bag", "false", "--model.units", "64", "--train.epochs", "3"),
    ),
    # The default training, without the linear map beside the recurrent layer.
    "forecasting": ("--model.highway", "false"),
    # 8,000 phrases.
    "translation": ("--data.limit", "8000", "--model.units", "96", "--train.epochs", "3"),
    # Six of the sixteen epochs; pieces of half the length; few samples.
    "music": (
        *("--preprocessing.max_length", "384", "--model.units", "128", "--model.voice_units", "96"),
        *("--train.epochs", "6", "--sampling.pieces", "10"),
    ),
    # 4,000 scenes of 48 × 48 pixels.
    "captioning": ("--data.limit", "4000", "--preprocessing.picture_size", "48", "--train.epochs", "2"),
}


def main() -> int:
    parser = results.make_parser(NAME, __doc__, "Options of the application go after --; with one --apps only.")
    parser.add_argument("--apps", default=",".join(BUDGETS), help="which applications, with commas between them")
    parser.add_argument("--cells", default=",".join(CELLS), help="which cells, with commas between them")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each cell")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of all runs")
    words, options = results.split_at_dashes(sys.argv[1:])
    arguments = parser.parse_args(words)
    apps, cells = arguments.apps.split(","), arguments.cells.split(",")
    for given, known in ((apps, list(BUDGETS)), (cells, list(CELLS))):
        for word in given:
            if word not in known:
                parser.error(f"{word} is none of {', '.join(known)}")
    if options and len(apps) > 1:
        parser.error("the options after -- are of one application; name it with --apps")
    if arguments.seeds < 1:
        parser.error("--seeds must be at least 1")

    failed = []
    # One seed of everything, then the next: whenever it is stopped, the table has no holes that it need not have.
    for seeds in range(1, arguments.seeds + 1):
        for app in apps:
            settings = (*BUDGETS[app], *options)
            code = compare(app, cells_of(app, cells, settings), settings, seeds, arguments.runs)
            if code < 0 or code == 130:
                return 130
            if code:
                failed.append(f"{app} with {seeds} seeds: exit code {code}")
            write(arguments.output, arguments.runs, apps, cells, options)
    for line in failed:
        print(f"failed: {line}", file=sys.stderr)
    return 1 if failed else 0


def cells_of(app: str, cells: Sequence[str], settings: Sequence[str]) -> list[str]:
    """Returns the cells that an application takes with these settings."""
    module = importlib.import_module(f"apps.{app}.config")
    overrides = dict(zip((word.removeprefix("--") for word in settings[::2]), settings[1::2], strict=True))
    taken = []
    for cell in cells:
        try:
            resolve_config(module.Config, overrides={**overrides, "model.cell": cell})
        except UserError as error:
            print(f"{app}: without {cell}: {error}", flush=True)
        else:
            taken.append(cell)
    return taken


def compare(app: str, cells: Sequence[str], settings: Sequence[str], seeds: int, runs: Path) -> int:
    """Runs `compare` of an application and returns its exit code, 130 after Ctrl-C."""
    into = ["--name", NAME, "--runs", str(runs), "--seeds", str(seeds)]
    command = child.application("compare", "--cells", ",".join(cells), *into, *settings, app=app)
    try:
        with stoppable():
            return run_process(command)[0]
    except KeyboardInterrupt:
        return 130


def write(output: Path, runs: Path, apps: Sequence[str], cells: Sequence[str], options: Sequence[str]) -> None:
    """Prints the tables and writes them, as JSON and as Markdown beside it, from what the comparisons left."""
    found = {}
    for app in apps:
        path = runs / app / NAME / "comparison.json"
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if content.get("rows"):
            found[app] = {key: content[key] for key in ("quality", "rows", "baselines")}
    if not found:
        return
    tables = {split: table(found, cells, split) for split in ("validation", "test")}
    tables["training, s"] = cost_table(found, cells, "train_seconds")
    tables["processor, s"] = cost_table(found, cells, "cpu_seconds")
    tables["request, ms"] = cost_table(found, cells, "inference_ms")
    text = "".join(f"{title}\n\n{markdown(cells)}\n" for title, cells in tables.items())
    output.with_suffix(".md").parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".md").write_text(text, encoding="utf-8")
    print()
    results.print_table(tables["test"][0], tables["test"][1:])
    budgets = {app: list(BUDGETS[app]) for app in found}
    results.save(output, {"benchmark": NAME, "budgets": budgets, "options": list(options), "apps": found})


def table(found: Mapping[str, Any], cells: Sequence[str], split: str) -> list[list[str]]:
    """Returns the quality of each cell (a line) in each application (a column), and of the best baseline; the best cell and
    those within its standard deviation are bold."""
    header = ["cell"]
    columns: list[dict[str, str]] = []
    for app, each in found.items():
        quality = quality_of(f"apps.{app}")
        name = quality.metric
        header.append(f"{app}: {name}, {'more' if quality.mode == 'max' else 'less'} is better")
        values = {row["variant"]: row[split][name] for row in each["rows"] if row[split].get(name)}
        best = quality.best({cell: value["mean"] for cell, value in values.items()})
        near = values[best]["deviation"] or 0.0
        column = {}
        for cell, value in values.items():
            shown = show_spread(value)
            column[cell] = f"**{shown}**" if abs(value["mean"] - values[best]["mean"]) <= near else shown
        baselines = {key: b[split][name]["mean"] for key, b in each["baselines"].items() if b[split].get(name)}
        strongest = quality.best(baselines)
        if strongest is not None:
            column[""] = f"{show_spread({'mean': baselines[strongest], 'deviation': None})} ({strongest})"
        columns.append(column)
    lines = [[f"`{cell}`", *(column.get(cell, "-") for column in columns)] for cell in cells]
    return [header, *lines, ["best baseline", *(column.get("", "-") for column in columns)]]


def cost_table(found: Mapping[str, Any], cells: Sequence[str], what: str) -> list[list[str]]:
    """Returns seconds or milliseconds of each cell in each application, the median over the seeds."""
    lines = []
    for cell in cells:
        line = [f"`{cell}`"]
        for each in found.values():
            values = [row[what]["values"] for row in each["rows"] if row["variant"] == cell and row[what]]
            line.append(show_spread({"mean": statistics.median(values[0]), "deviation": None}) if values else "-")
        lines.append(line)
    return [["cell", *found], *lines]


if __name__ == "__main__":
    sys.exit(main())
