"""The programs that measure the music application. If one of these fails, a table shows numbers of other pieces than it says,
an interrupted benchmark starts from the beginning, or a comparison is with something else than the same network."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from apps.music.batches import PieceBatches
from apps.music.config import Config
from apps.music.model import build_model
from apps.music.pieces import Pieces, VoicePiece
from apps.music.preprocessing import Preprocessor
from benchmarks import child, default_training, music_jsb, music_speed, torch_music
from benchmarks import music_parts as parts
from common.config import resolve_config
from common.errors import UserError
from common.saved_model import METADATA_FILE
from common.training.token_losses import SmoothedCrossEntropy


def metrics_of(split, seed):
    worse = {"test": 0.0, "validation": 0.25}[split]
    return {
        "examples": {"test": 3, "validation": 2}[split],
        "metrics": {"nats_per_note": 0.5 + seed + worse, "note_accuracy": 0.875},
        "baselines": {
            "repeat_last": {"nats_per_note": 1.5 + worse, "note_accuracy": 0.5},
            "bigram": {"nats_per_note": 1.0 + worse, "note_accuracy": 0.625},
            "chord_markov": {"nats_per_note": 0.75 + worse, "note_accuracy": 0.75},
        },
        "samples": {
            "model": {"silence_share": 0.25 + seed, "self_repetition": 0.5},
            "held_out": {"silence_share": 0.125, "self_repetition": 0.5},
            "chord_markov": {"silence_share": 0.375, "self_repetition": 0.5},
        },
        "parameters": 7,
        "seconds": {"train": 100.0, "evaluate": 20.0, "export": 30.0},
    }


@pytest.fixture
def trained(monkeypatch):
    """Commands that were run, by a stand-in for the training, which writes what an application would."""
    commands, changes = [], {}

    def run(command, echo=True):
        given = dict(zip(command[4::2], command[5::2]))
        commands.append((command[2], command[3], given))
        if command[3] == "train":
            folder = Path(given["--runs"], "music", given["--name"])
            folder.mkdir(parents=True)
            seed = int(given.get("--train.seed", 0))
            (folder / "metrics.json").write_text(json.dumps(metrics_of("test", seed) | changes))
            (folder / "metrics-validation.json").write_text(json.dumps(metrics_of("validation", seed)))
            (folder / "history.csv").write_text("epoch\n1\n2\n")
        return child.Finished(120.0, 2**30, "  padding  10.5% of all steps\n")

    monkeypatch.setattr(child, "run", run)
    return commands, changes


@pytest.fixture
def chorales(tmp_path):
    path = tmp_path / "jsb.json"
    piece = [[67, 60, 55, 48]] * 4
    path.write_text(json.dumps({"train": [piece] * 4, "valid": [piece] * 2, "test": [piece] * 3}))
    return path


def jsb(monkeypatch, tmp_path, *words):
    words = ["--data", str(tmp_path / "jsb.json"), "--output", str(tmp_path / "results.json"), *words]
    monkeypatch.setattr("sys.argv", ["music_jsb", *words])
    return music_jsb.main()


def rows_of(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_chorales_are_trained_on_as_they_are_and_shown_beside_what_others_reached(
    trained, chorales, monkeypatch, tmp_path, capsys
):
    assert jsb(monkeypatch, tmp_path, "--seeds", "0", "1", "--", "--train.epochs", "3") == 0
    app, verb, given = trained[0][0]
    assert (app, verb, given["--preset"], given["--train.epochs"]) == ("apps.music", "train", "jsb", "3")
    assert (given["--data.source"], given["--data.path"]) == ("files", str(chorales))
    assert (trained[0][1][1], trained[0][1][2]["--split"]) == ("evaluate", "validation")
    rows = rows_of(capsys.readouterr().out)
    assert "3 test pieces, 7 parameters" in rows
    assert "mean 1.00 0.8750 1.25 0.8750 2.00 100.00 120.00 1.00 0.1050" in rows
    assert "this model 1.00 1.25" in rows and "chord_markov 0.7500 1.00" in rows
    assert "silence_share 0.7500 0.1250 0.3750" in rows
    assert "published: TonicNet with its chords charged, validation: 0.396" in rows


def test_what_was_measured_is_kept_with_its_samples(trained, chorales, monkeypatch, tmp_path):
    jsb(monkeypatch, tmp_path)
    (kept,) = json.loads((tmp_path / "results.json").read_text("utf-8"))["measured"]
    (run,) = kept["runs"]
    assert kept["preset"] == "jsb"
    assert (run["nats_per_note"], run["validation_nats_per_note"], run["pieces"]) == (0.5, 0.75, 3)
    assert (run["baselines"]["bigram"]["nats_per_note"], run["samples"]["held_out"]["silence_share"]) == (1.0, 0.125)
    assert (run["epochs"], run["train_seconds"], run["peak_gib"], run["padding_waste"]) == (2, 100.0, 1.0, 0.105)


def test_interrupted_chorales_go_on_where_they_were(trained, chorales, monkeypatch, tmp_path):
    jsb(monkeypatch, tmp_path, "--seeds", "0")
    jsb(monkeypatch, tmp_path, "--seeds", "0", "5")
    assert [given["--train.seed"] for _, verb, given in trained[0] if verb == "train"] == ["0", "5"]


def test_chorales_without_samples_have_no_table_of_them(trained, chorales, monkeypatch, tmp_path, capsys):
    trained[1].update(samples={})
    jsb(monkeypatch, tmp_path)
    assert not [row for row in rows_of(capsys.readouterr().out) if row.startswith("samples")]


def test_a_part_of_the_test_is_not_taken_for_the_test(trained, chorales, monkeypatch, tmp_path):
    trained[1].update(examples=2)
    with pytest.raises(RuntimeError, match="2 test pieces were measured, but the file has 3"):
        jsb(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [("[[]]", "no splits of its own"), ("{", "cannot be read as JSON"), (None, "cannot be read as JSON")],
)
def test_a_file_without_splits_is_refused_before_anything_is_trained(
    trained, chorales, monkeypatch, tmp_path, capsys, content, message
):
    chorales.unlink()
    if content:
        chorales.write_text(content)
    with pytest.raises(SystemExit):
        jsb(monkeypatch, tmp_path)
    assert message in capsys.readouterr().err and not trained[0]


def test_the_default_training_says_how_well_notes_are_predicted_and_what_samples_are_like():
    row, lines = default_training.of_music(metrics_of("test", 0), "  padding  10.5% of all steps")
    assert (row["nats_per_note"], row["baselines"]["bigram"]["nats_per_note"]) == (0.5, 1.0)
    assert all(goal["reached"] for goal in row["goals"].values())
    where = lines.index(["nats per note on the test split", 0.5])
    assert lines[where + 2] == ["  of bigram", 1.0]
    where = lines.index(["silence_share of samples", 0.25])
    assert lines[where + 1 : where + 3] == [["  of held_out", 0.125], ["  of chord_markov", 0.375]]


def test_a_goal_that_was_missed_is_said():
    slow = metrics_of("test", 1)
    slow["seconds"]["train"] = 251.0
    row, lines = default_training.of_music(slow, "")
    assert not any(goal["reached"] for goal in row["goals"].values())
    assert ["goal: training_to_done_seconds at most 300", "missed"] in lines


def test_make_train_of_music_is_measured_into_its_own_file(trained, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("sys.argv", ["default_training", "--app", "music", "--output", str(tmp_path / "music.json")])
    monkeypatch.setattr(default_training, "STAGES", ("train", "evaluate", "export"))
    assert default_training.main() == 0
    kept = json.loads((tmp_path / "music.json").read_text("utf-8"))
    assert (kept["benchmark"], kept["nats_per_note"], kept["training_to_done_seconds"]) == (
        "music_training",
        0.5,
        150.0,
    )
    assert "goal: nats_per_note at most 0.5 reached" in rows_of(capsys.readouterr().out)


SHAPE = music_speed.Shape(3, 7, 4, 12, 5, 6, 2)


@pytest.mark.slow
def test_training_is_timed_with_the_default_network(monkeypatch):
    # XLA would compile for half a minute.
    monkeypatch.setattr(parts, "configured", partial(parts.configured, **{"train.jit_compile": "false"}))
    shape = music_speed.Shape.parse("3x7x2x12x5x6x1")
    (row,) = music_speed.training([shape], [0.5], rounds=1, steps=1, variants=[])
    assert (row["shape"], row["given_fraction"]) == ("3x7x2x12x5x6x1", 0.5)
    assert row["unroll_without_metrics_steps_per_s"] > 0
    assert row["unroll_symbols_per_s"] == row["unroll_steps_per_s"] * 3 * 7 * 2


def test_the_default_shape_is_the_network_of_the_default_settings():
    (shape,) = music_speed.SHAPES
    config = resolve_config(Config)
    assert (shape.batch, shape.embedding, shape.units, shape.layers) == (
        config.train.batch_size,
        config.model.embedding_dim,
        config.model.units,
        config.model.layers,
    )
    ours = parts.configured(shape.embedding, shape.units, shape.layers, config.train.given_fraction)
    assert ours.model == config.model
    assert parts.Sizes.of(shape.vocabulary, shape.slots).vocabulary.size == shape.vocabulary


def test_a_batch_is_as_the_application_makes_it():
    sizes = parts.Sizes.of(12, 4)
    inputs, labels, weights = parts.batch_of(3, 20, sizes, 0.5)
    rng = np.random.default_rng(0)
    pitches = rng.integers(60, 68, (20, 4)).astype(np.int16)
    piece = VoicePiece("piece", pitches, np.ones((20, 4), bool), (np.arange(20) % 16).astype(np.int16))
    preprocessor = Preprocessor.from_config(resolve_config(Config))
    pieces = Pieces((piece,), "made up")
    preprocessor.adapt(pieces)
    expected = next(iter(PieceBatches(pieces, preprocessor, 1).evaluation_dataset()))
    for found, other in zip((inputs, labels, weights), expected, strict=True):
        found, other = (each if isinstance(each, dict) else {"": each} for each in (found, other))
        assert found.keys() == other.keys()
        assert {name: (value.ndim, value.dtype) for name, value in found.items()} == {
            name: (value.shape.rank, value.dtype.as_numpy_dtype) for name, value in other.items()
        }
    assert ((weights == 0) == (inputs["given"] != 0)).all() and 0 < (weights == 0).mean() < 1


class Singer(tf.Module):
    """Stands in for an exported model: each note is the seed."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int32, "length"),
            tf.TensorSpec([None], tf.int32, "seed"),
            tf.TensorSpec([None], tf.float32, "temperature"),
            tf.TensorSpec([None], tf.float32, "top_p"),
        ]
    )
    def compose(self, length, seed, temperature, top_p):
        valid = tf.reduce_all((temperature > 0) & (top_p > 0))
        notes = tf.zeros([tf.reduce_max(length), 4], tf.int32) + tf.where(valid, seed, -1)[:, None, None]
        return {"pitches": notes}


