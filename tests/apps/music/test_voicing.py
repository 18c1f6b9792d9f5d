"""If these fail, notes land in the wrong voice or at the wrong time, and what is learned is not the music that was given."""

import numpy as np
import pytest

from apps.music.pieces import SILENCE
from apps.music.score import SCORE_NOTE, Score, make_notes, regular_bars
from apps.music.voicing import deal, is_monophonic, most_at_once, on_grid, parts_on_grid


def score(*parts, metre=(4, 4)) -> Score:
    """Parts of (start, end, pitch) in quarters."""
    notes = [make_notes([(*note, 80, False) for note in part])[0] for part in parts]
    length = max(float(part["end"].max()) for part in notes)
    bars = regular_bars([(0.0, *metre)], length)
    return Score("x", tuple(notes), tuple(f"p{i}" for i in range(len(parts))), bars, length)


def sounding(piece) -> list[set[int]]:
    return [set(row) - {SILENCE} for row in piece.pitches.tolist()]


def test_parts_are_voices_the_highest_first():
    piece, told = on_grid(score([(0, 2, 40)], [(0, 1, 60), (1, 2, 60)]), 2, 4)
    assert piece.pitches[:, 0].tolist() == [60] * 8
    assert piece.pitches[:, 1].tolist() == [40] * 8
    assert np.flatnonzero(piece.onsets[:, 0]).tolist() == [0, 4]
    assert np.flatnonzero(piece.onsets[:, 1]).tolist() == [0]
    assert not told


def test_chords_of_one_part_are_dealt_out_from_the_top():
    piece, told = on_grid(score([(0, 1, 60), (0, 1, 64), (0, 1, 67), (1, 2, 59), (1, 2, 62), (1, 2, 67)]), 3, 1)
    assert piece.pitches.tolist() == [[67, 64, 60], [67, 62, 59]]
    assert piece.onsets.all() and not told


def test_a_held_note_stays_in_its_voice():
    piece, _ = on_grid(score([(0, 4, 60), (0, 1, 72), (1, 2, 74), (2, 3, 71), (3, 4, 72)]), 2, 1)
    assert piece.pitches.tolist() == [[72, 60], [74, 60], [71, 60], [72, 60]]
    assert piece.onsets[:, 1].tolist() == [True, False, False, False]


def test_a_bass_alone_is_not_put_on_top_of_the_chords_that_follow():
    piece, _ = on_grid(score([(0, 2, 40), (1, 2, 72), (1, 2, 67), (1, 2, 64)]), 4, 1)
    assert piece.pitches.tolist() == [[SILENCE, SILENCE, SILENCE, 40], [72, 67, 64, 40]]


def test_two_hundred_notes_at_once_keep_the_outermost():
    notes = [(0, 1, pitch % 128) for pitch in range(200)]
    piece, told = on_grid(score(notes), 4, 4)
    assert piece.pitches[0].tolist() == [127, 126, 1, 0]
    assert len(told) == 1 and told[0].startswith("124 notes left out")  # 128 pitches, four of them kept


def test_a_chord_over_a_held_note_cuts_off_what_has_no_place():
    piece, told = on_grid(score([(0, 2, 60), (1, 2, 72), (1, 2, 40)]), 2, 1)
    assert piece.pitches.tolist() == [[SILENCE, 60], [72, 40]] or piece.pitches.tolist() == [[60, SILENCE], [72, 40]]
    assert told[0].startswith("1 note ")


def test_a_pitch_that_is_struck_again_begins_again():
    dealt, dropped = deal(
        np.array([(0, 4, 60, 80, False), (2, 3, 60, 80, False), (0, 4, 50, 80, False)], SCORE_NOTE), 2
    )
    assert [[note[:3] for note in voice.tolist()] for voice in dealt] == [[(0, 2, 60), (2, 3, 60)], [(0, 4, 50)]]
    assert not dropped


def test_random_chords_lose_nothing_and_no_voice_has_two_notes():
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = [(int(start), int(start + rng.integers(1, 5)), int(rng.integers(40, 80))) for start in range(30)]
        whole = score(rows)
        count = most_at_once(parts_on_grid(whole, 1))
        piece, told = on_grid(whole, count, 1)
        assert not told
        # Brute force: the pitches that sound at each step, whoever plays them. A pitch that is struck again ends there.
        ends = {}
        for start, end, pitch in sorted(rows):
            ends[start, pitch] = max(end, ends.get((start, pitch), 0))
        for step, found in enumerate(sounding(piece)):
            expected = set()
            for (start, pitch), end in ends.items():
                later = [other for other, same in ends if same == pitch and start < other]
                if start <= step < min([end, *later]):
                    expected.add(pitch)
            assert found == expected
        assert piece.onsets.sum() == len(ends)


def test_triplets_and_ornaments_are_rounded_and_counted():
    piece, told = on_grid(
        score([(0, 1 / 3, 60), (1 / 3, 2 / 3, 62), (2 / 3, 1, 64), (1, 1.0625, 65), (1.0625, 2, 67)]), 1, 4
    )
    assert piece.pitches[:, 0].tolist() == [60, 62, 62, 64, 67, 67, 67, 67]
    assert told == ["5 notes between the steps of the grid rounded", "1 note shorter than a step left out"]


def test_half_a_step_goes_up_so_that_neighbours_do_not_collide():
    piece, _ = on_grid(score([(0, 0.125, 60), (0.125, 0.25, 62), (0.25, 0.375, 64), (0.375, 0.5, 65)]), 1, 4)
    assert piece.pitches[:, 0].tolist() == [60, 64]


def test_positions_follow_the_bars():
    piece, _ = on_grid(score([(0, 7, 60)], metre=(3, 4)), 1, 2)
    assert piece.positions.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1]
    assert piece.metre == (3, 4) and piece.steps_per_bar == 6


@pytest.mark.parametrize(("rows", "expected"), [([(0, 1), (1, 2)], True), ([(0, 2), (1, 2)], False), ([], True)])
def test_monophony(rows, expected):
    assert is_monophonic(np.array([(*row, 60, 80, False) for row in rows], SCORE_NOTE)) is expected
