"""A picture that is blank, cut, or missing on a machine without a display tells a person nothing."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib import image

from common import plots
from common.console import Console, use_console
from common.errors import UserError
from common.figures import save_figure
from common.metrics import reliability_curve

HISTORY = {
    "epoch": np.arange(3.0),
    "loss": np.array([0.7, 0.5, 0.4]),
    "val_loss": np.array([0.6, 0.5, 0.55]),
    "accuracy": np.array([0.6, 0.7, 0.8]),
    "val_accuracy": np.array([0.7, 0.75, 0.74]),
    "learning_rate": np.array([1e-3, 5e-4, 0.0]),
    "gradient_norm": np.array([1.0, np.nan, 2.0]),
}


def reliability(n=200, seed=0):
    rng = np.random.default_rng(seed)
    positive = rng.random(n)
    labels = (rng.random(n) < positive).astype(int)
    return reliability_curve(labels, np.stack([1 - positive, positive], axis=1))


def confusion(classes):
    return np.random.default_rng(0).integers(0, 5, (classes, classes)) + 300 * np.eye(classes, dtype=int)


FIGURES = {
    "confusion of 2": lambda: plots.draw_confusion(confusion(2), ["neg", "pos"]),
    "confusion of 6": lambda: plots.draw_confusion(confusion(6), ["a label of more than twenty-four letters"] * 6),
    "confusion of 20": lambda: plots.draw_confusion(confusion(20), [f"label {k}" for k in range(20)]),
    "confusion of 45": lambda: plots.draw_confusion(confusion(45), [str(k) for k in range(45)]),
    "confusion with an empty row": lambda: plots.draw_confusion(np.array([[5, 1], [0, 0]]), ["a", "b"]),
    "confusion with formulas": lambda: plots.draw_confusion(confusion(2), ["$x", "\\frac$"], "a $ b_ $"),
    "reliability": lambda: plots.draw_reliability(reliability()),
    "reliability of one example": lambda: plots.draw_reliability(reliability(1)),
    "training": lambda: plots.draw_training_curves(HISTORY),
    "training of one epoch": lambda: plots.draw_training_curves({k: v[:1] for k, v in HISTORY.items()}),
    "training without validation": lambda: plots.draw_training_curves({"loss": HISTORY["loss"]}),
    "lengths": lambda: plots.draw_lengths(np.random.default_rng(0).poisson(150, 1000), [100, 150, 200, 400]),
    "lengths of one text": lambda: plots.draw_lengths(np.array([3]), [8]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_pictures_are_drawn_whole(name, tmp_path, recwarn):
    figure = FIGURES[name]()
    path = tmp_path / "new" / "picture.png"
    save_figure(figure, path)
    pixels = image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 300
    ink = np.mean(np.any(pixels < 0.9, axis=2))
    assert 0.005 < ink < 0.9, "blank, or filled all over"
    # What lies outside the canvas is cut off: the outermost pixels must be background.
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert np.all(border > 0.95), "something touches the edge"
    assert [str(warning.message) for warning in recwarn] == []  # such as missing room in the layout


def test_numbers_of_the_confusion_are_on_it():
    figure = plots.draw_confusion(np.array([[1134, 116], [98, 1152]]), ["neg", "pos"])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["1,134\n90.7%", "116\n9.3%", "98\n7.8%", "1,152\n92.2%"]


def test_every_bucket_shows_its_share_of_the_examples():
    figure = plots.draw_lengths(np.array([8, 8, 9, 17, 40]), [8, 16, 32])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["40%", "20%", "20%", "20% cut\n(longest 40)"]  # a text of exactly 8 fits the bucket of 8


def test_history_is_read_with_empty_cells(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss,val_loss\n0,0.5,\n1,0.25,0.5\n")
    history = plots.load_history(tmp_path / "history.csv")
    assert history["loss"].tolist() == [0.5, 0.25]
    assert np.isnan(history["val_loss"][0]) and history["val_loss"][1] == 0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ("", "no epoch"),
        ("a,b\n1\n", "line 2 has 1"),
        ("a,b\n1,x\n", "line 2 .*no number"),
        (b"\xff\x00\x9d", "is damaged; delete it"),
    ],
)
def test_a_damaged_history_is_named_with_its_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "history.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=message):
        plots.load_history(tmp_path / "history.csv")


def test_a_failed_write_keeps_the_former_picture(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"former")
    figure = plots.draw_training_curves(HISTORY)
    figure.savefig = lambda *args, **kwargs: (_ for _ in ()).throw(RuntimeError("half-way"))
    with pytest.raises(RuntimeError, match="half-way"):
        save_figure(figure, path)
    assert path.read_bytes() == b"former" and list(tmp_path.iterdir()) == [path]


def test_drawing_leaves_pyplot_alone():
    """Pictures are drawn inside trainings and notebooks, whose own matplotlib state must survive."""
    code = "import sys, common.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_letters_that_no_font_has_are_one_line(tmp_path, capsys, recwarn):
    """Else twenty labels in Chinese bury the end of a training under a hundred lines of matplotlib."""
    use_console(Console())
    save_figure(plots.draw_confusion(confusion(2), ["\U0010f000\U0010f001", "\U0010f002"]), tmp_path / "a.png")
    assert not recwarn
    out = capsys.readouterr().out
    assert out.startswith("warning: a.png: the font of the pictures lacks ") and out.count("\n") == 1


def test_letters_are_taken_from_another_font_of_the_machine(tmp_path, capsys, recwarn):
    """A script letter stands for Chinese: the usual font lacks it, and a font that comes with matplotlib has it."""
    use_console(Console())
    figure = plots.draw_confusion(confusion(2), ["a", "\U0001d49c"])
    save_figure(figure, tmp_path / "a.png")
    assert not recwarn and capsys.readouterr().out == ""
    first, second = figure.axes[0].get_yticklabels()
    assert first.get_fontfamily() == second.get_fontfamily() and len(second.get_fontfamily()) > 1
