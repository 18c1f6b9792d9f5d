"""If these fail, a piece that is read is not the piece that is learned, or what is composed not what is written."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.music.pieces import GIVEN_SILENCE, NOT_GIVEN, SILENCE, NotePiece, Part, Pieces
from apps.music.preprocessing import SPARE, Preprocessor
from apps.music.vocabulary import FIRST_PITCH, FREE, HOLD, REST
from common.errors import UserError
from tests.apps.music.small_music import make_config, make_note_pieces, make_pieces, make_preprocessor
from tests.apps.music.voice_pieces import piece_of, random_pieces, tiny_pieces
from tests.apps.music.written_pieces import make_notes

PITCHES = (55, 60, 61, 74)


def made(voices, chord=False):
    config = make_config({"data.voices": voices, "preprocessing.chord": chord})
    everything = np.array([[pitch] * voices for pitch in (*PITCHES, 50, 80)])
    return make_preprocessor(config, Pieces((piece_of(everything),), "a chromatic scale"))


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(st.integers(1, 6).flatmap(lambda voices: tiny_pieces(voices, 10, PITCHES)), st.booleans())
@example(piece_of([[SILENCE] * 3] * 4), True)
@example(piece_of([[60], [60], [60]], onsets=[[1], [0], [1]]), False)
def test_nothing_is_lost_of_a_piece(piece, chord):
    preprocessor = made(piece.voices, chord)
    symbols = preprocessor.encode(piece)
    words = preprocessor.vocabulary
    assert symbols.shape == (len(piece), piece.voices + chord) and symbols.dtype == np.int32
    assert words.allowed()[np.arange(words.slots), symbols].all(), "a slot says what it cannot say"
    found = preprocessor.invert(tf.constant(symbols[None]))
    np.testing.assert_array_equal(found["pitches"][0], piece.pitches)
    np.testing.assert_array_equal(found["onsets"][0], piece.onsets)


@settings(max_examples=30, deadline=None, database=None, derandomize=True)
@given(tiny_pieces(3, 10, PITCHES), st.booleans())
def test_the_table_of_the_vocabulary_transposes(piece, chord):
    preprocessor = made(3, chord)
    for semitones, row in zip(range(-3, 4), preprocessor.vocabulary.transposition(3)):
        np.testing.assert_array_equal(row[preprocessor.encode(piece)], preprocessor.encode(piece.transposed(semitones)))


def test_symbols_by_hand():
    words = (preprocessor := made(3)).vocabulary
    piece = piece_of(
        [[74, 60, 55], [74, 60, SILENCE], [74, 61, SILENCE], [SILENCE, 61, 55]],
        [[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
    )
    first = FIRST_PITCH - words.lowest
    expected = [  # highest, lowest, middle
        [74 + first, 55 + first, 60 + first],
        [74 + first, REST, HOLD],
        [HOLD, HOLD, 61 + first],
        [REST, 55 + first, HOLD],
    ]
    assert preprocessor.encode(piece).tolist() == expected


def test_voices_that_are_known_and_voices_that_are_not():
    preprocessor = made(2, chord=True)
    first = FIRST_PITCH - preprocessor.vocabulary.lowest
    pitches = [[60, NOT_GIVEN], [60, GIVEN_SILENCE], [NOT_GIVEN, GIVEN_SILENCE], [60, NOT_GIVEN], [60, 55]]
    onsets = [[1, 0], [0, 0], [0, 0], [0, 0], [1, 0]]
    found = preprocessor(tf.constant([pitches], tf.int32), tf.constant([onsets]) > 0)
    expected = [
        [FREE, 60 + first, FREE],
        [FREE, HOLD, REST],
        [FREE, FREE, HOLD],
        [FREE, 60 + first, FREE],
        [FREE, 60 + first, 55 + first],
    ]
    assert found.numpy().tolist() == [expected]


def test_what_is_out_of_the_vocabulary_goes_to_its_end():
    words = (preprocessor := made(1)).vocabulary
    found = preprocessor.invert(preprocessor(tf.constant([[[1], [127]]]), tf.ones([1, 2, 1], tf.bool)))
    assert found["pitches"].numpy().ravel().tolist() == [words.lowest, words.highest]


def test_padding_is_silent():
    preprocessor = made(2)
    symbols = np.full((1, 4, 2), FREE)
    symbols[0, 0] = FIRST_PITCH
    found = preprocessor.invert(tf.constant(symbols))
    assert (found["pitches"].numpy()[0, 1:] == SILENCE).all() and found["onsets"].numpy().sum() == 2


def test_what_is_learned_of_the_training_pieces():
    rows = [[70, 50]] * 3 + [[75, SILENCE]] * 8 + [[72, 55]] * 2
    waltz = {"metre": (3, 4), "tempo": 80.0}
    pieces = Pieces((piece_of(rows, **waltz), piece_of(rows[:4], **waltz), piece_of(rows, tempo=120.0)), "here")
    preprocessor = make_preprocessor(make_config({"data.voices": 2}), pieces)
    assert preprocessor.ranges == [[70, 75], [50, 55]]
    assert (preprocessor.metre, preprocessor.tempo, preprocessor.steps_per_bar) == ((3, 4), 80.0, 12)
    words = preprocessor.vocabulary
    assert (words.lowest, words.highest, preprocessor.boundaries) == (50 - SPARE, 75 + SPARE, [16])


def test_drums_say_nothing_of_the_range_of_the_notes():
    """Else pieces are transposed to where nobody plays."""
    both = make_notes((0.0, 1.0, 60, 80, 0), (0.0, 1.0, 72, 80, 1), (0.0, 1.0, 36, 80, 2))
    assert make_preprocessor(make_config(events=True), Pieces((both,), "here")).ranges == [[60, 72]]
    drums = make_notes((0.0, 1.0, 36, 80, 0), parts=(Part("drums", is_drum=True),))
    assert make_preprocessor(make_config(events=True), Pieces((drums,), "here")).ranges == [[36, 36]]


@pytest.mark.parametrize(
    ("events", "pieces", "said"),
    [
        (False, (piece_of([[60, SILENCE]] * 4),), "no note sounds in voice 2 of the training pieces of here; give"),
        (True, (NotePiece("empty", make_note_pieces(1).pieces[0].notes[:0]),), "no note sounds in the training pieces"),
    ],
)
def test_pieces_without_notes_are_refused(events, pieces, said):
    with pytest.raises(UserError, match=said):
        make_preprocessor(make_config({"data.voices": 2}, events), Pieces(pieces, "here"))


@pytest.mark.parametrize("events", [False, True])
def test_a_saved_preprocessor_is_the_same(events, tmp_path):
    config = make_config({"preprocessing.chord": not events}, events)
    preprocessor = make_preprocessor(config)
    preprocessor.save(tmp_path)
    loaded = Preprocessor.load(tmp_path)
    assert loaded.vocabulary == preprocessor.vocabulary
    for name in ("config", "data", "sampling", "ranges", "metre", "tempo", "boundaries", "events_per_second"):
        assert getattr(loaded, name) == getattr(preprocessor, name), name
    for piece in make_note_pieces(2, seed=3) if events else make_pieces(2, seed=3):
        np.testing.assert_array_equal(loaded.encode(piece), preprocessor.encode(piece))


def test_a_damaged_file_is_named(tmp_path):
    make_preprocessor(make_config()).save(tmp_path)
    path = tmp_path / "preprocessor.json"
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    broken = [
        text[: len(text) // 2],
        json.dumps({name: value for name, value in content.items() if name != "ranges"}),
        json.dumps(content | {"ranges": [[1, 2, 3]]}),
        json.dumps(content | {"data": content["data"] | {"voices": 0}}),
    ]
    for each in broken:
        path.write_text(each, encoding="utf-8")
        with pytest.raises(UserError, match=r"preprocessor\.json is missing or damaged; put it back"):
            Preprocessor.load(tmp_path)
    path.unlink()
    with pytest.raises(UserError, match="missing or damaged"):
        Preprocessor.load(tmp_path)


def test_events_of_the_network_are_those_of_the_vocabulary():
    preprocessor = make_preprocessor(make_config(events=True))
    piece = make_note_pieces(1).pieces[0]
    symbols = preprocessor.encode(piece)
    assert symbols.shape == (len(symbols), 1)
    found = preprocessor.invert(tf.constant(symbols[None]))["events"][0].numpy()
    np.testing.assert_array_equal(preprocessor.vocabulary.decode(found).notes["pitch"], piece.notes["pitch"])
    assert preprocessor.events_per_second > 1


def test_lengths_of_padded_batches_are_at_most_the_longest_part():
    config = make_config({"preprocessing.max_length": 16, "preprocessing.length_buckets": 3})
    preprocessor = make_preprocessor(config, Pieces(tuple(random_pieces(0, steps=60)), "here"))
    assert preprocessor.boundaries == [16]
