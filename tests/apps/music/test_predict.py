"""If these fail, a person who asks for a piece gets none, half of one, or another than the seed says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mido
import numpy as np
import pytest

from apps.music import predict as predict_module
from apps.music.config import PRESETS, Config
from apps.music.midi_files import midi_notes, midi_score, read_midi
from apps.music.voicing import on_grid
from common import saved_model
from common.cli import main
from common.errors import UserError
from tests.apps.music.exported_music import EVENTS, VOICES, exported
from tests.apps.music.made_music import FOUR_PARTS, midi_bytes

PRIME = midi_bytes(
    [(channel, [(2 * a, 2 * b, pitch) for a, b, pitch in part]) for channel, part in enumerate(FOUR_PARTS)]
)
MELODY = midi_bytes([[(480 * index, 480 * index + 480, pitch) for index, pitch in enumerate((74, 76, 77, 74))]])
ROOT = Path(predict_module.__file__).parents[2]


@pytest.fixture(scope="module")
def models():
    return {kind: saved_model.load(exported(kind), "music") for kind in (VOICES, EVENTS)}


@pytest.fixture
def ask(models, monkeypatch, capsys, tmp_path):
    """Runs `predict` in an empty folder, and returns what it wrote to stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def ask(*words, kind=VOICES, code=0):
        monkeypatch.setattr(saved_model, "load", lambda path, app: models[kind])
        arguments = ["predict", "--model", str(exported(kind)), *map(str, words)]
        found = main("music", "apps.music", Config, PRESETS, arguments)
        out, err = capsys.readouterr()
        assert found == code, err
        return out, err

    return ask


def voices_of(path):
    """The grid of a MIDI file with four voices."""
    piece, told = on_grid(midi_score(read_midi(Path(path), "x")), 4, 4)
    assert not told
    return piece


def test_every_form_of_a_piece_is_written(ask, tmp_path):
    names = ["a.mid", "new/folder/b.wav", "c.musicxml", "c.mxl", "D.PNG", "e.midi"]
    out, err = ask("--bars", 2, "--seed", 3, "--output", " , ".join(names))
    assert not err and "seed" in out and "2 bars in 4/4" in out
    for name in names:
        assert (tmp_path / name).stat().st_size > 100 and name in out
    heads = {"a.mid": b"MThd", "new/folder/b.wav": b"RIFF", "c.mxl": b"PK", "D.PNG": b"\x89PNG"}
    for name, head in heads.items():
        assert (tmp_path / name).read_bytes().startswith(head)
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "e.midi").read_bytes()
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_two_files_of_one_form_are_both_named(ask, tmp_path):
    out, _ = ask("--bars", 1, "--output", "a.mid,b.mid")
    assert "a.mid" in out and "b.mid" in out
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()


def test_the_same_seed_is_the_same_piece_and_another_one_is_another(ask, tmp_path):
    for seed, name in ((7, "a.mid"), (7, "b.mid"), (8, "c.mid")):
        ask("--bars", 1, "--seed", seed, "--output", name)
    one, again, other = ((tmp_path / name).read_bytes() for name in ("a.mid", "b.mid", "c.mid"))
    assert one == again != other
    out, _ = ask("--bars", 1, "--json")
    drawn = json.loads(out)["seed"]
    assert 0 <= drawn < 2**31
    again, _ = ask("--bars", 1, "--json", "--seed", drawn)
    assert json.loads(again) == json.loads(out)
    assert json.loads(ask("--bars", 1, "--json")[0])["seed"] != drawn


def test_json_is_the_answer_of_the_model_with_seed_and_files(ask, models):
    words = ["--bars", 1, "--seed", 5, "--temperature", "0.7", "--top_p", "0.9", "--output", "x.mid,x.png", "--json"]
    out, _ = ask(*words)
    answer = json.loads(out)
    assert set(answer) == {"seed", "files", "pitches", "onsets", "log_probability"}
    assert (answer["seed"], answer["files"]) == (5, ["x.mid", "x.png"])
    drawing = {"seed": np.array([5], np.int32)}
    drawing |= {name: np.array([value], np.float32) for name, value in (("temperature", 0.7), ("top_p", 0.9))}
    direct = models[VOICES].run("serving_default", {"length": np.array([16], np.int32), **drawing})
    for name, value in direct.items():
        np.testing.assert_allclose(answer[name], value[0], rtol=1e-5)
    np.testing.assert_array_equal(np.array(answer["onsets"])[0], np.array(answer["pitches"])[0] >= 0)


def test_the_likeliest_needs_no_seed(ask, tmp_path):
    for seed, name in ((1, "a.mid"), (2, "b.mid")):
        ask("--bars", 1, "--seed", seed, "--temperature", 0, "--output", name)
    one, other = (json.loads(ask("--json", "--bars", 1, "--seed", seed, "--temperature", 0)[0]) for seed in (1, 2))
    assert one["pitches"] == other["pitches"]


