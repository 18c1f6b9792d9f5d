"""A piece becomes sound: a mild organ for what is held, something plucked for what is struck, noise for drums.

Nothing but NumPy is needed. Where FluidSynth is installed, a soundfont sounds better.
"""

from __future__ import annotations

import importlib.util
import io
import wave
from pathlib import Path

import numpy as np

from apps.music.drum_sounds import drum_sound
from apps.music.pieces import NotePiece, Part, VoicePiece, voices_to_notes
from common.errors import UserError
from common.files import atomic_write

PEAK = 0.9  # of full scale; some players clip what comes near 1
TAIL = 0.5  # seconds after the end, for what rings on
_WIDTH = 0.6  # of the stereo field; outermost voices would otherwise sit in one ear
_ORGAN = (1.0, 0.45, 0.25, 0.12, 0.06)  # amplitudes of the harmonics
_PLUCKED = (1.0, 0.5, 0.3, 0.2, 0.12, 0.07)
_STRUCK_PROGRAMS = (range(16), range(24, 40), range(45, 48), range(104, 120))  # piano, guitar, bass, pizzicato
_ATTACK, _STRUCK_ATTACK = 0.02, 0.004  # seconds until a note is at its loudest
_RELEASE = 0.06  # seconds in which a note fades
_BLOCK = 1 << 16  # samples that become 16 bits at once


def synthesize(
    piece: VoicePiece | NotePiece, sample_rate: int = 44100, soundfont: str | Path | None = None
) -> np.ndarray:
    """The sound of a piece, its loudest sample at 0.9; a piece without notes is silent.

    Args:
        piece: voices stand side by side from left to right; drums in the middle.
        sample_rate: samples a second.
        soundfont: a `.sf2` file to play with FluidSynth, both channels alike; None makes the sound here.

    Returns:
        float32 [samples, 2]; as long as the piece and half a second. With a soundfont it may ring on for longer.

    Raises:
        UserError: FluidSynth is not installed, or there is no such soundfont.
    """
    seconds = (
        len(piece) * 60.0 / piece.tempo / piece.steps_per_quarter if isinstance(piece, VoicePiece) else piece.seconds
    )
    samples = round((seconds + TAIL) * sample_rate)
    sound = (
        _with_soundfont(piece, sample_rate, soundfont, samples)
        if soundfont
        else _made_here(piece, sample_rate, samples)
    )
    peak = float(max(sound.max(initial=0.0), -sound.min(initial=0.0)))
    if peak > 0:
        sound *= PEAK / peak
    return sound


def check_soundfont(soundfont: str | Path) -> None:
    """Raises UserError where a soundfont cannot be played: there is none of this name, or no FluidSynth."""
    if importlib.util.find_spec("fluidsynth") is None:
        raise UserError(
            "a soundfont needs FluidSynth; install it and the package pyfluidsynth, or leave out the soundfont"
        )
    if not Path(soundfont).is_file():
        raise UserError(f"there is no soundfont {soundfont}; give the path of a .sf2 file")


def write_wav(
    piece: VoicePiece | NotePiece,
    path: str | Path,
    sample_rate: int = 44100,
    soundfont: str | Path | None = None,
) -> None:
    """Writes 16-bit stereo PCM, whole or not at all; see `synthesize`.

    Raises:
        UserError: as `synthesize`; the disk is full, or the place cannot be written.
    """
    sound = synthesize(piece, sample_rate, soundfont)
    with atomic_write(path, "wb") as file, wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate)
        writer.setnframes(len(sound))
        for begin in range(0, len(sound), _BLOCK):
            writer.writeframes(np.round(sound[begin : begin + _BLOCK] * 32767).astype("<i2").tobytes())


