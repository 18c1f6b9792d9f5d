"""If these fail, a person's melody or opening is moved, cut or misread on its way to the model, and nobody says so.

The model is a stand-in that answers what it is given and 60 elsewhere, and notes what it was asked.
"""

import io
import json

import mido
import numpy as np
import pytest

from apps.music import asking
from apps.music.asking import ask_for_events, ask_for_voices
from apps.music.events import END, EventVocabulary
from apps.music.pieces import Part
from apps.music.predict import FLAGS
from common.console import Console
from common.errors import UserError
from tests.apps.music.made_music import FOUR_PARTS, midi_bytes
from tests.apps.music.written_pieces import make_notes

QUARTER = 480  # ticks
TUNE = "X:1\nM:{metre}\nL:1/4\nQ:1/4=132\nK:G\n{notes}\n"
WORDS = EventVocabulary(32, 100, 0.01)


class Voices:
    """What stands in for a model of voices."""

    def __init__(self, **about):
        self.metadata = {
            "representation": "voices",
            "voices": 4,
            "steps_per_quarter": 4,
            "metre": [4, 4],
            "tempo": 90.0,
            "ranges": [[60, 80], [53, 74], [48, 69], [36, 64]],
            "lowest": 33,
            "highest": 83,
            "looks_ahead": True,
            **about,
        }

    def run(self, endpoint, inputs):
        self.endpoint, self.inputs = endpoint, inputs
        if endpoint == "serving_default":
            pitches = np.full((1, inputs["length"][0], self.metadata["voices"]), 60)
            onsets = np.zeros(pitches.shape, bool)
        else:
            given, onsets = inputs["pitches"], inputs["onsets"]
            pitches = np.where(given == -2, -1, np.where(given == -1, 60, given))
        return {"pitches": pitches.astype(np.int32), "onsets": onsets, "log_probability": np.zeros(1, np.float32)}


class Events:
    """What stands in for a model of events: a note of 50 time steps in each place that is not given."""

    def __init__(self, **about):
        settings = {"velocity_bins": 32, "max_shift": 100, "time_step": 0.01, "events_per_second": 10.0}
        self.metadata = {"representation": "events", "tempo": 90.0, **settings, **about}

    def run(self, endpoint, inputs):
        self.endpoint, self.inputs = endpoint, inputs
        events = inputs.get("events", np.zeros((1, *inputs.get("length", ())), np.int32)).copy()
        free = np.flatnonzero(events[0] == 0)
        events[0, free] = np.array([WORDS.first_on + 64, WORDS.first_shift + 49])[np.arange(len(free)) % 2]
        return {"events": events}


@pytest.fixture
def ask():
    """Asks a stand-in; the answer, the stand-in, and what a person was told."""

    def ask(model=None, **wishes):
        model = Voices() if model is None else model
        defaults = {flag.name: None for flag in FLAGS} | {"seed": 5, "temperature": 0.5, "top_p": 0.9}
        stream = io.StringIO()
        function = ask_for_voices if model.metadata["representation"] == "voices" else ask_for_events
        wishes = {name: str(value) if name in ("melody", "prime") else value for name, value in wishes.items()}
        composed = function(model, defaults | wishes, Console(stream=stream, interactive=False))
        return composed, model, stream.getvalue()

    return ask