def test_a_melody_is_in_the_file_as_it_was(ask, tmp_path):
    (tmp_path / "tune.mid").write_bytes(MELODY)
    out, _ = ask("--melody", "tune.mid", "--seed", 1, "--output", "out.mid,out.png", "--json")
    pitches = np.array(json.loads(out)["pitches"])
    moved = pitches[0, 0] - 74
    np.testing.assert_array_equal(pitches[:, 0], np.repeat([74, 76, 77, 74], 4) + moved)
    midi = read_midi(tmp_path / "out.mid", "out")
    assert midi.tempo == pytest.approx(120.0)
    top = next(track for track in midi.content.instruments if track.name == "soprano")
    assert [note.pitch for note in top.notes] == [74 + moved, 76 + moved, 77 + moved, 74 + moved]


def test_an_opening_goes_on(ask, tmp_path):
    (tmp_path / "prime.mid").write_bytes(PRIME)
    out, _ = ask("--prime", "prime.mid", "--bars", 2, "--tempo", 72, "--seed", 1, "--json")
    answer = json.loads(out)
    assert np.shape(answer["pitches"]) == (32, 4)
    moved = answer["pitches"][0][0] - 72  # the made pieces lie high
    assert answer["pitches"][0] == [72 + moved, 67 + moved, 64 + moved, 48 + moved]
    assert read_midi(tmp_path / "composed.mid", "x").tempo == pytest.approx(72, abs=0.01)


def test_metre_and_tempo_reach_the_file(ask, tmp_path):
    out, _ = ask("--bars", 2, "--metre", "3/4", "--tempo", "60", "--output", "a.mid")
    assert "2 bars in 3/4, 6 s" in out
    messages = list(mido.MidiFile(tmp_path / "a.mid").tracks[0])
    metre = next(message for message in messages if message.type == "time_signature")
    assert (metre.numerator, metre.denominator) == (3, 4)
    assert next(message.tempo for message in messages if message.type == "set_tempo") == 1_000_000