def _made_here(piece: VoicePiece | NotePiece, sample_rate: int, samples: int) -> np.ndarray:
    is_organ = isinstance(piece, VoicePiece)
    notes = voices_to_notes(piece) if is_organ else piece
    sound = np.zeros((samples, 2), np.float32)
    for index, part in enumerate(notes.parts):
        place = 0.0 if part.is_drum or len(notes.parts) == 1 else _WIDTH * (2 * index / (len(notes.parts) - 1) - 1)
        left, right = np.cos((1 + place) * np.pi / 4), np.sin((1 + place) * np.pi / 4)  # equal power everywhere
        for note in notes.notes[notes.notes["part"] == index]:
            begin = round(float(note["start"]) * sample_rate)
            tone = _tone(note, part, sample_rate, is_organ)[: samples - begin]
            sound[begin : begin + len(tone), 0] += np.float32(left) * tone
            sound[begin : begin + len(tone), 1] += np.float32(right) * tone
    fade = min(round(_RELEASE * sample_rate), samples)  # a cymbal rings on for longer than the tail
    sound[samples - fade :] *= _swell(fade)[::-1, None]
    return sound


def _tone(note: np.void, part: Part, sample_rate: int, is_organ: bool) -> np.ndarray:
    """float32 [samples] of one note, zero at both ends."""
    loudness = (float(note["velocity"]) / 127) ** 1.5
    if part.is_drum:
        return np.float32(loudness) * drum_sound(int(note["pitch"]), sample_rate)
    is_struck = not is_organ and any(part.program in programs for programs in _STRUCK_PROGRAMS)
    seconds = float(note["end"]) - float(note["start"])
    release = _RELEASE
    if is_struck:
        seconds += release
    else:
        # It fades before its end, so that the same pitch struck again is heard as two notes, and a rest is silent.
        release = min(release, seconds / 2)
    count = max(round(seconds * sample_rate), 2)
    frequency = 440.0 * 2.0 ** ((float(note["pitch"]) - 69) / 12)
    # Whole turns are taken off in float64: float32 would be out of tune after a few seconds.
    turns = np.arange(count) * (frequency / sample_rate)
    tone = _harmonics((turns - np.floor(turns)).astype(np.float32), frequency, sample_rate, is_struck)
    if is_struck:
        decay = 0.9 * 2.0 ** ((60 - float(note["pitch"])) / 24)  # seconds; high strings are short
        tone *= np.exp(np.arange(count, dtype=np.float32) * np.float32(-1 / (decay * sample_rate)))
    attack = min(round((_STRUCK_ATTACK if is_struck else _ATTACK) * sample_rate), count // 2)
    fade = min(round(release * sample_rate), count - attack)
    tone[:attack] *= _swell(attack)
    tone[count - fade :] *= _swell(fade)[::-1]
    return np.float32(loudness) * tone


def _harmonics(turns: np.ndarray, frequency: float, sample_rate: int, is_struck: bool) -> np.ndarray:
    """Sum of the harmonics that a sample rate can carry, at phases of 0 to 1 turns."""
    angle = np.float32(2 * np.pi) * turns
    before, now, twice_cosine = np.zeros_like(angle), np.sin(angle), 2 * np.cos(angle)
    total = np.zeros_like(angle)
    for harmonic, amplitude in enumerate(_PLUCKED if is_struck else _ORGAN, start=1):
        if harmonic * frequency >= sample_rate / 2:
            break
        total += np.float32(amplitude) * now
        # sin((n + 1) x) = 2 cos(x) sin(n x) - sin((n - 1) x)
        before, now = now, twice_cosine * now - before
    return total


def _swell(count: int) -> np.ndarray:
    """float32 [count] from 0 to nearly 1 without a corner."""
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(count) / max(count, 1))).astype(np.float32)


def _with_soundfont(piece: VoicePiece | NotePiece, sample_rate: int, soundfont: str | Path, samples: int) -> np.ndarray:
    import pretty_midi

    from apps.music.midi_writing import make_midi

    check_soundfont(soundfont)
    data = io.BytesIO()
    make_midi(piece).save(file=data)
    data.seek(0)
    mono = pretty_midi.PrettyMIDI(data).fluidsynth(fs=sample_rate, sf2_path=str(soundfont))
    sound = np.zeros((max(samples, len(mono)), 2), np.float32)
    sound[: len(mono)] = mono[:, None]
    return sound
