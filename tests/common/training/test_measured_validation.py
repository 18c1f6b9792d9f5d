"""A score that no metric over batches is decides which weights a person gets."""

import csv

import numpy as np
import pytest

from common.config_sections import TrainConfig
from common.errors import UserError
from common.runs import Run
from common.training.fit import resumable_fit
from common.training.seeds import set_seeds
from tests.common.training import small_training as small


def fitted(path, measure, **settings):
    config = TrainConfig(
        epochs=4, learning_rate=0.01, patience=0, tensorboard=False, jit_compile=False, checkpoint_every_steps=0
    )
    config = config.model_copy(update=settings)
    set_seeds(0)
    model = small.build_model(config)
    console = small.QuietConsole()
    result = resumable_fit(
        model,
        small.Batches(),
        lambda: measure(model),
        Run(path, "sentiment"),
        config,
        monitor="val_score",
        mode="max",
        console=console,
    )
    return model, result, console


def test_the_weights_that_a_function_found_best_are_kept(tmp_path):
    scores, seen = [1.0, 5.0, 2.0, 3.0], []

    def measure(model):
        seen.append([np.array(value) for value in model.get_weights()])
        return {"score": scores[len(seen) - 1], "other": 7}

    model, result, console = fitted(tmp_path, measure)
    assert (result.best_epoch, result.best_value) == (2, 5.0)
    for found, expected in zip(model.get_weights(), seen[1], strict=True):
        np.testing.assert_array_equal(found, expected)
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_score"]) for row in rows] == scores and rows[0]["val_other"] == "7.0"
    assert any("val_score 5" in line and "best so far" in line for line in console.lines)


def test_it_measures_the_mean_of_the_weights_and_the_training_goes_on_with_the_others(tmp_path):
    measured = []

    def measure(model):
        averages = [np.array(value.numpy()) for value in model.optimizer.averages]
        for variable, average in zip(model.trainable_variables, averages, strict=True):
            np.testing.assert_array_equal(variable.numpy(), average)
        measured.append(averages)
        return {"score": float(len(measured))}

    fitted(tmp_path, measure, weight_average=0.9, epochs=2)
    assert len(measured) == 2
    _, unmeasured, _ = fitted(tmp_path / "other", lambda model: {"score": 0.0}, epochs=2)
    losses = [row["loss"] for row in unmeasured.history]
    _, averaged, _ = fitted(tmp_path / "averaged", lambda model: {"score": 0.0}, epochs=2, weight_average=0.9)
    np.testing.assert_allclose([row["loss"] for row in averaged.history], losses, rtol=1e-6)


def test_a_score_that_is_no_number_stops_the_training(tmp_path):
    with pytest.raises(UserError, match="val_score is nan after epoch 1"):
        fitted(tmp_path, lambda model: {"score": float("nan")})
