"""The numbers, mistakes and pictures of a run are all that a person sees of its quality."""

import io
import json
import types

import numpy as np
import pytest

from apps.sentiment import baselines, data, report
from apps.sentiment import evaluate as evaluation
from apps.sentiment.config import Config, PreprocessingConfig
from apps.sentiment.evaluate import evaluate, worst_mistakes
from apps.sentiment.ngrams import known_ngrams_of_texts
from apps.sentiment.preprocessing import Preprocessor
from common.console import Console, use_console
from common.data.splits import LabelledTexts, Splits
from common.errors import UserError
from common.runs import create_run

WORDS = {"neg": "awful", "pos": "good", "mixed": "uneven"}


class CountingPreprocessor(Preprocessor):
    """Counts how many times it goes through a set of texts, which takes long on large ones."""

    calls = 0

    def words(self, texts):
        self.calls += 1  # once for each time: the pipeline traces this function once
        return super().words(texts)


def adapted(splits, wide=False):
    preprocessor = CountingPreprocessor(PreprocessingConfig(min_count=1), wide=wide)
    preprocessor.adapt(splits.train)
    preprocessor.calls = 0
    return preprocessor


def examples(names, count, seed):
    rng = np.random.default_rng(seed)
    labels = [names[index % len(names)] for index in range(count)]
    texts = [f"{WORDS[label]} film number {rng.integers(1000)}" for label in labels]
    return LabelledTexts.from_lists(texts, labels, "a test")


@pytest.fixture
def setting(tmp_path, monkeypatch):
    """A run, splits, preprocessor and a model that is wrong on the first example of every split only."""
    names = ("mixed", "neg", "pos")
    splits = Splits(examples(names, 60, 0), examples(names, 30, 1), examples(names, 30, 2), names)

    def predict_logits(model, given, preprocessor):
        logits = np.zeros((len(given), 3), np.float32)
        ids = data.label_ids(given, preprocessor.label_names)
        logits[np.arange(len(given)), ids] = 2.0
        logits[0] = [-3.0, 5.0, 0.0]
        return logits

    monkeypatch.setattr(data, "predict_logits", predict_logits, raising=False)
    stream = io.StringIO()
    use_console(Console(stream=stream, interactive=False))
    model = types.SimpleNamespace(count_params=lambda: 1234)
    run = create_run(tmp_path, "sentiment", Config(), "trial")
    yield types.SimpleNamespace(
        arguments=lambda split="test", **new: {
            "config": Config(),
            "run": run,
            "splits": splits,
            "split": split,
            "preprocessor": adapted(splits),
            "model": model,
            **new,
        },
        run=run,
        splits=splits,
        stream=stream,
    )
    use_console(Console())


def test_metrics_json_has_the_fixed_form(setting):
    returned = evaluate(**setting.arguments())
    written = json.loads((setting.run.path / "metrics.json").read_text())
    assert written.keys() == returned.keys()
    assert {"app", "split", "metrics", "baselines", "seconds", "parameters", "config"} <= written.keys()
    assert (written["app"], written["split"], written["parameters"]) == ("sentiment", "test", 1234)
    assert written["metrics"]["accuracy"] == pytest.approx(29 / 30)
    low, high = written["intervals"]["accuracy"]
    assert low < 29 / 30 <= high
    assert set(written["baselines"]) == {"majority", "nbsvm"}
    assert all(baseline.keys() == written["metrics"].keys() for baseline in written["baselines"].values())
    assert written["baselines"]["majority"]["accuracy"] == pytest.approx(1 / 3)
    assert written["baselines"]["nbsvm"]["accuracy"] > 0.9
    assert written["config"]["data"]["source"] == "bundled"


def test_the_worst_mistakes_are_listed_with_their_text(setting):
    evaluate(**setting.arguments())
    (line,) = (setting.run.path / "mistakes.jsonl").read_text().splitlines()
    mistake = json.loads(line)
    assert mistake["text"] == setting.splits.test.texts[0]
    assert (mistake["label"], mistake["predicted"], mistake["index"]) == ("mixed", "neg", 0)
    assert mistake["probability"] > 0.99 and mistake["probability_of_label"] < 0.01
    assert "mixed taken for neg" in setting.stream.getvalue()
    assert setting.splits.test.texts[0] in setting.stream.getvalue()


def test_pictures_appear_and_can_be_drawn_again_without_the_model(setting):
    setting.run.history_path.write_text("epoch,loss,accuracy,val_loss,val_accuracy\n0,0.7,0.5,0.6,0.6\n")
    report.save_lengths(setting.run, np.arange(1, 33), [16, 32])
    evaluate(**setting.arguments())
    expected = ["calibration.png", "confusion.png", "lengths.png", "training.png"]
    assert [path.name for path in setting.run.pictures()] == expected
    for path in setting.run.pictures():
        path.unlink()
    assert sorted(path.name for path in report.draw_pictures(setting.run)) == expected


