"""The numbers, examples and pictures of a run are all that a person sees of its quality."""

import io
import json
import types

import numpy as np
import pytest

from apps.translation import baselines, report
from apps.translation import evaluate as evaluation
from apps.translation.config import Config
from apps.translation.evaluate import evaluate
from apps.translation.pairs import SentencePairs, Splits
from apps.translation.scores import translation_metrics
from common.console import Console, use_console
from common.errors import UserError
from common.runs import create_run

METRICS = {"bleu", "chrf", "bleu_tokenized", "exact_match"}
NUMBERS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf", "six": "sechs"}


def german(source):
    return " ".join(NUMBERS.get(word, word) for word in source.split())


def pairs(count, seed):
    rng = np.random.default_rng(seed)
    sources = [" ".join(rng.choice(list(NUMBERS), size=rng.integers(3, 12))) + f" #{seed}" for _ in range(count)]
    return SentencePairs.from_lists(sources, [german(source) for source in sources], "a test")


@pytest.fixture
def setting(tmp_path, monkeypatch):
    """A run, splits and a model that answers the first sentence of every split with nothing, and all others right."""
    splits = Splits(pairs(60, 0), pairs(30, 1), pairs(30, 2), "en", "de")
    asked = {}

    def translate(model, preprocessor, sentences):
        found = [german(sentence) for sentence in sentences]
        found[0] = ""
        return found, np.linspace(-1, 0, len(found), dtype=np.float32)

    def attention_of(model, preprocessor, sentence):
        asked["sentence"] = sentence
        words = sentence.split()
        return words, [*german(sentence).split(), "</s>"], np.ones((len(words) + 1, len(words))) / len(words)

    monkeypatch.setattr(evaluation, "translate", translate)
    monkeypatch.setattr(evaluation, "attention_of", attention_of)
    monkeypatch.setattr(evaluation, "teacher_forced", lambda *_: {"token_accuracy": 0.9, "perplexity": 1.5})
    stream = io.StringIO()
    use_console(Console(stream=stream, interactive=False))
    run = create_run(tmp_path, "translation", Config(), "trial")
    model = types.SimpleNamespace(count_params=lambda: 1234)
    yield types.SimpleNamespace(
        arguments=lambda split="test", **new: {
            "config": Config(),
            "run": run,
            "splits": splits,
            "split": split,
            "preprocessor": None,
            "model": model,
            **new,
        },
        run=run,
        splits=splits,
        stream=stream,
        asked=asked,
        translate=translate,
    )
    use_console(Console())


def test_metrics_json_has_the_fixed_form(setting):
    returned = evaluate(**setting.arguments())
    written = json.loads((setting.run.path / "metrics.json").read_text())
    assert written == json.loads(json.dumps(returned))
    assert (written["app"], written["split"], written["examples"]) == ("translation", "test", 30)
    assert written["parameters"] == 1234 and written["config"]["data"]["source"] == "bundled"
    assert written["metrics"].keys() >= METRICS | {"token_accuracy", "perplexity"}
    assert written["metrics"]["exact_match"] == pytest.approx(29 / 30) and written["metrics"]["perplexity"] == 1.5
    low, high = written["intervals"]["bleu"]
    assert low < written["metrics"]["bleu"] <= high
    assert set(written["baselines"]) == {"copy", "translation_memory"}
    assert all(baseline.keys() >= METRICS for baseline in written["baselines"].values())
    assert written["baselines"]["copy"]["bleu"] < written["baselines"]["translation_memory"]["bleu"] < low
    assert "tok:13a" in written["signatures"]["bleu"]
    assert all(seconds >= 0 for seconds in written["seconds"].values())


def test_every_group_of_length_has_the_model_beside_the_baselines(setting):
    by_length = evaluate(**setting.arguments())["by_source_length"]
    assert by_length["unit"] == "characters" and sum(group["examples"] for group in by_length["groups"]) == 30
    for group in by_length["groups"]:
        assert group["systems"].keys() == {"model", "copy", "translation_memory"}
        assert group["systems"]["model"]["chrf"] > group["systems"]["copy"]["chrf"]


