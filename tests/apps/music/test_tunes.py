"""If these fail, a tune that was learned stands in the test set, and every score flatters."""

from dataclasses import replace

import numpy as np

from apps.music.pieces import NOTE, NotePiece, Part, VoicePiece
from apps.music.tunes import content_group, tune_groups


def chorale(name, phrases, *, bass=48, steps=4, key=0, pickup=0):
    """Two voices; each phrase is a list of soprano pitches of a quarter, the last with a fermata; tuples are two eighths."""
    pitches, onsets, fermatas = [], [], []
    for phrase in phrases:
        for index, note in enumerate(phrase):
            notes = note if isinstance(note, tuple) else (note,)
            for each in notes:
                length = steps // len(notes)
                pitches += [[each, bass]] * length
                onsets += [[True, True]] + [[False, False]] * (length - 1)
                fermatas += [index == len(phrase) - 1] * length
    pitches = np.array(pitches, np.int16) + key
    positions = ((np.arange(len(pitches)) + pickup) % 16).astype(np.int16)
    return VoicePiece(name, pitches, np.array(onsets), positions, 4, fermatas=np.array(fermatas))


A, B, C, D = [60, 62, 64, 65, 67], [67, 65, 64, 62], [64, 62, 59, 60], [60, 67, 66, 60]


def test_the_same_piece_in_another_key_by_another_name_is_one():
    piece = chorale("a", [A, B])
    assert content_group(piece) == content_group(replace(piece.transposed(3), name="b", tempo=50.0))
    assert content_group(piece) != content_group(chorale("a", [A, B], bass=47))
    held = piece.onsets.copy()
    held[4] = False
    assert content_group(piece) != content_group(replace(piece, onsets=held))


def test_the_same_performance_in_another_key_is_one_but_drums_have_no_key():
    notes = np.array([(0.0, 0.5, 60, 80, 0), (0.5, 1.0, 64, 70, 0)], NOTE)
    higher = notes.copy()
    higher["pitch"] += 2
    assert content_group(NotePiece("a", notes)) == content_group(NotePiece("b", higher))
    drums = (Part("drums", is_drum=True),)
    assert content_group(NotePiece("a", notes, drums)) != content_group(NotePiece("b", higher, drums))
    assert content_group(NotePiece("a", notes[:0]))


def test_other_harmonies_another_key_and_passing_notes_are_the_same_tune():
    pieces = [
        chorale("bwv1", [A, B, C]),
        chorale("bwv2", [A, [50, 40, 51, 52], [41, 42]], bass=40, key=5),
        chorale("bwv3", [[60, (62, 63), 64, 65, 65, 67], [1, 2, 5], [3, 9, 4]], bass=41, pickup=12),
        chorale("bwv4", [D, B, C], bass=43),  # begins otherwise and goes on as the first
        chorale("bwv5", [D[::-1], [40, 42, 44], [30, 31, 33, 39]]),
    ]
    assert tune_groups(pieces) == ["bwv1", "bwv1", "bwv1", "bwv1", "bwv5"]


def test_a_tune_whose_phrases_are_cut_otherwise_is_found_by_its_stretches():
    tune = [60, 62, 64, 65, 67, 69, 67, 65, 64, 62, 59, 60]
    pieces = [
        chorale("bwv1", [tune[:5], tune[5:]]),
        chorale("bwv2", [[70, 60], [*tune[:8], 50]], bass=40),
        chorale("bwv3", [[60, 67, 69, 66, 64, 63, 61, 60, 66, 68, 67, 65]]),
    ]
    assert tune_groups(pieces) == ["bwv1", "bwv1", "bwv3"]


def test_variants_in_the_catalogue_are_one():
    pieces = [chorale("bwv248.23-2", [A]), chorale("bwv248.23-s", [C]), chorale("bwv248.42-s", [D])]
    assert tune_groups(pieces) == ["bwv248.23-2", "bwv248.23-2", "bwv248.42-s"]


def test_phrases_of_a_few_notes_make_no_tune():
    pieces = [chorale("bwv1", [[60, 62, 64], B]), chorale("bwv2", [[60, 62, 64], D])]
    assert tune_groups(pieces) == ["bwv1", "bwv2"]
    assert tune_groups([chorale("bwv1", [[60, 60]]), chorale("bwv2", [[60, 60]], bass=40)]) == ["bwv1", "bwv2"]
    assert tune_groups([]) == []
