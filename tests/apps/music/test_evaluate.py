"""The numbers and pictures of a run are all that a person sees of its quality."""

import io
import json
import types

import numpy as np
import pytest

from apps.music import evaluate as evaluation
from apps.music import report
from apps.music.evaluate import by_voice, evaluate
from apps.music.pieces import NOTE, NotePiece, VoicePiece
from apps.music.scoring import Scores, score
from apps.music.vocabulary import VoiceVocabulary
from common.console import Console, use_console
from common.errors import UserError
from common.runs import create_run
from tests.apps.music.small_music import make_config, make_network, make_preprocessor, make_splits

KINDS = {
    "voices": {},
    "voices with their chord": {"preprocessing.chord": True, "train.given_fraction": 0.0, "train.end_fraction": 0.0},
    "events": None,
}
KEYS = [
    "app",
    "split",
    "examples",
    "metrics",
    "baselines",
    "notes",
    "by_voice",
    "samples",
    "undefined",
    "seconds",
    "parameters",
    "config",
]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Composed pieces of two bars."""
    monkeypatch.setattr(evaluation, "BARS", 2)
    monkeypatch.setattr(evaluation, "EVENTS", 40)


@pytest.fixture
def stream():
    stream = io.StringIO()
    use_console(Console(stream=stream, interactive=False))
    yield stream
    use_console(Console())


def make_setting(kind, folder, **overrides):
    """What `evaluate` takes but for the split, and what it is made of."""
    events = KINDS[kind] is None
    config = make_config({"sampling.pieces": 3, **(KINDS[kind] or {}), **overrides}, events)
    splits = make_splits(events)
    preprocessor = make_preprocessor(config, splits.train)
    network = make_network(config, preprocessor)
    run = create_run(folder, "music", config, "trial")
    return types.SimpleNamespace(
        evaluate=lambda split="test", network=network, splits=splits: evaluate(
            config, run, splits, split, preprocessor, network
        ),
        config=config,
        run=run,
        splits=splits,
        preprocessor=preprocessor,
        network=network,
    )


@pytest.fixture(scope="module", params=KINDS)
def evaluated(request, tmp_path_factory):
    """A setting, and what its evaluation returned and wrote."""
    patch = pytest.MonkeyPatch()
    patch.setattr(evaluation, "BARS", 2)
    patch.setattr(evaluation, "EVENTS", 40)
    stream = io.StringIO()
    use_console(Console(stream=stream, interactive=False))
    setting = make_setting(request.param, tmp_path_factory.mktemp("run"))
    setting.result = setting.evaluate()
    setting.shown = stream.getvalue()
    use_console(Console())
    patch.undo()
    return setting


def test_metrics_json_has_the_fixed_form(evaluated):
    written = json.loads((evaluated.run.path / "metrics.json").read_text())
    assert written == json.loads(json.dumps(evaluated.result))
    assert list(written) == KEYS
    assert (written["app"], written["split"], written["examples"]) == ("music", "test", 4)
    assert written["metrics"].keys() >= {"nats_per_note", "note_accuracy"}
    has_voices = evaluated.preprocessor.has_voices
    names = {"repeat_last", "bigram", "chord_markov"} if has_voices else {"unigram", "bigram"}
    assert set(written["baselines"]) == names
    assert all(baseline.keys() == written["metrics"].keys() for baseline in written["baselines"].values())
    assert written["parameters"] == evaluated.network.count_params()
    assert set(written["seconds"]) == {"score", "baselines", "compose", "statistics"}
    assert set(written["samples"]) == ({"model", "held_out", "chord_markov"} if has_voices else set())
    assert bool(written["by_voice"]) is has_voices
    assert written["config"]["sampling"]["pieces"] == 3


def test_nats_are_divided_by_every_note_with_the_chord_charged_for(evaluated):
    pieces, preprocessor = evaluated.splits.test, evaluated.preprocessor
    scores = score(evaluated.network, preprocessor, pieces)
    if preprocessor.has_voices:
        notes = 4 * sum(map(len, pieces))
        assert scores.nats.shape[1] == 4 + preprocessor.vocabulary.chord
    else:
        notes = sum(len(piece.notes) for piece in pieces)
    metrics = evaluated.result["metrics"]
    assert evaluated.result["notes"] == notes
    assert metrics["nats_per_note"] == pytest.approx(scores.nats.sum() / notes, rel=1e-5)
    assert metrics["note_accuracy"] == pytest.approx(scores.hits[:, -4:].mean())


def test_the_voices_add_up_to_the_whole(evaluated):
    rows = evaluated.result["by_voice"]
    if not evaluated.preprocessor.has_voices:
        assert rows == {}
        pytest.skip("events have no voices")
    chord = ["chord"] if evaluated.preprocessor.vocabulary.chord else []
    voices = ["soprano", "alto", "tenor", "bass"]
    assert list(rows) == chord + voices
    assert sum(row["nats_per_note"] for row in rows.values()) / 4 == pytest.approx(
        evaluated.result["metrics"]["nats_per_note"]
    )
    assert np.mean([rows[name]["note_accuracy"] for name in voices]) == pytest.approx(
        evaluated.result["metrics"]["note_accuracy"]
    )


def test_a_voice_has_the_nats_of_its_own_slot(evaluated):
    """Voices are said in another order than they are named in."""
    preprocessor = evaluated.preprocessor
    if not preprocessor.has_voices:
        pytest.skip("events have no voices")
    pieces = evaluated.splits.test
    scores = score(evaluated.network, preprocessor, pieces)
    symbols = np.concatenate([preprocessor.encode(piece) for piece in pieces])
    for name, voice in (("soprano", 0), ("alto", 1), ("tenor", 2), ("bass", 3)):
        slot = preprocessor.vocabulary.order.index(voice) + preprocessor.vocabulary.chord
        row = evaluated.result["by_voice"][name]
        assert row["nats_per_note"] == pytest.approx(scores.nats[:, slot].mean(), rel=1e-5)
        begins = symbols[:, slot] != 2
        assert begins.sum() == (~scores.holds[:, slot]).sum() > 0
        assert row["beginning_nats"] == pytest.approx(scores.nats[~scores.holds[:, slot], slot].mean(), rel=1e-5)


def test_pieces_and_pictures_stand_in_the_run(evaluated):
    path = evaluated.run.path
    names = sorted(each.name for each in path.iterdir() if each.name.startswith(("sample", "pieces")))
    samples = [name for name in names if name.startswith("sample")]
    assert samples and set(samples) <= {f"sample-test-{number}.mid" for number in (1, 2, 3)}
    has_voices = evaluated.preprocessor.has_voices
    assert ("pieces-test.npz" in names) is has_voices
    pictures = ["nats.png", "piano_roll.png"] + ["samples.png"] * has_voices
    assert [each.name for each in evaluated.run.pictures() if "-" not in each.name] == pictures


def test_a_person_sees_the_voices_and_the_samples(evaluated):
    assert f"4 test pieces, {evaluated.result['notes']:,} notes" in evaluated.shown
    has_voices = evaluated.preprocessor.has_voices
    assert ("By voice" in evaluated.shown) is has_voices
    assert ("3 composed pieces of 2 bars" in evaluated.shown) is has_voices
    if has_voices:
        header = next(line for line in evaluated.shown.splitlines() if "tenor" in line)
        assert header.split() == list(evaluated.result["by_voice"])


def test_the_baselines_of_events_are_charged_for_every_event(tmp_path, stream):
    """By hand: the share of each event among those of the training pieces, with one added to each."""
    setting = make_setting("events", tmp_path, **{"sampling.pieces": 0})
    result = setting.evaluate()
    encode = setting.preprocessor.encode
    events = np.concatenate([encode(piece)[:, 0] for piece in setting.splits.test])
    notes = sum(map(len, setting.splits.test))
    for name, scores in evaluation.token_baselines(
        [encode(piece)[:, 0] for piece in setting.splits.train],
        [encode(piece)[:, 0] for piece in setting.splits.test],
        setting.preprocessor.vocabulary.size,
    ).items():
        expected = scores["nats_per_token"] * len(events) / notes
        assert result["baselines"][name]["nats_per_note"] == pytest.approx(expected)
    assert len(events) > 2 * notes and result["samples"] == {}


def test_no_pieces_are_composed_where_none_are_wanted_and_old_ones_go(tmp_path, stream):
    setting = make_setting("voices", tmp_path, **{"sampling.pieces": 0})
    old = setting.splits.validation.pieces
    report.save_groups(setting.run, "validation", dict.fromkeys(("model", "held_out", "chain"), old))
    report.save_samples(setting.run, "validation", old)
    assert setting.evaluate("validation")["samples"] == {}
    assert not report.groups_path(setting.run, "validation").exists()
    assert not list(setting.run.path.glob("sample-*"))
    assert [path.name for path in setting.run.pictures()] == ["nats-validation.png"]
    assert "composed pieces" not in stream.getvalue()


def test_each_split_has_files_of_its_own(evaluated, stream):
    if evaluated.preprocessor.has_voices:
        pytest.skip("the same files are written, in more time")
    before = evaluated.run.metrics_path("test").read_bytes()
    evaluated.evaluate("train")
    written = json.loads(evaluated.run.metrics_path("train").read_text())
    assert (written["split"], written["examples"]) == ("train", 12)
    assert evaluated.run.metrics_path("test").read_bytes() == before
    for split in ("test", "train"):
        assert report.sample_path(evaluated.run, split, 1).exists()
    names = {"nats.png", "piano_roll.png"}
    assert {path.name for path in evaluated.run.pictures()} == names | {"nats-train.png", "piano_roll-train.png"}


@pytest.mark.parametrize("kind", ["voices", "events"])
def test_pieces_in_which_nothing_sounds_are_no_mistake(kind, tmp_path, stream, monkeypatch):
    """As a model may compose that has learned little."""

    def silent(model, preprocessor, count, steps, seed):
        if kind == "events":
            return [NotePiece("silent", np.zeros(0, NOTE))] * count
        pitches = np.full((steps, 4), -1, np.int16)
        one = pitches.copy()
        one[:, 0] = 60
        positions = (np.arange(steps) % 16).astype(np.int16)
        onsets = np.zeros(pitches.shape, bool)
        start = onsets.copy()
        start[0, 0] = True
        return [VoicePiece("silent", pitches, onsets, positions), VoicePiece("one", one, start, positions)][:count]

    monkeypatch.setattr(evaluation, "compose_pieces", silent)
    setting = make_setting(kind, tmp_path, **{"sampling.pieces": 2})
    result = setting.evaluate()
    json.dumps(result, allow_nan=False)
    samples = [each.name for each in setting.run.path.glob("sample-*")]
    assert samples == (["sample-test-1.mid"] if kind == "voices" else [])


@pytest.mark.parametrize("kind", ["voices", "events"])
def test_a_model_that_predicts_nan_is_an_error_and_leaves_nothing(kind, tmp_path, stream):
    setting = make_setting(kind, tmp_path)
    weights = [np.full(weight.shape, np.nan) for weight in setting.network.get_weights()]
    setting.network.set_weights(weights)
    before = sorted(path.name for path in setting.run.path.rglob("*"))
    with pytest.raises(
        UserError, match="predicts NaN for test pieces; train again with a smaller --train.learning_rate"
    ):
        setting.evaluate()
    assert sorted(path.name for path in setting.run.path.rglob("*")) == before


def test_a_split_that_is_not_there_is_named(tmp_path, stream):
    setting = make_setting("voices", tmp_path)
    with pytest.raises(UserError, match="no split 'tests'"):
        setting.evaluate("tests")


def test_a_voice_that_only_holds_has_no_beginnings():
    preprocessor = types.SimpleNamespace(vocabulary=VoiceVocabulary(60, 70, 2))
    holds = np.array([[True, False], [True, True]])
    rows = by_voice(Scores(np.array([[1.0, 2.0], [3.0, 6.0]]), holds, holds), preprocessor)
    assert rows["voice 1"] == {
        "nats_per_note": 2.0,
        "note_accuracy": 1.0,
        "beginning_nats": None,
        "beginning_accuracy": None,
    }
    assert rows["voice 2"]["beginning_nats"] == 2.0 and rows["voice 2"]["beginning_accuracy"] == 0.0
