"""Pictures of pieces. If these fail, a voice is missing from the picture, or a note is drawn where none sounds."""

import itertools

import numpy as np
import pytest
from matplotlib import image
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb

from apps.music.piano_roll import COLOURS, draw_piano_roll
from apps.music.pieces import Part
from common.figures import save_figure
from tests.apps.music.written_pieces import make_notes, make_voices

CHORALE = (
    "67 . . . 67 . . . . . . . 71 . . .",
    "62 . . . 62 . . . 59 . . . 62 . . .",
    "59 . . . 59 . 57 . 55 . . . 55 . . .",
    "43 . . . 55 . . . 52 . . . 55 . . .",
)


def boxes(axes):
    """Colour, left, right and middle of what is drawn, from left to right."""
    found = []
    for collection in axes.collections:
        if isinstance(collection, PathCollection):
            for path in collection.get_paths():
                (left, low), (right, high) = path.vertices.min(axis=0), path.vertices.max(axis=0)
                found.append((tuple(collection.get_facecolor()[0][:3]), left, right, (low + high) / 2))
    return sorted(found)


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_every_note_of_every_voice_is_a_box_and_repeated_ones_have_a_gap():
    (axes,) = draw_piano_roll(make_voices(*CHORALE)).axes
    for voice, notes in enumerate(
        [
            [(0, 4, 67), (4, 12, 67), (12, 16, 71)],
            [(0, 4, 62), (4, 8, 62), (8, 12, 59), (12, 16, 62)],
            [(0, 4, 59), (4, 6, 59), (6, 8, 57), (8, 12, 55), (12, 16, 55)],
            [(0, 4, 43), (4, 8, 55), (8, 12, 52), (12, 16, 55)],
        ]
    ):
        found = [box[1:] for box in boxes(axes) if box[0] == to_rgb(COLOURS[voice])]
        np.testing.assert_allclose(found, notes, atol=0.1)
        assert all(right < left for (_, right, _), (left, _, _) in itertools.pairwise(found))


def test_the_file_shows_each_colour_and_the_legend_each_name(tmp_path):
    figure = draw_piano_roll(make_voices(*CHORALE), "a title with $ and _")
    save_figure(figure, tmp_path / "a.png")
    pixels = (image.imread(tmp_path / "a.png")[..., :3] * 255).round()
    for voice in range(4):
        colour = np.array(to_rgb(COLOURS[voice])) * 255
        assert (np.abs(pixels - colour).max(axis=-1) < 2).sum() > 500, voice
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["soprano", "alto", "tenor", "bass"]


def test_bars_are_numbered_from_the_pickup_and_pitches_are_named():
    piece = make_voices("60 . . . 72 . . . . . . . . . . . . . . . 71 . . .", first_position=12)
    (axes,) = draw_piano_roll(piece).axes
    assert list(zip(axes.get_xticks(), labels(axes.xaxis))) == [(0, "0"), (4, "1"), (20, "2")]
    names = dict(zip(axes.get_yticks(), labels(axes.yaxis)))
    assert (names[60], names[72], names[71], names[64]) == ("C4", "C5", "B4", "E4")
    assert axes.get_ylim() == (58.5, 73.5)


def test_the_numbers_of_a_long_piece_do_not_touch():
    figure = draw_piano_roll(make_voices(" ".join(["60 . . . . . . ."] * 400), metre=(2, 4)))
    (axes,) = figure.axes
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_a_unison_shows_both_voices():
    (axes,) = draw_piano_roll(make_voices("60 . . .", "60 . . .")).axes
    upper, lower = [c for c in axes.collections if isinstance(c, PathCollection)]
    heights = [np.ptp(c.get_paths()[0].vertices[:, 1]) for c in (upper, lower)]
    assert heights[1] < 0.7 * heights[0]
    assert lower.get_zorder() > upper.get_zorder()


def test_given_notes_are_hatched_and_the_others_are_not():
    given = np.zeros((16, 4), bool)
    given[:, 0] = True
    figure = draw_piano_roll(make_voices(*CHORALE), given=given)
    hatched = {
        tuple(c.get_facecolor()[0][:3]): bool(c.get_hatch()) for c in figure.axes[0].collections if c.get_paths()
    }
    assert hatched[to_rgb(COLOURS[0])]
    assert not any(hatched[to_rgb(COLOURS[voice])] for voice in (1, 2, 3))
    assert figure.legends[0].get_texts()[-1].get_text() == "given"


def test_sixteen_voices_have_colours_of_their_own():
    assert len({tuple(np.round(to_rgb(colour), 2)) for colour in COLOURS}) == 16


def test_notes_stand_at_their_seconds_softer_ones_paler_and_drums_under_their_names():
    piece = make_notes((0, 1.5, 60, 30, 0), (1, 2, 67, 127, 0), (0.5, 3, 36, 100, 2), (1, 1.05, 42, 100, 2))
    pitched, drums = draw_piano_roll(piece).axes
    np.testing.assert_allclose([box[1:] for box in boxes(pitched)], [(0, 1.5, 60), (1, 2, 67)])
    soft, loud = next(c for c in pitched.collections if isinstance(c, PathCollection)).get_facecolor()[:, 3]
    assert soft < 0.6 < loud <= 1
    assert labels(drums.yaxis) == ["Bass Drum 1", "Closed Hi Hat"]
    np.testing.assert_allclose([box[1:] for box in boxes(drums)], [(0.5, 0.6, 0), (1, 1.05, 1)])


def test_drums_alone_are_one_panel():
    piece = make_notes((0, 0.1, 38, 100, 0), parts=(Part("kit", 0, True),))
    (axes,) = draw_piano_roll(piece).axes
    assert labels(axes.yaxis) == ["Acoustic Snare"]


@pytest.mark.parametrize("piece", [make_voices("- -", "- -"), make_voices(""), make_notes(), make_notes(parts=())])
def test_a_piece_without_notes_is_a_picture(tmp_path, piece):
    save_figure(draw_piano_roll(piece), tmp_path / "a.png")
    assert image.imread(tmp_path / "a.png").shape[0] > 100
