"""Wrong symbols would score the model and its baselines on other notes than the ones that are played."""

import numpy as np
import pytest

from apps.music.likelihood import (
    HOLD,
    REST,
    SILENT,
    START,
    Likelihood,
    fitted_and_held_out,
    states_and_symbols,
    states_before,
    symbols_of,
)
from tests.apps.music.voice_pieces import piece_of, random_pieces


def test_symbols_say_what_each_voice_does():
    piece = piece_of([[-1], [60], [60], [60], [62], [-1], [-1], [62]], [[0], [1], [0], [1], [1], [0], [0], [1]])
    assert symbols_of(piece).ravel().tolist() == [REST, 60, HOLD, 60, 62, REST, HOLD, 62]
    assert states_before(piece).ravel().tolist() == [START, SILENT, 60, 60, 60, 62, SILENT, SILENT]


def test_a_new_pitch_begins_even_if_the_source_forgot_its_onset():
    assert symbols_of(piece_of([[60], [64]], [[0], [0]])).ravel().tolist() == [60, 64]


def test_the_piece_comes_back_from_its_symbols():
    for piece in random_pieces(1):
        state, onsets, pitches = [START] * piece.voices, [], []
        for row in symbols_of(piece):
            state = [
                before if code == HOLD else SILENT if code == REST else code
                for before, code in zip(state, row.tolist())
            ]
            pitches.append([-1 if code == SILENT else code for code in state])
            onsets.append((row < 128).tolist())
        np.testing.assert_array_equal(pitches, piece.pitches)
        np.testing.assert_array_equal(onsets, piece.onsets)


def test_every_voice_of_every_step_is_a_note():
    pieces = random_pieces(2, count=3, steps=7) + random_pieces(3, count=1, steps=1)
    states, symbols = states_and_symbols(pieces)
    assert states.shape == symbols.shape == (22, 4)


@pytest.mark.parametrize("pieces", [[], random_pieces(1, count=1) + random_pieces(1, count=1, voices=3)])
def test_pieces_that_do_not_go_together(pieces):
    with pytest.raises(ValueError, match="same number of voices"):
        states_and_symbols(pieces)


def test_figures():
    assert (
        Likelihood(nats=6.0, notes=4, correct=3).figures().items()
        >= {"nats_per_note": 1.5, "note_accuracy": 0.75}.items()
    )


@pytest.mark.parametrize("count", [1, 2, 3, 5, 11])
def test_no_example_both_is_counted_and_chooses_the_smoothing(count):
    fitted, held_out = fitted_and_held_out(range(count))
    assert fitted and held_out
    if count > 1:
        assert sorted(fitted + held_out) == list(range(count))
