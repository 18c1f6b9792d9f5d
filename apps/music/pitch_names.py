"""Names of pitches: which of C sharp and D flat a MIDI pitch is."""

_STEPS = "FCGDAEB"  # each a fifth above the one before


def spelled(pitch: int, sharps: int = 0) -> tuple[str, int, int]:
    """The name of a MIDI pitch in a key.

    The twelve names are neighbours on the line of fifths: the seven of the key, two more flats than it has, and as many
    sharps as the leading note of its minor needs. So G sharp in A minor and E flat in G minor, but C sharp, not D flat, in
    D minor.

    Args:
        pitch: 0 to 127.
        sharps: of the key signature, negative for flats, -7 to 7.

    Returns:
        Letter, alteration in semitones from -2 to 2, octave (of 60 it is 4).

    Reference:
        Temperley 2001, The Cognition of Basic Musical Structures, chapter 5: the line of fifths.
    """
    lowest = sharps - 3  # 0 is C; the window of C major is E flat to G sharp
    fifths = lowest + (7 * pitch - lowest) % 12
    alteration, place = divmod(fifths + 1, 7)
    return _STEPS[place], alteration, (pitch - alteration) // 12 - 1


def pitch_name(pitch: int, sharps: int = 0) -> str:
    """Such as C4, F♯3 or B♭5."""
    letter, alteration, octave = spelled(pitch, sharps)
    return f"{letter}{('♯' if alteration > 0 else '♭') * abs(alteration)}{octave}"
