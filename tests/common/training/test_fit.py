"""What a user loses without these: the best weights, the reason why a training failed, the curves."""

import csv
import json
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from common.config_sections import TrainConfig
from common.errors import UserError
from common.runs import Run
from common.training.fit import _warn_of_few_steps
from tests.common.training import small_training as small


def config(**changes):
    # Not compiled: that is test_resume's, and would cost three seconds a test here.
    defaults = {"epochs": 3, "learning_rate": 0.01, "patience": 0, "checkpoint_every_steps": 0}
    defaults |= {"tensorboard": False, "jit_compile": False}
    return TrainConfig(**(defaults | changes))


def history(path):
    with open(path / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_model_ends_with_the_weights_of_its_best_epoch(tmp_path):
    # A learning rate that makes things worse after a while.
    model, result = small.train(tmp_path, config(epochs=6, learning_rate=0.5, schedule="constant"), small.Batches())
    values = [row["val_loss"] for row in result.history]
    assert result.best_epoch == 1 + int(np.argmin(values))
    assert model.evaluate(small.validation_data(), return_dict=True, verbose=0)["loss"] == pytest.approx(min(values))
    assert result.best_value == min(values)


@pytest.mark.parametrize(("preset", "warned"), [(None, True), ("tiny", False), ("overfit", False), ("photos", True)])
def test_few_steps_are_said_with_a_number_of_epochs(tmp_path, preset, warned):
    """Else a person takes a network that had hardly begun for all that their data give."""
    (tmp_path / "run.json").write_text(json.dumps({"app": "sentiment", "preset": preset}))
    console, run = small.QuietConsole(), Run(tmp_path, "sentiment")
    _warn_of_few_steps(4, 2, run, console)
    sentence = "warning: 8 steps in all are few for a network that starts from nothing; more epochs: --train.epochs 25"
    assert console.lines == [sentence] * warned
    _warn_of_few_steps(4, 25, run, console)
    assert len(console.lines) == warned


def test_a_short_training_warns_before_it_begins(tmp_path):
    console = small.QuietConsole()
    small.train(tmp_path, config(epochs=1), small.Batches(), console=console)
    assert console.lines[0].startswith("warning: 10 steps in all are few")


def test_early_stopping_waits_for_patience_and_no_longer(tmp_path):
    # A learning rate of nearly nothing: with "max" on the loss, falling is never better.
    _, result = small.train(tmp_path, config(epochs=9, patience=2), small.Batches(), monitor="val_loss", mode="max")
    assert result.stopped_early
    assert len(result.history) == result.best_epoch + 2
    assert len(history(tmp_path)) == len(result.history)


def test_averaged_weights_are_the_ones_validated_and_kept(tmp_path):
    model, result = small.train(
        tmp_path, config(weight_average=0.9), small.Batches(), monitor="val_accuracy", mode="max"
    )
    best = result.history[result.best_epoch - 1]
    again = model.evaluate(small.validation_data(), return_dict=True, verbose=0)
    assert again["loss"] == pytest.approx(best["val_loss"], rel=1e-6)
    averages = {v.path: a for v, a in zip(model.trainable_variables, model.optimizer.averages, strict=True)}
    if result.best_epoch == 3:
        for variable in model.trainable_variables:
            np.testing.assert_array_equal(variable.numpy(), averages[variable.path].numpy())


def test_validation_does_not_disturb_a_training_with_averaged_weights(tmp_path):
    averaged, _ = small.train(
        tmp_path / "a", config(epochs=2, weight_average=0.9, schedule="constant"), small.Batches(5)
    )
    plain, _ = small.train(tmp_path / "b", config(epochs=2, schedule="constant"), small.Batches(5))
    # The second epoch of both ran on the same weights, so Adam's momentum is the same bit for bit.
    for left, right in zip(averaged.optimizer._momentums, plain.optimizer._momentums, strict=True):
        np.testing.assert_array_equal(left.numpy(), right.numpy())


def test_nan_stops_with_a_sentence_that_names_the_step_and_leaves_a_good_checkpoint(tmp_path):
    with pytest.raises(UserError, match=r"step 15, in epoch 2; try a lower --train.learning_rate .*clip_norm") as error:
        small.train(tmp_path, config(checkpoint_every_steps=4), small.Batches(poison_at=14))
    assert "\n" not in str(error.value)
    newest = max((p for p in (tmp_path / "checkpoints").iterdir() if p.name.isdecimal()), key=lambda p: int(p.name))
    assert newest.name == "12"
    with np.load(newest / "variables.npz") as arrays:
        assert all(np.isfinite(arrays[name]).all() for name in arrays.files)
    assert len(history(tmp_path)) == 1


def test_nan_in_the_last_step_of_an_epoch_is_not_saved_either(tmp_path):
    with pytest.raises(UserError, match="step 10, in epoch 1"):
        small.train(tmp_path, config(), small.Batches(poison_at=9))
    assert not (tmp_path / "checkpoints").exists()


def test_ctrl_c_saves_the_step_it_stopped_at_and_says_how_to_go_on(tmp_path):
    def interrupt(step):
        if step == 17:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=f"apps.sentiment train --resume {tmp_path}") as stop:
        small.train(tmp_path, config(), small.Batches(on_step=interrupt))
    (step,) = [int(p.name) for p in (tmp_path / "checkpoints").iterdir() if p.name.isdecimal() and p.name != "10"]
    # The data are asked for a little before their step runs.
    assert 11 <= step <= 18
    assert f"step {step} is saved" in str(stop.value)


