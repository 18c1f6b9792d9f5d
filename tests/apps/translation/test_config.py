"""If these fail, a person cannot say what to translate, or a preset does not start."""

import pytest

from apps.translation.config import PRESETS, Config
from common.config import resolve_config
from common.config_options import options_of
from common.errors import UserError

PLAIN = {"train.learning_rate", "train.epsilon", "train.seed"}  # numbers without a unit
PLAIN |= {"decoding.length_penalty", "decoding.coverage_penalty"}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    resolve_config(Config, PRESETS, preset)


def test_the_presets_every_app_has():
    assert {"tiny", "base", "overfit"} <= set(PRESETS)
    assert resolve_config(Config, PRESETS, "base") == Config()


def test_every_setting_says_what_it_means():
    for path, option in options_of(Config).items():
        assert option.meaning, path
        if option.is_plain_number and path not in PLAIN:
            assert option.unit, path


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"data.name": "phrasebook"}, r"the bundled set is phrase_book; .*did you mean phrase_book\?"),
        ({"data.source": "tfds"}, "'phrase_book', which is bundled; name a set of the catalogue"),
        ({"data.target_language": "en"}, "both 'en'; they must be two languages"),
        ({"data.target_language": "eo"}, "'eo', but the phrase book speaks en, de, .* and tr"),
        ({"data.source": "files"}, "data.source is files, so data.path must name"),
        ({"data.path": "my.tsv"}, "data.path is 'my.tsv', but data.source is bundled; .*add --data.source files"),
        ({"data.test_target_path": "my.de"}, "data.test_target_path is 'my.de', but data.source is bundled"),
        ({"data.swap": "true"}, "data.swap is true, but .* exchange data.source_language and data.target_language"),
        (
            {"data.source": "files", "data.path": "a.en", "data.test_target_path": "a.de"},
            "but data.test_path, its source side, is not set",
        ),
        (
            {"model.tied": "all", "preprocessing.shared": "false"},
            "model.tied is all, so preprocessing.shared must be true",
        ),
        ({"model.cell": "qrnn"}, "model.cell is qrnn, whose state holds inputs .*; choose another, such as sru"),
        ({"model.cell": "transformer"}, "model.cell is transformer .*one of simple_rnn, gru, lstm"),
        ({"decoding.beam_width": "65"}, "decoding.beam_width is 65.*64"),
        ({"decoding.length_penalty": "-1"}, "decoding.length_penalty is -1"),
        ({"train.scheduled_sampling": "1.5"}, "train.scheduled_sampling is 1.5"),
    ],
)
def test_settings_that_do_not_fit_together(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        resolve_config(Config, PRESETS, overrides=settings)


def test_settings_that_do():
    files = {"data.source": "files", "data.path": "a.en", "data.target_path": "a.de", "data.swap": "true"}
    assert resolve_config(Config, overrides=files).data.swap
    catalogue = {"data.source": "tfds", "data.name": "ted_hrlr_translate/pt_to_en", "data.source_language": "pt"}
    assert resolve_config(Config, overrides=catalogue | {"data.target_language": "en"}).data.source_language == "pt"
    resolve_config(Config, overrides={"model.tied": "all"})
