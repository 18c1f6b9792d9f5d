"""Names of pitches. If these fail, a score is full of accidentals that nobody would write."""

import music21
import pytest

from apps.music.pitch_names import pitch_name, spelled


@pytest.mark.parametrize("sharps", range(-7, 8))
def test_a_name_means_its_pitch_and_the_scales_of_a_key_need_no_enharmonics(sharps):
    for midi in range(128):
        letter, alteration, octave = spelled(midi, sharps)
        assert music21.pitch.Pitch(step=letter, accidental=alteration, octave=octave).midi == midi or midi > 120
        assert abs(alteration) <= 2
    signature = music21.key.KeySignature(sharps)
    for scale in (signature.asKey("major"), signature.asKey("minor"), signature.asKey("minor").tonic):
        if isinstance(scale, music21.pitch.Pitch):
            pitches = music21.scale.HarmonicMinorScale(scale).getPitches()
        else:
            pitches = scale.getPitches()
        for pitch in pitches:
            assert spelled(pitch.midi, sharps)[:2] == (pitch.step, int(pitch.alter))


@pytest.mark.parametrize(
    ("midi", "sharps", "name"),
    [
        (60, 0, "C4"),
        (61, 0, "C♯4"),
        (61, 3, "C♯4"),
        (61, -4, "D♭4"),
        (70, 0, "B♭4"),
        (70, 5, "A♯4"),
        (60, 7, "B♯3"),
        (71, -7, "C♭5"),
        (0, 0, "C-1"),
    ],
)
def test_names(midi, sharps, name):
    assert pitch_name(midi, sharps) == name
