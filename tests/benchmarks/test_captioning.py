"""The programs that measure the captioning application. If one of these fails, a table shows numbers of other pictures than it
says, an interrupted benchmark starts from the beginning, or a comparison is with something else than the same network."""

import io
import json
from pathlib import Path

import pytest
import tensorflow as tf
from PIL import Image

from apps.captioning.config import PRESETS, Config
from benchmarks import captioning_flickr8k, captioning_speed, child, default_training
from benchmarks import captioning_parts as parts
from common.config import resolve_config
from common.errors import UserError
from common.saved_model import METADATA_FILE


def metrics_of(split, seed):
    """What `metrics.json` has, as far as it is read."""
    worse = {"test": 0.0, "validation": 1.0}[split]
    names = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l")
    baseline = {**dict.fromkeys(names, 10.0), "cider": 20.0 + worse}
    accuracies = {"scene_accuracy": 0.25, "composition_accuracy": 0.125}
    return {
        "examples": {"test": 2, "validation": 1}[split],
        "metrics": {
            **dict.fromkeys(names, 15.0),
            "cider": 40.0 + seed - worse,
            "token_accuracy": 0.5,
            "perplexity": 8.0,
            "scene_accuracy": 0.9375,
            "composition_accuracy": 0.5,
        },
        "baselines": {
            "most_frequent": {**baseline, "cider": 5.0, **accuracies},
            "nearest_picture": {**baseline, **accuracies},
        },
        "diversity": {"distinct": 0.75, "words": 9, "from_training": 0.5},
        "scenes": {"test": {"accuracy": 0.9375}, "compositions": {"accuracy": 0.5}},
        "signatures": {"cider": "CIDEr-D"},
        "parameters": 7,
        "seconds": {"train": 120.0, "evaluate": 20.0, "export": 30.0, "caption": 3.0},
    }


@pytest.fixture
def trained(monkeypatch):
    """Commands that were run, by a stand-in for the training, which writes what an application would."""
    commands, changes = [], {}

    def run(command, echo=True):
        given = dict(zip(command[4::2], command[5::2]))
        commands.append((command[2], command[3], given))
        if command[3] == "train":
            folder = Path(given["--runs"], "captioning", given["--name"])
            folder.mkdir(parents=True)
            seed = int(given.get("--train.seed", 0))
            (folder / "metrics.json").write_text(json.dumps(metrics_of("test", seed) | changes))
            (folder / "metrics-validation.json").write_text(json.dumps(metrics_of("validation", seed)))
            (folder / "history.csv").write_text("epoch\n1\n2\n")
        return child.Finished(600.0, 2**30, "  padding  10.5% of all steps\n")

    monkeypatch.setattr(child, "run", run)
    return commands, changes


@pytest.fixture
def flickr(tmp_path):
    folder = tmp_path / "flickr"
    (folder / "images").mkdir(parents=True)
    for part, names in {"train": "abcd", "dev": "ef"}.items():
        rows = [f'{name}.jpg,"a dog, number {number}"' for name in names for number in range(5)]
        (folder / f"{part}.csv").write_text("\n".join(["image,caption", *rows]) + "\n")
    return folder


def flickr8k(monkeypatch, tmp_path, *words):
    words = ["--data", str(tmp_path / "flickr"), "--output", str(tmp_path / "results.json"), *words]
    monkeypatch.setattr("sys.argv", ["captioning_flickr8k", *words])
    return captioning_flickr8k.main()


