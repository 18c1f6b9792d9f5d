"""If these fail, a wrong setting starts an hour of training, or is refused without saying why."""

import pydantic
import pytest
import yaml

from common.config import (
    ConfigModel,
    changed_settings,
    load_config,
    option,
    resolve_config,
    save_config,
    setting_origin,
)
from common.config_options import options_of, sections_of, show
from common.errors import UserError


@pytest.fixture
def fake(fake_app):
    from fake_app import config

    return config


@pytest.fixture
def refusal(fake, tmp_path):
    """The sentence with which settings are refused."""

    def refuse(overrides=None, *, text=None, preset=None):
        file = None
        if text is not None:
            file = tmp_path / "my.yaml"
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(UserError) as caught:
            resolve_config(fake.Config, fake.PRESETS, preset, file, overrides)
        sentence = str(caught.value).replace(str(tmp_path) + "/", "")
        assert "\n" not in sentence
        return sentence

    return refuse


def test_every_layer_wins_over_the_one_before(fake, tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("train: {epochs: 7, learning_rate: 1e-2}\nmodel:\n  units: 9\n")
    layers = [(None, None, {}), ("tiny", None, {}), ("tiny", file, {}), ("tiny", file, {"train.epochs": "8"})]
    configs = [resolve_config(fake.Config, fake.PRESETS, *layer) for layer in layers]
    assert [c.train.epochs for c in configs] == [5, 1, 7, 8]
    assert [c.model.units for c in configs] == [4, 2, 9, 9]
    assert configs[2].train.learning_rate == 0.01  # YAML 1.1 reads 1e-2 as text


def test_who_set_a_setting(fake, tmp_path):
    (tmp_path / "a.yaml").write_text("model:\n  units: 3\n")
    layers = (fake.Config, fake.PRESETS, "tiny", tmp_path / "a.yaml", {"model.cell": "lstm"})
    found = {
        path: setting_origin(path, *layers) for path in ("model.cell", "model.units", "train.epochs", "model.wide")
    }
    assert found == {
        "model.cell": "command line",
        "model.units": f"{tmp_path / 'a.yaml'}, line 2",
        "train.epochs": "preset tiny",
        "model.wide": None,
    }


def test_flags_are_text(fake):
    config = resolve_config(
        fake.Config,
        overrides={
            "model.wide": "true",
            "model.dropout": "0.25",
            "model.cell": "lstm",
            "model.quantiles": "0.1, 0.5",
            "data.path": "a b.csv",
        },
    )
    assert config.model.wide is True and config.model.dropout == 0.25 and config.model.cell == "lstm"
    assert config.model.quantiles == (0.1, 0.5) and config.data.path == "a b.csv"
    assert resolve_config(fake.Config, overrides={"data.path": "none"}).data.path is None
    assert resolve_config(fake.Config, overrides={"model.wide": "false"}).model.wide is False


def test_a_saved_configuration_reads_back_the_same(fake, tmp_path):
    config = resolve_config(
        fake.Config, fake.PRESETS, "tiny", overrides={"data.path": "null.csv", "train.learning_rate": "1e-5"}
    )
    save_config(config, tmp_path / "config.yaml")
    assert load_config(fake.Config, tmp_path / "config.yaml") == config
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["model"]["units"] == 2
    assert changed_settings(config) == {
        "data.path": "null.csv",
        "model.units": "2",
        "train.epochs": "1",
        "train.learning_rate": "1e-05",
    }


def test_a_configuration_does_not_change_after_it_was_checked(fake):
    with pytest.raises(pydantic.ValidationError):
        fake.Config().train.epochs = 0


def test_a_wrong_default_is_found_when_the_class_is_used():
    class Wrong(ConfigModel):
        units: int = option(0, "size", ge=1)

    with pytest.raises(UserError, match=r"units is 0 \(default\), but must be a whole number of at least 1"):
        resolve_config(Wrong)


def test_a_setting_without_default_must_be_set():
    class Needy(ConfigModel):
        units: int = option(..., "size", unit="features", ge=1)

    with pytest.raises(UserError, match=r"units must be set: a whole number of at least 1 \(features\)"):
        resolve_config(Needy)


def test_unknown_preset(refusal):
    assert refusal(preset="tyni") == "there is no preset tyni, only tiny and base; did you mean tiny?"


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("train.epohcs", "3", "unknown setting train.epohcs = 3 (command line); did you mean train.epochs?"),
        ("epochs", "3", "unknown setting epochs = 3 (command line); did you mean train.epochs?"),
        (
            "model.zzz",
            "3",
            "unknown setting model.zzz = 3 (command line); the settings of model are cell, units, dropout, "
            "wide and quantiles",
        ),
        (
            "zzz.zzz",
            "3",
            "unknown setting zzz.zzz = 3 (command line); the sections are data, preprocessing, model and train",
        ),
        (
            "train.batch_size",
            "0",
            "train.batch_size is 0 (command line), but must be a whole number of at least 1 and at most 1000000 (examples)",
        ),
        (
            "model.units",
            "513",
            "model.units is 513 (command line), but must be a whole number of at least 1 and at most 512 (features)",
        ),
        (
            "train.learning_rate",
            "nan",
            "train.learning_rate is nan (command line), but must be a number above 0 and at most 10",
        ),
        (
            "train.epochs",
            "many",
            "train.epochs is many (command line), but must be a whole number of at least 1 and at most 100000 (epochs)",
        ),
        (
            "train.epochs",
            "",
            "train.epochs is '' (command line), but must be a whole number of at least 1 and at most 100000 (epochs)",
        ),
        ("model.wide", "maybe", "model.wide is maybe (command line), but must be true or false"),
        (
            "model.cell",
            "lsmt",
            "model.cell is lsmt (command line), but must be one of gru, lstm; did you mean lstm?",
        ),
        (
            "model.quantiles",
            "0.1,x",
            "model.quantiles is 0.1,x (command line), but must be a list of values, separated by commas",
        ),
        ("model.units", "13", "model.units is 13, which brings bad luck; take another number"),
    ],
)
def test_wrong_flags(refusal, path, value, sentence):
    assert refusal({path: value}) == sentence


