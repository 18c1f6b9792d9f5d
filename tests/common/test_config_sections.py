"""Sections that applications share."""

import pytest

from apps.music.config import ModelConfig as MusicModel
from apps.sentiment.config import ModelConfig as SentimentModel
from common.config_sections import WITHOUT_RECURRENT_PRODUCT
from common.layers.by_name import LAYERS


def test_it_is_known_which_cells_can_drop_their_state():
    """Else a setting that no layer takes ends in a traceback, or one that it takes is refused."""
    assert set(WITHOUT_RECURRENT_PRODUCT) == {
        name for name, layer in LAYERS.items() if not layer.cell_class.has_recurrent_kernel
    }


@pytest.mark.parametrize("section", [MusicModel, SentimentModel])
def test_dropping_a_state_that_meets_no_matrix_is_refused(section):
    with pytest.raises(ValueError, match=r"model\.recurrent_dropout is 0\.1, .* model\.cell min_gru .* such as gru"):
        section(cell="min_gru", recurrent_dropout=0.1)
    assert section(cell="gru", recurrent_dropout=0.1).recurrent_dropout == 0.1
