"""How far forecasts were from what happened: sums over any number of windows, and the metrics made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

METRICS = ("mse", "mae", "smape", "mase", "wql", "coverage_80")
_INTERVAL_80 = (0.1, 0.9)


class Scores:
    """Collects errors window by window.

    Args:
        std: float `[targets]`, standard deviations of the training rows: `mse` and `mae` are in their unit, so that targets
            of different size count alike.
        naive_error: float `[targets]`, the mean absolute error of repeating the last season within the training rows, in raw
            units: the unit of `mase`.
        levels: the levels of the quantiles; empty for point forecasts, whose quantiles are all the same.
    """

    def __init__(self, std: np.ndarray, naive_error: np.ndarray, levels: Sequence[float] = ()):
        self.std, self.naive_error, self.levels = std, naive_error, tuple(levels)
        self.windows = 0
        self._sums: dict[str, np.ndarray] = {}
        self.window_mae: list[np.ndarray] = []  # of each window, in standard deviations

    def add(self, truth: np.ndarray, forecast: np.ndarray, quantiles: np.ndarray | None = None) -> None:
        """Adds windows in raw units.

        Args:
            truth, forecast: float `[windows, horizon, targets]`.
            quantiles: float `[windows, horizon, targets, quantiles]`; None for point forecasts.
        """
        truth, forecast = truth.astype(np.float64), forecast.astype(np.float64)
        error = truth - forecast
        standardised = error / self.std
        size = np.abs(truth) + np.abs(forecast)
        sums = {
            "squared": np.square(standardised).sum(0),
            "absolute": np.abs(error).sum(0),
            "truth": np.abs(truth).sum(0),
            "smape": (2 * np.abs(error) / np.where(size == 0, 1.0, size)).sum(0),
        }
        if quantiles is None:
            sums["pinball"] = 0.5 * sums["absolute"]  # the mean of q and 1 - q
        else:
            levels = np.array(self.levels)
            beyond = truth[..., None] - quantiles
            pinball = np.maximum(levels * beyond, (levels - 1) * beyond)
            sums |= {"pinball": pinball.mean(-1).sum(0), "below": (beyond <= 0).sum(0)}
            if set(_INTERVAL_80) <= set(self.levels):
                low, high = (quantiles[..., self.levels.index(level)] for level in _INTERVAL_80)
                sums["covered"] = ((low <= truth) & (truth <= high)).sum(0)
        for name, value in sums.items():
            self._sums[name] = (
                self._sums.get(name, 0) + value
            )  # each [horizon, targets] or [horizon, targets, quantiles]
        self.windows += len(truth)
        self.window_mae.append(np.abs(standardised).mean(axis=(1, 2)).astype(np.float32))

    def metrics(self) -> dict[str, float | None]:
        """The metrics by their fixed names, over all windows, steps and targets.

        `mse` and `mae` on standardised values; `smape` from 0 to 2; `mase` against the naive error of training; `wql`, the
        weighted quantile loss: twice the pinball loss over the sum of absolute values, mean over quantiles and targets;
        `coverage_80`, the share between the quantiles 0.1 and 0.9. What is not defined is None.

        Reference:
            Hyndman and Koehler 2006 for `mase`; Gneiting and Raftery 2007 for the quantile loss.
        """
        mean = {name: value / self.windows for name, value in self._sums.items()}
        absolute = mean["absolute"].mean(0)  # [targets]
        size = mean["truth"].mean(0)
        scaled = absolute[self.naive_error > 0] / self.naive_error[self.naive_error > 0]
        weighted = 2 * mean["pinball"].mean(0)[size > 0] / size[size > 0]
        return {
            "mse": float(mean["squared"].mean()),
            "mae": float((mean["absolute"] / self.std).mean()),
            "smape": float(mean["smape"].mean()),
            "mase": float(scaled.mean()) if len(scaled) else None,
            "wql": float(weighted.mean()) if len(weighted) else None,
            "coverage_80": float(mean["covered"].mean()) if "covered" in mean else None,
        }

    def mae_of_targets(self) -> np.ndarray:
        """Mean absolute error of each target in its own unit, float64 `[targets]`."""
        return self._sums["absolute"].mean(0) / self.windows

    def mae_of_steps(self) -> np.ndarray:
        """Mean absolute error of each step ahead and target, in standard deviations: float64 `[horizon, targets]`."""
        return self._sums["absolute"] / self.windows / self.std

    def coverage_of_steps(self) -> np.ndarray | None:
        """Share of the truth between the quantiles 0.1 and 0.9, by step and target: float64 `[horizon, targets]`."""
        return self._sums["covered"] / self.windows if "covered" in self._sums else None

    def shares_below(self) -> np.ndarray:
        """Share of the truth at or below each quantile: float64 `[targets, quantiles]`; the levels, if they are right."""
        return self._sums["below"].mean(0) / self.windows
