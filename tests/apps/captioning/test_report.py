"""A picture that is blank or cut, or a dollar sign taken for a formula, tells a person nothing."""

import warnings

import numpy as np
import pytest
from matplotlib import image

from apps.captioning import report
from apps.captioning.attention_picture import draw_attention
from apps.captioning.config import Config
from apps.captioning.contact_sheet import draw_contact_sheet
from common.console import Console, use_console
from common.errors import UserError
from common.figures import save_figure
from common.files import write_json
from common.runs import create_run

STRANGE = ["良い", "شكرا", "שלום", "🙂", "$x^2", "\\frac{", "\x00", "\n", "", "a" * 100, "▁", "▁dog", "e\u0301"]


def picture(height=60, width=90, seed=0):
    return np.random.default_rng(seed).integers(0, 200, size=(height, width, 3), dtype=np.uint8)


def attention(tokens, rows=7, columns=7):
    return np.random.default_rng(1).dirichlet(np.ones(rows * columns), size=tokens).reshape(tokens, rows, columns)


def check(figure, path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as a glyph that is missing, or no room in the layout
        save_figure(figure, path)
    pixels = image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 150 and max(pixels.shape[:2]) < 4_000
    assert 0.005 < np.mean(np.any(pixels < 0.9, axis=2)) < 0.99, "blank, or filled all over"
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert np.all(border > 0.95), "something touches the edge"


@pytest.mark.parametrize(
    ("tokens", "size"), [(1, (60, 90)), (3, (3, 250)), (5, (90, 60)), (12, (64, 64)), (23, (250, 3)), (40, (9, 16))]
)
def test_attention_is_drawn_whole(tokens, size, tmp_path):
    use_console(Console())
    words = [f"▁word{index}" for index in range(tokens)]
    figure = draw_attention(picture(*size), words, attention(tokens), "It costs $5, or $x_2$")
    check(figure, tmp_path / "attention.png")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["the picture", *(f"word{index}" for index in range(tokens))]


def test_attention_to_words_of_any_script_is_drawn(tmp_path):
    use_console(Console())
    figure = draw_attention(picture(), STRANGE, attention(len(STRANGE), 1, 3), "良い $")
    check(figure, tmp_path / "attention.png")
    titles = [axes.get_title() for axes in figure.axes]
    assert "dog" in titles and "␣" in titles and "∅" in titles and max(map(len, titles)) <= 16


def test_colours_are_left_where_the_decoder_looked():
    red = np.zeros((80, 80, 3), np.uint8)
    red[..., 0] = 255
    weights = np.zeros((1, 4, 4))
    weights[0, 0, 3] = 1  # the upper right
    shown = draw_attention(red, ["a"], weights, "t").axes[1].images[0].get_array()  # [80, 80, 3]
    color = shown[..., 0] - shown[..., 1]  # [80, 80]
    assert color[2, -3] > 0.95 and abs(color[-10:]).max() < 0.02 and abs(color[:, :30]).max() < 0.02


def test_attention_to_nothing_is_drawn_grey():
    shown = draw_attention(picture(), ["a"], np.zeros((1, 4, 4)), "t").axes[1].images[0].get_array()
    assert np.isfinite(shown).all() and np.ptp(shown, axis=2).max() < 1e-6


@pytest.mark.parametrize(
    ("tokens", "weights"), [([], np.zeros((0, 2, 2))), (["a"], np.ones((2, 2, 2))), (["a"], np.ones((1, 4)))]
)
def test_attention_of_another_shape_is_refused(tokens, weights):
    with pytest.raises(ValueError, match="expected weights"):
        draw_attention(picture(), tokens, weights, "t")


@pytest.mark.parametrize("numbers", [(1, 0, 0), (1, 0, 1), (1, 1, 1), (4, 4, 4), (2, 1, 2)])
def test_the_sheet_is_drawn_whole(numbers, tmp_path):
    use_console(Console())
    kinds = [kind for kind, number in zip(("best", "median", "worst"), numbers, strict=True) for _ in range(number)]
    count = len(kinds)
    sizes = [(60, 90), (200, 20), (20, 250), (1, 1)]
    pictures = [picture(*sizes[index % 4], seed=index) for index in range(count)]
    long = "a caption that goes on and on " * 10
    captions = ["", "a dog", long, "$x^2$ costs $5", "良い犬" * 30, "a" * 200][:count] + ["a cat"] * (count - 6)
    figure = draw_contact_sheet(pictures, captions, captions[::-1], ["CIDEr 41.5"] * count, kinds, "Sheet of $5")
    check(figure, tmp_path / "sheet.png")


def test_texts_of_the_sheet_stand_apart():
    """A long caption must not run into its reference, nor into the picture below."""
    long = "a caption that goes on and on " * 10
    pictures = [picture(60, 90)] * 4
    figure = draw_contact_sheet(pictures, [long] * 4, [long] * 4, ["r"] * 4, ["best", "best", "worst", "worst"], "t")
    renderer = figure.canvas.get_renderer()
    boxes = [
        box.get_window_extent(renderer)
        for axes in figure.axes
        for box in (axes.images[0], *axes.texts)
        if box.get_visible()
    ]
    assert len(boxes) == 16
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="as many"):
        draw_contact_sheet([], [], [], [], [], "t")


@pytest.fixture
def run(tmp_path):
    run = create_run(tmp_path, "captioning", Config(), "trial")
    write_json(run.metrics_path("test"), {"examples": 3})
    return run


def test_what_was_kept_comes_back(run):
    pictures = [picture(10, 20), picture(30, 5, 1)]
    report.save_examples(
        run, "test", report.Examples(pictures, ["a", "良い"], ["b", ""], ["c", "d"], ["best", "worst"])
    )
    found = report.load_examples(report.examples_path(run, "test"))
    for kept, given in zip(found.pictures, pictures, strict=True):
        np.testing.assert_array_equal(kept, given)
    assert (found.captions, found.references) == (["a", "良い"], ["b", ""])
    assert (found.remarks, found.kinds) == (["c", "d"], ["best", "worst"])


def test_pictures_are_drawn_from_what_is_there(run):
    assert report.draw_pictures(run) == []
    run.history_path.write_text("epoch,loss,val_loss\n0,0.7,0.6\n")
    report.save_examples(run, "test", report.Examples([picture()], ["a"], ["b"], ["c"], ["best"]))
    report.save_attention(run, "test", picture(), ["a"], attention(1))
    names = [path.name for path in report.draw_pictures(run)]
    assert names == ["captions.png", "attention.png", "training.png"]


@pytest.mark.parametrize("name", ["examples", "attention", "metrics"])
def test_a_damaged_file_is_told_in_a_sentence(run, name):
    path = run.metrics_path("test") if name == "metrics" else run.path / f"{name}-test.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(UserError, match="damaged; delete it and run evaluate again"):
        report.draw_pictures(run)


def test_a_file_with_code_in_it_is_not_read(run):
    """NumPy stores objects as pickles, which can do anything when they are read."""
    np.savez(report.examples_path(run, "test"), pictures=np.array([{}], dtype=object), sizes=np.zeros((1, 2), int))
    with pytest.raises(UserError, match="damaged"):
        report.draw_pictures(run)


def test_a_run_without_evaluation_says_what_to_do(tmp_path):
    run = create_run(tmp_path, "captioning", Config(), "trial")
    with pytest.raises(UserError, match="run evaluate"):
        report.draw_pictures(run)
