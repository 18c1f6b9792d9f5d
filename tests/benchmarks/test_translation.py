"""The programs that measure the translation application. If one of these fails, a table shows numbers of another protocol, an
interrupted benchmark starts from the beginning, or a comparison is with something else than the same network."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from apps.translation.config import PRESETS
from apps.translation.model import build_model
from apps.translation.translate import Translator
from benchmarks import child, default_training, torch_translation, translation_multi30k, translation_speed
from benchmarks import translation_parts as parts
from benchmarks.measured_runs import MeasuredRuns
from common.model_files import save_model
from common.runs import create_run
from common.training.token_losses import SmoothedCrossEntropy

TOKENIZED = "nrefs:1|case:lc|tok:none"


def metrics_of(split, seed, tokenized, examples=3):
    return {
        "split": split,
        "examples": examples,
        "metrics": {"bleu_tokenized": 30.0 + seed, "bleu": 20.0, "chrf": 60.0, "perplexity": 5.0, "exact_match": 0.5},
        "intervals": {"bleu": [29.0, 31.0]},
        "baselines": {"translation_memory": {"bleu_tokenized": 4.0, "bleu": 3.0, "chrf": 20.0, "exact_match": 0.1}},
        "signatures": {"bleu_tokenized": TOKENIZED, "bleu": "tok:13a"},
        "parameters": 7,
        "seconds": {"train": 100.0, "translate": 9.0},
        "config": {"data": {"tokenized": tokenized}},
    }


@pytest.fixture
def trained(monkeypatch):
    """Commands that were run, by a stand-in for the training, which writes what an application would."""
    commands, changes = [], {}

    def run(command, echo=True):
        given = dict(zip(command[4::2], command[5::2]))
        commands.append((command[3], given))
        if command[3] == "train":
            folder = Path(given["--runs"], "translation", given["--name"])
            folder.mkdir(parents=True)
            values = int(given["--train.seed"]), given["--data.tokenized"] == "true"
            test = metrics_of("test", *values) | changes
            (folder / "metrics.json").write_text(json.dumps(test))
            (folder / "metrics-validation.json").write_text(json.dumps(metrics_of("validation", *values)))
            (folder / "history.csv").write_text("epoch\n1\n2\n")
        return child.Finished(120.0, 2**30, "  padding  10.5% of all steps\n")

    monkeypatch.setattr(child, "run", run)
    return commands, changes


@pytest.fixture
def captions(tmp_path):
    folder = tmp_path / "multi30k"
    (folder / "tok").mkdir(parents=True)
    for protocol in ("tokenized", "raw"):
        for name, path in translation_multi30k.files_of(folder, protocol).items():
            part = name.removesuffix("path").removesuffix("target_").removesuffix("_")
            text = "".join(f"{part} {line}\n" for line in ("one dog", "the dog runs", "ten red dogs here"))
            text = text.replace("dog", "hund") if path.suffix == ".de" else text
            path.write_text(text if protocol == "tokenized" else text.capitalize())
    return folder


def multi30k(monkeypatch, tmp_path, *words):
    words = ["--data", str(tmp_path / "multi30k"), "--output", str(tmp_path / "multi30k.json"), *words]
    monkeypatch.setattr("sys.argv", ["translation_multi30k", *words])
    return translation_multi30k.main()


def test_multi30k_is_trained_on_tokens_and_shown_beside_what_others_reached(
    trained, captions, monkeypatch, tmp_path, capsys
):
    assert multi30k(monkeypatch, tmp_path, "--seeds", "0", "1", "--", "--train.epochs", "3") == 0
    verb, given = trained[0][0]
    assert verb == "train" and given["--preset"] == "multi30k" and given["--train.epochs"] == "3"
    assert given["--data.tokenized"] == "true"
    assert given["--data.path"] == str(captions / "tok" / "train.lc.norm.tok.en")
    assert given["--data.validation_target_path"] == str(captions / "tok" / "val.lc.norm.tok.de")
    assert given["--data.test_target_path"] == str(captions / "tok" / "test_2016_flickr.lc.norm.tok.de")
    assert (trained[0][1][0], trained[0][1][1]["--split"]) == ("evaluate", "validation")
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if line.startswith("mean")]
    assert " ".join(row.split()) == "mean 30.50 60.00 5.00 30.50 5.00 4.00 2.00 100.00 120.00 9.00 1.00 0.1050"
    assert "published with an attention GRU from text alone: 39.0" in lines
    assert f"test of 2016, 7 parameters, {TOKENIZED}" in lines


def test_the_second_protocol_has_cased_files_and_another_metric_and_signature(
    trained, captions, monkeypatch, tmp_path, capsys
):
    multi30k(monkeypatch, tmp_path, "--seeds", "0")
    multi30k(monkeypatch, tmp_path, "--seeds", "0", "--raw")
    given = trained[0][2][1]
    assert (given["--data.tokenized"], given["--data.path"]) == ("false", str(captions / "train.en"))
    kept = json.loads((tmp_path / "multi30k.json").read_text("utf-8"))["measured"]
    first, second = (each["runs"][0] for each in kept)
    assert (first["metric"], first["bleu_tokenized"], "bleu" in first) == ("bleu_tokenized", 30.0, False)
    assert (second["metric"], second["bleu"], second["signature"]) == ("bleu", 20.0, "tok:13a")
    assert "published" not in capsys.readouterr().out.split("tok:13a")[1]


def test_an_interrupted_multi30k_goes_on_where_it_was(trained, captions, monkeypatch, tmp_path):
    multi30k(monkeypatch, tmp_path, "--seeds", "0")
    multi30k(monkeypatch, tmp_path, "--seeds", "0", "5")
    assert [given["--train.seed"] for verb, given in trained[0] if verb == "train"] == ["0", "5"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"examples": 2}, "2 test sentences were measured, but the file has 3"),
        ({"config": {"data": {"tokenized": False}}}, "protocol"),
    ],
)
def test_multi30k_refuses_what_was_measured_by_another_protocol(
    trained, captions, monkeypatch, tmp_path, change, message
):
    trained[1].update(change)
    with pytest.raises(RuntimeError, match=message):
        multi30k(monkeypatch, tmp_path, "--seeds", "0")


def test_a_missing_file_is_said_before_anything_is_trained(trained, captions, monkeypatch, tmp_path, capsys):
    (captions / "val.de").unlink()
    with pytest.raises(SystemExit):
        multi30k(monkeypatch, tmp_path, "--raw")
    assert "there is no file" in capsys.readouterr().err and not trained[0]


def test_runs_on_other_data_are_kept_and_not_continued(tmp_path):
    output, data = tmp_path / "runs.json", tmp_path / "data"
    for content in ("a", "b"):
        data.write_text(content)
        runs = MeasuredRuns("name", output, [data], "base", [])
        assert not runs.runs
        runs.runs.append({"seed": 1, "other": content})
        runs.save()
    data.write_text("a")
    assert MeasuredRuns("name", output, [data], "base", []).find(seed=1)["other"] == "a"


def test_the_default_training_says_how_many_translations_are_right():
    row, lines = default_training.of_translation(metrics_of("test", 0, False), "  padding  10.5% of all steps")
    assert (row["exact_match"], row["translation_memory"]["exact_match"]) == (0.5, 0.1)
    assert (row["padding_waste"], row["translate_seconds"]) == (0.105, 9.0)
    assert ["translations that are exactly right", 0.5] in lines


SHAPE = translation_speed.Shape(3, 5, 4, 30, 6, 8)


@pytest.mark.slow
def test_training_is_timed_with_the_network_of_the_preset():
    config = parts.configured(128, 256)
    context_dropout = PRESETS["multi30k"]["model"]["context_dropout"]
    assert (config.model.context_dropout, config.train.clip_norm, config.train.schedule) == (
        context_dropout,
        1.0,
        "constant",
    )
    (row,) = translation_speed.training([SHAPE], rounds=2, steps=2, variants=[])
    assert row["unroll_tokens_per_s"] > 0 and row["unroll_without_metrics_tokens_per_s"] > 0
    assert row["shape"] == "3x5x4x30x6x8"


def test_the_fastest_of_pytorch_counts_by_the_median_of_the_rounds():
    seconds = {"unroll": [9, 1.0, 2.0, 4.0], "torch_eager": [9, 4.0, 4.0, 4.0], "torch_compiled": [9, 3.0, 4.0, 2.0]}
    row = translation_speed.compared(seconds, 100)
    assert (row["times_torch_eager"], row["times_torch_compiled"], row["times_torch"]) == (2.0, 2.0, 2.0)
    assert (row["unroll_tokens_per_s"], row["unroll_first_s"]) == (50.0, 9)


def tiny_network():
    config = parts.configured(6, 8, **{"preprocessing.vocabulary_size": "60", "preprocessing.max_length": "12"})
    return config, *parts.untrained(config, parts.made_up_pairs(30, words=3))


def test_the_searches_that_are_timed_are_those_of_the_application():
    _, network, preprocessor = tiny_network()
    sentences = ["a bc", "d", "ef gh i"]
    counts = {name: search() for name, search in parts.searches(network, preprocessor, sentences, [1, 5]).items()}
    translator, source_ids = Translator(network, preprocessor), preprocessor(sentences)["source_ids"]
    found = {"greedy": translator.greedy(source_ids).ids, "beam_5": translator.best(source_ids)[0]}
    assert counts == {name: np.count_nonzero(ids) for name, ids in found.items()}


def test_decoding_is_measured_without_data_and_training_of_ones_own():
    row = translation_speed.decoding(None, None, [4, 6], 20, [1, 2], 1)
    assert (row["network"], row["sentences"], row["units"]) == ("untrained", 20, 6)
    assert row["beam_2_over_greedy"] == row["beam_2_s"] / row["greedy_s"]


def test_decoding_of_a_run_is_that_of_its_network_and_its_test_sentences(captions, tmp_path):
    config, network, preprocessor = tiny_network()
    files = {name: str(path) for name, path in translation_multi30k.files_of(captions, "raw").items()}
    data = config.data.model_validate({"source": "files", **files})
    run = create_run(tmp_path / "runs", "translation", config.model_copy(update={"data": data}), "first")
    run.preprocessor_path.mkdir()
    preprocessor.save(run.preprocessor_path)
    save_model(network, run.model_path)
    run.note(trained=True)
    row = translation_speed.decoding(run.path, None, [0, 0], 2, [1], 1)
    assert (row["network"], row["sentences"], row["units"]) == ("first", 2, 8)
    assert row["parameters"] == network.count_params()


def test_batches_in_random_order_are_padded_to_their_own_longest():
    # Each batch of two has a source of 2 and one of 4 tokens, or two equal ones.
    assert parts.random_batches_waste(np.array([4, 4, 4]), np.array([2, 2, 2]), 2) == 0
    assert parts.random_batches_waste(np.array([2, 4]), np.array([3, 3]), 2) == 1 - 12 / 14


def test_the_captions_are_read_as_the_application_reads_them(captions):
    splits = parts.multi30k_splits(captions, parts.configured(4, 6))
    assert (len(splits.train), len(splits.test), splits.train.targets[0]) == (3, 3, " one hund")


def torch_weights(network, torch):
    """The numbers of our network under the names of PyTorch's."""
    # Keras counts the layers that nobody named.
    found = {re.sub(r"attention_cell_\d+", "attention_cell", each.path): each.numpy() for each in network.weights}

    def gates(array):  # z, r, n here; r, z, n there
        z, r, n = np.split(array, 3, axis=-1)
        return np.concatenate([r, z, n], axis=-1).T

    def cell(path, names):
        kernel, recurrent, bias = (found[f"{path}/{name}"] for name in ("kernel", "recurrent_kernel", "bias"))
        return dict(zip(names, map(gates, (kernel, recurrent, bias[0], bias[1]))))

    parts_of = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    attention = "decoder/attention_cell/attention"
    weights = {
        "source_embedding.weight": found["source_embedding/embeddings"],
        "target_embedding.weight": found["target_embedding/embeddings"],
        **cell("encoder_0/gru_0/cell", [f"encoder.{part}_l0" for part in parts_of]),
        **cell("encoder_0/backward_gru_0/cell", [f"encoder.{part}_l0_reverse" for part in parts_of]),
        "first_state.weight": found["first_state/dense_0/kernel"].T,
        "first_state.bias": found["first_state/dense_0/bias"],
        **cell(
            "decoder/attention_cell/cell",
            ["decoder.input.weight", "decoder.recurrent.weight", "decoder.input.bias", "decoder.recurrent.bias"],
        ),
        **cell("decoder/attention_cell/context_cell", [f"decoder.context_cell.{part}" for part in parts_of]),
        "decoder.attention.query.weight": found[f"{attention}/query_kernel"].T,
        "decoder.attention.memory.weight": found[f"{attention}/memory_kernel"].T,
        "decoder.attention.memory.bias": found[f"{attention}/bias"],
        "decoder.attention.score.weight": found[f"{attention}/score_kernel"][None],
        "readout.weight": found["readout/kernel"].T,
        "readout.bias": found["readout/bias"],
    }
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights.items()}