@pytest.fixture
def file(tmp_path):
    """Writes a file of music, and returns its path."""

    def file(content, name="tune.mid"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return file


def quarters(*pitches, start=0):
    """Notes of a track, one after the other."""
    return [(start + QUARTER * i, start + QUARTER * (i + 1), pitch) for i, pitch in enumerate(pitches)]


def test_nothing_given_is_composed_freely(ask):
    composed, model, told = ask()
    assert model.endpoint == "serving_default" and not told and composed.given is None
    assert {name: value.tolist() for name, value in model.inputs.items()} == {
        "length": [256],
        "seed": [5],
        "temperature": [0.5],
        "top_p": [np.float32(0.9)],
    }
    piece = composed.piece
    assert (len(piece), piece.metre, piece.tempo, piece.name) == (256, (4, 4), 90.0, "seed 5")
    assert composed.described["length"] == "16 bars in 4/4, 43 s"
    composed, model, _ = ask(bars=1, tempo=120.0)
    assert model.inputs["length"].tolist() == [16] and composed.piece.tempo == 120.0
    assert composed.described["length"] == "1 bar in 4/4, 2 s"


def test_a_metre_that_was_asked_for_is_told_to_the_model(ask):
    composed, model, _ = ask(metre=(3, 4), bars=2)
    assert model.endpoint == "complete" and (model.inputs["pitches"] == -1).all()
    assert model.inputs["positions"].tolist() == [[*range(12)] * 2]
    assert composed.piece.metre == (3, 4) and composed.given is None
    composed, model, _ = ask(metre=(6, 8), bars=1)
    assert model.inputs["positions"].tolist() == [[*range(12)]] and composed.piece.metre == (6, 8)
    for metre in ((5, 32), (3, 32)):
        with pytest.raises(UserError, match=f"--metre is {metre[0]}/32, whose bars do not end with a step of the grid"):
            ask(metre=metre)
    with pytest.raises(UserError, match="would have 405,504 steps, .* at most 16,384; give fewer --bars"):
        ask(metre=(99, 1), bars=256)


@pytest.mark.parametrize("form", ["mid", "abc", "json"])
def test_a_melody_is_kept_to_its_end(ask, file, form):
    content = {
        "mid": midi_bytes([quarters(62, 64, 64, 66)], meta=[(0, mido.MetaMessage("set_tempo", tempo=500_000))]),
        "abc": TUNE.format(metre="4/4", notes="D E E F |"),
        "json": json.dumps([[[pitch] for pitch in (62, 64, 64, 66) for _ in range(4)]]),
    }[form]
    composed, model, _ = ask(melody=file(content, f"tune.{form}"))
    expected = np.repeat([62, 64, 64, 66], 4)
    assert model.endpoint == "complete"
    np.testing.assert_array_equal(model.inputs["pitches"][0, :, 0], expected)
    assert (model.inputs["pitches"][0, :, 1:] == -1).all()
    again = form != "json"  # which does not say where notes begin
    assert np.flatnonzero(model.inputs["onsets"][0, :, 0]).tolist() == [0, 4, 8, 12] if again else [0, 4, 12]
    assert model.inputs["positions"].tolist() == [[*range(16)]]
    np.testing.assert_array_equal(composed.given, [[True, False, False, False]] * 16)
    np.testing.assert_array_equal(composed.piece.pitches[:, 0], expected)
    assert composed.piece.tempo == {"mid": 120.0, "abc": 132.0, "json": 96.0}[form]
    assert composed.piece.key == {"mid": None, "abc": 1, "json": None}[form]


def test_the_highest_voice_of_several_is_the_melody(ask, file):
    for content, name in (
        (midi_bytes(FOUR_PARTS), "four.mid"),
        (json.dumps([[[72, 67, 64, 48]] * 4 + [[71, 67, 62, 43]] * 4]), "four.json"),
    ):
        _, model, _ = ask(melody=file(content, name))
        assert model.inputs["pitches"][0, [0, 3, 4, 7], 0].tolist() == [72, 72, 71, 71]
        assert (model.inputs["pitches"][0, :, 1:] == -1).all()


def test_silence_in_a_melody_is_given_too(ask, file):
    path = file(midi_bytes([[(0, 480, 62), (960, 1440, 64)]]))
    composed, model, _ = ask(melody=path)
    assert model.inputs["pitches"][0, :, 0].tolist() == [62] * 4 + [-2] * 4 + [64] * 4
    assert composed.given[:, 0].all()


def test_a_pickup_stays_before_the_first_bar_line(ask, file):
    path = file(TUNE.format(metre="3/4", notes="D | GAB | c3 |]"), "tune.abc")
    composed, model, _ = ask(melody=path)
    assert model.inputs["positions"].tolist() == [[8, 9, 10, 11, *range(12), *range(12)]]
    assert composed.piece.metre == (3, 4)
    assert composed.described["length"].startswith("2 bars and a pickup in 3/4")
    composed, model, _ = ask(melody=path, bars=3)  # after its end the voices go on
    assert model.inputs["positions"].tolist() == [[8, 9, 10, 11, *range(12), *range(12), *range(12)]]
    assert (model.inputs["pitches"][0, 28:] == -1).all() and (model.inputs["pitches"][0, :28, 0] != -1).all()
    assert composed.described["length"].startswith("3 bars and a pickup in 3/4")
    composed, model, _ = ask(melody=path, metre=(4, 4))
    assert model.inputs["positions"].tolist() == [[12, 13, 14, 15, *range(16), *range(8)]]
    assert composed.piece.metre == (4, 4) and len(composed.piece) == 28


def test_a_melody_that_is_longer_than_asked_for_is_cut_and_said(ask, file):
    path = file(midi_bytes([quarters(*range(60, 72))]))  # three bars
    composed, model, told = ask(melody=path, bars=2)
    assert model.inputs["pitches"].shape == (1, 32, 4) and len(composed.piece) == 32
    assert model.inputs["positions"].tolist() == [[*range(16)] * 2]
    assert f"{path}: only the first 32 of its 48 steps are harmonised" in told
    assert composed.given.shape == (32, 4)


def test_a_change_of_metre_or_tempo_is_kept_or_said(ask, file, capsys):
    meta = [
        (0, mido.MetaMessage("time_signature", numerator=4, denominator=4)),
        (0, mido.MetaMessage("set_tempo", tempo=600_000)),
        (4 * QUARTER, mido.MetaMessage("time_signature", numerator=3, denominator=4)),
        (5 * QUARTER, mido.MetaMessage("set_tempo", tempo=300_000)),
    ]
    path = file(midi_bytes([quarters(*range(60, 70))], meta=meta))
    composed, model, _ = ask(melody=path)
    assert model.inputs["positions"].tolist() == [[*range(16), *range(12), *range(12)]]
    assert composed.piece.tempo == 100.0
    assert composed.described["length"].startswith("3 bars in 3/4")
    told = "".join(capsys.readouterr())
    assert "the metre changes" in told and "changes of tempo left out" in told
    composed, _, _ = ask(melody=path, tempo=60.0)
    assert composed.piece.tempo == 60.0


@pytest.mark.parametrize(("octaves", "moved", "semitones"), [(-2, 2, "24 semitones up"), (3, -2, "24 semitones down")])
def test_a_melody_out_of_the_range_is_transposed_and_said(ask, file, octaves, moved, semitones):
    path = file(midi_bytes([quarters(*(12 * octaves + pitch for pitch in (62, 64, 66)))]))
    composed, model, told = ask(melody=path)
    expected = [12 * (octaves + moved) + pitch for pitch in (62, 64, 66)]
    assert model.inputs["pitches"][0, ::4, 0].tolist() == expected and min(expected) >= 60 and max(expected) <= 80
    assert (
        f"warning: {path} is transposed by {semitones}, because it leaves the range that the model has learned" in told
    )
    assert "MIDI pitches 60 to 80)" in told
    assert composed.piece.pitches[::4, 0].tolist() == expected


def test_a_melody_moves_no_farther_than_it_must(ask, file):
    _, model, told = ask(melody=file(midi_bytes([quarters(62, 70, 82)])))  # no octave is as good
    assert model.inputs["pitches"][0, ::4, 0].tolist() == [60, 68, 80] and "transposed by 2 semitones down" in told
    _, model, told = ask(melody=file(midi_bytes([quarters(58, 70, 82)])))  # nothing helps
    assert model.inputs["pitches"][0, ::4, 0].tolist() == [58, 70, 82] and not told
    with pytest.raises(UserError, match="spans more than the model can say, which is MIDI pitch 33 to 83"):
        ask(melody=file(midi_bytes([quarters(20, 60, 100)])))


def test_an_opening_is_moved_to_where_all_of_it_can_be_said(ask, file):
    """Though less of it is in the ranges of the voices there."""
    model = Voices(lowest=57, highest=86, ranges=[[75, 83], [70, 79], [65, 74], [60, 69]])
    _, model, told = ask(model, prime=file(midi_bytes(FOUR_PARTS)), bars=1)
    assert model.inputs["pitches"][0, 0].tolist() == [86, 81, 78, 62] and "transposed by 14 semitones up" in told
    assert "(MIDI pitches 75 to 83, 70 to 79, 65 to 74, 60 to 69)" in told


def test_an_opening_of_all_voices_or_of_one(ask, file):
    four, one = file(midi_bytes(FOUR_PARTS), "four.mid"), file(midi_bytes([quarters(62, 64)]), "one.mid")
    composed, model, _ = ask(prime=four, bars=1)
    assert model.inputs["pitches"][0, 0].tolist() == [72, 67, 64, 48]
    assert (model.inputs["pitches"][0, :8] >= 0).all() and (model.inputs["pitches"][0, 8:] == -1).all()
    assert composed.given[:8].all() and not composed.given[8:].any()
    assert model.inputs["positions"].tolist() == [[*range(16)]]
    composed, model, _ = ask(prime=one)
    assert len(composed.piece) == 256
    assert model.inputs["pitches"][0, :9, 0].tolist() == [62] * 4 + [64] * 4 + [-1]
    assert (model.inputs["pitches"][0, :, 1:] == -1).all()
    two = file(midi_bytes(FOUR_PARTS[:2]), "two.mid")
    with pytest.raises(UserError, match=r"two\.mid has 2 voices, but an opening must have 1 or 4; give another file"):
        ask(prime=two)


def test_an_opening_that_leaves_nothing_to_compose_is_refused(ask, file):
    path = file(midi_bytes([quarters(*[62] * 8)]))  # two bars
    with pytest.raises(
        UserError, match=r"is 32 steps long, which leaves nothing of the 32 steps .* give --bars 3 or more"
    ):
        ask(prime=path, bars=2)
    assert len(ask(prime=path, bars=3)[0].piece) == 48
    path = file(TUNE.format(metre="3/4", notes="D | GAB | c3 |]"), "tune.abc")
    with pytest.raises(UserError, match="give --bars 3 or more"):
        ask(prime=path, bars=2)
    assert len(ask(prime=path, bars=3)[0].piece) == 4 + 36


def test_notes_of_length_zero_and_two_hundred_at_once(ask, file, capsys):
    path = file(midi_bytes([[(0, 480, 62), (480, 480, 70), (480, 960, 64)]]))
    _, model, _ = ask(melody=path)
    assert model.inputs["pitches"][0, :, 0].tolist() == [62] * 4 + [64] * 4
    assert "1 note without length or end left out" in "".join(capsys.readouterr())
    cluster = [(channel, [(0, 960, pitch) for pitch in range(20, 87)]) for channel in range(3)]
    path = file(midi_bytes(cluster))
    _, model, _ = ask(prime=path, bars=1, model=Voices(lowest=0, highest=127))
    assert (model.inputs["pitches"][0, :8] >= 0).all() and (model.inputs["pitches"][0, 8:] == -1).all()
    assert "left out or cut short where more than 4 sound at once" in "".join(capsys.readouterr())


@pytest.mark.parametrize("flag", ["melody", "prime"])
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("tune.mid", b"no music at all", "tune.mid cannot be used: it is no MIDI, which begins with MThd"),
        ("tune.mid", b"", "tune.mid cannot be used: it is empty"),
        ("tune.mid", midi_bytes([quarters(60)])[:-9], "tune.mid"),
        ("tune.mid", midi_bytes([(9, quarters(38, 38))]), "tune.mid cannot be used: it has nothing but percussion"),
        ("tune.mid", midi_bytes([[]]), "tune.mid cannot be used: it has no notes"),
        ("tune.txt", b"C D E", "tune.txt is no file of music; give one that ends in .mid"),
        ("tune.json", b"[[[-1], [-1]]]", "tune.json has no note in its voice"),
        ("tune.json", b"{}", "tune.json has nothing at its top"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(ask, file, flag, name, content, sentence):
    with pytest.raises(UserError) as caught:
        ask(**{flag: file(content, name)})
    assert sentence in str(caught.value)


def test_missing_files_and_folders_are_named(ask, tmp_path):
    for wish in ("melody", "prime"):
        for model in (Voices(), Events()):
            if wish == "prime" or model.metadata["representation"] == "voices":
                missing = tmp_path / "nowhere.mid"
                for place, sentence in (
                    (missing, f"There is no file {missing}"),
                    (tmp_path, f"{tmp_path} is no file of"),
                ):
                    with pytest.raises(UserError, match=sentence):
                        ask(model, **{wish: place})


def test_a_model_that_does_not_look_ahead_says_so(ask, file):
    path = file(midi_bytes([quarters(62)]))
    _, _, told = ask(Voices(looks_ahead=False), melody=path)
    assert "warning: the model was trained without looking ahead" in told
    assert not ask(Voices(looks_ahead=False), prime=path)[2]


def test_what_a_model_cannot_do_is_refused(ask, file, monkeypatch):
    path = file(midi_bytes([quarters(62)]))
    with pytest.raises(UserError, match="--seconds is for models of events; .* give --bars instead"):
        ask(seconds=10.0)
    with pytest.raises(UserError, match="--melody is for models of several voices; .* give --prime instead"):
        ask(Voices(voices=1, ranges=[[60, 80]]), melody=path)
    long = file(midi_bytes([quarters(*[62] * 30)]), "long.mid")
    with pytest.raises(UserError, match="would have 120 steps, .* at most 64; give --bars"):
        monkeypatch.setattr(asking, "LONGEST", 64)
        ask(melody=long)
    for wish, value, instead in (
        ("bars", 4, "give --seconds instead"),
        ("melody", path, "leave --melody out"),
        ("metre", (3, 4), "leave --metre out"),
    ):
        with pytest.raises(UserError, match=f"--{wish} is for models of voices on a grid; .* so {instead}"):
            ask(Events(), **{wish: value})


def test_events_fill_the_seconds_that_were_asked_for(ask):
    composed, model, told = ask(Events())
    assert model.endpoint == "serving_default" and model.inputs["length"].tolist() == [450] and not told
    assert composed.piece.seconds == 30.0 and composed.given is None and composed.piece.tempo == 90.0
    composed, model, _ = ask(Events(), seconds=2.3, tempo=50.0)
    notes = composed.piece.notes
    assert notes["start"].tolist() == [0, 0.5, 1.0, 1.5, 2.0] and notes["end"].max() == 2.3
    assert composed.piece.tempo == 50.0 and composed.described == {"length": "2.3 s", "notes": "5"}
    _, model, _ = ask(Events(events_per_second=200.0), seconds=600.0)
    assert model.inputs["length"].tolist() == [16_384]
    assert len(ask(Events(), seconds=1e-6)[0].piece) == 1


def test_an_opening_of_events_is_kept_with_its_tempo(ask, file, monkeypatch):
    meta = [
        (0, mido.MetaMessage("set_tempo", tempo=400_000)),
        (0, mido.MetaMessage("time_signature", numerator=3, denominator=4)),
    ]
    path = file(midi_bytes([quarters(60, 62), (9, [(0, 240, 38), (240, 240, 40)])], meta=meta))
    composed, model, told = ask(Events(), prime=path, seconds=3.0)
    assert model.endpoint == "complete"
    rows = [(0, 0.4, 60, 70, 0), (0, 0.2, 38, 70, 1), (0.4, 0.8, 62, 70, 0)]
    opening = WORDS.encode(make_notes(*rows, parts=(Part("piano"), Part("drums", is_drum=True))))
    opening = opening[opening != END]
    assert model.inputs["events"][0, : len(opening)].tolist() == opening.tolist()
    assert not model.inputs["events"][0, len(opening) :].any() and END not in model.inputs["events"]
    assert (composed.piece.tempo, composed.piece.metre, composed.piece.seconds) == (150.0, (3, 4), 3.0)
    first = composed.piece.notes[composed.piece.notes["start"] < 0.8]
    assert sorted(first["pitch"].tolist()) == [38, 60, 62]
    assert f"{path}: 1 note without length or end left out" in told
    with pytest.raises(
        UserError, match=r"is 0\.8 s long, which leaves nothing of the 0\.5 s .* give --seconds 1 or more"
    ):
        ask(Events(), prime=path, seconds=0.5)
    with pytest.raises(UserError, match="events, but the model composes at most 8; give a shorter file"):
        monkeypatch.setattr(asking, "LONGEST", 8)
        ask(Events(), prime=path)
    with pytest.raises(UserError, match="cannot be used: it is no MIDI"):
        ask(Events(), prime=file(b"no music", "bad.mid"))
