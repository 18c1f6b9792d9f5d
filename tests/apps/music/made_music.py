"""Small files of music that tests write, with nothing but mido or plain text."""

import io

import mido


def midi_bytes(tracks, *, ticks=480, meta=()) -> bytes:
    """A MIDI file of type 1.

    Args:
        tracks: for each a list of (start, end, pitch) in ticks, or (channel, list).
        ticks: in a quarter.
        meta: (tick, `mido.MetaMessage`) of the first track.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=ticks)
    file.tracks.append(_track(list(meta)))
    for index, track in enumerate(tracks):
        channel, notes = track if isinstance(track, tuple) else (index % 9, track)
        events = []
        for start, end, pitch in notes:
            events.append((start, mido.Message("note_on", channel=channel, note=pitch, velocity=70)))
            events.append((end, mido.Message("note_off", channel=channel, note=pitch)))
        if all(start < end for start, end, _ in notes):  # else as given, because an end must follow its begin
            events.sort(key=lambda event: (event[0], event[1].type == "note_on"))
        file.tracks.append(_track(events))
    stream = io.BytesIO()
    file.save(file=stream)
    return stream.getvalue()


def _track(events) -> mido.MidiTrack:
    track, now = mido.MidiTrack(), 0
    for tick, message in events:
        track.append(message.copy(time=tick - now))
        now = tick
    return track


FOUR_PARTS = [  # quarters at 480 ticks: two chords, the bass first so that order must come from pitch
    [(0, 480, 48), (480, 960, 43)],
    [(0, 480, 72), (480, 720, 71), (720, 960, 71)],
    [(0, 960, 67)],
    [(0, 480, 64), (480, 960, 62)],
]

ABC = """X:1
T:One
M:3/4
L:1/4
K:G
D | GAB | c2-c | B3 |]

X:2
T:Two
M:2/4
L:1/8
K:Am
A2 B2 | c2 d2 |]
"""
