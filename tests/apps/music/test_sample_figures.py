"""The picture a person looks at first, to see whether samples are like the music they should be like."""

import numpy as np
import pytest

from apps.music.sample_figures import draw_sample_histograms
from apps.music.statistics import pitch_class_histogram, total_variation
from apps.music.voice_notes import JoinedPieces
from tests.apps.music.voice_pieces import piece_of, random_pieces


@pytest.mark.parametrize("voices", [1, 2, 4, 5])
def test_the_bars_are_the_histograms(tmp_path, voices):
    samples, held_out, chain = (random_pieces(seed, voices=voices) for seed in (1, 2, 3))
    figure = draw_sample_histograms(samples, held_out, chain, "costs $5 & more $")
    figure.savefig(tmp_path / "samples.png")
    axes = [axes for axes in figure.axes if axes.get_visible()]
    assert len(axes) == (4 if voices > 1 else 3)
    shown = {bars.get_label().split(",")[0]: [bar.get_height() for bar in bars] for bars in axes[0].containers}
    assert list(shown) == ["held out", "model", "chord chain"]
    real, model = (pitch_class_histogram(JoinedPieces.of(pieces)) for pieces in (held_out, samples))
    np.testing.assert_allclose(shown["model"], model)
    labels = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert f"model, distance {total_variation(model, real):.3f}" in labels


def test_voices_have_their_names():
    pieces = random_pieces(1)
    titles = [axes.get_title() for axes in draw_sample_histograms(pieces, pieces, pieces).axes]
    assert titles == ["pitch classes", "note lengths", "intervals of the soprano", "intervals of the bass"]


def test_samples_without_a_note_are_drawn(tmp_path):
    silence = [piece_of([[-1, -1]] * 8)]
    draw_sample_histograms(silence, silence, silence).savefig(tmp_path / "silence.png")
