"""What a training returns, and one that was stopped. If these fail, hours of work are lost or end in other numbers."""

import os
import signal

import keras
import numpy as np
import pytest

from apps.music.train import train
from common.console import Console, use_console
from common.runs import Run
from common.training.bookkeeping import Bookkeeping
from tests.apps.music.small_music import inputs_of, make_config, make_preprocessor, make_splits, random_symbols

SETTINGS = {"train.epochs": 2, "train.batch_size": 4, "train.checkpoint_every_steps": 2, "model.cell": "min_gru"}


@pytest.fixture(autouse=True)
def restore_policy():
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


def trained(folder, resume=False, events=False, **settings):
    config = make_config({**SETTINGS, **settings}, events)
    splits = make_splits(events)
    preprocessor = make_preprocessor(config, splits.train)
    run = Run(folder, "music")
    return preprocessor, train(config, run, splits, preprocessor, resume)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    use_console(Console())
    return trained(tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(whole, tmp_path, monkeypatch):
    """Keys, what is given, dropout and the order of the pieces go on, too."""
    original, seen = Bookkeeping.on_train_batch_begin, []

    def stopped(self, batch, logs=None):
        seen.append(batch)
        if len(seen) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        original(self, batch, logs)

    monkeypatch.setattr(Bookkeeping, "on_train_batch_begin", stopped)
    with pytest.raises(KeyboardInterrupt, match=r"step \d+ is saved"):
        trained(tmp_path)
    left = len(seen)
    _, model = trained(tmp_path, resume=True)
    assert 4 <= left < len(seen), "it was not stopped in the middle"
    for found, expected in zip(model.get_weights(), whole[1].get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_it_returns_foretells_without_its_optimizer(whole):
    preprocessor, model = whole
    logits = model(inputs_of(random_symbols(preprocessor.vocabulary, (2, 5)))).numpy()
    assert np.isfinite(logits).all() and not getattr(model, "optimizer", None)


def test_events_are_learned(tmp_path):
    settings = {"train.epochs": 12, "train.learning_rate": 2e-2, "preprocessing.transpose": 0}
    _, model = trained(tmp_path, events=True, **settings)
    rows = (tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()
    column = rows[0].split(",").index("val_log_loss")
    losses = [float(row.split(",")[column]) for row in rows[1:]]
    assert len(losses) == 12 and losses[-1] < 0.8 * losses[0]
    assert "ahead" not in {layer.name for layer in model.layers}


def test_a_training_in_16_bits_ends_in_a_model_of_32(tmp_path):
    settings = {"train.mixed_precision": True, "train.epochs": 1, "model.cell": "lstm", "preprocessing.chord": True}
    preprocessor, model = trained(tmp_path, **settings)
    assert {layer.compute_dtype for layer in model.layers} <= {"float32", "int32"}
    assert np.isfinite(model(inputs_of(random_symbols(preprocessor.vocabulary, (1, 5))))).all()