def test_the_baseline_is_fitted_once_in_a_run(setting):
    first = adapted(setting.splits)
    before = evaluate(**setting.arguments(preprocessor=first))
    assert first.calls == 3  # training texts for the vocabulary and for the fit, test texts
    again = adapted(setting.splits)
    assert evaluate(**setting.arguments(preprocessor=again))["baselines"] == before["baselines"]
    assert again.calls == 0
    other_split = adapted(setting.splits)
    evaluate(**setting.arguments("validation", preprocessor=other_split))
    assert other_split.calls == 1  # the validation texts; the fit is kept


def test_the_wide_part_of_the_model_is_the_baseline(setting):
    """Fitting it a second time would double the longest step of an evaluation."""
    separate = evaluate(**setting.arguments())["baselines"]
    preprocessor = adapted(setting.splits, wide=True)
    for folder in (setting.run.path / "baselines").iterdir():
        for file in folder.iterdir():
            file.unlink()
    assert evaluate(**setting.arguments(preprocessor=preprocessor))["baselines"] == separate
    assert preprocessor.calls == 1  # the test texts
    # ... and what the network sees in TensorFlow is what was fitted in NumPy.
    texts = setting.splits.test.texts
    matrix = known_ngrams_of_texts(texts, preprocessor, preprocessor.linear.keys)
    np.testing.assert_allclose(
        preprocessor.wide_logits_of(texts), preprocessor.linear.logits(matrix), rtol=1e-4, atol=1e-5
    )


def test_other_training_texts_are_not_answered_from_the_cache(setting):
    evaluate(**setting.arguments())
    train = examples(setting.splits.label_names, 45, 9)
    changed = Splits(train, setting.splits.validation, setting.splits.test, setting.splits.label_names)
    preprocessor = adapted(setting.splits)
    evaluate(**setting.arguments(splits=changed, preprocessor=preprocessor))
    assert preprocessor.calls == 3


def test_another_split_leaves_the_test_result_alone(setting):
    evaluate(**setting.arguments())
    evaluate(**setting.arguments("validation"))
    assert json.loads(setting.run.metrics_path("test").read_text())["split"] == "test"
    assert json.loads(setting.run.metrics_path("validation").read_text())["split"] == "validation"
    assert {"confusion.png", "confusion-validation.png"} <= {path.name for path in setting.run.pictures()}


def test_a_large_training_set_is_thinned_and_the_person_told(setting, monkeypatch):
    monkeypatch.setattr(evaluation, "MOST_TEXTS", 20)
    monkeypatch.setattr(baselines, "MOST_TEXTS", 20)
    assert "20 of the 60" in evaluate(**setting.arguments())["notes"][0]


def test_a_split_without_a_label_is_measured_all_the_same(setting):
    few = setting.splits.test.take(setting.splits.test.labels == "pos")
    changed = Splits(setting.splits.train, setting.splits.validation, few, setting.splits.label_names)
    result = evaluate(**setting.arguments(splits=changed))
    assert result["metrics"]["roc_auc"] is None and "same label" in result["undefined"]["roc_auc"]
    json.loads((setting.run.path / "metrics.json").read_text(), parse_constant=pytest.fail)  # no NaN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "tests"}, "train, validation, test"),
        ({"splits": "empty"}, "has no examples"),
        ({"splits": "unknown"}, "label 'great'"),
        ({"model": "nan"}, "NaN"),
    ],
)
def test_a_user_mistake_is_one_sentence(setting, monkeypatch, change, message):
    splits = setting.splits
    tests = {
        "empty": splits.test.take(np.zeros(0, int)),
        "unknown": LabelledTexts.from_lists(["x"], ["great"], "my.csv"),
    }
    if change.get("splits"):
        change = {"splits": Splits(splits.train, splits.validation, tests[change["splits"]], splits.label_names)}
    if change.get("model") == "nan":
        monkeypatch.setattr(data, "predict_logits", lambda *_: np.full((30, 3), np.nan), raising=False)
        change = {}
    with pytest.raises(UserError, match=message):
        evaluate(**setting.arguments() | change)
    assert not setting.run.metrics_path("test").exists()


def test_pictures_without_an_evaluation_say_what_to_run(setting):
    with pytest.raises(UserError, match=r"evaluate --run .* --split train"):
        report.draw_pictures(setting.run, "train")


def test_worst_mistakes_come_first():
    texts = LabelledTexts.from_lists(["a", "b", "c", "d"], ["x"] * 4, "a test")
    probabilities = np.array([[0.4, 0.6], [0.9, 0.1], [0.1, 0.9], [0.2, 0.8]])
    found = worst_mistakes(texts, np.zeros(4, int), probabilities, ("x", "y"), count=2)
    assert [mistake["text"] for mistake in found] == ["c", "d"]
