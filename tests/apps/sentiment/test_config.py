"""If these fail, a person cannot say where the reviews are, or a preset does not start."""

import pytest

from apps.sentiment.config import PRESETS, Config
from common.config import resolve_config
from common.config_options import options_of
from common.errors import UserError


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    resolve_config(Config, PRESETS, preset)


def test_the_presets_every_app_has():
    assert {"tiny", "base", "overfit"} <= set(PRESETS)
    assert resolve_config(Config, PRESETS, "base") == Config()


def test_every_setting_says_what_it_means():
    for path, option in options_of(Config).items():
        assert option.meaning, path


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"data.name": "imbd"}, r"the bundled sets are imdb and rotten_tomatoes; .*did you mean imdb\?"),
        ({"data.source": "files"}, "data.source is files, so data.path must name the training file"),
        ({"data.path": "my.csv"}, "data.path is 'my.csv', but data.source is bundled; .*--data.source files"),
        ({"data.validation_fraction": "0.5", "data.test_fraction": "0.5"}, "leave nothing to train on"),
        ({"model.cell": "transformer"}, "model.cell is transformer .*one of simple_rnn, gru, lstm"),
    ],
)
def test_settings_that_do_not_fit_together(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        resolve_config(Config, PRESETS, overrides=settings)


def test_settings_that_do():
    files = {"data.source": "files", "data.path": "my.csv", "data.test_path": "test.csv"}
    assert resolve_config(Config, overrides=files).data.test_path == "test.csv"
    assert resolve_config(Config, overrides={"data.source": "tfds", "data.name": "glue/sst2"}).data.name == "glue/sst2"