@pytest.fixture
def model(tmp_path):
    singer, version = Singer(), tmp_path / "music" / "1"
    tf.saved_model.save(singer, str(version), {"serving_default": singer.compose})
    (version / METADATA_FILE).parent.mkdir(exist_ok=True)
    (version / METADATA_FILE).write_text(json.dumps({"app": "music"}))
    return tmp_path / "music"


def test_composing_is_timed_for_one_piece_and_for_many(model):
    rows = music_speed.composing(None, model, 32, [1, 3], 0.9, 2)
    assert [(row["pieces"], row["steps"]) for row in rows] == [(1, 32), (3, 32)]
    assert rows[1]["s_per_piece"] == rows[1]["s"] / 3 and rows[0]["first_s"] > 0


def test_each_call_composes_other_pieces(model):
    with parts.exported(None, model) as loaded:
        compose = parts.composing(loaded, 3, 8, 0.9)
        found = [compose()["pitches"] for _ in range(2)]
    assert found[0].shape == (3, 8, 4)
    assert np.stack(found)[..., 0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_run_is_exported_before_it_composes(model, monkeypatch):
    commands = []

    def run(command, echo=True):
        given = dict(zip(command[4::2], command[5::2]))
        commands.append((command[3], given["--run"]))
        model.rename(Path(given["--saved_models"], "music"))

    monkeypatch.setattr(child, "run", run)
    (row,) = music_speed.composing(Path("first"), None, 8, [1], 0.5, 1)
    assert commands == [("export", "first")] and row["s"] > 0


def test_a_folder_that_is_no_model_is_said(tmp_path):
    with pytest.raises(UserError):
        music_speed.composing(None, tmp_path, 8, [1], 0.9, 1)


def speed(monkeypatch, tmp_path, *words):
    monkeypatch.setattr("sys.argv", ["music_speed", "--output", str(tmp_path / "speed.json"), *words])
    return music_speed.main()


def test_composing_without_a_model_is_said_before_anything_is_measured(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit):
        speed(monkeypatch, tmp_path, "--sections", "composing")
    assert "give --model DIR or --run DIR" in capsys.readouterr().err


def torch_weights(network, torch):
    """The numbers of our network under the names of PyTorch's."""
    found = {each.path: each.numpy() for each in network.weights}

    def gates(array):  # z, r, n here; r, z, n there
        z, r, n = np.split(array, 3, axis=-1)
        return np.concatenate([r, z, n], axis=-1).T

    weights = {}
    for path, value in found.items():
        parts_of_path = path.split("/")
        layer, name = parts_of_path[0], parts_of_path[-1]
        if name == "embeddings":
            weights[f"{layer}.weight"] = value
        elif layer in ("past", "ahead", "voices"):
            if layer == "past":
                layer = f"past.{parts_of_path[1].removeprefix('layer_')}"
            if name == "bias":
                weights[f"{layer}.bias_ih_l0"], weights[f"{layer}.bias_hh_l0"] = gates(value[0]), gates(value[1])
            else:
                weights[f"{layer}.weight_{'hh' if name == 'recurrent_kernel' else 'ih'}_l0"] = gates(value)
        elif name in ("kernel", "bias"):
            weights[f"{layer}.{'weight' if name == 'kernel' else 'bias'}"] = value.T
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights.items()}


