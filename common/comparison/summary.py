"""From the finished trainings of a comparison to one row for each variant: means over the seeds, and how far they scatter."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from common.comparison.trainings import TEST, VALIDATION, Measured
from common.quality import Quality

SPLITS = (VALIDATION, TEST)


def summarize(measured: Sequence[Measured], variants: Sequence[str], quality: Quality) -> list[dict[str, Any]]:
    """Returns a row for each variant that has a finished training, in the order of `variants`.

    Args:
        measured: All finished trainings.
        variants: Names of the variants.
        quality: Says which metrics are taken up.

    Returns:
        Rows of `variant`, `seeds`, `parameters`, `validation` and `test` (metric name to `spread`), `train_seconds`,
        `cpu_seconds` and `inference_ms` (each a `spread`) and `peak_bytes` (the highest); what was not measured is None.
    """
    rows = []
    for variant in variants:
        own = sorted((each for each in measured if each.variant == variant), key=lambda each: each.seed)
        if not own:
            continue
        metrics = {
            split: {name: spread(each.metrics[split].get(name) for each in own) for name in quality.metrics}
            for split in SPLITS
        }
        rows.append(
            {
                "variant": variant,
                "seeds": [each.seed for each in own],
                "parameters": own[0].parameters,
                **metrics,
                "train_seconds": spread(each.train_seconds for each in own),
                "inference_ms": spread(each.inference_ms for each in own),
                "cpu_seconds": spread(each.usage.cpu_seconds for each in own),
                "peak_bytes": max((each.usage.peak_bytes for each in own if each.usage.peak_bytes), default=None),
            }
        )
    return rows


def summarize_baselines(measured: Sequence[Measured], quality: Quality) -> dict[str, dict[str, Any]]:
    """Returns, by baseline, split and metric, the `spread` over all finished trainings: they do not depend on the variant,
    unless that changes the data."""
    names = list(dict.fromkeys(name for each in measured for name in each.baselines[TEST]))
    return {
        baseline: {
            split: {
                name: _unless_same(spread(each.baselines[split].get(baseline, {}).get(name) for each in measured))
                for name in quality.metrics
            }
            for split in SPLITS
        }
        for baseline in names
    }


def spread(values: Iterable[float | None]) -> dict[str, Any] | None:
    """Returns `mean`, `deviation` (the sample standard deviation; None of one value) and `values`; None without values."""
    found = [float(value) for value in values if value is not None]
    if not found:
        return None
    deviation = statistics.stdev(found) if len(found) > 1 else None
    return {"mean": statistics.fmean(found), "deviation": deviation, "values": found}


def _unless_same(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """A baseline that gives the same number in every training has no deviation that says something."""
    return found if found is None or len(set(found["values"])) > 1 else {**found, "deviation": None}
