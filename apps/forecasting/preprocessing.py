"""From raw measurements to what the network reads, and forecasts back to the units of the data: the same graph in training
and in the SavedModel.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.forecasting.config import Config
from apps.forecasting.frequency import PERIODS
from apps.forecasting.season import find_season, repeats
from apps.forecasting.series import Columns, Keys, SeriesSet
from common.errors import UserError
from common.files import reading

_LEAST_VARIATION = 1e-5  # of the size of the values; below, float32 has less than a hundred steps for it
_CHUNK = 65_536  # rows that are computed with at a time, so that nothing as large as the table is made


class Preprocessor(tf.Module):
    """Standardises every column by what the training rows say, and adds the calendar.

    Args:
        calendar: whether times become features, where there are times.
        look_back, horizon: steps.
        quantiles: the levels of the forecast quantiles.
        teacher: whether the network reads the true values of the horizon while it trains (deepar).
        counts: whether targets go in as they are, because the network is to know that they are counts.
        from_zero: whether the mean of the targets is left in, because the size of a window is to be measured from zero.
        season: steps after which the data repeat; None to find it in the training rows.

    Call arguments:
        history: float32 `[batch, time, columns]`, raw, in the order of `columns.names`.
        future: float32 `[batch, horizon, known]`, raw, if there are known covariates.
        history_time, future_time: int64 `[batch, time]` and `[batch, horizon]`, seconds since 1970, if there is a calendar.

    Returns:
        `history` float32 `[batch, time, columns + calendar]` and, if anything is known of the time to come, `future` float32
        `[batch, horizon, known + calendar]`.
    """

    def __init__(
        self,
        calendar: bool,
        look_back: int,
        horizon: int,
        quantiles,
        teacher: bool = False,
        counts: bool = False,
        from_zero: bool = False,
        season: int | None = None,
    ):
        super().__init__(name="preprocessor")
        self.calendar = calendar
        self.look_back = look_back
        self.horizon = horizon
        self.quantiles = tuple(quantiles)
        self.teacher = teacher
        self.counts = counts
        self.from_zero = from_zero
        self.season = season
        self.columns = Columns(())
        self.keys = Keys()
        self.frequency: str | None = None
        self.periods: tuple[int, ...] = ()
        self.constant_columns: tuple[str, ...] = ()  # of the training rows; known after `adapt` only

    @classmethod
    def from_config(cls, config: Config) -> Preprocessor:
        """The preprocessor of an application's configuration, not adapted yet."""
        model = config.model
        teacher = model.kind == "deepar"
        return cls(
            model.calendar,
            model.look_back,
            model.horizon,
            model.quantiles,
            teacher,
            model.counts,
            from_zero=model.normalization == "scale",
            season=config.data.season,
        )

    def adapt(self, train: SeriesSet) -> None:
        """Learns mean and standard deviation of each column, the season, and which periods of the calendar help, from the
        training rows. A period is shown to the model if steps are shorter than half of it, and these rows hold it twice.

        A column that never changes keeps its value as mean and, in the place of a standard deviation, its size.

        Raises:
            UserError: a column that varies less than float32 can tell beside its size.
        """
        mean, std = _mean_and_std([each.values for each in train.series])
        constant = std <= 1e-12 * np.abs(mean)
        self.constant_columns = tuple(name for name, same in zip(train.columns.names, constant, strict=True) if same)
        for name, middle, deviation, same in zip(train.columns.names, mean, std, constant, strict=True):
            if not same and deviation < _LEAST_VARIATION * abs(middle):
                raise UserError(
                    f"{train.origin}: the column {name!r} varies by {deviation:.3g} around {middle:.6g}, too little for numbers of "
                    "32 bits; subtract a constant from it before training and forecasting"
                )
        periods = ()
        times = [each.times for each in train.series if each.times is not None and len(each.times) > 1]
        if self.calendar and times:
            seconds = [each.astype("datetime64[s]", copy=False).view(np.int64) for each in times]
            span = max(each[-1] - each[0] for each in seconds)
            # All series have the same frequency, so some steps of one of them tell.
            step = float(np.median(np.diff(max(seconds, key=len)[:_CHUNK])))
            held = [period for period in PERIODS.values() if 2 * step < period and 2 * period <= span]
            longest = max(train.series, key=lambda each: len(each.values)).values[:, : len(train.columns.targets)]
            periods = tuple(period for period in held if repeats(longest, period / step))
        self.keys = train.keys
        self.season = self.season or find_season(train)
        self._set(
            train.columns,
            train.frequency,
            periods,
            mean,
            np.where(constant, np.where(mean == 0, 1.0, np.abs(mean)), std),
        )

    def _set(self, columns, frequency, periods, mean, std):
        self.columns, self.frequency, self.periods = columns, frequency, tuple(periods)
        self.mean, self.std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
        self._offset, self._divisor = self.mean.astype(np.float32), self.std.astype(np.float32)
        targets = slice(len(columns.targets))
        if self.counts or self.from_zero:
            self._offset[targets] = 0
        if self.counts:
            self._divisor[targets] = 1

    @property
    def known_size(self) -> int:
        """Features that are known of the time to come, those of the calendar included."""
        return len(self.columns.known) + 2 * len(self.periods)

    @property
    def history_size(self) -> int:
        """Features of a step of the past."""
        return len(self.columns) + 2 * len(self.periods)

    def __call__(self, history, future=None, history_time=None, future_time=None):
        inputs = {"history": self._with_calendar(self.standardise(history), history_time)}
        if self.known_size:
            known = [] if future is None else [self._standardised_known(future)]
            known += [] if future_time is None else [self._calendar(future_time)]
            inputs["future"] = tf.concat(known, axis=-1)
        return inputs

    def prepare(self, raw):
        """What `fit` reads of raw windows, as `Windows` cuts them out with all columns: inputs, and standardised targets
        float32 `[batch, horizon, targets]`; with `teacher` those of the steps 2 to look_back + horizon."""
        future, targets = raw["future"], len(self.columns.targets)
        known = future[:, :, len(self.columns) - len(self.columns.known) :] if self.columns.known else None
        times = [raw.get(name) if self.periods else None for name in ("history_time", "future_time")]
        inputs = self(raw["history"], known, *times)
        truth = self.standardise(future)[:, :, :targets]
        if not self.teacher:
            return inputs, truth
        # The network forecasts every step but the first, those of the past as well.
        return {**inputs, "future_targets": truth}, tf.concat([inputs["history"][:, 1:, :targets], truth], axis=1)

    def standardise(self, values):
        """Raw float32 `[..., columns]` to values of mean 0 and standard deviation 1; see `counts` and `from_zero`."""
        return (values - self._offset) / self._divisor

    def _standardised_known(self, future):
        first = len(self.columns) - len(self.columns.known)
        return (future - self._offset[first:]) / self._divisor[first:]

    def _with_calendar(self, values, times):
        return values if times is None else tf.concat([values, self._calendar(times)], axis=-1)

    def _calendar(self, times):
        """Where in each period a time stands, as a point on a circle: int64 `[batch, time]` to float32 `[batch, time, 2·periods]`."""
        angles = [tf.cast(times % period, tf.float32) * (2 * math.pi / period) for period in self.periods]
        return tf.stack([function(angle) for angle in angles for function in (tf.sin, tf.cos)], axis=-1)

    def invert(self, outputs):
        """Forecasts in the units of the data, from standardised ones.

        Args:
            outputs: `forecast` float32 `[batch, horizon, targets]`, `quantiles` float32 `[batch, horizon, targets, quantiles]`.
        """
        targets = len(self.columns.targets)
        offset, divisor = self._offset[:targets], self._divisor[:targets]
        return {
            "forecast": outputs["forecast"] * divisor + offset,
            "quantiles": outputs["quantiles"] * divisor[:, None] + offset[:, None],
        }

    def save(self, directory) -> None:
        """Writes `preprocessor.json`."""
        columns = self.columns
        content = {
            "calendar": self.calendar,
            "look_back": self.look_back,
            "horizon": self.horizon,
            "quantiles": self.quantiles,
            "teacher": self.teacher,
            "counts": self.counts,
            "from_zero": self.from_zero,
            "season": self.season,
            "columns": {"targets": columns.targets, "past": columns.past, "known": columns.known},
            "keys": {"identifiers": self.keys.identifiers, "time": self.keys.time},
            "frequency": self.frequency,
            "periods": self.periods,
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
        }
        Path(directory, "preprocessor.json").write_text(
            json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8"
        )

    @classmethod
    def load(cls, directory) -> Preprocessor:
        """Reads what `save` wrote.

        Raises:
            UserError: the file is missing or damaged.
        """
        path = Path(directory, "preprocessor.json")
        with reading(path, "put it back from a copy, or train a new run"):
            content = json.loads(path.read_text(encoding="utf-8"))
            arguments = [
                content[name]
                for name in (
                    "calendar",
                    "look_back",
                    "horizon",
                    "quantiles",
                    "teacher",
                    "counts",
                    "from_zero",
                    "season",
                )
            ]
            preprocessor = cls(*arguments)
            columns = Columns(**{name: tuple(names) for name, names in content["columns"].items()})
            keys = Keys(**content["keys"])
            learned = [content[name] for name in ("frequency", "periods", "mean", "std")]
        preprocessor.keys = keys
        preprocessor._set(columns, *learned)
        return preprocessor


def _mean_and_std(arrays):
    """Mean and standard deviation of the columns of float64 `[rows, columns]`, all arrays together: float64 `[columns]` each."""
    rows = sum(map(len, arrays))
    chunks = [each[start : start + _CHUNK] for each in arrays for start in range(0, len(each), _CHUNK)]  # views
    mean = np.sum([chunk.sum(axis=0) for chunk in chunks], axis=0) / rows
    squares = np.sum([np.square(chunk - mean).sum(axis=0) for chunk in chunks], axis=0)
    return mean, np.sqrt(squares / rows)