def in_order(inputs, torch):
    names = ("symbols", "sounding", "ages", "positions", "remaining", "given")
    return [torch.from_numpy(inputs[name].astype(np.int64)) for name in names]


def both_networks(fraction, torch, end_fraction=0.5):
    told = {"train.end_fraction": str(end_fraction)}
    config = parts.configured(SHAPE.embedding, SHAPE.units, SHAPE.layers, fraction, **told)
    sizes = parts.Sizes.of(SHAPE.vocabulary, SHAPE.slots)
    ours = build_model(config, sizes)
    rng = np.random.default_rng(0)
    for weight in ours.trainable_weights:  # biases are zero at first
        weight.assign(rng.normal(0, 0.25, weight.shape))
    theirs = torch_music.make_network(music_speed.torch_settings(SHAPE, config, 2, 1, "eager"))
    theirs.load_state_dict(torch_weights(ours, torch))
    return ours, theirs.eval(), parts.batch_of(SHAPE.batch, 90, sizes, fraction)


@pytest.mark.parametrize(("fraction", "end_fraction"), [(0.0, 0.5), (0.9, 0.5), (0.9, 0.0)])
def test_the_network_in_pytorch_is_that_of_the_application(fraction, end_fraction):
    torch = pytest.importorskip("torch")
    ours, theirs, (inputs, labels, counts) = both_networks(fraction, torch, end_fraction)
    assert sum(each.numel() for each in theirs.parameters()) == ours.count_params()
    tensors = in_order(inputs, torch)
    logits, expected = theirs(*tensors).detach(), ours(inputs).numpy()
    np.testing.assert_allclose(logits.numpy()[..., 1:], expected[..., 1:], atol=1e-4)
    assert np.ptp(expected[..., 1:]) > 1 and (logits[..., 0] < -1e8).all()
    loss = SmoothedCrossEntropy()(labels, expected, sample_weight=counts)
    np.testing.assert_allclose(torch_music.loss_of(logits, tensors[0], tensors[-1]).item(), float(loss), rtol=1e-5)
    if fraction:
        assert (counts == 0).any()
        free = [*tensors[:-1], torch.zeros_like(tensors[-1])]
        assert not np.allclose(theirs(*free).detach().numpy()[..., 1:], expected[..., 1:], atol=1e-2)


def test_the_dropout_in_pytorch_is_as_much_as_ours():
    torch = pytest.importorskip("torch")
    ours, theirs, (inputs, _, _) = both_networks(0.9, torch)
    inputs = {name: np.repeat(each[:1, -9:], 400, axis=0) for name, each in inputs.items()}  # each row drops others
    torch.manual_seed(0)
    found = ours(inputs, training=True).numpy(), theirs.train()(*in_order(inputs, torch)).detach().numpy()
    ours_spread, their_spread = (logits[..., 1:].std(axis=0).mean() for logits in found)
    np.testing.assert_allclose(their_spread, ours_spread, rtol=0.1)


@pytest.mark.parametrize("variant", ["eager", "compiled"])
def test_pytorch_trains_in_a_process_of_its_own(variant):
    pytest.importorskip("torch")
    config = parts.configured(SHAPE.embedding, SHAPE.units, SHAPE.layers, 0.5)
    with torch_music.torch_training(music_speed.torch_settings(SHAPE, config, 2, 1, variant)) as peer:
        peer.steps()
        peer.steps()
        assert peer.parameters == build_model(config, parts.Sizes.of(SHAPE.vocabulary, SHAPE.slots)).count_params()
