"""If these fail, a person cannot say what to caption, or a preset does not start."""

import pytest

from apps.captioning.config import ENCODERS, PRESETS, Config
from common.config import resolve_config
from common.config_options import options_of
from common.errors import UserError

PLAIN = {"train.learning_rate", "train.epsilon", "train.seed", "train.self_critical_learning_rate"}
PLAIN |= {"decoding.length_penalty", "model.doubly_stochastic", "model.lexicon"}  # numbers without a unit


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    resolve_config(Config, PRESETS, preset)


def test_the_presets_every_app_has():
    assert {"tiny", "base", "overfit"} <= set(PRESETS)
    assert resolve_config(Config, PRESETS, "base") == Config()


def test_overfit_has_no_demand_that_cannot_be_met():
    """Its loss has to go towards zero."""
    model = resolve_config(Config, PRESETS, "overfit").model
    assert not (model.doubly_stochastic or model.lexicon or model.word_dropout)


def test_every_setting_says_what_it_means():
    for path, option in options_of(Config).items():
        assert option.meaning, path
        if option.is_plain_number and path not in PLAIN:
            assert option.unit, path


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"data.name": "emoji"}, "the bundled sets are emoji_scenes and emoji_scenes_large"),
        (
            {"data.source": "tfds"},
            "'emoji_scenes', which is bundled; name a set of the catalogue, such as coco_captions",
        ),
        ({"data.language": "eo"}, "'eo', but the scenes speak en, de, .* and pt"),
        ({"data.source": "files", "data.path": "photos"}, "data.captions must name the file of the captions"),
        ({"data.captions": "a.csv"}, "data.captions is 'a.csv', but data.source is bundled; add --data.source files"),
        ({"data.test_captions": "a.csv"}, "data.test_captions is 'a.csv', but data.source is bundled"),
        ({"model.encoder": "EfficentNetB0"}, r"did you mean EfficientNetB0"),
        ({"model.fine_tune": "true"}, "small_cnn is trained from scratch anyway; leave it out"),
        ({"model.cell": "qrnn"}, "model.cell is qrnn, whose state holds inputs .*; choose another, such as sru"),
        ({"model.form": "transformer"}, "model.form is transformer.*show_attend_tell.*up_down"),
        ({"decoding.beam_width": "33"}, "decoding.beam_width is 33.*32"),
        ({"decoding.length_penalty": "-1"}, "decoding.length_penalty is -1"),
        ({"preprocessing.picture_size": "16"}, "preprocessing.picture_size is 16.*32"),
        ({"data.max_unusable_fraction": "1.5"}, "data.max_unusable_fraction is 1.5"),
        ({"train.captions_per_picture": "0"}, "train.captions_per_picture is 0"),
    ],
)
def test_settings_that_do_not_fit_together(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        resolve_config(Config, PRESETS, overrides=settings)


def test_settings_that_do():
    files = {"data.source": "files", "data.path": "photos", "data.captions": "a.csv", "data.language": "eo"}
    assert resolve_config(Config, overrides=files).data.captions == "a.csv"
    catalogue = {"data.source": "tfds", "data.name": "coco_captions"}
    assert resolve_config(Config, overrides=catalogue).data.name == "coco_captions"


def test_which_encoders_are_trained():
    """The features of the others are computed once."""
    for encoder in ENCODERS:
        assert Config(model={"encoder": encoder}).model.encoder_is_trained == (encoder == "small_cnn")
        if encoder != "small_cnn":
            assert Config(model={"encoder": encoder, "fine_tune": True}).model.encoder_is_trained
