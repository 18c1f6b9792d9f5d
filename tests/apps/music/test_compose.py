"""If these fail, what was asked for is not in the piece, or the same seed composes another piece."""

import numpy as np
import pytest
import tensorflow as tf

from apps.music.compose import Composer, compose_pieces
from apps.music.events import END
from apps.music.vocabulary import FREE, HOLD, REST
from tests.apps.music.small_music import inputs_of, make_config, make_network, make_preprocessor, random_symbols

STEPS = 7


@pytest.fixture(scope="module", params=["voices", "events"])
def made(request):
    events = request.param == "events"
    config = make_config({} if events else {"data.voices": 3}, events)
    preprocessor = make_preprocessor(config)
    network = make_network(config, preprocessor)
    if events:  # else it never ends
        bias = network.get_layer("scores").bias
        bias.assign(bias + 4.0 * (tf.range(bias.shape[0]) == END).numpy())
    compose = tf.function(Composer(network, preprocessor).compose, reduce_retracing=True)
    return preprocessor, network, compose


def ask(made, lengths, given=None, seeds=None, temperature=1.0, top_p=1.0, bar=16):
    """Composes pieces of so many steps: symbols int [batch, time, slots], and logarithms of their probabilities."""
    preprocessor, _, compose = made
    batch, time, lengths = len(lengths), max(lengths), np.array(lengths, np.int32)
    if given is None:
        given = np.zeros((batch, time, preprocessor.vocabulary.slots), np.int32)
    symbols, logs = compose(
        tf.constant(given, tf.int32),
        tf.constant(np.tile(np.arange(time) % bar, (batch, 1)), tf.int32),
        tf.constant(np.maximum(lengths[:, None] - np.arange(time), 0), tf.int32),
        tf.constant(lengths),
        tf.constant(np.arange(batch) if seeds is None else seeds, tf.int32),
        tf.fill([batch], float(temperature)),
        tf.fill([batch], float(top_p)),
    )
    return symbols.numpy(), logs.numpy()


def log_probabilities(network, symbols, length, given=None):
    """Of each symbol of one piece, teacher forced: float64 [time, slots, vocabulary]."""
    given = None if given is None else given[None, :length]
    logits = network(inputs_of(symbols[None, :length], told=True, given=given)).numpy()[0].astype(np.float64)
    return (
        logits
        - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - logits.max(-1, keepdims=True)
    )


def said(preprocessor, symbols):
    """Steps of a piece that were said, the end too."""
    ends = np.flatnonzero(symbols[:, 0] == END) if not preprocessor.has_voices else []
    return int(ends[0]) + 1 if len(ends) else len(symbols)


def test_the_probability_is_that_of_teacher_forcing(made):
    preprocessor, network, _ = made
    lengths = [STEPS, 4, 1, STEPS, STEPS]
    given = np.zeros((5, STEPS, preprocessor.vocabulary.slots), np.int32)
    given[3, :2, 0] = random_symbols(preprocessor.vocabulary, (1, STEPS), seed=3)[0, :2, 0]
    symbols, logs = ask(made, lengths, given)
    for row, length in enumerate(lengths):
        length = min(length, said(preprocessor, symbols[row]))
        piece = symbols[row, :length]
        assert (piece != FREE).all() and not symbols[row, length:].any()
        inputs = given[row, : lengths[row]]
        padded = symbols[row, : lengths[row]].copy()
        found = log_probabilities(network, np.where(padded == FREE, END, padded), lengths[row], inputs)[:length]
        expected = np.take_along_axis(found, piece[..., None], axis=-1).sum()
        assert logs[row] == pytest.approx(expected, abs=1e-3)
    np.testing.assert_array_equal(symbols[3, :2, 0], given[3, :2, 0])


def test_what_is_given_is_kept(made):
    preprocessor = made[0]
    whole = random_symbols(preprocessor.vocabulary, (3, STEPS), seed=2)
    whole[whole == END] = preprocessor.vocabulary.size - 1 if not preprocessor.has_voices else END
    symbols, _ = ask(made, [STEPS] * 3, whole)
    np.testing.assert_array_equal(symbols, whole)
    random = np.random.default_rng(0)
    given = np.where(random.random(whole.shape) < 0.4, whole, FREE)
    symbols, _ = ask(made, [STEPS] * 3, given)
    going_on = np.arange(STEPS) < np.array([[said(preprocessor, each)] for each in symbols])
    kept = (given != FREE) & going_on[..., None]
    np.testing.assert_array_equal(symbols[kept], given[kept])
    assert (symbols[going_on] != FREE).all()


