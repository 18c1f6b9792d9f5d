"""Divides series in time: train first, then validation, then test, with the rows before each to look back at.

Between the readers and everything that learns; missing values are filled here, because only here it is known what a
forecaster would have had.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from apps.forecasting.missing import fill, first_complete
from apps.forecasting.series import Series, SeriesSet
from common.errors import UserError

_NAMES_SHOWN = 5  # of series, in a sentence


def split_in_time(whole: SeriesSet, data, look_back: int, horizon: int) -> tuple[dict[str, SeriesSet], tuple[str, ...]]:
    """Divides each series by itself; see `data.load_splits`.

    Args:
        whole: series whose values may be NaN where a measurement is missing.
        data: the configuration of the data.
        look_back: rows of context before validation and test.
        horizon: rows that a forecast covers.

    Returns:
        "train", "validation" and "test" to their series, and notes for the console.
    """
    # Under "error" the reader of files lets nothing through that is missing; what still is, are the known holes of a
    # public set.
    policy = "forward" if data.missing == "forward" else "interpolate"
    notes = []
    parts = {"train": [], "validation": [], "test": []}
    short, incomplete, unused, filled = [], 0, 0, 0
    lengths = []
    for each in whole.series:
        start = first_complete(each.values)
        lengths.append(len(each) - start)
        ends = split_ends(lengths[-1], data)
        if ends[2] > lengths[-1] or ends[0] < look_back + horizon:
            short.append(each)
            continue
        incomplete += start
        unused += lengths[-1] - ends[2]
        filled += int(np.isnan(each.values[start : start + ends[2]]).sum())
        # Before the cut, because a column may have had its value before the row from which on all have one.
        values = fill(each.values, [start + end for end in ends], policy)
        usable = Series(each.name, values, each.times).rows(start, len(each))
        for name, begin, end in zip(parts, (0, *ends), ends, strict=False):
            if end - begin >= horizon:
                parts[name].append(usable.rows(begin, end, look_back))
    if not all(parts.values()):
        _refuse_empty_columns(whole)
        raise UserError(_too_short(whole, max(lengths), data, look_back, horizon))
    if incomplete:
        notes.append(f"{incomplete:,} rows before the first value of some column were left out.")
    if short:
        notes.append(
            f"{len(short):,} of {len(whole.series):,} series were left out, because they have fewer than the "
            f"{needed_rows(data, look_back, horizon):,} rows that look-back, horizon and split need: {_named(short)}."
        )
    for name in ("validation", "test"):
        without = len(parts["train"]) - len(parts[name])
        if without:
            notes.append(f"{without:,} series have fewer than {horizon} rows for {name} and are not in it.")
    if filled:
        how = "repeating the last value" if policy == "forward" else "a straight line between their neighbours"
        notes.append(f"{filled:,} missing {'value was' if filled == 1 else 'values were'} filled by {how}.")
    if unused:
        notes.append(f"{unused:,} rows after those of the test are not used.")
    return {name: whole.with_series(given) for name, given in parts.items()}, tuple(notes)


def split_ends(rows: int, data) -> tuple[int, int, int]:
    """The rows at which train, validation and test of a series of so many rows end; more than `rows` if it is too short."""
    if data.train_rows is not None:
        return (
            data.train_rows,
            data.train_rows + data.validation_rows,
            data.train_rows + data.validation_rows + data.test_rows,
        )
    validation, test = round(rows * data.validation_fraction), round(rows * data.test_fraction)
    return rows - validation - test, rows - test, rows


def needed_rows(data, look_back: int, horizon: int) -> int:
    """The fewest rows of a series with at least one window in each part."""
    if data.train_rows is not None:
        return data.train_rows + data.validation_rows + data.test_rows
    # A lower bound: shares are rounded to whole rows.
    rows = math.floor(
        max(
            (look_back + horizon - 1) / (1 - data.validation_fraction - data.test_fraction),
            (horizon - 0.5) / data.validation_fraction,
            (horizon - 0.5) / data.test_fraction,
        )
    )
    while True:
        train, validation, test = split_ends(rows, data)
        if train >= look_back + horizon and min(validation - train, test - validation) >= horizon:
            return rows
        rows += 1


def _refuse_empty_columns(whole: SeriesSet) -> None:
    has_value = np.any([~np.isnan(each.values).all(axis=0) for each in whole.series], axis=0)  # [columns]
    if not has_value.all():
        raise UserError(
            f"{whole.origin}: the column {whole.columns.names[int(has_value.argmin())]!r} has no value at all; leave it out "
            "of data.targets, past and known."
        )


def _too_short(whole: SeriesSet, longest: int, data, look_back: int, horizon: int) -> str:
    have = f"has {'' if len(whole.series) == 1 else 'series of at most '}{longest:,} row{'' if longest == 1 else 's'}"
    if data.limit is not None and longest == data.limit:
        have = f"is cut to {longest:,} rows by data.limit"
    if data.train_rows is not None:
        for option, needs, part in (
            ("train_rows", look_back + horizon, "look-back and horizon"),
            ("validation_rows", horizon, "the horizon"),
            ("test_rows", horizon, "the horizon"),
        ):
            if getattr(data, option) < needs:
                return f"data.{option} is {getattr(data, option)}, but {part} need {needs}; raise it or shorten the horizon."
    needed = needed_rows(data, look_back, horizon)
    lengths = (
        "data.train_rows, data.validation_rows and data.test_rows"
        if data.train_rows is not None
        else f"a look-back of {look_back} and a horizon of {horizon} (with "
        f"{data.validation_fraction:g} of the rows for validation and {data.test_fraction:g} for the test)"
    )
    return f"{whole.origin} {have}, but {lengths} need at least {needed:,} rows; give more rows" + (
        " or shorten --model.look_back or --model.horizon." if data.train_rows is None else " or ask for fewer."
    )


def _named(series: Sequence[Series]) -> str:
    names = ", ".join(repr(each.name) for each in series[:_NAMES_SHOWN])
    return names + (f" and {len(series) - _NAMES_SHOWN:,} more" if len(series) > _NAMES_SHOWN else "")
