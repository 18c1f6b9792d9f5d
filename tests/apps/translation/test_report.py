"""A picture that is blank or cut, or a dollar sign taken for a formula, tells a person nothing."""

import warnings

import numpy as np
import pytest
from matplotlib import image

from apps.translation import report
from apps.translation.attention_map import draw_attention
from apps.translation.config import Config
from apps.translation.scores import metrics_by_length
from common.console import Console, use_console
from common.errors import UserError
from common.figures import save_figure
from common.files import write_json
from common.runs import create_run


def attention(targets, sources):
    return np.random.default_rng(0).dirichlet(np.ones(len(sources)), size=len(targets))


def tokens(count):
    return [f"▁word{index}" if index % 3 else "s" for index in range(count)]


def check(path):
    pixels = image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 200 and max(pixels.shape[:2]) < 4_000
    assert 0.005 < np.mean(np.any(pixels < 0.9, axis=2)) < 0.99, "blank, or filled all over"
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert np.all(border > 0.95), "something touches the edge"


@pytest.mark.parametrize(
    ("targets", "sources"),
    [
        (["one"], ["eins"]),
        (tokens(12), tokens(9)),
        (tokens(60), tokens(60)),
        (tokens(2), tokens(60)),
        (tokens(60), tokens(2)),
        (tokens(500), tokens(700)),
        (["$x^2", "\\frac{", "_a_", "$"], ["a" * 500, "%", "{}", "$$"]),
        (["良い", "شكرا", "שלום", "🙂", "👩‍👩‍👧", "e\u0301"], ["\n", "\x00", " ", "", "\u202e", "\ufeff"]),
    ],
    ids=["one token", "some", "many", "wide", "tall", "hundreds", "formulas", "scripts"],
)
def test_attention_is_drawn_whole(targets, sources, tmp_path):
    use_console(Console())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as a glyph that is missing, or no room in the layout
        figure = draw_attention(sources, targets, attention(targets, sources), "It costs $5, or $x_2$")
        save_figure(figure, tmp_path / "attention.png")
    check(tmp_path / "attention.png")


def test_attention_has_the_source_across_and_the_translation_down():
    figure = draw_attention(["a", "b", "c"], ["x", "y"], np.array([[1, 0, 0], [0, 0.2, 0.8]]), "a title")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["x", "y"]
    np.testing.assert_array_equal(axes.images[0].get_array(), [[1, 0, 0], [0, 0.2, 0.8]])
    for sources, targets, weights in ((["a"], ["x", "y"], np.ones((1, 2))), ([], [], np.zeros((0, 0)))):
        with pytest.raises(ValueError, match="target, source"):
            draw_attention(sources, targets, weights, "a title")


@pytest.fixture
def run(tmp_path):
    """A run as `evaluate` leaves it."""
    run = create_run(tmp_path, "translation", Config(), "trial")
    references = [" ".join(["word"] * (1 + index // 4)) for index in range(80)]
    systems = {"model": references, "copy": ["nothing"] * 80, "translation_memory": ["word word word word x"] * 80}
    groups = metrics_by_length([len(text) for text in references], systems, references)
    write_json(run.metrics_path(), {"examples": 80, "by_source_length": {"unit": "characters", "groups": groups}})
    return run


def test_pictures_are_drawn_from_the_files_of_the_run(run):
    assert [path.name for path in report.draw_pictures(run)] == ["score_by_length.png"]
    report.save_attention(run, "test", ["a", "b"], ["x"], np.array([[0.25, 0.75]]))
    run.history_path.write_text("epoch,loss,token_accuracy,val_loss,val_token_accuracy\n0,0.7,0.5,0.6,0.6\n")
    paths = report.draw_pictures(run)
    assert [path.name for path in paths] == ["score_by_length.png", "attention.png", "training.png"]
    for path in paths:
        check(path)


def test_one_group_of_short_sentences_is_drawn(run, tmp_path):
    groups = metrics_by_length([1, 1], {"model": ["a", "b"], "copy": ["a", "a"]}, ["a", "a"])
    assert groups[0]["systems"]["model"]["bleu"] is None
    save_figure(report.draw_by_length({"unit": "tokens", "groups": groups}, "a $ title"), tmp_path / "a.png")
    check(tmp_path / "a.png")


def test_pictures_without_an_evaluation_say_what_to_run(run):
    with pytest.raises(UserError, match=r"evaluate --run .* --split train"):
        report.draw_pictures(run, "train")
    run.metrics_path().write_text("{}")
    with pytest.raises(UserError, match="missing or damaged; delete it and run evaluate again"):
        report.draw_pictures(run)