def test_a_piece_depends_on_its_seed_and_on_nothing_beside_it(made):
    lengths, seeds = [STEPS, 4, STEPS, STEPS], [5, 6, 5, 7]
    symbols, logs = ask(made, lengths, seeds=seeds)
    np.testing.assert_array_equal(symbols[0], symbols[2])
    assert (symbols[0] != symbols[3]).any()
    again, _ = ask(made, lengths, seeds=seeds)
    np.testing.assert_array_equal(symbols, again)
    for row, length in enumerate(lengths):
        alone, log = ask(made, [length], seeds=seeds[row : row + 1])
        np.testing.assert_array_equal(alone[0], symbols[row, :length])
        np.testing.assert_allclose(log[0], logs[row], rtol=1e-4, atol=1e-4)
    longer, log = ask(made, [*lengths, 2 * STEPS], seeds=[*seeds, 8])
    np.testing.assert_array_equal(longer[:4, :STEPS], symbols)
    assert not longer[:4, STEPS:].any()
    np.testing.assert_allclose(log[:4], logs, rtol=1e-4, atol=1e-4)


def test_what_is_given_behind_the_end_is_not_looked_at(made):
    given = random_symbols(made[0].vocabulary, (1, STEPS))
    given[:, :4] = FREE
    symbols, logs = ask(made, [4], given[:, :4])
    other, others = ask(made, [4, STEPS], np.concatenate([given, given]))
    np.testing.assert_array_equal(other[0, :4], symbols[0])
    np.testing.assert_allclose(others[0], logs[0], rtol=1e-4, atol=1e-4)


def test_a_temperature_of_zero_is_the_likeliest_at_each_place(made):
    preprocessor, network, _ = made
    symbols, logs = ask(made, [STEPS], temperature=0.0)
    expected = np.full((STEPS, preprocessor.vocabulary.slots), END, np.int32)
    for time in range(said(preprocessor, symbols[0])):
        for slot in range(preprocessor.vocabulary.slots):
            expected[time, slot] = log_probabilities(network, expected, STEPS)[time, slot].argmax()
    length = said(preprocessor, symbols[0])
    np.testing.assert_array_equal(symbols[0, :length], expected[:length])
    tiny, _ = ask(made, [STEPS], top_p=1e-6)
    np.testing.assert_array_equal(tiny, symbols)
    assert np.isfinite(logs).all()


def test_draws_are_as_frequent_as_probable(made):
    """The first symbol, which all rows draw from the same distribution."""
    _, network, _ = made
    count = 4000
    symbols, _ = ask(made, [1] * count)
    expected = np.exp(log_probabilities(network, symbols[0], 1)[0, 0])
    found = np.bincount(symbols[:, 0, 0], minlength=len(expected)) / count
    assert np.abs(found - expected).max() < 4 * np.sqrt(0.25 / count)


def test_pieces_for_statistics_are_those_of_their_seeds(made):
    preprocessor, network, _ = made
    pieces = compose_pieces(network, preprocessor, 3, STEPS, seed=5)
    again = compose_pieces(network, preprocessor, 1, STEPS, seed=6)
    assert [piece.name for piece in pieces] == ["sample 1", "sample 2", "sample 3"]
    symbols, _ = ask(made, [STEPS] * 3, seeds=[5, 6, 7], bar=16 if preprocessor.has_voices else 1)
    for piece, row in zip(pieces, symbols):
        if preprocessor.has_voices:
            np.testing.assert_array_equal(preprocessor.encode(piece), _without_first_holds(row))
            assert piece.positions.tolist() == list(range(STEPS)) and piece.positions.dtype == np.int16
        else:
            np.testing.assert_array_equal(preprocessor.vocabulary.decode(row[:, 0]).notes, piece.notes)
    assert len(again) == 1 and len(again[0]) == len(pieces[1])
    assert compose_pieces(network, preprocessor, 0, STEPS, seed=0) == []


def _without_first_holds(symbols):
    """As a piece is written: what is held before anything began is silence, and silence is not begun twice."""
    symbols = symbols.copy()
    for column in symbols.T:
        sounding = None
        for time, symbol in enumerate(column):
            if (symbol == HOLD and sounding is None) or symbol == REST:
                column[time] = HOLD if sounding == REST else REST
                sounding = REST
            elif symbol != HOLD:
                sounding = symbol
    return symbols
