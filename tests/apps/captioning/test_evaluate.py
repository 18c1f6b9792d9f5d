"""The numbers, examples and pictures of a run are all that a person sees of its quality."""

import io
import json
import types
from random import Random

import numpy as np
import pytest
from PIL import Image

from apps.captioning import evaluate as evaluation
from apps.captioning import report
from apps.captioning.config import Config
from apps.captioning.evaluate import evaluate
from apps.captioning.pictures import CaptionedPictures, Splits
from apps.captioning.scene_captions import write_captions
from apps.captioning.scene_objects import scene_objects
from apps.captioning.scenes import generate
from common.console import Console, use_console
from common.errors import UserError
from common.runs import create_run

METRICS = {"bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider"}
COLORS = {"red": (255, 0, 0), "green": (0, 160, 0), "blue": (0, 0, 255), "black": (0, 0, 0), "white": (255, 255, 255)}


class InMemory(list):
    """Pictures that lie in memory."""

    def take(self, indices):
        return InMemory(self[index] for index in indices)


class Inputs:
    """What is read of the fake pictures: their captions, and whether they can be read."""

    def __init__(self, pictures):
        self.rows = list(pictures.captions)
        self.usable = np.array([picture != b"" for picture in pictures.pictures])
        broken = len(self.usable) - self.usable.sum()
        self.notes = (f"{broken} of {len(self.usable)} pictures cannot be read",) if broken else ()


def jpeg(color):
    stream = io.BytesIO()
    Image.new("RGB", (48, 32), color).save(stream, "JPEG")
    return stream.getvalue()


def photographs(count, seed):
    """Pictures of a colour, with two captions each."""
    rng = np.random.default_rng(seed)
    colors, things = rng.choice(list(COLORS), size=count), rng.integers(100, size=count)
    captions = [
        (f"A {color} sheet of paper number {thing}.", f"something {color} with {thing}")
        for color, thing in zip(colors, things, strict=True)
    ]
    pictures = InMemory(jpeg(COLORS[color]) for color in colors)
    return CaptionedPictures.from_lists(pictures, captions, [f"{seed}-{i}.jpg" for i in range(count)], "a test")


def scenes(count, split, seed=0):
    made = [scene for scene, _ in generate(scene_objects("en"), split, count, seed)]
    captions = [write_captions(scene, "en", Random(index)) for index, scene in enumerate(made)]
    meanings = [scene.to_json() for scene in made]
    return CaptionedPictures.from_lists(
        InMemory([jpeg("red")] * count), captions, [f"{split} {i}" for i in range(count)], "scenes", meanings
    )


@pytest.fixture
def setting(tmp_path, monkeypatch):
    """A run, splits and a network that says nothing of the first picture of every split, and of all others a reference."""
    splits = Splits(photographs(40, 0), photographs(20, 1), photographs(20, 2))
    asked = {}

    def caption_pictures(network, preprocessor, inputs):
        assert inputs.usable.all()
        captions = [row[0].lower().strip(".") for row in inputs.rows]
        captions[0] = ""
        return captions, np.linspace(-1, 0, len(captions), dtype=np.float32)

    def teacher_forced(network, preprocessor, inputs, captions):
        assert inputs.usable.all() and len(captions) == len(inputs.rows)
        return {"token_accuracy": 0.9, "perplexity": 1.5}

    def mean_features(network, preprocessor, inputs):
        assert inputs.usable.all()
        named = [[float(color in row[0]) for color in COLORS] for row in inputs.rows]
        return np.array(named, np.float32).reshape(-1, len(COLORS))

    def attention_of(network, preprocessor, picture):
        asked["picture"] = picture
        return ["▁a", "▁red", "▁sheet"], np.full((3, 4, 4), 1 / 16, np.float32)

    monkeypatch.setattr(evaluation, "caption_pictures", caption_pictures)
    monkeypatch.setattr(evaluation, "teacher_forced", teacher_forced)
    monkeypatch.setattr(evaluation, "mean_features", mean_features)
    monkeypatch.setattr(evaluation, "attention_of", attention_of)
    monkeypatch.setattr(evaluation, "inputs_of", lambda pictures, *_: Inputs(pictures))
    stream = io.StringIO()
    use_console(Console(stream=stream, interactive=False))
    run = create_run(tmp_path, "captioning", Config(), "trial")
    yield types.SimpleNamespace(
        arguments=lambda split="test", **new: {
            "config": Config(),
            "run": run,
            "splits": splits,
            "split": split,
            "preprocessor": None,
            "model": types.SimpleNamespace(count_params=lambda: 1234),
            **new,
        },
        run=run,
        splits=splits,
        stream=stream,
        asked=asked,
    )
    use_console(Console())


