"""The end of the test rows as tables that `predict` reads: what a first forecast can be made of, and what such tables look like."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.forecasting.config import TIME_COLUMNS
from apps.forecasting.grid import written
from apps.forecasting.keys import ID
from apps.forecasting.series import Series, SeriesSet
from common.files import atomic_write
from common.runs import Run

_MOST_SERIES = 20


def write_examples(run: Run, part: SeriesSet, look_back: int, horizon: int) -> None:
    """Writes `example-history.csv` and, of a model with known covariates, `example-future.csv` into a run directory.

    Without known covariates the history ends with the last row of the data, so that the forecast is of what comes next. With
    them it ends a horizon before, because nobody has given them for the time after.

    Args:
        run: where to write.
        part: the test rows; the first series are taken.
        look_back, horizon: steps.
    """
    columns = part.columns
    ahead = horizon if columns.known else 0
    series = [each for each in part.series if len(each.values) >= look_back + ahead][:_MOST_SERIES]
    ends = [len(each.values) - ahead for each in series]
    history = [each.rows(end - look_back, end) for each, end in zip(series, ends)]
    _write(run.path / "example-history.csv", part, history, columns.names)
    if columns.known:
        future = [each.rows(end, end + ahead) for each, end in zip(series, ends)]
        _write(run.path / "example-future.csv", part, future, columns.known)


def _write(path: Path, part: SeriesSet, series: Sequence[Series], names: Sequence[str]) -> None:
    named = part.keys.identifiers is not None or any(each.name for each in series)
    places = [part.columns.names.index(name) for name in names]
    header = [part.keys.identifiers or ID] if named else []
    if part.frequency is not None:
        header.append(part.keys.time or TIME_COLUMNS[0])
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*header, *names])
        for each in series:
            for row, values in enumerate(np.asarray(each.values)[:, places]):
                key = [each.name] if named else []
                if part.frequency is not None:
                    key.append(written(each.times[row]))
                writer.writerow([*key, *(f"{value:.10g}" for value in values)])
