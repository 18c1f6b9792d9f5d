"""A forecast as a table and as a picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.forecasting.config import TIME_COLUMNS
from apps.forecasting.forecasts import Forecast
from apps.forecasting.keys import ID
from apps.forecasting.series import Keys, SeriesSet
from common.errors import UserError
from common.files import atomic_write

_MOST_SERIES, _MOST_TARGETS = 4, 4  # in the picture
_SHOWN_PAST = 4  # horizons of the past before a forecast


def forecast_csv_path(output: str, inputs: Sequence[str | None] = ()) -> Path:
    """Where the table goes.

    Args:
        output: as the person wrote it.
        inputs: files that are read, which neither table nor picture may replace.

    Raises:
        UserError: the name does not end in .csv, its folder does not exist, or it is one of the inputs.
    """
    path = Path(output)
    if path.suffix.lower() != ".csv":
        raise UserError(f"--output is {output}, but the forecast is written as CSV; give a name that ends in .csv")
    if not path.parent.is_dir():
        raise UserError(f"--output is {output}, but there is no folder {path.parent}; make it first")
    for given in inputs:
        if given is not None and Path(given).resolve() in (path.resolve(), path.with_suffix(".png").resolve()):
            raise UserError(f"--output is {output}, but {given} is what the forecast is made from; give another name")
    return path


def write_csv(
    forecasts: Sequence[Forecast],
    targets: Sequence[str],
    levels: Sequence[float],
    path: Path,
    keys: Keys,
) -> None:
    """Writes a row for each series and step: the forecast of each target, and its quantiles as `<target>_q<level>`.

    Args:
        forecasts: of each series.
        targets: their names.
        levels: of the quantiles.
        path: the file.
        keys: names of the columns; else unique_id, if there are names of series, and ds. Without times it is `step`.
    """
    named = keys.identifiers is not None or any(each.name for each in forecasts)
    header = [keys.identifiers or ID] if named else []
    header.append((keys.time or TIME_COLUMNS[0]) if forecasts[0].times is not None else "step")
    for target in targets:
        header += [target, *(f"{target}_q{level:g}" for level in levels)]
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for each in forecasts:
            numbers = np.concatenate(
                [each.values[..., None], each.quantiles], axis=-1
            )  # [horizon, targets, 1 + quantiles]
            for label, row in zip(each.labels, numbers.reshape(len(numbers), -1), strict=True):
                writer.writerow([*([each.name] if named else []), label, *(str(value) for value in row)])


def write_picture(
    forecasts: Sequence[Forecast], history: SeriesSet, targets: Sequence[str], levels: Sequence[float], path: Path
) -> None:
    """Draws the end of the past and the forecast with its bands, of the first series and targets."""
    from apps.forecasting.report import draw_forecast
    from common.figures import save_figure
    from common.plots import new_figure

    series, names = list(zip(history.series, forecasts, strict=True))[:_MOST_SERIES], targets[:_MOST_TARGETS]
    figure, all_axes = new_figure(len(names), len(series), size=(max(6.4, 4.2 * len(series)), 0.6 + 2.6 * len(names)))
    for column, (past, each) in enumerate(series):
        shown = min(len(past.values), _SHOWN_PAST * len(each.values))
        if each.times is None:
            before, after = np.arange(1 - shown, 1), np.arange(1, len(each.values) + 1)
        else:
            before, after = past.times[-shown:], each.times
        for row, target in enumerate(names):
            axes = all_axes[row * len(series) + column]
            values = past.values[-shown:, row]
            draw_forecast(axes, (before, values), (after, each.values[:, row], each.quantiles[:, row]), levels)
            axes.tick_params(axis="x", rotation=30, labelsize=8)
            if not column:
                axes.set_ylabel(target, parse_math=False)
            if not row:
                axes.set_title(each.name, parse_math=False)
    all_axes[0].legend(fontsize=8)
    save_figure(figure, path)