def rows_of(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_photographs_are_trained_on_as_a_person_would_and_shown_beside_baselines_and_goals(
    trained, flickr, monkeypatch, tmp_path, capsys
):
    assert flickr8k(monkeypatch, tmp_path, "--seeds", "0", "1", "--", "--train.epochs", "3") == 0
    app, verb, given = trained[0][0]
    assert (app, verb, given["--preset"], given["--train.epochs"]) == ("apps.captioning", "train", "photos", "3")
    assert (given["--data.source"], given["--data.path"]) == ("files", str(flickr / "images"))
    assert (given["--data.captions"], given["--data.test_captions"]) == (
        str(flickr / "train.csv"),
        str(flickr / "dev.csv"),
    )
    assert "--data.validation_captions" not in given  # a part of the training captions is validation
    assert (trained[0][1][1], trained[0][1][2]["--split"]) == ("evaluate", "validation")
    rows = rows_of(capsys.readouterr().out)
    assert "2 pictures of dev, 7 parameters, means over the seeds" in rows
    assert "dev: this model 40.50 15.00 15.00 15.00 15.00 15.00" in rows
    assert "dev: caption of the nearest training photograph 20.00 10.00 10.00 10.00 10.00 10.00" in rows
    assert "validation: this model 39.50 15.00 15.00 15.00 15.00 15.00" in rows
    assert "mean 40.50 15.00 39.50 15.00 2.00 120.00 600.00 3.00 1.00 0.1050" in rows
    assert "cider, times that of the nearest photograph's caption 2.02 ≥ 1.6" in rows
    assert "bleu_4, times that of the nearest photograph's caption 1.50 ≥ 1.5" in rows
    assert "minutes of the whole process 10.00 ≤ 15" in rows


def test_nothing_of_the_photographs_is_left_behind(trained, flickr, monkeypatch, tmp_path):
    flickr8k(monkeypatch, tmp_path)
    (_, _, given), _ = trained[0]
    folder = Path(given["--data.cache_dir"]).parent
    assert {Path(given[name]).parent for name in ("--runs", "--saved_models")} == {folder} and not folder.exists()
    text = (tmp_path / "results.json").read_text("utf-8")
    assert "dog" not in text and ".jpg" not in text and str(tmp_path) not in text
    (run,) = json.loads(text)["measured"][0]["runs"]
    assert (run["dev"]["model"]["cider"], run["validation"]["nearest_picture"]["cider"]) == (40.0, 21.0)
    assert run["ratios"] == {"cider": 2.0, "bleu_4": 1.5} and run["validation_ratios"]["cider"] == 39 / 21
    assert (run["epochs"], run["train_seconds"], run["peak_gib"], run["padding_waste"]) == (2, 120.0, 1.0, 0.105)


def test_interrupted_photographs_go_on_where_they_were(trained, flickr, monkeypatch, tmp_path):
    flickr8k(monkeypatch, tmp_path, "--seeds", "0")
    flickr8k(monkeypatch, tmp_path, "--seeds", "0", "5")
    assert [given["--train.seed"] for _, verb, given in trained[0] if verb == "train"] == ["0", "5"]


def test_a_part_of_dev_is_not_taken_for_dev(trained, flickr, monkeypatch, tmp_path):
    trained[1].update(examples=1)
    with pytest.raises(RuntimeError, match="1 pictures of dev were measured, but the file has 2"):
        flickr8k(monkeypatch, tmp_path)


def test_a_baseline_without_any_match_has_no_ratio():
    metrics = metrics_of("test", 0)
    metrics["baselines"]["nearest_picture"]["bleu_4"] = 0.0
    assert captioning_flickr8k.ratios_of(metrics) == {"cider": 2.0, "bleu_4": None}


@pytest.mark.parametrize(
    ("missing", "message"), [("images", "there is no folder"), ("dev.csv", "cannot be read as CSV")]
)
def test_missing_data_are_said_before_anything_is_trained(
    trained, flickr, monkeypatch, tmp_path, capsys, missing, message
):
    (flickr / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(SystemExit):
        flickr8k(monkeypatch, tmp_path)
    assert message in capsys.readouterr().err and not trained[0]


def test_the_default_training_says_how_many_scenes_are_described_in_full():
    row, lines = default_training.of_captioning(metrics_of("test", 0), "  padding  10.5% of all steps")
    assert (row["scene_accuracy"], row["baselines"]["nearest_picture"]["scene_accuracy"]) == (0.9375, 0.25)
    assert (row["scenes"]["compositions"]["accuracy"], row["padding_waste"], row["caption_seconds"]) == (
        0.5,
        0.105,
        3.0,
    )
    where = lines.index(["never combined relations and counts, all right", 0.5])
    assert lines[where + 1] == ["  of most_frequent", 0.125]
    assert lines[-3:] == [
        ["goal: training_to_done_seconds at most 360", "reached"],
        ["goal: scene_accuracy at least 0.9", "reached"],
        ["goal: composition_accuracy at least 0.75", "missed"],
    ]


def test_make_train_of_captioning_is_measured_into_its_own_file(trained, monkeypatch, tmp_path):
    words = ["default_training", "--app", "captioning", "--output", str(tmp_path / "scenes.json")]
    monkeypatch.setattr("sys.argv", words)
    monkeypatch.setattr(default_training, "STAGES", ("train", "evaluate", "export"))
    assert default_training.main() == 0
    kept = json.loads((tmp_path / "scenes.json").read_text("utf-8"))
    assert (kept["benchmark"], kept["training_to_done_seconds"]) == ("captioning_training", 170.0)


SMALL = {"preprocessing.picture_size": "32", "model.encoder": "efficientnet_lite0"}


def test_made_up_photographs_have_their_size_and_are_different():
    first, second = (parts.made_up_photograph(40, 30, seed) for seed in range(2))
    with Image.open(io.BytesIO(first)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (40, 30))
    assert first != second and first == parts.made_up_photograph(40, 30, 0)


def test_features_are_measured_on_the_way_that_training_goes(tmp_path):
    (row,) = captioning_speed.features(None, ["40x30"], 3, 1, **SMALL)
    assert (row["photographs"], row["count"], row["picture_size"]) == ("40x30", 3, 32)
    assert row["encoder"] == PRESETS["photos"]["model"]["encoder"]
    assert row["per_s"] > 0 and row["decoding_per_s"] > 0 and row["encoder_per_s"] > 0
    maker = parts.FeatureMaker(parts.configured("photos", **SMALL), [parts.made_up_photograph(40, 30, 0)])
    maker.store(tmp_path)
    (shard,) = tmp_path.rglob("*.inputs")
    assert maker.compute(maker.pictures)[0].tobytes() in shard.read_bytes()


def test_photographs_of_a_folder_are_its_first_ones(tmp_path):
    for name in ("b.jpg", "a.JPEG", "c.jpg", "captions.csv"):
        (tmp_path / name).write_bytes(name.encode())
    assert captioning_speed.photographs(tmp_path, ["40x30"], 2) == {tmp_path.name: [b"a.JPEG", b"b.jpg"]}
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no JPEG pictures"):
        captioning_speed.photographs(tmp_path / "empty", [], 2)


class Speaker(tf.Module):
    """Stands in for an exported model; notes what it was asked."""

    def __init__(self):
        super().__init__()
        self.widest = tf.Variable(0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image")])
    def greedy(self, image):
        return {"caption": image}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "image"),
            tf.TensorSpec([None], tf.int32, "beam_width"),
            tf.TensorSpec([None], tf.float32, "length_penalty"),
        ]
    )
    def beam(self, image, beam_width, length_penalty):
        tf.debugging.assert_equal(beam_width, 5)
        tf.debugging.assert_equal(length_penalty, 0.5)
        return {"captions": image[:, None]}