def test_of_several_mistakes_the_others_are_named(refusal):
    sentence = refusal({"train.epochs": "0", "model.cell": "x", "model.units": "0"})
    assert sentence.startswith("model.cell is x")
    assert sentence.endswith("(wrong too: model.units and train.epochs)")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "train:\n  epochs: true\n",
            "train.epochs is true (my.yaml, line 2), but must be a whole number of at least 1 and at most 100000 (epochs)",
        ),
        (
            "train:\n  epochs: 2.5\n",
            "train.epochs is 2.5 (my.yaml, line 2), but must be a whole number of at least 1 and at most 100000 (epochs)",
        ),
        ("data: {path: 5}", "data.path is 5 (my.yaml, line 1), but must be text or none"),
        (
            "trian:\n  epochs: 5\n",
            "unknown section trian (my.yaml, line 1); the sections are data, preprocessing, model and train; "
            "did you mean train?",
        ),
        (
            "train:\n  epoch: 5\n",
            "unknown setting train.epoch = 5 (my.yaml, line 2); did you mean train.epochs?",
        ),
        (
            "train:\n  epochs: 1\n  epochs: 2\n",
            "my.yaml, line 3: train.epochs is set already in line 2; keep one of them",
        ),
        (
            "train.epochs: 1\ntrain:\n  epochs: 2\n",
            "my.yaml, line 3: train.epochs is set already in line 1; keep one of them",
        ),
        (
            "preprocessing: 5",
            "preprocessing is 5 (my.yaml, line 1), but is a section with the settings max_tokens",
        ),
        ("hello", "my.yaml: expected settings such as `train: {epochs: 3}`, found hello"),
        (
            b"train:\n  epochs: 1 # \xff\n",
            "my.yaml, line 2: not UTF-8 text, which a configuration file must be",
        ),
        (
            "train:\n\tepochs: 1",
            "my.yaml, line 2: not valid YAML (found character '\\t' that cannot start any token)",
        ),
    ],
)
def test_wrong_files(refusal, text, sentence):
    assert refusal(text=text) == sentence


def test_a_file_cannot_run_code(refusal):
    sentence = refusal(text="train: !!python/object/apply:os.system ['true']")
    assert sentence.startswith("my.yaml, line 1: not valid YAML (could not determine a constructor")


def test_missing_files(fake, tmp_path):
    for path, cause in ((tmp_path / "no.yaml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UserError, match=f"cannot read the configuration file .*: {cause}"):
            resolve_config(fake.Config, config_file=path)


def test_files_that_set_nothing(fake, tmp_path):
    for text in ("", "# only a comment\n", "train:\n", "train: {}\n"):
        (tmp_path / "my.yaml").write_text(text)
        assert resolve_config(fake.Config, config_file=tmp_path / "my.yaml") == fake.Config()


def test_a_wrong_preset_names_the_preset(fake):
    with pytest.raises(UserError, match=r"model.units is 0 \(preset broken\)"):
        resolve_config(fake.Config, {"broken": {"model": {"units": 0}}}, "broken")


def test_what_a_configuration_says_about_itself(fake):
    options = options_of(fake.Config)
    units = options["model.units"]
    assert (units.meaning, units.unit, units.default) == ("size of the state", "features", 4)
    assert units.bounds_text == ">=1, <=512" and units.placeholder == "INT" and units.section == "model"
    assert options["model.cell"].placeholder == "gru|lstm" and options["model.wide"].placeholder == "true|false"
    assert options["data.path"].nullable and not options["data.path"].required
    assert sections_of(fake.Config)["model"] == "The network, 100 % fake."


def test_values_as_a_person_writes_them():
    values = [None, True, 0.001, 1e-9, 0.1 + 0.2, 3.0, "", "a b", (1, 2), "x" * 200]
    assert [show(value) for value in values[:-1]] == [
        "none",
        "true",
        "0.001",
        "1e-09",
        "0.30000000000000004",
        "3",
        "''",
        "'a b'",
        "1,2",
    ]
    assert len(show(values[-1])) == 80
