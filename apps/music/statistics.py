"""What pieces on a grid are like, in numbers: of samples beside those of real music and of a Markov chain of chords."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.music.copying import copied_passages
from apps.music.counterpoint import (
    parallel_fifths_per_bar,
    parallel_octaves_per_bar,
    range_violations_per_bar,
    voice_crossings_per_bar,
)
from apps.music.pieces import SILENCE, VoicePiece
from apps.music.voice_notes import JoinedPieces, begins

LARGEST_INTERVAL = 12  # semitones; larger ones are counted with it
LONGEST_NOTE = 32  # steps; longer notes are counted with it
WINDOW_BEATS = 4  # of self-repetition


def pitch_class_histogram(joined: JoinedPieces) -> np.ndarray:
    """Returns float64 [12], the share of the sounding time of all voices for C, C sharp and so on."""
    sounding = joined.pitches[joined.pitches != SILENCE]
    return _shares(np.bincount(sounding % 12, minlength=12))


def interval_histogram(joined: JoinedPieces) -> np.ndarray:
    """Returns float64 [voices, 25], the shares of -12 to 12 semitones from a note to the one that follows without a rest."""
    rows = []
    for voice in range(joined.voices):
        steps = np.clip(joined.notes_of(voice).intervals, -LARGEST_INTERVAL, LARGEST_INTERVAL) + LARGEST_INTERVAL
        rows.append(_shares(np.bincount(steps, minlength=2 * LARGEST_INTERVAL + 1)))
    return np.stack(rows)


def note_length_histogram(joined: JoinedPieces) -> np.ndarray:
    """Returns float64 [32], the shares of notes of 1 to 32 steps in all voices."""
    lengths = np.concatenate([joined.notes_of(voice).lengths for voice in range(joined.voices)])
    return _shares(np.bincount(np.minimum(lengths, LONGEST_NOTE) - 1, minlength=LONGEST_NOTE))


def total_variation(one: np.ndarray, other: np.ndarray) -> float:
    """Half the sum of the absolute differences of shares, 0 to 1; the mean over the rows where there are some."""
    return float(np.mean(np.abs(one - other).sum(-1) / 2))


def silence_share(joined: JoinedPieces) -> float:
    """The share of the voices' time in which nothing sounds, 0 to 1."""
    gaps = (len(joined.pitches) - joined.steps) * joined.voices
    return float(((joined.pitches == SILENCE).sum() - gaps) / (joined.steps * joined.voices))


def self_repetition(pieces: Sequence[VoicePiece]) -> float:
    """The share of windows of four beats that occurred before in their piece, without transposition, 0 to 1.

    A window starts at every beat. It counts if any note begins in it, and is repeated if one that is over when it starts has
    the same notes beginning, held and silent in each of its steps.
    """
    windows, repeated = 0, 0
    for piece in pieces:
        beat = piece.steps_per_quarter
        length = WINDOW_BEATS * beat
        onsets = begins(piece)
        first_ends: dict[bytes, int] = {}
        for start in range(0, len(piece) - length + 1, beat):
            part = slice(start, start + length)
            if not onsets[part].any():
                continue
            windows += 1
            key = piece.pitches[part].tobytes() + onsets[part].tobytes()
            repeated += first_ends.setdefault(key, start + length) <= start
    return repeated / windows if windows else 0.0


def summarize(pieces: Sequence[VoicePiece], train: Sequence[VoicePiece]) -> dict[str, float]:
    """The figures of pieces that need no other pieces to be compared with, but those of the training.

    Args:
        pieces: at least one step in all.
        train: what the model has learned from, for ranges and copies.
    """
    joined, known = JoinedPieces.of(pieces), JoinedPieces.of(train)
    notes = [joined.notes_of(voice) for voice in range(joined.voices)]
    lengths = np.concatenate([voice.lengths for voice in notes])
    copied = [passage.beats for passage in copied_passages(pieces, train)]
    return {
        "voice_crossings_per_bar": voice_crossings_per_bar(joined),
        "range_violations_per_bar": range_violations_per_bar(joined, known),
        "parallel_fifths_per_bar": parallel_fifths_per_bar(joined),
        "parallel_octaves_per_bar": parallel_octaves_per_bar(joined),
        "silence_share": silence_share(joined),
        "notes_per_bar": len(lengths) / joined.bars,
        "mean_note_steps": float(lengths.mean()) if len(lengths) else 0.0,
        "self_repetition": self_repetition(pieces),
        "longest_copied_beats": max(copied),
        "mean_copied_beats": float(np.mean(copied)),
    }


def distances(pieces: Sequence[VoicePiece], real: Sequence[VoicePiece]) -> dict[str, float]:
    """Total variation between the histograms of some pieces and of real ones, 0 to 1."""
    one, other = JoinedPieces.of(pieces), JoinedPieces.of(real)
    return {
        "pitch_class_distance": total_variation(pitch_class_histogram(one), pitch_class_histogram(other)),
        "interval_distance": total_variation(interval_histogram(one), interval_histogram(other)),
        "note_length_distance": total_variation(note_length_histogram(one), note_length_histogram(other)),
    }


def compare(
    samples: Sequence[VoicePiece],
    held_out: Sequence[VoicePiece],
    chain: Sequence[VoicePiece],
    train: Sequence[VoicePiece],
) -> dict[str, dict[str, float]]:
    """The figures of samples beside those of real pieces and of a Markov chain of chords.

    Distances are those from the histograms of the held-out pieces. In the row of these themselves they are those of the
    training pieces: how far apart real music is.

    Args:
        samples: of the model.
        held_out: real pieces that it has not learned from.
        chain: samples of `ChordMarkov`.
        train: what both have learned from.

    Returns:
        The figures of `summarize` and `distances`, for each of `model`, `held_out` and `chord_markov`.
    """
    return {
        "model": summarize(samples, train) | distances(samples, held_out),
        "held_out": summarize(held_out, train) | distances(train, held_out),
        "chord_markov": summarize(chain, train) | distances(chain, held_out),
    }


def _shares(counts: np.ndarray) -> np.ndarray:
    """Returns float64 of the same shape, which sums to 1; zeros where nothing was counted."""
    return counts / max(counts.sum(), 1)
