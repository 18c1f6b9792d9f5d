"""If these fail, a model of events is heard otherwise through its SavedModel than from the events that it said."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.music.event_notes import event_notes
from apps.music.events import END, EventVocabulary
from apps.music.vocabulary import FREE

WORDS = (EventVocabulary(32, 100, 0.01), EventVocabulary(1, 1, 0.5), EventVocabulary(5, 3, 0.125))


@pytest.fixture(scope="module")
def traced():
    """`event_notes` of each of `WORDS`, as in a SavedModel: nothing is known of its shapes."""

    def trace(words):
        signature = [tf.TensorSpec([None, None], tf.int32)]
        return tf.function(lambda events: event_notes(events, words), input_signature=signature, autograph=False)

    return {words: trace(words) for words in WORDS}


@st.composite
def batches(draw):
    """Vocabulary and int [batch, time]: few pitches, so that keys are struck again, let go twice, or never."""
    words = draw(st.sampled_from(WORDS))
    firsts = (words.first_on, words.first_off, words.first_drum_on, words.first_drum_off)
    keys = st.builds(int.__add__, st.sampled_from(firsts), st.sampled_from((0, 1, 127)))
    loudness = st.integers(words.first_velocity, words.first_shift - 1)
    shifts = st.integers(words.first_shift, words.size - 1)
    odd = st.sampled_from((END, FREE, 2, words.size - 1))
    event = st.one_of(keys, keys, shifts, loudness, st.one_of(keys, keys, keys, odd))
    rows = draw(st.lists(st.lists(event, max_size=40), min_size=1, max_size=4))
    events = np.zeros((len(rows), max(1, *map(len, rows), 0)), np.int32)
    for index, row in enumerate(rows):
        events[index, : len(row)] = row
    return words, events


def steps(seconds, words):
    return np.round(np.asarray(seconds, np.float64) / words.time_step).astype(int).tolist()


def decoded(events, words):
    """Start, end, pitch, velocity and whether it is a drum of each note, as `EventVocabulary.decode` says, sorted."""
    notes = words.decode(events).notes
    starts, ends = steps(notes["start"], words), steps(notes["end"], words)
    return sorted(zip(starts, ends, notes["pitch"].tolist(), notes["velocity"].tolist(), (notes["part"] == 1).tolist()))


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(batches())
def test_the_notes_are_those_of_the_decoder(traced, batch):
    words, events = batch
    found = {name: value.numpy() for name, value in traced[words](tf.constant(events)).items()}
    assert {value.shape for value in found.values()} == {events.shape}
    for row, each in enumerate(events):
        notes = {name: value[row] for name, value in found.items()}
        here = notes["pitch"] >= 0
        columns = [notes[name][here] for name in ("pitch", "velocity", "is_drum")]
        starts, ends = (steps(notes[name][here], words) for name in ("start", "end"))
        assert sorted(zip(starts, ends, *(column.tolist() for column in columns))) == decoded(each, words)
        np.testing.assert_allclose(notes["start"][here], np.array(starts) * words.time_step, rtol=1e-6)
        # A note stands in the place of its beginning, and nothing in any other.
        begins = words.first_on + notes["pitch"] + (words.first_drum_on - words.first_on) * notes["is_drum"]
        assert (each[here] == begins[here]).all()
        assert not any(notes[name][~here].any() for name in ("start", "end", "velocity", "is_drum"))


def test_a_small_piece(traced):
    words = WORDS[2]
    loud, long = words.first_velocity + 4, words.first_shift + 2
    events = [words.first_on + 60, long, loud, words.first_drum_on + 38, words.first_off + 60, long, END, long]
    found = {name: value.numpy()[0] for name, value in traced[words](tf.constant([events])).items()}
    assert found["pitch"].tolist() == [60, -1, -1, 38, -1, -1, -1, -1]
    assert found["start"].tolist() == [0, 0, 0, 0.375, 0, 0, 0, 0]
    assert found["end"].tolist() == [0.375, 0, 0, 0.75, 0, 0, 0, 0]
    assert found["velocity"].tolist() == [words.velocity_of(2), 0, 0, words.velocity_of(4), 0, 0, 0, 0]
    assert found["is_drum"].tolist() == [False] * 3 + [True] + [False] * 4


def test_a_piece_as_long_as_the_model_may_say(traced):
    words, random = WORDS[0], np.random.default_rng(0)
    events = random.integers(words.first_on, words.size, (1, 16_384)).astype(np.int32)
    pitches = traced[words](tf.constant(events))["pitch"].numpy()
    assert np.count_nonzero(pitches >= 0) == len(words.decode(events[0])) > 1_000
