"""Series of measurements at regular steps, and the three splits of them in time that a run works with.

What the readers (`tables`, `dataset`) give, `data.load_splits` divides, and everything that learns receives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Columns:
    """What is measured, in the order in which it stands in `Series.values`.

    Attributes:
        targets: what is forecast.
        past: covariates that are known up to now only.
        known: covariates that are known for the time to come, too.
    """

    targets: tuple[str, ...]
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.targets + self.past + self.known

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Keys:
    """The columns of a table that say which series a row belongs to, and when it was; None where there is none."""

    identifiers: str | None = None
    time: str | None = None


@dataclass(frozen=True, eq=False)
class Series:
    """One series of measurements.

    Attributes:
        name: as in the column of identifiers; empty if the data are one series.
        values: float64 `[time, columns]`, no NaN.
        times: datetime64[s] `[time]`, ascending by one step of the frequency; None for data without times.
        context: so many leading rows belong to what came before: they may be looked back at, and are never forecast.
        earlier: the rows before those, float64 `[time, columns]`, for a baseline that looks further back; None if unknown.
    """

    name: str
    values: np.ndarray
    times: np.ndarray | None = None
    context: int = 0
    earlier: np.ndarray | None = None

    def __post_init__(self):
        if self.times is not None and len(self.times) != len(self.values):
            raise ValueError(f"{len(self.values)} rows and {len(self.times)} times in the series {self.name!r}")
        if not 0 <= self.context <= len(self.values):
            raise ValueError(f"a context of {self.context} in a series of {len(self.values)} rows")

    def __len__(self) -> int:
        """Rows that are not context."""
        return len(self.values) - self.context

    def rows(self, start: int, stop: int, look_back: int = 0) -> Series:
        """The rows from `start` to `stop`, with up to `look_back` rows before them as context."""
        begin = max(0, start - look_back)
        times = None if self.times is None else self.times[begin:stop]
        values, earlier = self.values[begin:stop], self.values[:begin]
        return replace(self, values=values, times=times, context=start - begin, earlier=earlier)


@dataclass(frozen=True, eq=False)
class SeriesSet:
    """Series with the same columns and the same frequency.

    Attributes:
        series: at least one.
        columns: what is measured.
        frequency: length of a step as a pandas offset, such as "h", "15min", "D" or "MS"; None for data without times.
        origin: for people, where the data come from: a file, or "pvlib greensboro (bundled)".
        keys: the columns of a person's table beside those of numbers.
    """

    series: tuple[Series, ...]
    columns: Columns
    frequency: str | None
    origin: str
    keys: Keys = field(default_factory=Keys)

    def __len__(self) -> int:
        """Rows of all series together that are not context."""
        return sum(map(len, self.series))

    def with_series(self, series: Sequence[Series]) -> SeriesSet:
        """The same with other series."""
        return replace(self, series=tuple(series))


@dataclass(frozen=True, eq=False)
class SeriesSplits:
    """Raw train, validation and test rows, one after the other in time, and what a person should know of how they came to be.

    Attributes:
        train: what the preprocessor and the model learn from.
        validation: what chooses the best epoch; its series begin with rows of train as context.
        test: looked at once; its series begin with rows of validation as context.
        cache: the folder in which the prepared data lie for the next run; None where nothing is prepared.
        notes: sentences for the console, such as how many values were missing and how they were filled.
        available: rows without `data.limit`; None if it left out none.
        unit: what is counted.
    """

    train: SeriesSet
    validation: SeriesSet
    test: SeriesSet
    cache: str | None = None
    notes: tuple[str, ...] = ()
    available: tuple[int, ...] | None = None
    unit: str = "rows"

    def describe(self) -> dict[str, str]:
        """What a person wants to know first, name to text."""
        rows = {}
        for name in ("train", "validation", "test"):
            part = getattr(self, name)
            rows[name] = f"{len(part):,} rows{_period(part)} from {part.origin}"
        columns = self.train.columns
        rows["series"] = f"{len(self.train.series):,}"
        if self.train.keys.time is not None:
            steps = f"steps of {self.train.frequency}" if self.train.frequency else "numbers of steps"
            rows["times"] = f"{self.train.keys.time}, {steps}"
        rows["targets"] = _listed(columns.targets)
        if columns.past:
            rows["covariates, past"] = _listed(columns.past)
        if columns.known:
            rows["covariates, known"] = _listed(columns.known)
        return rows


def _period(part: SeriesSet) -> str:
    spans = [(each.times[each.context], each.times[-1]) for each in part.series if each.times is not None and len(each)]
    if not spans:
        return ""
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    return f", {_time(first)} to {_time(last)}"


def _time(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