@pytest.fixture
def model(tmp_path):
    speaker, version = Speaker(), tmp_path / "captioning" / "1"
    tf.saved_model.save(
        speaker, str(version), {"serving_default": speaker.greedy, "greedy": speaker.greedy, "beam": speaker.beam}
    )
    (version / METADATA_FILE).parent.mkdir(exist_ok=True)
    metadata = {"app": "captioning", "length_penalty": 0.5, "picture_size": 64}
    (version / METADATA_FILE).write_text(json.dumps(metadata))
    return tmp_path / "captioning"


def test_a_caption_is_timed_with_the_beam_that_was_asked_for(model):
    (row,) = captioning_speed.caption(model, None, ["40x30", "30x40"], 5, 3)
    assert (row["beam"], row["photographs"], row["picture_size"]) == (5, "40x30, 30x40", 64)
    assert row["first_ms"] > 0 and 0 < row["median_ms"] <= row["slowest_ms"] and row["greedy_median_ms"] > 0


def test_a_folder_that_is_no_model_is_said(tmp_path):
    with pytest.raises(UserError):
        captioning_speed.caption(tmp_path, None, ["40x30"], 5, 1)


def test_a_caption_without_a_model_is_said_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["captioning_speed", "--sections", "caption"])
    with pytest.raises(SystemExit):
        captioning_speed.main()
    assert "give --model DIR" in capsys.readouterr().err


TINY = {
    "model.embedding_dim": "5",
    "model.units": "6",
    "model.attention_units": "4",
    "preprocessing.picture_size": "64",
    "train.jit_compile": "false",  # XLA would compile for half a minute
}


def test_the_shapes_that_are_trained_are_read_and_written_alike():
    for shape in captioning_speed.SHAPES:
        assert captioning_speed.Shape.parse(str(shape)) == shape


@pytest.mark.parametrize("shape", captioning_speed.SHAPES, ids=str)
def test_the_default_shapes_are_those_of_the_presets(shape):
    config = resolve_config(Config, PRESETS, shape.preset)
    assert (shape.batch, shape.captions) == (config.train.batch_size, config.train.captions_per_picture)
    assert parts.configured(shape.preset).model == config.model


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["base", "photos"])
def test_training_is_timed_in_milliseconds_of_a_step(preset):
    shape = captioning_speed.Shape(preset, 3, 2, 7, 20)
    (row,) = captioning_speed.training([shape], 1, 1, [], **TINY)
    assert row["shape"] == f"{preset}=3x2x7x20"
    assert row["unroll_step_ms"] > 0 and row["unroll_without_metrics_step_ms"] > 0 and row["unroll_first_s"] > 0
