"""Pictures are drawn from the files of a run; one that is blank, cut or of other pieces tells a person nothing."""

import warnings

import numpy as np
import pytest
from matplotlib import image

from apps.music import report
from apps.music.pieces import NOTE, NotePiece
from common.console import Console, use_console
from common.errors import UserError
from common.figures import save_figure
from common.files import write_json
from common.runs import create_run
from tests.apps.music.small_music import make_config, make_note_pieces, make_pieces

BY_VOICE = {
    name: {"nats_per_note": nats, "note_accuracy": 0.8, "beginning_nats": None, "beginning_accuracy": None}
    for name, nats in (("chord", 0.3), ("soprano", 0.2), ("alto", 0.4), ("tenor", 0.45), ("bass", 0.5))
}
BASELINES = {
    "repeat_last": {"nats_per_note": 1.2},
    "bigram": {"nats_per_note": 0.98},
    "chord_markov": {"nats_per_note": 0.8},
}


def check(path):
    pixels = image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 200 and max(pixels.shape[:2]) < 4_000
    assert 0.005 < np.mean(np.any(pixels < 0.9, axis=2)) < 0.99, "blank, or filled all over"
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert np.all(border > 0.95), "something touches the edge"


@pytest.fixture
def run(tmp_path):
    """A run as `evaluate` leaves it, without composed pieces."""
    use_console(Console())
    run = create_run(tmp_path, "music", make_config(), "trial")
    content = {"metrics": {"nats_per_note": 0.5}, "baselines": BASELINES, "by_voice": BY_VOICE, "examples": 1234}
    write_json(run.metrics_path(), content)
    write_json(run.metrics_path("train"), {**content, "by_voice": {}})
    return run


def groups():
    return {name: make_pieces(3, seed).pieces for seed, name in enumerate(("model", "held_out", "chain"))}


def test_what_was_kept_is_what_is_drawn(run):
    kept = groups()
    report.save_groups(run, "test", kept)
    found = report._load_groups(report.groups_path(run, "test"))
    assert found.keys() == kept.keys()
    for name, pieces in kept.items():
        for one, other in zip(found[name], pieces, strict=True):
            for what in ("pitches", "onsets", "positions"):
                np.testing.assert_array_equal(getattr(one, what), getattr(other, what))
                assert getattr(one, what).dtype == getattr(other, what).dtype
            assert one.steps_per_quarter == 4
    report.save_groups(run, "test", {})
    assert not report.groups_path(run, "test").exists()


def test_pictures_are_drawn_from_the_files_of_the_run(run):
    assert [path.name for path in report.draw_pictures(run)] == ["nats.png"]
    report.save_groups(run, "test", groups())
    report.save_samples(run, "test", groups()["model"])
    run.history_path.write_text("epoch,loss,token_accuracy,val_loss,val_token_accuracy\n0,0.7,0.5,0.6,0.6\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paths = report.draw_pictures(run)
    assert [path.name for path in paths] == ["nats.png", "samples.png", "piano_roll.png", "training.png"]
    for path in paths:
        check(path)
    assert [path.name for path in report.draw_pictures(run, "train")] == ["nats-train.png", "training.png"]


def test_events_are_drawn_from_their_midi_file(run):
    pieces = [NotePiece("silent", np.zeros(0, NOTE)), *make_note_pieces(6).pieces]
    report.save_samples(run, "train", pieces)
    files = sorted(path.name for path in run.path.glob("sample-*"))
    assert files == [f"sample-train-{number}.mid" for number in (1, 2, 3, 4)]
    piece = report._read_sample(report.sample_path(run, "train", 1))
    assert sorted(piece.notes["pitch"].tolist()) == sorted(pieces[1].notes["pitch"].tolist())
    paths = report.draw_pictures(run, "train")
    assert [path.name for path in paths] == ["nats-train.png", "piano_roll-train.png"]
    for path in paths:
        check(path)
    report.save_samples(run, "train", [])
    assert not list(run.path.glob("sample-*"))


def test_the_bars_are_the_figures(tmp_path):
    figure = report.draw_nats({"nats_per_note": 0.5}, BASELINES, BY_VOICE, "It costs $5, or $x_2$")
    (axes,) = figure.axes
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == ["repeat last", "bigram", "chord markov", "model", *BY_VOICE]
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == [1.2, 0.98, 0.8, 0.5, 0.3, 0.2, 0.4, 0.45, 0.5]
    save_figure(figure, tmp_path / "a.png")
    check(tmp_path / "a.png")


def test_files_that_are_missing_or_damaged_are_named(run):
    with pytest.raises(
        UserError, match=r"metrics.*validation.* does not exist; run evaluate --run .* --split validation"
    ):
        report.draw_pictures(run, "validation")
    report.save_samples(run, "train", make_note_pieces(1).pieces)
    report.sample_path(run, "train", 1).write_bytes(b"MThd, and no more")
    with pytest.raises(UserError, match=r"sample-train-1\.mid is damaged .* delete it and run evaluate again"):
        report.draw_pictures(run, "train")
    report.save_groups(run, "test", groups())
    path = report.groups_path(run, "test")
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no numbers"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="pieces-test.npz .*delete it and run evaluate again"):
            report.draw_pictures(run)
    path.unlink()
    for content in ("{}", "[", '{"metrics": 1}'):
        run.metrics_path().write_text(content)
        with pytest.raises(UserError, match="missing or damaged; delete it and run evaluate again"):
            report.draw_pictures(run)
