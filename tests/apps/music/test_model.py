"""If these fail, the network sees what it is to foretell, or padding, or it cannot learn or be saved."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.music.batches import PieceBatches
from apps.music.config import ModelConfig
from apps.music.model import FARTHEST_END, build_model
from apps.music.vocabulary import FREE, HOLD
from common.training.token_losses import SmoothedCrossEntropy
from tests.apps.music.small_music import (
    inputs_of,
    make_config,
    make_network,
    make_note_pieces,
    make_pieces,
    make_preprocessor,
    random_symbols,
)

SHAPE = (2, 9)


@pytest.fixture(scope="module")
def preprocessor():
    return make_preprocessor(make_config({"preprocessing.chord": True}))


@pytest.fixture(scope="module")
def network(preprocessor):
    return make_network(make_config({"model.layers": 2, "preprocessing.chord": True}), preprocessor)


@pytest.fixture(scope="module")
def symbols(preprocessor):
    return random_symbols(preprocessor.vocabulary, SHAPE)


def given_in(symbols, *places):
    given = np.zeros_like(symbols)
    for place in places:
        given[:, *place] = symbols[:, *place]
    return given


def changed(one, other, least=1e-4):
    """Which logits [time, slots] differ."""
    return np.abs(np.asarray(one) - np.asarray(other)).max(axis=(0, 3)) > least


def test_logits_are_of_what_each_slot_can_say(network, preprocessor, symbols):
    logits = network(inputs_of(symbols)).numpy()
    allowed = preprocessor.vocabulary.allowed()
    assert logits.shape == (*symbols.shape, preprocessor.vocabulary.size) and logits.dtype == np.float32
    assert np.abs(logits[..., allowed]).max() < 1e4 and (logits[..., ~allowed] < -1e8).all()


def test_padding_changes_nothing(network, symbols):
    given = given_in(symbols, (3, 1), (6, 2))
    whole = network(inputs_of(symbols, told=True, given=given)).numpy()
    padded = {
        name: np.pad(each, [(0, 1), (0, 4)] + [(0, 0)] * (each.ndim - 2))
        for name, each in inputs_of(symbols, told=True, given=given).items()
    }
    np.testing.assert_allclose(network(padded).numpy()[:-1, : SHAPE[1]], whole, atol=1e-5)


def test_a_symbol_changes_only_what_is_said_after_it(network, preprocessor, symbols):
    before = network(inputs_of(symbols))
    allowed = preprocessor.vocabulary.allowed()
    slots = symbols.shape[2]
    for time, slot in [(0, 0), (0, slots - 1), (4, 0), (4, 2), (8, slots - 2)]:
        other = symbols.copy()
        possible = np.flatnonzero(allowed[slot])
        other[:, time, slot] = [possible[-1 if each != possible[-1] else -2] for each in symbols[:, time, slot]]
        found = changed(before, network(inputs_of(other)), least=0).ravel()
        place = time * slots + slot
        assert not found[: place + 1].any(), "it sees what it is to foretell"
        assert changed(before, network(inputs_of(other))).ravel()[place + 1 :].any()


def test_what_is_given_is_seen_before_it_comes_and_not_after(network, symbols):
    plain = network(inputs_of(symbols))
    ahead = network(inputs_of(symbols, given=given_in(symbols, (5, 1))))
    expected = np.zeros(symbols.shape[1:], bool)
    expected[:6] = True
    np.testing.assert_array_equal(changed(plain, ahead), expected)
    both = network(inputs_of(symbols, given=given_in(symbols, (5, 1), (2, 3))))
    expected[3:] = False
    np.testing.assert_array_equal(changed(ahead, both), expected)


def test_where_nothing_is_to_come_the_length_is_not_known(network, symbols):
    """Else it hears the end in the number of steps that are left, and a piece that is composed has no such number."""
    for given in (np.zeros_like(symbols), given_in(symbols, (1, 2))):
        whole = network(inputs_of(symbols, given=given)).numpy()
        cut = network({name: each[:, :5] for name, each in inputs_of(symbols, given=given).items()}).numpy()
        np.testing.assert_allclose(cut[:, 2:], whole[:, 2:5], atol=1e-5)


def test_a_network_that_is_never_given_anything_does_not_look(preprocessor, symbols):
    config = make_config({"train.given_fraction": 0.0, "train.end_fraction": 0.0, "preprocessing.chord": True})
    network = make_network(config, preprocessor)
    assert {"ahead", "given_vectors", "end_vectors"}.isdisjoint(layer.name for layer in network.layers)
    asked = network(inputs_of(symbols, told=True, given=symbols))
    np.testing.assert_array_equal(asked, network(inputs_of(symbols)))


def test_the_end_is_told_when_it_is_near(network, symbols):
    inputs = inputs_of(symbols)
    far = {**inputs, "remaining": np.full(SHAPE, FARTHEST_END + 1, np.int32)}
    np.testing.assert_array_equal(network(far), network(inputs))
    assert changed(network(inputs_of(symbols, told=True)), network(inputs)).all()


def test_bars_are_heard(network, symbols):
    moved = inputs_of(symbols, positions=np.tile((np.arange(SHAPE[1]) + 1) % 16, (2, 1)))
    assert changed(network(moved), network(inputs_of(symbols))).all()


def test_what_sounds_is_known_at_the_first_step_of_a_later_part(network, symbols):
    """A long piece is trained on in parts."""
    part = {name: each[:, 4:] for name, each in inputs_of(symbols).items()}
    silent = {**part, "sounding": part["sounding"].copy()}
    silent["sounding"][:, 0] = FREE
    assert changed(network(part), network(silent)).any(axis=1)[0]


@pytest.mark.parametrize("cell", ["gru", "slstm", "min_gru"])  # of each kind one; all cells are in test_steps.py
def test_cells_learn(cell):
    """Four pieces by heart, as far as thirty steps go."""
    quiet = {"model.dropout": 0.0, "model.input_dropout": 0.0, "preprocessing.transpose": 0}
    config = make_config({"model.cell": cell, **quiet})
    pieces = make_pieces(4, lengths=(16,))
    preprocessor = make_preprocessor(config, pieces)
    inputs, labels, weights = next(iter(PieceBatches(pieces, preprocessor, 4, 0, 0.5, 0.5).dataset()))
    keras.utils.set_random_seed(0)
    network = build_model(config, preprocessor)
    loss, optimizer = SmoothedCrossEntropy(), keras.optimizers.Adam(2e-2)
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=False)
    def train():
        with tf.GradientTape() as tape:
            value = loss(labels, network(inputs, training=True), sample_weight=weights)
        gradients = tape.gradient(value, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)
        return value, tf.reduce_all([tf.reduce_all(tf.math.is_finite(tf.convert_to_tensor(g))) for g in gradients])

    found = [train() for _ in range(30)]
    losses = np.array([float(value) for value, _ in found])
    assert np.isfinite(losses).all() and all(bool(finite) for _, finite in found)
    assert losses[-1] < 0.7 * losses[0]


def test_a_cell_that_cannot_be_started_is_refused():
    with pytest.raises(ValueError, match=r"model\.cell is qrnn, .* choose another, such as sru"):
        ModelConfig(cell="qrnn")


def test_each_dropout_acts_in_training_alone(preprocessor, symbols):
    off = {"preprocessing.chord": True, "model.layers": 2, "model.dropout": 0.0, "model.input_dropout": 0.0}
    plain = make_network(make_config(off), preprocessor)
    inputs = inputs_of(symbols)
    expected = plain(inputs).numpy()
    np.testing.assert_allclose(plain(inputs, training=True), expected, atol=1e-5)
    for name in ("dropout", "input_dropout", "recurrent_dropout"):
        network = make_network(make_config({**off, f"model.{name}": 0.5}), preprocessor)
        np.testing.assert_allclose(network(inputs), expected, atol=1e-5)
        one, other = (network(inputs, training=True) for _ in range(2))
        assert changed(one, expected).any() and changed(one, other).any(), name


def test_xla_says_the_same(network, symbols):
    inputs = {
        name: tf.constant(each)
        for name, each in inputs_of(symbols, told=True, given=symbols * (symbols != HOLD)).items()
    }
    compiled = tf.function(lambda inputs: network(inputs), jit_compile=True)
    np.testing.assert_allclose(compiled(inputs), network(inputs), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("events", [False, True])
def test_a_saved_network_answers_the_same(events, tmp_path):
    config = make_config({"model.cell": "lstm", "model.layers": 2}, events)
    pieces = make_note_pieces() if events else make_pieces()
    preprocessor = make_preprocessor(config, pieces)
    network = make_network(config, preprocessor)
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    symbols = random_symbols(preprocessor.vocabulary, SHAPE)
    inputs = inputs_of(symbols, told=True, given=symbols)
    np.testing.assert_array_equal(loaded(inputs), network(inputs))
