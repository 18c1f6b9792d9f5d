"""Rules of counterpoint against their definitions, note by note, and in what is composed."""

import keras
import numpy as np
import pytest

from apps.music.compose import compose_pieces
from apps.music.counterpoint import parallel_fifths_per_bar, parallel_octaves_per_bar
from apps.music.rules import Rules
from apps.music.vocabulary import FIRST_PITCH, HOLD, REST, VoiceVocabulary
from apps.music.voice_notes import JoinedPieces
from tests.apps.music import small_music

LOW = 48


def by_definition(words, slot, sounding, now):
    """Bool [vocabulary] of one row."""
    heights = [None] * words.chord + list(words.order)
    pitches = range(FIRST_PITCH, words.first_chord)
    forbidden = np.zeros(words.size, bool)
    for other in range(slot):
        if heights[slot] is None or heights[other] is None:
            continue
        old, own = sounding[other], sounding[slot]
        new = old if now[other] == HOLD else now[other]
        if new not in pitches:
            continue
        for wish in pitches:
            high, low = ((new, wish), (old, own)) if heights[other] < heights[slot] else ((wish, new), (own, old))
            if high[0] < high[1]:
                forbidden[wish] = True  # crossed
            if own not in pitches or old not in pitches:
                continue
            interval = (low[0] - low[1]) % 12
            moves = (wish - own) * (new - old) > 0
            if moves and interval in (0, 7) and (high[0] - high[1]) % 12 == interval:
                forbidden[wish] = True
    return forbidden


@pytest.mark.parametrize("chord", [False, True])
@pytest.mark.parametrize("voices", [1, 2, 3, 4])
def test_they_forbid_what_their_definition_says_and_nothing_else(voices, chord):
    words, random = VoiceVocabulary(LOW, LOW + 26, voices, chord), np.random.default_rng(voices)
    rules, rows = Rules(words), 60
    sounding = random.integers(FIRST_PITCH, words.first_chord, (rows, words.slots))
    sounding[random.random(sounding.shape) < 0.1] = REST
    now = random.integers(FIRST_PITCH, words.first_chord, sounding.shape)
    now[random.random(now.shape) < 0.3] = HOLD
    now[random.random(now.shape) < 0.1] = REST
    for slot in range(words.slots):
        found = keras.ops.convert_to_numpy(rules.forbidden(slot, sounding.astype("int32"), now.astype("int32")))
        expected = [by_definition(words, slot, *row) for row in zip(sounding, now)]
        np.testing.assert_array_equal(found, expected)
    assert not found[:, [0, REST, HOLD]].any()
    assert voices == 1 or found.any()


def test_two_voices_must_not_go_on_in_fifths():
    words = VoiceVocabulary(LOW, LOW + 40, 2)
    sounding, now = ([[FIRST_PITCH + pitch - LOW for pitch in pair]] for pair in ((67, 60), (69, 60)))
    forbidden = keras.ops.convert_to_numpy(
        Rules(words).forbidden(1, np.array(sounding, "int32"), np.array(now, "int32"))
    )
    pitches = [LOW + index - FIRST_PITCH for index in np.flatnonzero(forbidden[0])]
    assert [pitch for pitch in pitches if pitch <= 69] == [62]  # and an octave above it, and whatever crosses


@pytest.mark.parametrize("chord", [False, True])
def test_what_is_composed_keeps_them(chord):
    """An untrained network would break them in every bar."""
    settings = {"preprocessing.chord": chord}
    counts = []
    for rules in (False, True):
        config = small_music.make_config({**settings, "sampling.rules": rules})
        preprocessor = small_music.make_preprocessor(config)
        network = small_music.make_network(config, preprocessor)
        joined = JoinedPieces.of(compose_pieces(network, preprocessor, 4, 64, seed=3))
        counts.append(parallel_fifths_per_bar(joined) + parallel_octaves_per_bar(joined))
    assert counts[0] > 0 and counts[1] == 0
