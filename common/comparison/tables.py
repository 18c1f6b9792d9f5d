"""The rows of a comparison as a table: cells of text for the terminal, and Markdown for a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.comparison.summary import SPLITS
from common.quality import Quality

_GIB = 2**30


def table_cells(
    rows: Sequence[Mapping[str, Any]], baselines: Mapping[str, Mapping[str, Any]], quality: Quality
) -> list[list[str]]:
    """Returns the header and a line for each variant and baseline; a metric that nobody has is left out.

    Args:
        rows: From `summarize`.
        baselines: From `summarize_baselines`.
        quality: Which metrics, and in which order.
    """
    everyone = [*rows, *baselines.values()]
    columns = [
        (split, name) for name in quality.metrics for split in SPLITS if any(each[split].get(name) for each in everyone)
    ]
    header = [
        "",
        *(f"{name}, {split}" for split, name in columns),
        "training, s",
        "processor, s",
        "parameters",
        "request, ms",
        "GiB",
    ]
    lines = [
        [
            row["variant"],
            *(show_spread(row[split].get(name)) for split, name in columns),
            show_spread(row["train_seconds"]),
            show_spread(row["cpu_seconds"]),
            f"{row['parameters']:,}",
            show_spread(row["inference_ms"]),
            "-" if row["peak_bytes"] is None else f"{row['peak_bytes'] / _GIB:.1f}",
        ]
        for row in rows
    ]
    lines += [
        [name, *(show_spread(each[split].get(metric)) for split, metric in columns), *["-"] * 5]
        for name, each in baselines.items()
    ]
    return [header, *lines]


def markdown(cells: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown; of the columns the first is left aligned, the others right."""
    header, *lines = [[cell.replace("|", "\\|") for cell in row] for row in cells]
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *lines))


def remarks(rows: Sequence[Mapping[str, Any]], quality: Quality, failures: Mapping[str, str]) -> list[str]:
    """Returns what a reader of the table has to know, as sentences."""
    seeds = sorted({len(row["seeds"]) for row in rows})
    counted = " or ".join(map(str, seeds))
    said = [
        f"{quality.metric}: {quality.direction}. "
        + (
            f"Means over {counted} seeds, ± their sample standard deviation."
            if seeds != [1]
            else "One seed, so nothing is known of the scatter."
        ),
        "Training: seconds of all epochs. Processor: of the whole process of `train`, all cores together. Request: median of one request to the exported model with its own example, all "
        "models asked in turn. GiB: memory of the training process at its highest.",
    ]
    means = {
        row["variant"]: row["validation"][quality.metric]["mean"] for row in rows if row["validation"][quality.metric]
    }
    best = quality.best(means)
    if best is not None:
        said.append(f"Best on validation: {best}.")
    return said + [f"Failed: {name} ({sentence})." for name, sentence in failures.items()]


def show_spread(value: Mapping[str, Any] | None) -> str:
    """Returns `0.905 ± 0.003`, of one value `0.905`, of none a dash."""
    if value is None:
        return "-"
    mean = value["mean"]
    size = abs(mean)
    digits = 0 if size >= 1_000 else 1 if size >= 10 else 2 if size >= 1.995 else 3
    shown = f"{mean:,.{digits}f}"
    return shown if value["deviation"] is None else f"{shown} ± {value['deviation']:,.{digits}f}"
