"""If these fail, a person cannot say where the reviews are, or a preset does not start."""

import pytest

from apps.sentiment.config import PRESETS, Config
from common.cli import parse
from common.config import changed_settings, resolve_config
from common.config_options import options_of
from common.console import Console, use_console
from common.data.splits import LabelledTexts
from common.data.splitting import make_splits
from common.errors import UserError
from common.verb_summary import show_splits


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    resolve_config(Config, PRESETS, preset)


def test_the_presets_every_app_has():
    assert {"tiny", "base", "overfit"} <= set(PRESETS)
    assert resolve_config(Config, PRESETS, "base") == Config()


def test_every_setting_says_what_it_means():
    for path, option in options_of(Config).items():
        assert option.meaning, path
        # Adam's step size and epsilon, and the seed, are plain numbers.
        if option.is_plain_number and path not in ("train.learning_rate", "train.epsilon", "train.seed"):
            assert option.unit, path


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"data.name": "imbd"}, r"the bundled sets are imdb and rotten_tomatoes; .*did you mean imdb\?"),
        ({"data.source": "files"}, "data.source is files, so data.path must name the training file"),
        ({"data.path": "my.csv"}, "data.path is 'my.csv', but data.source is bundled; .*--data.source files"),
        ({"data.validation_fraction": "0.5", "data.test_fraction": "0.5"}, "leave nothing to train on"),
        ({"data.source": "tfds", "data.split": "block"}, "an order that says nothing; add --data.split text"),
        ({"preprocessing.topic_block": 30}, "data.split is text, for texts in any order; add --data.split block, or"),
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


OWN_FILE = ("train", "--preset", "tiny", "--data.source", "files", "--data.path", "my.csv")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "data.limit (preset tiny) keeps 712 of 1,000 examples; a training with --data.limit none uses all"),
        (("--data.limit", "90"), "data.limit (command line) keeps 270 of 1,000 examples; a training with"),
        (("--data.limit", "none"), None),
        (("--data.limit", "800"), None),
    ],
)
def test_a_limit_on_ones_own_file_is_told_with_who_set_it(capsys, words, sentence):
    """Else somebody judges the application by a model that has seen a part of their file."""
    command = parse("sentiment", "apps.sentiment", Config, PRESETS, [*OWN_FILE, *words])
    texts = [f"text {n}" for n in range(1000)]
    examples = LabelledTexts.from_lists(texts, ["yes", "no"] * 500, "my.csv")
    use_console(Console())
    show_splits(command, make_splits(examples, limit=command.resolve().data.limit))
    out = capsys.readouterr().out
    if sentence is None:
        assert "train       800 examples from my.csv" in out and "warning" not in out
    else:
        assert " of 800 examples from my.csv" in out and f"warning: {sentence}" in out


def test_the_settings_of_ones_own_file_name_no_bundled_set():
    command = parse("sentiment", "apps.sentiment", Config, PRESETS, OWN_FILE)
    assert "data.name" not in changed_settings(command.resolve())
    bundled = parse("sentiment", "apps.sentiment", Config, PRESETS, ["train", "--preset", "tiny"])
    assert changed_settings(bundled.resolve())["data.name"] == "rotten_tomatoes"
