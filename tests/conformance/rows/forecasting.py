"""What the battery of `test_apps.py` has to know of forecasting."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from apps.forecasting.dataset import COLUMNS as WEATHER
from tests.conformance.app_row import App, Prediction


def _history(rows: int, seed: int) -> dict[str, Any]:
    """Made-up hours of all columns of the bundled weather, and their times up to the end of the forecast."""
    random = np.random.default_rng(seed)
    times = 1_000_000_800 + 3600 * np.arange(rows + _HORIZON)
    return {
        "history": random.normal(10, 5, (rows, len(WEATHER))).round(3).tolist(),
        "history_time": times[:rows].tolist(),
        "future_time": times[rows:].tolist(),
    }


_HORIZON = 24  # of preset tiny
_HISTORIES = (_history(48, 0), _history(48, 1), _history(61, 2))


def _history_csv() -> str:
    lines = [",".join(("unique_id", "ds", *WEATHER))]
    for index, each in enumerate(_HISTORIES):
        for time, values in zip(each["history_time"], each["history"], strict=True):
            stamp = str(np.datetime64(time, "s")).replace("T", " ")
            lines.append(",".join((f"station {index}", stamp, *map(str, values))))
    return "\n".join(lines) + "\n"


def _forecasts_by_line(out: str, folder: Path) -> list[dict[str, Any]]:
    """An object a line for each series; target and level as nested lists."""
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["series"] for answer in answers] == [f"station {index}" for index in range(len(_HISTORIES))]
    found = []
    for answer, asked in zip(answers, _HISTORIES, strict=True):
        stamps = [str(np.datetime64(time, "s")).replace("T", " ") for time in asked["future_time"]]
        assert answer["times"] == stamps
        forecast = np.stack(list(answer["forecast"].values()), axis=1)
        quantiles = [np.stack(list(levels.values()), axis=-1) for levels in answer["quantiles"].values()]
        found.append({"forecast": forecast.tolist(), "quantiles": np.stack(quantiles, axis=1).tolist()})
    return found


APP = App(
    name="forecasting",
    metrics=("mse", "mae", "smape", "mase", "wql", "coverage_80"),
    baselines=("last_value", "seasonal_naive", "drift", "linear"),
    pictures=("calibration", "error_by_step", "forecasts", "training"),
    examples=_HISTORIES,
    predictions=(
        Prediction(
            ("--input", "history.csv", "--output", "ahead.csv"),
            _forecasts_by_line,
            files={"history.csv": _history_csv()},
            leaves=("ahead.csv", "ahead.png"),
        ),
    ),
)
