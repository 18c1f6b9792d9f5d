"""The table of samples beside real music: wrong figures there would praise or blame the model for nothing."""

import numpy as np
import pytest

from apps.music.statistics import (
    compare,
    distances,
    interval_histogram,
    note_length_histogram,
    pitch_class_histogram,
    self_repetition,
    silence_share,
    summarize,
    total_variation,
)
from apps.music.voice_notes import JoinedPieces
from tests.apps.music.voice_pieces import piece_of, random_pieces


def joined(*pieces):
    return JoinedPieces.of(pieces)


def test_pitch_classes_weigh_by_time():
    shares = pitch_class_histogram(joined(piece_of([[60, 48], [72, -1], [61, -1], [61, -1]])))
    np.testing.assert_allclose(shares, [3 / 5, 2 / 5] + [0] * 10)


def test_intervals_of_each_voice():
    shares = interval_histogram(joined(piece_of([[60, 60], [62, 30], [60, 30], [62, 59]])))
    assert shares.shape == (2, 25)
    np.testing.assert_allclose(shares[0, [14, 10]], [2 / 3, 1 / 3])
    np.testing.assert_allclose(shares[1, [0, 24]], [1 / 2, 1 / 2])  # larger than an octave


def test_note_lengths():
    shares = note_length_histogram(joined(piece_of([[60]] * 40 + [[62]] * 3 + [[-1]] + [[62]] * 3 + [[60]])))
    np.testing.assert_allclose(shares[[31, 2, 0]], [1 / 4, 2 / 4, 1 / 4])
    assert shares.sum() == 1


def test_histograms_of_silence_are_empty():
    silence = joined(piece_of([[-1, -1]]))
    assert not pitch_class_histogram(silence).any()
    assert not interval_histogram(silence).any()
    assert not note_length_histogram(silence).any()


def test_total_variation():
    assert total_variation(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1.0
    assert total_variation(np.array([0.5, 0.5]), np.array([0.75, 0.25])) == 0.25
    assert total_variation(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])) == 0.5


def test_silence_between_pieces_is_none():
    sounding, half = piece_of([[60, 50]] * 4), piece_of([[60, -1]] * 4)
    assert silence_share(joined(sounding, sounding)) == 0.0
    assert silence_share(joined(sounding, half)) == 0.25


def windows_by_hand(pieces):
    found = []
    for piece in pieces:
        windows = [
            (start, piece.pitches[start : start + 16].tolist(), piece.onsets[start : start + 16].tolist())
            for start in range(0, len(piece) - 15, 4)
        ]
        windows = [window for window in windows if np.any(window[2])]
        found += [
            any(earlier[0] + 16 <= window[0] and earlier[1:] == window[1:] for earlier in windows) for window in windows
        ]
    return float(np.mean(found))


def test_self_repetition_by_comparing_all_windows():
    pieces = random_pieces(1, count=3, steps=64)
    again = []
    for piece in pieces:
        pitches = np.concatenate([piece.pitches, piece.pitches[8:50]])
        onsets = np.concatenate([piece.onsets, piece.onsets[8:50]])
        onsets[64] = pitches[64] != -1
        again.append(piece_of(pitches, onsets))
    assert self_repetition(pieces) == windows_by_hand(pieces) == 0.0
    assert self_repetition(again) == windows_by_hand(again) > 0.2


def test_what_is_held_or_too_short_or_higher_is_no_repetition():
    assert self_repetition([piece_of([[60]] * 200)]) == 0.0
    assert self_repetition([piece_of([[60], [62]])]) == 0.0
    tune = 60 + np.random.default_rng(2).integers(0, 12, (32, 1))
    assert self_repetition([piece_of(np.concatenate([tune, tune + 1]))]) == 0.0
    assert self_repetition([piece_of(tune), piece_of(tune)]) == 0.0  # in two pieces


def test_the_table_has_the_same_figures_in_every_row():
    samples, held_out, chain, train = (random_pieces(seed) for seed in (1, 2, 3, 4))
    table = compare(samples, held_out, chain, train)
    assert list(table) == ["model", "held_out", "chord_markov"]
    names = [*summarize(samples, train), *distances(samples, held_out)]
    assert all(list(row) == names for row in table.values())
    assert all(np.isfinite(value) for row in table.values() for value in row.values())
    assert table["held_out"]["interval_distance"] == distances(train, held_out)["interval_distance"] > 0
    assert set(distances(held_out, held_out).values()) == {0.0}


def test_a_recited_training_piece_shows():
    train = random_pieces(5)
    figures = summarize([*random_pieces(6, count=2), train[3].transposed(2)], train)
    assert figures["longest_copied_beats"] > 13
    assert figures["mean_copied_beats"] < 8


def test_figures_of_one_known_piece():
    piece = piece_of([[72, 60]] * 4 + [[74, 62]] * 4 + [[60, 62]] * 4 + [[-1, 62]] * 4)
    figures = summarize([piece], [piece])
    assert figures["parallel_octaves_per_bar"] == 1
    assert figures["voice_crossings_per_bar"] == 1
    assert figures["range_violations_per_bar"] == 0
    assert figures["silence_share"] == 4 / 32
    assert figures["notes_per_bar"] == 5
    assert figures["mean_note_steps"] == pytest.approx(28 / 5)
    assert figures["longest_copied_beats"] == 9 / 4  # up to the last step in which a note begins


def test_samples_without_a_note():
    figures = summarize([piece_of([[-1, -1]] * 16)], random_pieces(1, voices=2))
    assert figures["silence_share"] == 1.0
    assert figures["mean_note_steps"] == figures["longest_copied_beats"] == 0.0
