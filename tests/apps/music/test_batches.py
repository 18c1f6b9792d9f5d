"""If these fail, pieces are never trained on, or in another form than they are composed in, or a resumed training sees others."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from apps.music.batches import PieceBatches, draw_given, shifts_within, states_before
from apps.music.vocabulary import FREE, HOLD
from tests.apps.music.small_music import make_config, make_note_pieces, make_pieces, make_preprocessor
from tests.apps.music.voice_pieces import piece_of
from tests.apps.music.written_pieces import make_notes

INPUTS = ("symbols", "sounding", "ages", "positions", "remaining", "given")


def arrays(batch):
    inputs, labels, weights = tf.nest.map_structure(lambda each: each.numpy(), batch)
    assert set(inputs) == set(INPUTS) and all(inputs[name].dtype == np.int32 for name in INPUTS)
    assert (labels.dtype, weights.dtype) == (np.int32, np.float32) and labels.shape == weights.shape
    return inputs, labels, weights


def before_by_hand(symbols):
    """Last symbol that is not `HOLD` before each step, and its age, one slot and step at a time."""
    sounding, ages = np.zeros_like(symbols), np.zeros_like(symbols)
    for slot in range(symbols.shape[1]):
        for time in range(len(symbols)):
            for earlier in range(time - 1, -1, -1):
                if symbols[earlier, slot] != HOLD:
                    sounding[time, slot], ages[time, slot] = symbols[earlier, slot], time - earlier
                    break
    return sounding, ages


@given(st.lists(st.tuples(*[st.sampled_from((1, HOLD, HOLD, 3, 4))] * 2), min_size=1, max_size=12))
def test_what_was_before_each_step(rows):
    symbols = np.array(rows, np.int32)
    for found, expected in zip(states_before(symbols), before_by_hand(symbols)):
        np.testing.assert_array_equal(found, expected)


@pytest.fixture(scope="module", params=[False, True], ids=["", "chord"])
def made(request):
    config = make_config({"preprocessing.chord": request.param, "preprocessing.length_buckets": 2})
    pieces = make_pieces(11)
    return pieces, make_preprocessor(config, pieces)


def test_an_evaluation_has_every_piece_once_as_it_is(made):
    pieces, preprocessor = made
    batches = PieceBatches(pieces, preprocessor, 4, given_fraction=1.0, end_fraction=1.0)
    found, order = [], []
    for batch in batches.evaluation_dataset():
        inputs, labels, weights = arrays(batch)
        assert not inputs["given"].any() and not inputs["remaining"].any()
        np.testing.assert_array_equal(labels, inputs["symbols"])
        for row in range(len(labels)):
            length = int(weights[row, :, 0].sum())
            assert (weights[row, :length] == 1).all()
            for each in (weights, *inputs.values()):
                assert not each[row, length:].any(), "padding counts"
            found.append({name: inputs[name][row, :length] for name in INPUTS})
    order = batches.order()
    assert sorted(order[order >= 0]) == list(range(len(pieces)))
    for row, each in zip(order, found, strict=True):
        if row < 0:
            assert not len(each["symbols"])
            continue
        symbols = preprocessor.encode(pieces.pieces[row])
        sounding, ages = before_by_hand(symbols)
        expected = {"symbols": symbols, "sounding": sounding, "ages": ages, "positions": pieces.pieces[row].positions}
        for name, value in expected.items():
            np.testing.assert_array_equal(each[name], value, err_msg=name)


def rows_of(batches, steps, first=0):
    for batch in batches.dataset(first).take(steps):
        inputs, labels, weights = arrays(batch)
        for row in range(len(labels)):
            yield {**{name: inputs[name][row] for name in INPUTS}, "weights": weights[row]}


def test_training_pieces_are_transposed_as_whole_pieces_within_the_ranges(made):
    pieces, preprocessor = made
    encoded = {}
    for index, piece in enumerate(pieces):
        down, up = shifts_within(piece, preprocessor.ranges, 6)
        for semitones in range(down, up + 1):
            moved = piece.transposed(semitones)
            for voice, (low, high) in enumerate(preprocessor.ranges):
                column = moved.pitches[:, voice]
                assert low <= column[column >= 0].min() and column.max() <= high
            encoded[preprocessor.encode(moved).tobytes()] = (index, semitones)
    batches, seen = PieceBatches(pieces, preprocessor, 4, seed=3), []
    for row in rows_of(batches, 12):
        length = int(row["weights"][:, 0].sum())
        symbols = row["symbols"][:length]
        seen.append(encoded[symbols.tobytes()])  # raises for any other piece
        for name, expected in zip(("sounding", "ages"), before_by_hand(symbols)):
            np.testing.assert_array_equal(row[name][:length], expected)
        assert row["remaining"].sum() == 0 == row["given"].sum()
    assert len(set(seen)) > len({index for index, _ in seen}), "always in the same key"


def test_a_piece_is_moved_only_as_far_as_every_voice_can_go():
    piece = piece_of([[70, 50], [72, -1]])
    assert shifts_within(piece, [[60, 75], [48, 80]], 6) == (-2, 3)
    assert shifts_within(piece, [[60, 75], [48, 80]], 1) == (-1, 1)
    assert shifts_within(piece, [[71, 71], [48, 80]], 6) == (0, 0), "already outside"
    assert shifts_within(piece_of([[-1, -1]]), [[60, 75], [48, 80]], 6) == (0, 0)
    notes = make_notes((0.0, 1.0, 60, 80, 0), (0.0, 1.0, 20, 80, 2))
    assert shifts_within(notes, [[58, 61]], 6) == (-2, 1), "drums stay where they are"


def test_what_is_given_is_not_asked_for_and_the_end_is_told(made):
    pieces, preprocessor = made
    first_voice = int(preprocessor.config.chord)
    rows = list(rows_of(PieceBatches(pieces, preprocessor, 4, 1, given_fraction=0.7, end_fraction=0.4), 40))
    told, melodies, others = 0, 0, 0
    for row in rows:
        real = row["symbols"] != FREE
        is_given = row["given"] != FREE
        np.testing.assert_array_equal(row["weights"], real & ~is_given)
        np.testing.assert_array_equal(row["given"][is_given], row["symbols"][is_given])
        assert not is_given[:, :first_voice].any(), "a chord is given"
        length = int(real[:, 0].sum())
        if row["remaining"].any():
            told += 1
            assert row["remaining"][:length].tolist() == list(range(length, 0, -1))
        melodies += is_given.any() and not is_given[:, first_voice + 1 :].any()
        others += is_given[:, first_voice + 1 :].any()
    assert 0.2 < told / len(rows) < 0.6
    assert 0.15 < melodies / len(rows) < 0.6 and 0.15 < others / len(rows) < 0.6


def test_the_share_of_what_is_given():
    known = draw_given((4000, 10, 4), 0.6, 1, tf.constant([0, 0], tf.int64)).numpy()
    assert not known[:, :, 0].any()
    some = known.any(axis=(1, 2))
    whole = known.all(axis=1).any(axis=1)
    # Of the pieces that look at any voices one in eight has none; of parts a few are shorter than a step.
    assert some.mean() == pytest.approx(0.6 * (1 - 0.5 / 8), abs=0.04)
    assert whole.sum() / some.sum() == pytest.approx(0.75, abs=0.05)
    assert not draw_given((50, 10, 4), 0.0, 0, tf.constant([0, 0], tf.int64)).numpy().any()


def test_the_order_and_all_that_is_drawn_go_on_where_they_stopped(made):
    pieces, preprocessor = made

    def batches(seed=5):
        return PieceBatches(pieces, preprocessor, 4, seed, given_fraction=0.5, end_fraction=0.5)

    def taken(data, first, count):
        return [
            np.concatenate([each[name].ravel() for name in INPUTS]).tolist() for each in rows_of(data, count, first)
        ]

    steps, whole = batches().steps_per_epoch, taken(batches(), 0, 9)
    assert steps == 2
    for first in (1, 2, 5):
        assert taken(batches(), first, 9 - first) == whole[4 * first :]
    assert taken(batches(seed=6), 0, 9) != whole
    assert len(set(map(tuple, whole))) > 4 * steps, "the same in every epoch"
    lengths = [len(each["symbols"]) for each in rows_of(batches(), steps)][::4]
    assert lengths == batches().padded_lengths(0)


def test_a_long_piece_is_cut_into_parts_that_cover_it():
    config = make_config({"preprocessing.max_length": 16, "preprocessing.transpose": 0})
    pieces = make_pieces(5, lengths=(40, 16, 33))
    preprocessor = make_preprocessor(config, pieces)
    batches = PieceBatches(pieces, preprocessor, 3, end_fraction=1.0)
    assert batches.row_pieces.tolist() == [0, 0, 0, 1, 2, 2, 2, 3, 3, 3, 4] and batches.rows == 11
    parts = {}
    order = iter(batches.order())
    for batch in batches.evaluation_dataset():
        inputs, _, weights = arrays(batch)
        for row in range(len(weights)):
            length = int(weights[row, :, 0].sum())
            parts[int(next(order))] = np.concatenate(
                [inputs[n][row, :length] for n in ("symbols", "sounding", "ages")], 1
            )
    for index, piece in enumerate(pieces):
        rows = np.concatenate([parts[row] for row in np.flatnonzero(batches.row_pieces == index)])
        symbols = preprocessor.encode(piece)
        np.testing.assert_array_equal(rows, np.concatenate([symbols, *before_by_hand(symbols)], axis=1))
    remaining = {int(row["remaining"].max()) for row in rows_of(batches, 30)}
    assert remaining == {40, 24, 8, 16, 33, 17, 1}, "the end that is told is that of the part"


def test_held_out_pieces_that_are_longer_get_a_length_of_their_own():
    preprocessor = make_preprocessor(make_config(), make_pieces(4, lengths=(16,)))
    batches = PieceBatches(make_pieces(3, lengths=(40, 10)), preprocessor, 2)
    assert preprocessor.boundaries == [16] and batches.boundaries == [16, 40]
    assert sum(int(weights.numpy()[:, :, 0].sum()) for *_, weights in batches.evaluation_dataset()) == 40 + 10 + 40
    assert 0 <= batches.padding_waste < 1


def test_events_are_batches_of_one_slot():
    pieces = make_note_pieces(6)
    preprocessor = make_preprocessor(make_config(events=True), pieces)
    batches = PieceBatches(pieces, preprocessor, 3, given_fraction=1.0, end_fraction=1.0)
    encoded = [preprocessor.encode(piece)[:, 0] for piece in pieces]
    tables = preprocessor.vocabulary.transposition(6)
    possible = {table[each].tobytes() for each in encoded for table in tables}
    for row in rows_of(batches, 6):
        length = int(row["weights"].sum())
        symbols = row["symbols"][:length, 0]
        assert symbols.tobytes() in possible
        np.testing.assert_array_equal(row["sounding"][1:length, 0], symbols[:-1])
        assert not row["given"].any() and not row["remaining"].any() and not row["positions"].any()
