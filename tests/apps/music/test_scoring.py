"""The likelihood is the figure by which models of music are compared. If these fail, it is not that of the pieces."""

import keras
import numpy as np
import pytest
from keras import ops

from apps.music.batches import states_before
from apps.music.pieces import Pieces
from apps.music.preprocessing import Preprocessor
from apps.music.scoring import score
from apps.music.steps import StepwiseNetwork
from apps.music.vocabulary import HOLD
from tests.apps.music.small_music import (
    cut,
    make_config,
    make_network,
    make_note_pieces,
    make_pieces,
    make_preprocessor,
)

KINDS = {
    "four voices": {},
    "their chord, nothing given in training": {
        "preprocessing.chord": True,
        "train.given_fraction": 0.0,
        "train.end_fraction": 0.0,
    },
    "events": None,
}


@pytest.fixture(scope="module", params=KINDS)
def made(request):
    """Preprocessor, network, and pieces of which one is longer than what is looked at at once."""
    overrides = KINDS[request.param]
    events = overrides is None
    config = make_config({"preprocessing.max_length": 16, **(overrides or {})}, events)
    preprocessor = make_preprocessor(config)
    if events:
        pieces = make_note_pieces(3, seed=7, notes=4)
    else:
        some = make_pieces(3, seed=7).pieces
        pieces = Pieces(tuple(cut(piece, length) for piece, length in zip(some, (4, 18, 1))), "held out")
    return preprocessor, make_network(config, preprocessor), pieces


def step_by_step(network, symbols, begin=0):
    """Nats and the likeliest symbol of each symbol from a step on, one after the other: float64 and int [time, slots]."""
    before, symbols = symbols[:begin], symbols[begin:]
    time, slots = symbols.shape
    positions = np.arange(time, dtype=np.int32)[None] % 16 if slots > 1 else np.zeros((1, time), np.int32)
    nothing = np.zeros((1, time, slots), np.int32)
    step, state = StepwiseNetwork(network).start(
        ops.convert_to_tensor(positions),
        ops.zeros((1, time), "int32"),
        ops.convert_to_tensor(nothing),
        ops.convert_to_tensor([time]),
    )
    if begin:  # of what was before, what sounds is known
        sounding, ages = states_before(before)
        known = {"now": before[-1], "sounding": sounding[-1], "ages": ages[-1]}
        state = {**state, **{name: ops.convert_to_tensor(each[None], "int32") for name, each in known.items()}}
    nats, best, last = [], [], int(before[-1, -1]) if begin else 0
    for symbol in symbols.ravel().tolist():
        logits, state = step(ops.convert_to_tensor([last], "int32"), state)
        logits = np.asarray(logits, np.float64)[0]
        nats.append(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[symbol])
        best.append(int(logits.argmax()))
        last = symbol
    return np.reshape(nats, symbols.shape), np.reshape(best, symbols.shape)


def test_the_nats_are_those_of_one_symbol_after_the_other(made):
    preprocessor, network, pieces = made
    nats, best, symbols = [], [], []
    for piece in pieces:
        symbols.append(preprocessor.encode(piece))
        parts = [step_by_step(network, symbols[-1][:16])]
        if len(symbols[-1]) > 16:
            parts.append(step_by_step(network, symbols[-1], 16))
        nats += [part[0] for part in parts]
        best += [part[1] for part in parts]
    nats, best, symbols = map(np.concatenate, (nats, best, symbols))
    found = score(network, preprocessor, pieces)
    assert found.nats.shape == symbols.shape == (len(symbols), preprocessor.vocabulary.slots)
    assert found.nats.dtype == np.float64
    one, other = np.lexsort(found.nats.T), np.lexsort(nats.T)  # the scores are in no order of time
    np.testing.assert_allclose(found.nats[one], nats[other], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found.hits[one], (best == symbols)[other])
    np.testing.assert_array_equal(found.holds[one], (symbols == HOLD)[other])


def test_more_pieces_than_fit_into_a_batch_count_once_each(made):
    preprocessor, network, pieces = made
    many = Pieces(pieces.pieces * 4, "many")
    once, often = score(network, preprocessor, pieces), score(network, preprocessor, many)
    assert len(often.nats) == 4 * len(once.nats)
    assert often.nats.sum() == pytest.approx(4 * once.nats.sum(), rel=1e-5)
    assert often.hits.sum() == 4 * once.hits.sum()


def test_a_network_that_is_sure_and_right_loses_nothing(tmp_path):
    """The same of a network that was saved and loaded, and a preprocessor that was."""
    config = make_config({"data.voices": 1})
    pieces = make_pieces(voices=1)
    preprocessor = make_preprocessor(config, pieces)
    network = make_network(config, preprocessor)
    bias = network.get_layer("scores").bias
    bias.assign(50.0 * ops.one_hot(HOLD, bias.shape[0]))
    scores = score(network, preprocessor, pieces)
    assert scores.nats[scores.holds].max() < 1e-3 < 5 < scores.nats[~scores.holds].min()
    np.testing.assert_array_equal(scores.hits, scores.holds)
    network.save(tmp_path / "model.keras")
    preprocessor.save(tmp_path)
    again = score(keras.saving.load_model(tmp_path / "model.keras"), Preprocessor.load(tmp_path), pieces)
    np.testing.assert_allclose(again.nats, scores.nats, rtol=1e-6)
