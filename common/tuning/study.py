"""Optuna's part of a search: which values to try next, and whether a trial falls behind.

The study is made anew for every trial from the finished ones and a seed, so nothing of Optuna is on disk, an interrupted search
goes on as it would have, and no file of another version, or pickle, is ever read.
"""

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from common.config_options import AnyOf, Option
from common.errors import UserError
from common.quality import Quality
from common.tuning.record import COMPLETE, FAILED, PRUNED, Trial
from common.tuning.space import Space, is_whole

STARTUP_TRIALS = 8  # drawn at random, before the finished ones say where to look
_PRUNED_AFTER = 4  # finished trials, before one may fall behind; never after its first epoch


def require_optuna() -> Any:
    """Returns the package.

    Raises:
        UserError: If it is not installed.
    """
    try:
        optuna = importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise UserError(
            "tune needs the package optuna, which is not installed; make setup installs it, and so does "
            "pip install -c constraints.txt -e '.[tune]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class Suggestion:
    """Values to try, and what tells a trial that falls behind.

    Attributes:
        params: Values by dotted path.
    """

    def __init__(self, trial: Any, params: Mapping[str, Any], quality: Quality):
        self._trial, self.params, self._quality = trial, dict(params), quality

    def falls_behind(self, epoch: int, value: float) -> bool:
        """Whether the best epoch of this trial is worse than half of the others were after as many epochs.

        Args:
            epoch: From 1.
            value: Of `quality.monitor`, of which less is better.
        """
        if not math.isfinite(value):
            return False  # the training itself ends with a sentence
        self._trial.report(value if self._quality.mode == "min" else -value, epoch)
        return self._trial.should_prune()


def suggest(
    finished: Sequence[Trial],
    space: Space,
    options: Mapping[str, Option],
    quality: Quality,
    seed: int,
    values: Mapping[str, Any] | None = None,
) -> Suggestion:
    """Returns what to try next.

    Args:
        finished: All trials before, in their order.
        space: What is looked through.
        options: All settings by dotted path.
        quality: What is looked for.
        seed: Of the search.
        values: To be tried now, whatever the study would say: some or all of the values.
    """
    optuna = require_optuna()
    distributions = {path: _distribution(optuna, each, options[path]) for path, each in space.items()}
    study = optuna.create_study(
        direction="minimize" if quality.mode == "min" else "maximize",
        # Other random numbers for each trial, the same ones whenever it is that trial's turn.
        sampler=optuna.samplers.TPESampler(
            seed=(seed * 100_003 + len(finished)) % 2**32, n_startup_trials=STARTUP_TRIALS
        ),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_PRUNED_AFTER, n_warmup_steps=1),
    )
    states = {
        COMPLETE: optuna.trial.TrialState.COMPLETE,
        PRUNED: optuna.trial.TrialState.PRUNED,
        FAILED: optuna.trial.TrialState.FAIL,
    }
    sign = 1.0 if quality.mode == "min" else -1.0
    for trial in finished:
        study.add_trial(
            optuna.trial.create_trial(
                state=states[trial.state],
                value=trial.quality if trial.state == COMPLETE else None,
                params=trial.params,
                distributions=distributions,
                intermediate_values={epoch: sign * value for epoch, value in trial.epochs.items()},
            )
        )
    if values:
        study.enqueue_trial(dict(values))
    asked = study.ask(distributions)
    return Suggestion(asked, asked.params, quality)


def _distribution(optuna: Any, values: Any, option: Option) -> Any:
    if isinstance(values, AnyOf):
        return optuna.distributions.CategoricalDistribution(values.values)
    if is_whole(option):
        return optuna.distributions.IntDistribution(int(values.low), int(values.high), log=values.log)
    return optuna.distributions.FloatDistribution(float(values.low), float(values.high), log=values.log)
