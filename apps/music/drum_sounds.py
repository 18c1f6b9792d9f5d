"""Drums without a soundfont: noise and falling tones, enough to hear which drum was meant."""

from __future__ import annotations

import functools

import numpy as np

_KICKS, _SNARES, _SHUT_HATS, _OPEN_HATS = {35, 36}, {37, 38, 39, 40}, {42, 44}, {46}
_TOMS = {41: 80.0, 43: 95.0, 45: 115.0, 47: 140.0, 48: 165.0, 50: 195.0}  # Hz
_CYMBALS = {49, 51, 52, 53, 55, 57, 59}


@functools.lru_cache(maxsize=128)
def drum_sound(pitch: int, sample_rate: int) -> np.ndarray:
    """The whole sound of one stroke.

    Args:
        pitch: a drum of General MIDI.
        sample_rate: samples a second.

    Returns:
        float32 [samples], from -1 to 1, silent at both ends, the same at every call.
    """
    if pitch in _KICKS:
        sound = _tone(sample_rate, 0.25, begin=150.0, end=48.0, decay=0.08)
    elif pitch in _TOMS:
        sound = _tone(sample_rate, 0.35, begin=1.4 * _TOMS[pitch], end=_TOMS[pitch], decay=0.1)
    elif pitch in _SNARES:
        sound = 0.7 * _noise(pitch, sample_rate, 0.2, decay=0.05) + 0.3 * _tone(sample_rate, 0.2, 220.0, 180.0, 0.05)
    elif pitch in _SHUT_HATS:
        sound = 0.5 * _hiss(pitch, sample_rate, 0.1, decay=0.02)
    elif pitch in _OPEN_HATS:
        sound = 0.5 * _hiss(pitch, sample_rate, 0.5, decay=0.12)
    elif pitch in _CYMBALS:
        sound = 0.5 * _hiss(pitch, sample_rate, 1.2, decay=0.3)
    else:
        sound = 0.5 * _noise(pitch, sample_rate, 0.12, decay=0.03)
    # A millisecond to swell and ten to end: a jump would click.
    swell, end = max(1, sample_rate // 1000), max(1, sample_rate // 100)
    sound[:swell] *= np.linspace(0, 1, swell)[: len(sound)]
    sound[-end:] *= np.linspace(1, 0, end)[-len(sound) :]
    sound = sound.astype(np.float32)
    sound.flags.writeable = False  # every stroke shares it
    return sound


def _tone(sample_rate: int, seconds: float, begin: float, end: float, decay: float) -> np.ndarray:
    """A sine that falls from one frequency to another, as the skin of a drum does."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    frequency = end + (begin - end) * np.exp(-time / 0.03)
    return np.sin(2 * np.pi * np.cumsum(frequency) / sample_rate) * np.exp(-time / decay)


def _noise(pitch: int, sample_rate: int, seconds: float, decay: float) -> np.ndarray:
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return np.random.default_rng(pitch).uniform(-1, 1, len(time)) * np.exp(-time / decay)


def _hiss(pitch: int, sample_rate: int, seconds: float, decay: float) -> np.ndarray:
    """Noise without its low half: metal."""
    noise = _noise(pitch, sample_rate, seconds, decay)
    return 0.5 * np.diff(noise, prepend=0.0)