def test_every_translation_is_kept_with_its_score(setting):
    evaluate(**setting.arguments())
    lines = (setting.run.path / "translations-test.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["source"] for row in rows] == list(setting.splits.test.sources)
    assert [row["reference"] for row in rows] == list(setting.splits.test.targets)
    assert (rows[0]["translation"], rows[0]["chrf"], rows[0]["score"]) == ("", 0, -1)
    assert rows[1]["translation"] == rows[1]["reference"] and rows[1]["chrf"] == 100


def test_best_median_and_worst_are_shown(setting):
    evaluate(**setting.arguments())
    shown = setting.stream.getvalue()
    assert all(heading in shown for heading in ("Best translations", "Median translations", "Worst translations"))
    worst = shown[shown.index("Worst translations") :]
    assert worst.splitlines()[1].split() == ["0", "source", *setting.splits.test.sources[0].split()]
    assert setting.splits.test.targets[0] in worst


def test_pictures_appear_and_can_be_drawn_again_without_the_model(setting):
    setting.run.history_path.write_text("epoch,loss,token_accuracy,val_loss\n0,0.7,0.5,0.6\n")
    evaluate(**setting.arguments())
    expected = ["attention.png", "score_by_length.png", "training.png"]
    assert [path.name for path in setting.run.pictures()] == expected
    assert setting.asked["sentence"] in setting.splits.test.sources
    for path in setting.run.pictures():
        path.unlink()
    assert sorted(path.name for path in report.draw_pictures(setting.run)) == expected


def test_another_split_leaves_the_test_result_alone(setting):
    evaluate(**setting.arguments())
    evaluate(**setting.arguments("validation"))
    assert json.loads(setting.run.metrics_path("test").read_text())["split"] == "test"
    assert json.loads(setting.run.metrics_path("validation").read_text())["split"] == "validation"
    assert {path.name for path in setting.run.pictures()} == {
        "attention.png",
        "attention-validation.png",
        "score_by_length.png",
        "score_by_length-validation.png",
    }
    assert (setting.run.path / "translations-validation.jsonl").exists()


def test_text_of_tokens_is_counted_by_its_tokens(setting):
    config = Config(data={"tokenized": True})
    result = evaluate(**setting.arguments(config=config))
    answers = setting.translate(None, None, setting.splits.test.sources)[0]
    expected = translation_metrics(answers, setting.splits.test.targets, tokenized=True)
    assert {name: result["metrics"][name] for name in METRICS} == expected
    assert "tok:none" in result["signatures"]["bleu"] and result["by_source_length"]["unit"] == "tokens"


def test_a_large_training_set_is_thinned_and_the_person_told(setting, monkeypatch):
    monkeypatch.setattr(evaluation, "MOST_PAIRS", 20)
    monkeypatch.setattr(baselines, "MOST_PAIRS", 20)
    assert "20 of the 60" in evaluate(**setting.arguments())["notes"][0]


def test_a_memory_that_knows_the_answers_is_told(setting):
    result = evaluate(**setting.arguments("train"))
    assert result["baselines"]["translation_memory"]["exact_match"] == 1 and "that it knows" in result["notes"][0]


def test_a_language_without_spaces_is_told_to_go_by_chrf(setting):
    splits = Splits(*(getattr(setting.splits, name) for name in ("train", "validation", "test")), "en", "zh_cn")
    assert "go by chrf" in evaluate(**setting.arguments(splits=splits))["notes"][0]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_split_of_a_few_short_sentences_is_measured(setting, count):
    few = SentencePairs.from_lists(["one", "", "two"][:count], ["eins", "", "zwei"][:count], "a test")
    splits = Splits(setting.splits.train, few, few, "en", "de")
    result = evaluate(**setting.arguments(splits=splits))
    assert result["metrics"]["bleu"] is None and "4 words" in result["undefined"]["bleu"]
    assert result["intervals"] == {}
    json.loads(setting.run.metrics_path().read_text(), parse_constant=pytest.fail)  # no NaN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "tests"}, "train, validation, test"),
        ({"splits": "empty"}, "has no examples"),
        ({"model": "nan"}, "NaN"),
    ],
)
def test_a_user_mistake_is_one_sentence(setting, monkeypatch, change, message):
    if "splits" in change:
        empty = setting.splits.test.take(np.zeros(0, int))
        change = {"splits": Splits(setting.splits.train, setting.splits.validation, empty, "en", "de")}
    if "model" in change:
        nan = {"token_accuracy": 0.0, "perplexity": float("nan")}
        monkeypatch.setattr(evaluation, "teacher_forced", lambda *_: nan)
        change = {}
    with pytest.raises(UserError, match=message):
        evaluate(**setting.arguments() | change)
    assert not setting.run.metrics_path("test").exists()