def test_events_become_files_too(ask, tmp_path):
    out, _ = ask("--seconds", 3, "--seed", 2, "--output", "a.mid,a.wav,a.png", "--json", kind=EVENTS)
    answer = json.loads(out)
    assert {"events", "pitch", "start", "end", "velocity", "is_drum", "log_probability"} < set(answer)
    notes = midi_notes(read_midi(tmp_path / "a.mid", "a")).notes
    assert notes["end"].max() <= 3.001
    here = (np.array(answer["pitch"]) >= 0) & (np.array(answer["start"]) < 3)
    assert {(int(p), round(s, 2)) for p, s in zip(notes["pitch"], notes["start"])} == {
        (p, round(s, 2))
        for p, s in zip(np.array(answer["pitch"])[here].tolist(), np.array(answer["start"])[here].tolist())
    }
    (tmp_path / "prime.mid").write_bytes(MELODY)
    out, _ = ask("--seconds", 4, "--prime", "prime.mid", "--seed", 2, "--json", kind=EVENTS)
    first = [pitch for pitch in json.loads(out)["pitch"] if pitch >= 0][:4]
    assert first == [74, 76, 77, 74]
    ask("--seconds", "1e-9", "--output", "b.mid,b.wav,b.png", kind=EVENTS)  # which may be no note at all


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--bars", "0"), "--bars is 0, but must be a whole number from 1 to 256"),
        (("--bars", "257"), "must be a whole number from 1 to 256"),
        (("--bars", "two"), "must be a whole number from 1 to 256"),
        (("--seconds", "0"), "--seconds is 0, but must be a number above 0 and at most 600"),
        (("--seconds", "nan"), "must be a number above 0 and at most 600"),
        (("--seconds", "3"), "--seconds is for models of events"),
        (("--seed", "-1"), "--seed is -1, but must be a whole number from 0 to 2147483647"),
        (("--seed", "2147483648"), "must be a whole number from 0 to 2147483647"),
        (("--temperature", "-0.5"), "--temperature is -0.5, but must be a number from 0 to 10"),
        (("--temperature", "nan"), "must be a number from 0 to 10"),
        (("--temperature", "warm"), "--temperature is warm, but must be a number from 0 to 10"),
        (("--top_p", "0"), "--top_p is 0, but must be a number above 0 and at most 1"),
        (("--top_p", "1.5"), "must be a number above 0 and at most 1"),
        (("--top_p", "1e-60"), "top_p must be above 0"),  # nothing is left of it in a float32
        (("--metre", "3"), "--metre is '3', but must be a metre such as 4/4, 3/4 or 6/8"),
        (("--metre", "0/4"), "must be a metre such as"),
        (("--metre", "3/5"), "must be a metre such as"),
        (("--metre", "5/32"), "--metre is 5/32, whose bars do not end with a step of the grid"),
        (("--metre", "99/1", "--bars", "256"), "but the model composes at most 16,384; give fewer --bars"),
        (("--tempo", "5"), "--tempo is 5, but must be a number from 10 to 400"),
        (("--tempo", "inf"), "must be a number from 10 to 400"),
        (("--output", "a.mp3"), "cannot write a.mp3: its ending .mp3 is not known; use one of .mid"),
        (("--output", "a"), "cannot write a: it has no ending"),
        (("--output", "a.mid,b.ogg"), "cannot write b.ogg"),
        (("--output", " , "), "must name at least one file"),
        (("--output", "a.mid,./a.mid"), "a.mid is to be written twice; name it once"),
        (("--output", "folder.mid"), "cannot write folder.mid: it is a folder"),
        (("--soundfont", "x.sf2"), "--soundfont is for sound; name a file that ends in .wav with --output"),
        (("--soundfont", "x.sf2", "--output", "a.wav"), "soundfont"),
        (("--melody", "tune.mid", "--prime", "prime.mid"), "--melody and --prime cannot both be given"),
        (("--melody", "nowhere.mid"), "There is no file nowhere.mid (looked from "),
        (("--melody", "words.abc"), "words.abc cannot be used: “hello” in “hello world ???” is no ABC"),
        (("--prime", "words.abc"), "words.abc cannot be used: “hello” in “hello world ???” is no ABC"),
        (("--melody", "bad.mid"), "bad.mid cannot be used: it is no MIDI"),
        (("--melody", "drums.mid"), "drums.mid cannot be used: it has nothing but percussion"),
        (("--prime", "tune.mid", "--bars", "1"), "leaves nothing of the 16 steps of the piece to compose"),
        (("--prime", "two.mid"), "two.mid has 2 voices, but an opening must have 1 or 4"),
        (("a piece",), "a piece"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(ask, words, sentence, tmp_path):
    (tmp_path / "folder.mid").mkdir()
    files = {"tune": MELODY, "prime": PRIME, "bad": b"what?", "two": midi_bytes(FOUR_PARTS[:2])}
    files["drums"] = midi_bytes([(9, [(0, 480, 36)])])
    for name, content in files.items():
        (tmp_path / f"{name}.mid").write_bytes(content)
    (tmp_path / "words.abc").write_text("X:1\nM:4/4\nL:1/4\nK:C\nhello world ???\n")
    before = sorted(tmp_path.rglob("*"))
    out, err = ask(*words, code=2)
    assert all(line.startswith("warning: ") for line in out.splitlines())
    assert err.startswith("error: ") and err.count("\n") == 1 and sentence in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--bars", "4"),
            "--bars is for models of voices on a grid; this one composes events, so give --seconds instead",
        ),
        (("--melody", "tune.mid"), "--melody is for models of voices on a grid"),
        (("--metre", "3/4"), "--metre is for models of voices on a grid"),
        (("--output", "a.mid,a.musicxml"), "cannot write a.musicxml: notes at any time"),
        (("--prime", "tune.mid", "--seconds", "1"), "which leaves nothing of the 1 s of the piece to compose"),
    ],
)
def test_what_events_cannot_be_asked_for(ask, words, sentence, tmp_path):
    (tmp_path / "tune.mid").write_bytes(MELODY)
    out, err = ask(*words, code=2, kind=EVENTS)
    assert not out and err.startswith("error: ") and sentence in err
    assert [path.name for path in tmp_path.iterdir()] == ["tune.mid"]


def test_all_files_are_written_or_none(ask, tmp_path, monkeypatch):
    from apps.music import piece_files

    def fails(piece, path):
        raise UserError("the disk is full")

    (tmp_path / "a.mid").write_bytes(b"from before")
    monkeypatch.setitem(piece_files.ENDINGS, ".musicxml", fails)
    _, err = ask("--bars", 1, "--output", "a.mid,b.png,c.musicxml", code=2)
    assert "the disk is full" in err
    assert [path.name for path in tmp_path.iterdir()] == ["a.mid"] and (
        tmp_path / "a.mid"
    ).read_bytes() == b"from before"


def test_the_real_command_line(tmp_path):
    """In a process of its own; a mistake ends it with 2 and a sentence."""
    (tmp_path / "bad.mid").write_bytes(b"what?")

    def command(*words):
        words = [sys.executable, "-m", "apps.music", "predict", "--model", str(exported(VOICES)), *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)

    done = command("--bars", "1", "--seed", "7", "--json", "--output", "out/chorale.mid")
    assert done.returncode == 0, done.stderr
    assert (
        json.loads(done.stdout)["files"] == ["out/chorale.mid"] and voices_of(tmp_path / "out/chorale.mid").voices == 4
    )
    for words, sentence in (
        (("--melody", "bad.mid"), "bad.mid cannot be used: it is no MIDI"),
        (("--output", "a.xyz"), "a.xyz"),
    ):
        done = command(*words)
        assert (done.returncode, done.stdout) == (2, "") and "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].startswith("error: ") and sentence in done.stderr
