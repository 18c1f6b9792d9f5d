"""Measures a trained model on every window of a split, beside its baselines.

After training and for the verb `evaluate`: raw series in; `metrics.json`, `backtest.csv` and pictures in the run directory out.
"""

from __future__ import annotations

import csv
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.forecasting import report
from apps.forecasting.baselines import LinearMap, SeasonsBefore, drift, last_value, naive_error, seasonal_naive
from apps.forecasting.example_files import write_examples
from apps.forecasting.scores import Scores
from apps.forecasting.series import SeriesSplits
from apps.forecasting.windows import EVALUATION_BATCH, Windows
from common.console import get_console
from common.errors import UserError
from common.files import atomic_write, write_json
from common.runs import Run

if TYPE_CHECKING:
    import keras

    from apps.forecasting.config import Config
    from apps.forecasting.preprocessing import Preprocessor

SHOWN = 4  # windows that the picture of forecasts shows


def evaluate(
    config: Config, run: Run, splits: SeriesSplits, split: str, preprocessor: Preprocessor, model: keras.Model
) -> dict[str, Any]:
    """Measures `model` on every window of a split, each forecast from another origin, and writes metrics and pictures.

    Args:
        config: effective configuration of the run.
        run: where to write.
        splits: raw series.
        split: `train`, `validation` or `test`.
        preprocessor: adapted on `splits.train`.
        model: in its final form, as `train` returns it.

    Returns:
        What was written to `run.metrics_path(split)`: `app`, `split`, `windows`, `metrics`, `baselines`, `targets` (mean
        absolute error in their own units, of the model and of each baseline), `season`, `undefined`, `seconds`, `parameters`,
        `config`.

    Raises:
        UserError: a split without a window, or a model that forecasts NaN.
    """
    settings, part = config.model, getattr(splits, split)
    columns = part.columns
    try:
        windows = Windows(part, preprocessor, settings.look_back, settings.horizon, EVALUATION_BATCH)
    except ValueError as error:
        raise UserError(
            f"the {split} split has no {settings.horizon} rows in one piece; choose another --split or give more data"
        ) from error
    season = preprocessor.season
    targets = len(columns.targets)
    mean, std = preprocessor.mean[:targets], preprocessor.std[:targets]
    scale = naive_error(splits.train, season)
    seconds: dict[str, float] = {}

    started = time.perf_counter()
    training = Windows(splits.train, preprocessor, settings.look_back, settings.horizon, EVALUATION_BATCH)
    linear = LinearMap.fit(training, mean, std)
    baselines = {
        "last_value": lambda history, indices: last_value(history, settings.horizon),
        "seasonal_naive": lambda history, indices: seasonal_naive(history, settings.horizon, season),
        "drift": lambda history, indices: drift(history, settings.horizon),
        "linear": lambda history, indices: linear(history),
    }
    if season > settings.look_back:
        baselines["seasonal_naive"] = before = SeasonsBefore(part, windows, season)
        if before.unseen:
            get_console().warn(
                f"the season of {season:,} steps is longer than the look-back, and {before.unseen:,} of {windows.count:,} windows "
                "have no whole season before them; there seasonal_naive repeats the last value"
            )
    scores = {name: Scores(std, scale) for name in baselines}
    scores["model"] = Scores(std, scale, preprocessor.quantiles)
    seconds["baselines"] = time.perf_counter() - started

    seconds["predict"] = 0.0
    for start in range(0, windows.count, EVALUATION_BATCH):
        indices = np.arange(start, min(start + EVALUATION_BATCH, windows.count))
        raw = windows.raw(indices)
        truth, history = raw["future"][..., :targets], raw["history"][..., :targets]
        started = time.perf_counter()
        answers = forecast(model, preprocessor, raw)
        seconds["predict"] += time.perf_counter() - started
        if not all(np.all(np.isfinite(value)) for value in answers.values()):
            raise UserError(
                f"the model of {run.path} forecasts NaN or infinity for {split}; "
                "train again with a smaller --train.learning_rate"
            )
        scores["model"].add(truth, answers["forecast"], answers["quantiles"])
        for name, baseline in baselines.items():
            scores[name].add(truth, baseline(history, indices))

    # A point forecast has no interval, so nothing is said of its coverage.
    by_baseline = {
        name: {metric: value for metric, value in scores[name].metrics().items() if value is not None}
        for name in baselines
    }
    metrics = scores["model"].metrics()
    result = {
        "app": run.app,
        "split": split,
        "windows": windows.count,
        "metrics": metrics,
        "baselines": by_baseline,
        "targets": {
            target: {name: float(score.mae_of_targets()[index]) for name, score in scores.items()}
            for index, target in enumerate(columns.targets)
        },
        "season": season,
        "undefined": _undefined(metrics, preprocessor.quantiles),
        "seconds": seconds,
        "parameters": int(model.count_params()),
        "config": config.model_dump(mode="json"),
    }
    _write_backtest(run, split, windows, part, scores)
    if split == "test":
        write_examples(run, part, settings.look_back, settings.horizon)
    _keep_for_pictures(run, split, windows, preprocessor, model, scores, columns)
    write_json(run.metrics_path(split), result)
    report.draw_pictures(run, split)
    _show(result)
    return result