@pytest.mark.parametrize("epochs", [1, 3])
def test_ctrl_c_in_validation_keeps_the_epoch_and_resume_ends_it(tmp_path, monkeypatch, epochs):
    before, sent = signal.getsignal(signal.SIGINT), []

    def interrupt(self, batch, logs=None):
        if not sent:
            sent.append(batch)
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("common.training.reporting.Reporting.on_test_batch_begin", interrupt)
        with pytest.raises(KeyboardInterrupt, match=r"step 10 is saved, continue with: .* --resume"):
            small.train(tmp_path, config(epochs=epochs), small.Batches())
    assert signal.getsignal(signal.SIGINT) is before
    _, result = small.train(tmp_path, config(epochs=epochs), small.Batches(), resume=True)
    assert result.resumed_step == 10
    assert [row["epoch"] for row in history(tmp_path)] == ["1", "2", "3"][:epochs]


def test_resuming_a_finished_training_trains_nothing_and_gives_its_best_weights(tmp_path):
    first, _ = small.train(tmp_path, config(epochs=2), small.Batches())

    def fail(step):
        raise AssertionError("asked for data")

    second, result = small.train(tmp_path, config(epochs=2), small.Batches(on_step=fail), resume=True)
    assert len(result.history) == 2
    for left, right in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(left.numpy(), right.numpy())


def test_more_epochs_continue_a_finished_training(tmp_path):
    small.train(tmp_path, config(epochs=1), small.Batches())
    _, result = small.train(tmp_path, config(epochs=2), small.Batches(), resume=True)
    assert result.resumed_step == 10
    assert [row["epoch"] for row in history(tmp_path)] == ["1", "2"]


def test_checkpoints_of_another_training_are_not_mixed_in(tmp_path):
    small.train(tmp_path, config(epochs=1), small.Batches(5))
    with pytest.raises(UserError, match="continue from it with --resume"):
        small.train(tmp_path, config(epochs=1), small.Batches(5))
    with pytest.raises(UserError, match="5 steps an epoch and the data have 7 now"):
        small.train(tmp_path, config(epochs=1), small.Batches(7), resume=True)


def test_an_unknown_monitor_is_named_with_the_choices(tmp_path):
    with pytest.raises(ValueError, match=r"'val_f1' is none of the metrics .*val_accuracy"):
        small.train(tmp_path, config(epochs=1), small.Batches(3), monitor="val_f1")


def curves_in(folder):
    curves = {}
    (path,) = folder.iterdir()
    for event in tf.compat.v1.train.summary_iterator(str(path)):
        for value in event.summary.value:
            curves.setdefault(value.tag, []).append(event.step)
    return curves


def test_a_person_sees_every_epoch_and_tensorboard_gets_its_curves(tmp_path):
    console = small.QuietConsole()
    small.train(tmp_path, config(epochs=2, tensorboard=True), small.Batches(20), console)
    assert "epoch 1/2" in console.lines and "epoch 2/2 validation" in console.lines
    assert any(line.startswith("  epoch 2/2: accuracy") and "val_loss" in line for line in console.lines)
    assert (19, {}) not in console.updates and any("loss" in metrics for _, metrics in console.updates)
    curves = {part: curves_in(tmp_path / "logs" / part) for part in ("train", "validation")}
    assert set(curves["train"]) == {"loss", "accuracy", "learning_rate", "gradient_norm"}
    assert curves["train"]["gradient_norm"] == [10, 20, 30, 40]
    assert curves["validation"] == {"loss": [20, 40], "accuracy": [20, 40]}


class TwoLengths(small.Batches):
    """Claims two lengths, in turn, from the second step on."""

    def padded_lengths(self, epoch):
        return [8, *([8, 16] * self.steps_per_epoch)][: self.steps_per_epoch]


def test_only_the_first_step_of_each_length_is_said_to_be_compiled(tmp_path):
    console = small.QuietConsole()
    small.train(tmp_path, config(epochs=2), TwoLengths(10), console)
    assert console.unusual == [1, 3]
