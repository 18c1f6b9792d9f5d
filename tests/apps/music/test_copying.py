"""A model that only recites its training pieces must not pass for one that composes, nor the other way round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.music.copying import copied_passages
from apps.music.pieces import SILENCE, VoicePiece
from tests.apps.music.voice_pieces import piece_of, random_pieces, tiny_pieces


def is_copied(one: VoicePiece, start: int, other: VoicePiece, other_start: int, steps: int) -> bool:
    """The definition: the same notes begin, are held and are silent, up to one transposition."""
    here, there = slice(start, start + steps), slice(other_start, other_start + steps)
    a, b = one.pitches[here].astype(int), other.pitches[there].astype(int)
    if a.shape != b.shape or len(a) != steps or (one.onsets[here] != other.onsets[there]).any():
        return False
    if ((a == SILENCE) != (b == SILENCE)).any():
        return False
    sounding = a != SILENCE
    ends_well = one.onsets[start].any() and one.onsets[start + steps - 1].any()
    return bool(ends_well and len(np.unique((a - b)[sounding])) <= 1)


def longest_by_search(piece: VoicePiece, train: list[VoicePiece]) -> int:
    for steps in range(len(piece), 0, -1):
        for start in range(len(piece) - steps + 1):
            for other in train:
                for other_start in range(len(other) - steps + 1):
                    if is_copied(piece, start, other, other_start, steps):
                        return steps
    return 0


@given(st.lists(tiny_pieces(), min_size=1, max_size=3), st.lists(tiny_pieces(), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None, database=None, derandomize=True)
def test_no_longer_passage_is_found_by_trying_all(pieces, train):
    for piece, found in zip(pieces, copied_passages(pieces, train)):
        assert found.steps == longest_by_search(piece, train)


@given(st.lists(tiny_pieces(voices=1, longest=20, pitches=(60, 61)), min_size=2, max_size=4))
@settings(max_examples=100, deadline=None, database=None, derandomize=True)
def test_nor_in_one_voice_with_two_pitches(pieces):
    first, *train = pieces
    assert copied_passages([first], train)[0].steps == longest_by_search(first, train)


def test_a_planted_passage_is_found_where_it_is():
    train = random_pieces(1, count=8, steps=120, pitches=12)
    sample = random_pieces(2, count=1, steps=100, pitches=12)[0]
    source = train[5]
    onset_steps = np.flatnonzero(source.onsets.any(-1))
    first, last = int(onset_steps[20]), int(onset_steps[45])
    # The steps before and behind have the same pitches, so that what is held over them is held here, but other onsets.
    copied = source.pitches[first - 1 : last + 2]
    here = slice(9, 9 + len(copied))
    sample.pitches[here] = np.where(copied == SILENCE, SILENCE, copied + 3)
    sample.onsets[here] = source.onsets[first - 1 : last + 2]
    for step in (here.start, here.stop - 1):
        sample.onsets[step] = ~sample.onsets[step] & (sample.pitches[step] != SILENCE)
    found = copied_passages([sample], train)[0]
    assert (found.source, found.start, found.source_start) == (source.name, 10, first)
    assert found.steps == last - first + 1
    assert found.beats == found.steps / 4


def test_a_held_chord_is_no_passage():
    chord = [[72, 64, 60, 48]] * 40
    found = copied_passages([piece_of(chord)], [piece_of(np.array(chord) - 2)])[0]
    assert (found.steps, found.beats) == (1, 0.25)


def test_a_passage_does_not_run_from_one_training_piece_into_the_next():
    tune = np.arange(60, 80)[:, None]
    train = [piece_of(tune[:9]), piece_of(tune[9:])]
    assert copied_passages([piece_of(tune)], train)[0].steps == 11
    # Up to transposition any part of a scale is like any other.
    assert copied_passages([piece_of(tune[:4])] * 3, train)[2].steps == 4


def test_one_voice_that_differs_ends_the_passage():
    rows = np.array([[72, 60], [74, 62], [76, 64], [77, 65]])
    changed = rows.copy()
    changed[2, 1] += 1
    assert copied_passages([piece_of(changed)], [piece_of(rows)])[0].steps == 2


def test_nothing_is_copied_from_silence():
    silence = piece_of([[-1, -1]] * 8)
    assert copied_passages([silence, piece_of([[60, 50]])], [silence])[1].steps == 0
    assert copied_passages([silence], [piece_of([[60, 50]])])[0].source == ""


def test_no_piece_no_passage():
    assert copied_passages([], random_pieces(1)) == []
    assert copied_passages([piece_of(np.zeros((0, 4)))], random_pieces(1))[0].steps == 0


@pytest.mark.parametrize("train", [[], random_pieces(1, voices=3), [piece_of([[60] * 4], steps_per_quarter=2)]])
def test_pieces_that_cannot_be_compared(train):
    with pytest.raises(ValueError, match="as many voices"):
        copied_passages(random_pieces(2), train)
