"""What a training returns, and one that was stopped. If these fail, hours of work are lost or end in other numbers."""

import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.translation.batches import token_ids
from apps.translation.diagnose import diagnose
from apps.translation.pairs import Splits
from apps.translation.serving import EXAMPLES
from apps.translation.train import train
from apps.translation.translate import translate
from common.console import Console, use_console
from common.errors import UserError
from common.runs import Run
from common.training.bookkeeping import Bookkeeping
from tests.apps.translation.small_model import forced, make_config, make_pairs, make_preprocessor

SPLITS = Splits(make_pairs(120), make_pairs(20, seed=1), make_pairs(10, seed=2), "en", "de")
SETTINGS = {"epochs": 2, "batch_size": 100, "checkpoint_every_steps": 3, "tensorboard": False, "jit_compile": False}


@pytest.fixture(autouse=True)
def restore_policy():
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


def trained(folder, resume=False, model=None, **settings):
    config = make_config(model=model, train={**SETTINGS, **settings}, unit="word", length_buckets=1)
    preprocessor = make_preprocessor(config, SPLITS.train)
    run = Run(folder, "translation")
    return config, preprocessor, train(config, run, SPLITS, preprocessor, resume)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    use_console(Console())
    return trained(tmp_path_factory.mktemp("whole"), scheduled_sampling=0.5)


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(whole, tmp_path, monkeypatch):
    """Dropout, the order of the pairs and the share of scheduled sampling go on, too."""
    original, seen = Bookkeeping.on_train_batch_begin, []

    def stopped(self, batch, logs=None):
        seen.append(batch)
        if len(seen) == 8:
            os.kill(os.getpid(), signal.SIGINT)
        original(self, batch, logs)

    monkeypatch.setattr(Bookkeeping, "on_train_batch_begin", stopped)
    with pytest.raises(KeyboardInterrupt, match=r"step \d+ is saved"):
        trained(tmp_path, scheduled_sampling=0.5)
    left = len(seen)
    *_, model = trained(tmp_path, resume=True, scheduled_sampling=0.5)
    assert 8 <= left < len(seen), "it was not stopped in the middle"
    for found, expected in zip(model.get_weights(), whole[2].get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_it_returns_translates(whole):
    _, preprocessor, model = whole
    translations, scores = translate(model, preprocessor, list(EXAMPLES))
    assert len(translations) == len(EXAMPLES) and np.isfinite(scores).all()
    assert not getattr(model, "optimizer", None)


def test_a_training_in_16_bits_ends_in_a_model_of_32(tmp_path):
    _, preprocessor, model = trained(tmp_path, mixed_precision=True, epochs=1, model={"tied": "all", "cell": "lstm"})
    assert {layer.compute_dtype for layer in model.layers} <= {"float32", "int32"}
    source_ids = preprocessor(tf.constant(EXAMPLES))["source_ids"]
    assert model({"source_ids": source_ids, "target_inputs": forced(source_ids)}).dtype == tf.float32
    assert np.isfinite(translate(model, preprocessor, list(EXAMPLES))[1]).all()


def test_pairs_that_are_all_too_long_are_one_sentence(tmp_path):
    config = make_config(train=SETTINGS, unit="word", max_length=2)
    preprocessor = make_preprocessor(config, SPLITS.train)
    longer = SPLITS.train.take(np.array([len(source.split()) > 3 for source in SPLITS.train.sources]))
    splits = Splits(longer, SPLITS.validation, SPLITS.test, "en", "de")
    with pytest.raises(UserError, match=r"side of more than 2 tokens; raise --preprocessing\.max_length"):
        train(config, Run(tmp_path, "translation"), splits, preprocessor)


@pytest.mark.parametrize("state", ["trained", "untrained"])
def test_the_gradient_through_time_is_drawn(whole, state, tmp_path):
    config, preprocessor, model = whole
    found = diagnose(config, tmp_path, SPLITS, preprocessor, model if state == "trained" else None)
    assert (tmp_path / "gradient_through_time.png").read_bytes().startswith(b"\x89PNG")
    assert list(found) == [f"gru ({state})", "simple_rnn (untrained)"]
    longest = int(token_ids(SPLITS.train.take(np.arange(32)), preprocessor)[0].row_lengths().numpy().max())
    assert all(len(each["norms"]) == longest for each in found.values())
