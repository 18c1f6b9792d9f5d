"""Faults of voice leading that are counted where a teacher would not, or the other way round."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.music.counterpoint import (
    parallel_fifths_per_bar,
    parallel_octaves_per_bar,
    range_violations_per_bar,
    voice_crossings_per_bar,
)
from apps.music.voice_notes import JoinedPieces
from tests.apps.music.voice_pieces import piece_of, random_pieces, tiny_pieces

BAR = 16  # steps


def in_one_bar(rate, rows, *others):
    """How often something is counted in `rows`."""
    return round(rate(JoinedPieces.of([piece_of(rows)]), *others) * len(rows) / BAR)


@pytest.mark.parametrize(
    ("rows", "fifths", "octaves"),
    [
        ([[67, 60], [69, 62]], 1, 0),  # parallel fifths
        ([[79, 60], [81, 62]], 1, 0),  # parallel twelfths
        ([[67, 60], [81, 62]], 1, 0),  # from a fifth to a twelfth, both up
        ([[67, 60], [69, 50]], 0, 0),  # in contrary motion
        ([[67, 60], [67, 60]], 0, 0),  # nothing moves
        ([[67, 60], [66, 60], [66, 59]], 0, 0),  # one after the other
        ([[67, 60], [68, 62]], 0, 0),  # to a diminished fifth
        ([[60, 67], [62, 69]], 1, 0),  # with crossed voices
        ([[65, 60], [67, 62]], 0, 0),  # parallel fourths
        ([[72, 60], [74, 62]], 0, 1),  # parallel octaves
        ([[60, 60], [62, 62]], 0, 1),  # parallel unisons
        ([[84, 60], [74, 50]], 0, 1),  # two octaves apart
        ([[72, 60], [62, 50], [74, 62]], 0, 2),
        ([[67, 60], [-1, -1], [69, 62]], 0, 0),  # a rest between
        ([[72, 67, 60], [74, 69, 62]], 1, 1),  # every pair counts
    ],
)
def test_parallels(rows, fifths, octaves):
    assert in_one_bar(parallel_fifths_per_bar, rows) == fifths
    assert in_one_bar(parallel_octaves_per_bar, rows) == octaves


@given(st.lists(tiny_pieces(voices=3, pitches=(55, 57, 62, 64, 69)), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, database=None, derandomize=True)
def test_parallels_by_looking_at_every_step(pieces):
    found = {7: 0, 0: 0}
    for piece in pieces:
        for before, after in zip(piece.pitches.tolist(), piece.pitches.tolist()[1:]):
            for one, other in combinations(range(3), 2):
                four = (before[one], before[other], after[one], after[other])
                if -1 in four:
                    continue
                same_way = (after[one] - before[one]) * (after[other] - before[other]) > 0
                intervals = {abs(before[one] - before[other]) % 12, abs(after[one] - after[other]) % 12}
                if same_way and len(intervals) == 1 and intervals <= {0, 7}:
                    found[intervals.pop()] += 1
    joined = JoinedPieces.of(pieces)
    assert parallel_fifths_per_bar(joined) * joined.bars == pytest.approx(found[7])
    assert parallel_octaves_per_bar(joined) * joined.bars == pytest.approx(found[0])


@pytest.mark.parametrize(
    ("rows", "crossings"),
    [
        ([[67, 60], [60, 67], [60, 65], [67, 60]], 1),  # as long as it stays crossed it is one
        ([[60, 67], [67, 60], [60, 67]], 2),
        ([[60, 60], [61, 60]], 0),  # a unison is none
        ([[60, -1], [-1, 60]], 0),  # nor is silence
        ([[60, 67], [-1, 67], [60, 67]], 2),
        ([[60, 64, 67]], 2),  # both pairs of neighbours
        ([[60, -1, 67]], 0),  # only neighbours
    ],
)
def test_crossings(rows, crossings):
    assert in_one_bar(voice_crossings_per_bar, rows) == crossings


def test_a_crossing_at_the_end_and_one_at_the_next_beginning_are_two():
    piece = piece_of([[60, 67]] * BAR)
    assert voice_crossings_per_bar(JoinedPieces.of([piece, piece])) == 1.0


def test_ranges_are_those_of_the_voice_in_training():
    train = JoinedPieces.of([piece_of([[60, 50], [72, 55]])])
    assert in_one_bar(range_violations_per_bar, [[60, 50], [72, 55], [65, 52], [-1, -1]], train) == 0
    assert in_one_bar(range_violations_per_bar, [[59, 60], [59, 60], [73, 55]], train) == 3  # notes, not steps
    assert in_one_bar(range_violations_per_bar, [[60, 60]], JoinedPieces.of([piece_of([[60, -1]])])) == 1


def test_rates_are_per_bar_whatever_the_number_of_pieces():
    pieces = random_pieces(1)
    for rate in (parallel_fifths_per_bar, parallel_octaves_per_bar, voice_crossings_per_bar):
        once, twice = rate(JoinedPieces.of(pieces)), rate(JoinedPieces.of(pieces * 2))
        assert once == pytest.approx(twice)