def forecast(model: keras.Model, preprocessor: Preprocessor, raw: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Forecasts in raw units of raw windows, as `Windows.raw` cuts them out; fills up the batch, so that one shape is compiled.

    Returns:
        `forecast` float32 `[windows, horizon, targets]`, `quantiles` float32 `[windows, horizon, targets, quantiles]`.
    """
    count = len(raw["history"])
    rows = np.minimum(np.arange(EVALUATION_BATCH), count - 1)
    inputs, _ = preprocessor.prepare({name: value[rows] for name, value in raw.items()})
    inputs = {name: np.asarray(value) for name, value in inputs.items() if name in model.input}
    outputs = preprocessor.invert(model.predict_on_batch(inputs))
    return {name: np.asarray(value)[:count] for name, value in outputs.items()}


def _undefined(metrics, levels):
    reasons = {}
    if metrics["coverage_80"] is None:
        reasons["coverage_80"] = "model.quantiles does not hold both 0.1 and 0.9"
    if metrics["mase"] is None:
        reasons["mase"] = "the targets never change from one season to the next in the training rows"
    if metrics["wql"] is None:
        reasons["wql"] = "the targets are zero throughout"
    return reasons


def _write_backtest(run, split, windows, part, scores):
    """A row for each origin: which series, the time or row of the first step ahead, and the error of each forecaster."""
    names = list(scores)
    errors = np.stack([np.concatenate(scores[name].window_mae) for name in names], axis=1)
    with atomic_write(run.path / f"backtest-{split}.csv") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["series", "first_step", *(f"mae_{name}" for name in names)])
        row = 0
        for each, count in zip(part.series, windows.counts, strict=True):
            first = max(windows.look_back, each.context)
            for index in range(count):
                place = first + index
                when = place - each.context if each.times is None else str(each.times[place])
                writer.writerow([each.name, when, *(f"{value:.6g}" for value in errors[row])])
                row += 1


def _keep_for_pictures(run, split, windows, preprocessor, model, scores, columns):
    chosen = np.unique(np.linspace(0, windows.count - 1, SHOWN).astype(np.int64))
    raw = windows.raw(chosen)
    targets = len(columns.targets)
    answers = forecast(model, preprocessor, raw)
    coverage = scores["model"].coverage_of_steps()
    with atomic_write(report.kept_path(run, split), "wb") as file:
        np.savez(
            file,
            history=raw["history"][..., :targets],
            truth=raw["future"][..., :targets],
            history_time=raw.get("history_time", np.zeros((0, 0), np.int64)),
            future_time=raw.get("future_time", np.zeros((0, 0), np.int64)),
            **answers,
            levels=np.array(preprocessor.quantiles),
            target_names=np.array(columns.targets),
            shares_below=scores["model"].shares_below(),
            coverage=np.zeros((0, 0)) if coverage is None else coverage,
            forecasters=np.array(list(scores)),
            mae_of_steps=np.stack([score.mae_of_steps() for score in scores.values()]),
        )


def _show(result):
    console = get_console()
    console.line(
        f"  {result['windows']:,} {result['split']} windows, each from another origin; mse and mae in standard deviations of train; "
        f"season {result['season']}"
    )
    for target, errors in list(result["targets"].items())[:8]:
        best = min((name for name in errors if name != "model"), key=errors.get)
        console.line(
            f"  {target}: mean absolute error {errors['model']:.4g} (best baseline: {best} {errors[best]:.4g})"
        )
    for name, reason in result["undefined"].items():
        console.warn(f"{name}: {reason}")
