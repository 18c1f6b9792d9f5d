"""Sound, listened to by numbers. If these fail, a piece clicks, is out of tune or cut off, or a rest is not silent."""

import sys
import types
import wave

import numpy as np
import pretty_midi
import pytest

from apps.music.drum_sounds import drum_sound
from apps.music.pieces import Part
from apps.music.sound import PEAK, TAIL, synthesize, write_wav
from common.errors import UserError
from tests.apps.music.written_pieces import make_notes, make_voices

RATE = 44100


def strongest(sound, rate=RATE):
    """Hertz of the strongest frequency of both channels together."""
    mono = sound.sum(axis=1) * np.hanning(len(sound))
    spectrum = np.abs(np.fft.rfft(mono, 8 * len(mono)))
    return np.fft.rfftfreq(8 * len(mono), 1 / rate)[spectrum.argmax()]


@pytest.mark.parametrize("pitch", [36, 60, 69, 96])
@pytest.mark.parametrize("program", [0, 19])
def test_a_note_has_its_frequency(pitch, program):
    sound = synthesize(make_notes((0, 1, pitch, 100, 0), parts=(Part("one", program),)))
    assert abs(strongest(sound) / pretty_midi.note_number_to_hz(pitch) - 1) < 0.001


def test_a_voice_has_its_frequency_to_the_end_of_a_long_note():
    piece = make_voices(" ".join(["69", *["."] * 799]), tempo=60.0)  # 200 seconds
    sound = synthesize(piece, sample_rate=8000)
    assert abs(strongest(sound[195 * 8000 : 199 * 8000], 8000) - 440) < 0.05


def test_a_piece_is_as_long_as_it_should_be_and_a_rest_is_silent():
    piece = make_voices("60 . . . - - - - 64 . . . - - - -", tempo=60.0)  # a second each
    sound = synthesize(piece)
    assert abs(len(sound) / RATE - 4 - TAIL) < 0.01
    loudness = [float(np.abs(sound[int(s * RATE) : int((s + 1) * RATE)]).max()) for s in range(4)]
    assert loudness[0] > 0.1 and loudness[2] > 0.1
    assert loudness[1] < 1e-3 and loudness[3] < 1e-3
    assert not sound[int(4.01 * RATE) :].any()


def test_nothing_is_clipped_and_full_scale_is_used():
    chord = make_notes(*[(0, 1, pitch, 127, pitch % 3) for pitch in range(30, 80)])
    assert np.abs(synthesize(chord)).max() == pytest.approx(PEAK, rel=1e-5)


@pytest.mark.parametrize("program", [0, 19])
def test_neither_begin_nor_end_of_a_note_clicks(program):
    # A note of 110 Hz moves slowly: whatever jumps is a click.
    sound = synthesize(make_notes((0.5, 1, 45, 100, 0), (1.5, 1.51, 45, 100, 0), parts=(Part("one", program),)))
    jumps = np.abs(np.diff(sound, axis=0)).max(axis=1)
    steady = jumps[int(0.6 * RATE) : int(0.9 * RATE)].max()
    assert jumps.max() < 2 * steady
    assert not sound[: int(0.49 * RATE)].any()
    assert np.abs(sound[-5:]).max() < 1e-3


def test_the_same_pitch_struck_again_is_heard():
    twice, held = (synthesize(make_voices(text, tempo=60.0)) for text in ("60 . . . 60 . . .", "60 . . . . . . ."))
    around = slice(int(0.985 * RATE), int(1.003 * RATE))
    assert np.abs(twice[around]).max() < 0.6 * np.abs(held[around]).max()


def test_voices_stand_from_left_to_right():
    sound = synthesize(make_voices("72 . . . - - - -", "- - - - 48 . . ."))
    high, low = np.abs(sound[: int(0.625 * RATE)]).max(axis=0), np.abs(sound[int(0.625 * RATE) :]).max(axis=0)
    assert high[0] > 1.5 * high[1]
    assert low[1] > 1.5 * low[0]
    alone = synthesize(make_voices("72 . . ."))
    np.testing.assert_array_equal(alone[:, 0], alone[:, 1])


def test_louder_is_louder():
    sound = synthesize(make_notes((0, 0.4, 60, 30, 0), (0.5, 0.9, 60, 110, 0)))
    assert np.abs(sound[: int(0.45 * RATE)]).max() < 0.5 * np.abs(sound[int(0.5 * RATE) :]).max()


@pytest.mark.parametrize("pitch", range(27, 88))
def test_every_drum_sounds_and_begins_and_ends_softly(pitch):
    sound = drum_sound(pitch, RATE)
    assert 0.05 < np.abs(sound).max() <= 1
    assert abs(sound[0]) < 0.01 and abs(sound[-1]) < 0.01


def test_drums_are_told_apart_and_a_cymbal_at_the_end_does_not_break_off():
    kick, hat = drum_sound(36, RATE), drum_sound(42, RATE)
    centre = [
        np.average(np.arange(len(s) // 2 + 1) * RATE / len(s), weights=np.abs(np.fft.rfft(s))) for s in (kick, hat)
    ]
    assert centre[0] < 2000 < 6000 < centre[1]
    sound = synthesize(make_notes((0, 0.1, 49, 127, 2)))
    assert np.abs(sound[-20:]).max() < 1e-3


@pytest.mark.parametrize("piece", [make_voices("- - - -"), make_voices(""), make_notes(), make_notes(parts=())])
def test_silence_stays_silent(tmp_path, piece):
    write_wav(piece, tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() >= round(TAIL * RATE)
        assert not np.frombuffer(file.readframes(file.getnframes()), "<i2").any()


def test_a_file_has_what_was_synthesized(tmp_path):
    piece = make_voices("60 . . . 64 . . .", "40 . 43 . 36 . . .")
    write_wav(piece, tmp_path / "a.wav", sample_rate=22050)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 22050)
        read = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    np.testing.assert_allclose(read / 32767, synthesize(piece, 22050), atol=1 / 32767)


def test_a_failure_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    path.write_bytes(b"former")
    monkeypatch.setattr(wave.Wave_write, "writeframes", lambda *_: (_ for _ in ()).throw(RuntimeError("half-way")))
    with pytest.raises(RuntimeError, match="half-way"):
        write_wav(make_voices("60 . . ."), path)
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_soundfont_is_played_where_fluidsynth_is_installed(tmp_path, monkeypatch):
    font = tmp_path / "font.sf2"
    with pytest.raises(UserError, match="there is no soundfont .*font.sf2|needs FluidSynth"):
        synthesize(make_voices("60 . . ."), soundfont=font)
    font.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "fluidsynth", types.SimpleNamespace(__spec__=object()))
    asked = []

    def play(midi, fs, sf2_path):
        asked.append((midi.instruments[0].notes[0].pitch, fs, sf2_path))
        return np.sin(np.arange(90000) / 10)

    monkeypatch.setattr(pretty_midi.PrettyMIDI, "fluidsynth", play)
    sound = synthesize(make_voices("60 . . ."), soundfont=font)
    assert asked == [(60, RATE, str(font))]
    assert sound.shape == (90000, 2) and np.abs(sound).max() == pytest.approx(PEAK)