def settings_of(config, variant):
    smoothing = config.train.label_smoothing
    sizes = (SHAPE.batch, SHAPE.source, SHAPE.target, 2, 1, variant)
    return torch_translation.Settings(30, 6, 8, 0.3, 0.5, 0.5, smoothing, 1e-3, 1.0, *sizes)


@pytest.mark.parametrize("variant", ["eager", "packed"])
def test_the_network_in_pytorch_is_that_of_the_application(variant):
    torch = pytest.importorskip("torch")
    config = parts.configured(SHAPE.embedding, SHAPE.units)
    ours = build_model(config, parts.Sizes(SHAPE.vocabulary, SHAPE.vocabulary))
    rng = np.random.default_rng(0)
    for weight in ours.weights:  # biases are zero at first
        weight.assign(rng.normal(0, 0.4, weight.shape))
    settings = settings_of(config, variant)
    theirs = torch_translation.make_network(settings).eval()
    assert sum(each.numel() for each in theirs.parameters()) == ours.count_params()
    theirs.load_state_dict(torch_weights(ours, torch))
    inputs, labels, _ = parts.batch_of(SHAPE.batch, SHAPE.source, SHAPE.target, SHAPE.vocabulary)
    labels[1, 2:] = 0
    if variant == "packed":
        inputs["source_ids"][0, 3:] = inputs["source_ids"][2, 1:] = 0
    arrays = (inputs["source_ids"], inputs["target_inputs"])
    logits = theirs(*(torch.from_numpy(each.astype(np.int64)) for each in arrays))
    expected = ours(inputs).numpy()
    np.testing.assert_allclose(logits.detach().numpy(), expected, atol=2e-5)
    loss = SmoothedCrossEntropy(config.train.label_smoothing)(labels, expected, sample_weight=(labels > 0).astype("f"))
    of_torch = torch_translation.loss_of(settings, logits, torch.from_numpy(labels.astype(np.int64)))
    np.testing.assert_allclose(of_torch.item(), float(loss), rtol=1e-5)


@pytest.mark.parametrize("variant", ["eager", "packed"])
def test_pytorch_trains_in_a_process_of_its_own(variant):
    pytest.importorskip("torch")
    config = parts.configured(SHAPE.embedding, SHAPE.units)
    with torch_translation.torch_training(settings_of(config, variant)) as peer:
        peer.steps()
        peer.steps()
        assert peer.parameters == build_model(config, parts.Sizes(30, 30)).count_params()