@pytest.fixture
def undrawn(monkeypatch):
    """Where pictures do not matter: drawing them takes longer than all else."""
    monkeypatch.setattr(report, "draw_pictures", lambda *_: [])


def lines(run, split="test"):
    return [json.loads(line) for line in (run.path / f"captions-{split}.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("undrawn")
def test_metrics_json_has_the_fixed_form(setting):
    returned = evaluate(**setting.arguments())
    written = json.loads(setting.run.metrics_path("test").read_text(), parse_constant=pytest.fail)  # no NaN
    assert written == json.loads(json.dumps(returned))
    assert (written["app"], written["split"], written["examples"]) == ("captioning", "test", 20)
    assert written["parameters"] == 1234 and written["config"]["data"]["source"] == "bundled"
    assert written["metrics"].keys() >= METRICS | {"token_accuracy", "perplexity"}
    assert written["metrics"]["perplexity"] == 1.5 and written["metrics"]["token_accuracy"] == 0.9
    assert written["baselines"].keys() == {"most_frequent", "nearest_picture"}
    for baseline in written["baselines"].values():
        assert baseline.keys() >= METRICS
        assert baseline["cider"] < written["metrics"]["cider"] and baseline["bleu_4"] < written["metrics"]["bleu_4"]
    assert written["baselines"]["most_frequent"]["cider"] < written["baselines"]["nearest_picture"]["cider"]
    assert ("meteor" in written["metrics"]) != ("meteor" in written["undefined"])
    assert written["diversity"]["distinct"] > 0.5 and written["scenes"] == {} and written["notes"] == []
    assert "CIDEr-D" in written["signatures"]["cider"]
    assert all(seconds >= 0 for seconds in written["seconds"].values())


@pytest.mark.usefixtures("undrawn")
def test_every_caption_is_kept_with_its_score(setting):
    evaluate(**setting.arguments())
    rows = lines(setting.run)
    assert [row["name"] for row in rows] == list(setting.splits.test.names)
    assert [tuple(row["references"]) for row in rows] == list(setting.splits.test.captions)
    assert (rows[0]["caption"], rows[0]["cider"], rows[0]["score"]) == ("", 0, -1)
    assert rows[1]["cider"] > 100 and "right" not in rows[1]


@pytest.mark.usefixtures("undrawn")
def test_best_median_and_worst_are_shown(setting):
    evaluate(**setting.arguments())
    shown = setting.stream.getvalue()
    assert all(heading in shown for heading in ("Best captions", "Median captions", "Worst captions"))
    worst = shown[shown.index("Worst captions") :]
    assert worst.splitlines()[1].split() == ["0", "picture", "2-0.jpg"]
    assert setting.splits.test.captions[0][0] in worst and "stand word for word in training" in shown


def test_pictures_appear_and_can_be_drawn_again_without_the_model(setting):
    setting.run.history_path.write_text("epoch,loss,token_accuracy,val_loss\n0,0.7,0.5,0.6\n")
    evaluate(**setting.arguments())
    expected = ["attention.png", "captions.png", "training.png"]
    assert [path.name for path in setting.run.pictures()] == expected
    assert setting.asked["picture"] in setting.splits.test.pictures
    for path in setting.run.pictures():
        path.unlink()
    assert sorted(path.name for path in report.draw_pictures(setting.run)) == expected


@pytest.mark.usefixtures("undrawn")
def test_the_sheet_shows_the_pictures_of_its_captions(setting):
    evaluate(**setting.arguments())
    found = report.load_examples(report.examples_path(setting.run, "test"))
    assert found.kinds == ["best"] * 4 + ["median"] * 4 + ["worst"] * 4
    for picture, reference in zip(found.pictures, found.references, strict=True):
        assert picture.shape == (32, 48, 3)
        assert abs(picture[16, 24].astype(int) - COLORS[reference.split()[1]]).max() < 5
    assert found.captions[-4] == "" and found.remarks[-4] == "CIDEr 0"


@pytest.mark.usefixtures("undrawn")
def test_a_cropped_picture_is_shown_as_the_network_sees_it(setting):
    evaluate(**setting.arguments(config=Config(preprocessing={"fit": "crop"})))
    assert report.load_examples(report.examples_path(setting.run, "test")).pictures[0].shape == (32, 32, 3)


def test_another_split_leaves_the_test_result_alone(setting):
    evaluate(**setting.arguments())
    evaluate(**setting.arguments("validation"))
    assert json.loads(setting.run.metrics_path("test").read_text())["split"] == "test"
    assert json.loads(setting.run.metrics_path("validation").read_text())["split"] == "validation"
    assert {path.name for path in setting.run.pictures()} == {
        "attention.png",
        "attention-validation.png",
        "captions.png",
        "captions-validation.png",
    }
    assert len(lines(setting.run, "validation")) == 20


@pytest.mark.usefixtures("undrawn")
def test_a_baseline_that_knows_the_answers_is_told(setting):
    assert "that it knows" in evaluate(**setting.arguments("train"))["notes"][0]


@pytest.mark.usefixtures("undrawn")
def test_pictures_that_cannot_be_read_are_left_out_and_told(setting):
    test, train = setting.splits.test, setting.splits.train
    test.pictures[3] = test.pictures[7] = train.pictures[0] = b""
    result = evaluate(**setting.arguments())
    assert result["examples"] == 18 and result["notes"] == ["test: 2 of 20 pictures cannot be read"]
    assert [row["name"] for row in lines(setting.run)] == [name for i, name in enumerate(test.names) if i not in (3, 7)]
    everything = photographs(20, 2)
    everything.pictures[:] = [b""] * 20
    with pytest.raises(UserError, match="none of the test pictures"):
        evaluate(**setting.arguments(splits=Splits(train, train, everything)))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_split_of_a_few_pictures_is_measured(setting, count):
    few = photographs(count, 3)
    result = evaluate(**setting.arguments(splits=Splits(setting.splits.train, few, few)))
    assert (result["metrics"]["cider"] is None) == (count == 1) == ("cider" in result["undefined"])
    json.loads(setting.run.metrics_path("test").read_text(), parse_constant=pytest.fail)
    assert len(report.load_examples(report.examples_path(setting.run, "test")).kinds) == count


@pytest.mark.usefixtures("undrawn")
def test_scenes_are_judged_by_what_they_show(setting):
    test, compositions = scenes(12, "test"), scenes(8, "compositions")
    splits = Splits(scenes(30, "train"), scenes(8, "validation"), test, compositions)
    result = evaluate(**setting.arguments(splits=splits))
    metrics = result["metrics"]
    assert metrics["scene_accuracy"] == pytest.approx(11 / 12)  # it says nothing of the first
    assert metrics["composition_accuracy"] == pytest.approx(7 / 8)
    for baseline in result["baselines"].values():
        assert baseline.keys() >= METRICS | {"scene_accuracy", "composition_accuracy"}
        assert baseline["scene_accuracy"] < 0.2
    assert result["scenes"]["test"]["accuracy"] == metrics["scene_accuracy"]
    assert result["scenes"]["compositions"]["accuracy"] == metrics["composition_accuracy"]
    assert [row["right"] for row in lines(setting.run)] == [False] + [True] * 11
    assert "right" in report.load_examples(report.examples_path(setting.run, "test")).remarks[0]
    shown = setting.stream.getvalue()
    assert "Scenes of test" in shown and "Scenes of compositions" in shown and "arrangement" in shown
    validation = evaluate(**setting.arguments("validation", splits=splits))
    assert validation["scenes"].keys() == {"validation"} and "composition_accuracy" not in validation["metrics"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "tests"}, "train, validation, test"),
        ({"splits": "empty"}, "has no examples"),
        ({"model": "nan"}, "NaN"),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_a_user_mistake_is_one_sentence(setting, monkeypatch, change, message):
    if "splits" in change:
        empty = setting.splits.test.take(np.zeros(0, int))
        change = {"splits": Splits(setting.splits.train, setting.splits.validation, empty)}
    if "model" in change:
        nan = {"token_accuracy": 0.0, "perplexity": float("nan")}
        monkeypatch.setattr(evaluation, "teacher_forced", lambda *_: nan)
        change = {}
    with pytest.raises(UserError, match=message):
        evaluate(**setting.arguments() | change)
    assert not setting.run.metrics_path("test").exists()
