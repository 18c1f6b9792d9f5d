"""The second phase of a training: what scores well becomes more likely, and a run that was stopped goes on in it."""

import csv
import io
import os
import shutil
import signal

import keras
import numpy as np
import pytest
from PIL import Image

from apps.captioning import report
from apps.captioning import train as training
from apps.captioning.captioner import Captioner, caption_pictures
from apps.captioning.cider_reward import CiderReward
from apps.captioning.config import Config
from apps.captioning.model import build_model, trained_part
from apps.captioning.pictures import CaptionedPictures, Splits
from apps.captioning.preprocessing import Preprocessor
from apps.captioning.second_phase import SecondPhase
from apps.captioning.self_critical import (
    GreedyCider,
    SampledCaptions,
    SelfCriticalLoss,
    advantages,
    require_sampling_backend,
)
from common.console import Console, use_console
from common.data.token_vocabulary import END_ID, PAD_ID, START_ID
from common.errors import UserError
from common.files import write_json
from common.runs import Run
from common.training.bookkeeping import Bookkeeping
from common.training.token_losses import log_loss

COLORS = {"red": (250, 0, 0), "green": (0, 160, 0), "blue": (0, 0, 250), "white": (255, 255, 255), "black": (0, 0, 0)}
ORDER = list(COLORS)


class InMemory(list):
    """Pictures that lie in memory."""

    def take(self, indices):
        return InMemory(self[index] for index in indices)


class Inputs:
    """Stored inputs in memory; the second of them cannot be read."""

    def __init__(self, rows):
        self.rows, self.shape, self.dtype = rows, rows.shape[1:], rows.dtype
        self.usable = np.arange(len(rows)) != 1

    def __len__(self):
        return len(self.rows)

    def gather(self, rows):
        assert self.usable[rows[rows >= 0]].all()
        return np.where((rows >= 0)[:, None, None], self.rows[rows], 0).astype(self.dtype)


def two_colors(count, seed):
    """Pictures of a colour above another one."""
    random = np.random.default_rng(seed)
    pairs = [random.choice(len(ORDER), 2, replace=False) for _ in range(count)]
    pictures, captions = InMemory(), []
    for row, (above, below) in enumerate(pairs):
        pixels = np.zeros((32, 32, 3), np.uint8)
        pixels[:16], pixels[16:] = COLORS[ORDER[above]], COLORS[ORDER[below]]
        pixels[0, 0] = row % 256, row // 256, seed  # no two are the same
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        pictures.append(stream.getvalue())
        captions.append((f"{ORDER[above]} above {ORDER[below]}", f"something {ORDER[below]} below {ORDER[above]}"))
    return CaptionedPictures.from_lists(pictures, captions, [f"{seed}-{row}" for row in range(count)], "a test")


SPLITS = Splits(two_colors(60, 0), two_colors(20, 1), two_colors(4, 2))


def make_config(folder, model=None, **train):
    return Config(
        data={"cache_dir": str(folder)},
        preprocessing={"picture_size": 32, "max_length": 12, "length_buckets": 1},
        model={"embedding_dim": 16, "units": 16, "attention_units": 8, **(model or {})},
        train={
            "epochs": 2,
            "batch_size": 16,
            "learning_rate": 1e-2,
            "self_critical_epochs": 2,
            "self_critical_learning_rate": 5e-3,
            "checkpoint_every_steps": 2,
            "tensorboard": False,
            "jit_compile": False,
            **train,
        },
        decoding={"beam_width": 2},
    )


def make_preprocessor(config):
    preprocessor = Preprocessor.from_config(config)
    preprocessor.adapt(SPLITS.train)
    return preprocessor


@pytest.fixture(autouse=True)
def quiet():
    policy = keras.config.dtype_policy()
    use_console(Console())
    yield
    keras.config.set_dtype_policy(policy)


def trained(folder, cache, resume=False, **settings):
    config = make_config(cache, **settings)
    preprocessor = make_preprocessor(config)
    folder.mkdir(exist_ok=True)
    return training.train(config, Run(folder, "captioning"), SPLITS, preprocessor, resume)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    use_console(Console())
    folder, cache = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("cache")
    return trained(folder, cache), folder, cache


@pytest.fixture(scope="module")
def first(whole, tmp_path_factory):
    """A run that has the first phase behind it, and its network."""
    use_console(Console())
    folder, (*_, cache) = tmp_path_factory.mktemp("first"), whole
    return trained(folder, cache, self_critical_epochs=0), folder


@pytest.fixture(scope="module")
def sampled():
    """The decoder of a network, and what it says of ten pictures of which one cannot be read."""
    config = make_config("unused")
    preprocessor = make_preprocessor(config)
    keras.utils.set_random_seed(0)
    network = build_model(config, preprocessor)
    random = np.random.default_rng(0)
    network.set_weights([value + random.normal(scale=0.5, size=value.shape) for value in network.get_weights()])
    part = trained_part(network, encoder_is_trained=False)
    inputs = Inputs(random.normal(size=(10, *part.input["features"].shape[1:])).astype(np.float16))
    pictures = SPLITS.train.take(np.arange(10))
    captioner = Captioner(network, preprocessor)
    data = SampledCaptions(captioner, preprocessor, inputs, pictures, "features", 5, 4, seed=3)
    return part, data, preprocessor, inputs, pictures


def test_advantages_of_a_picture_sum_to_zero_and_compare_with_the_others():
    rewards = np.random.default_rng(0).random((6, 4)).astype(np.float32)
    found = np.asarray(advantages(keras.ops.convert_to_tensor(rewards)))
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-6)
    expected = [[row[i] - np.delete(row, i).mean() for i in range(4)] for row in rewards]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_loss_is_the_advantage_times_the_log_probability_of_the_tokens_that_were_said():
    random = np.random.default_rng(0)
    logits = random.normal(size=(2, 3, 4, 7)).astype(np.float32)
    tokens = random.integers(1, 7, (2, 3, 4))
    tokens[0, 1, 2:] = PAD_ID
    rewards = random.random((2, 3))
    labels = np.stack(np.broadcast_arrays(tokens, rewards[..., None]), axis=-1).astype(np.float32)
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    chosen = np.take_along_axis(logs, tokens[..., None], -1)[..., 0] * (tokens != PAD_ID)
    advantage = rewards - (rewards.sum(1, keepdims=True) - rewards) / 2
    expected = -(advantage * chosen.sum(-1)).mean()
    np.testing.assert_allclose(float(SelfCriticalLoss()(labels, logits)), expected, rtol=1e-5)


def test_a_batch_holds_what_the_network_says_with_its_reward_and_is_the_same_for_the_same_step(sampled):
    _, data, preprocessor, inputs, pictures = sampled
    assert data.steps_per_epoch == 2
    read, labels = list(data.dataset(0).take(3))[2]
    again = next(iter(data.dataset(2)))
    np.testing.assert_array_equal(labels, again[1])
    ids, rewards = labels[..., 0].numpy().astype(int), labels[..., 0, 1].numpy()
    assert len(np.unique(ids.reshape(-1, ids.shape[-1]), axis=0)) > 5  # drawn, not the most likely one
    before = read["caption_inputs"].numpy()
    assert (before[..., 0] == START_ID).all()
    assert (before[..., 1:] == np.where(ids[..., 1:] == PAD_ID, PAD_ID, ids[..., :-1])).all()
    usable = np.flatnonzero(inputs.usable)
    reward = CiderReward([pictures.captions[row] for row in usable])
    for picture, row_ids, row_rewards in zip(read["features"].numpy(), ids, rewards, strict=True):
        row = int(np.flatnonzero([(inputs.rows[row] == picture).all() for row in usable])[0])
        texts = [text.decode() for text in preprocessor.invert(row_ids.astype(np.int32)).numpy()]
        np.testing.assert_allclose(row_rewards, reward(row, texts, (row_ids == END_ID).any(axis=1)), rtol=1e-5)


def test_each_step_reads_the_weights_that_the_step_before_it_left(sampled, monkeypatch):
    """Batches that are drawn ahead would be of a network that is gone."""
    part, data, *_ = sampled
    seen, states = [], []
    original = data.batch

    def batch(rows, step):
        seen.append([np.array(value) for value in part.get_weights()])
        return original(rows, step)

    monkeypatch.setattr(data, "batch", batch)
    part.compile(optimizer=keras.optimizers.SGD(0.1), loss=SelfCriticalLoss())

    class Note(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            states.append([np.array(value) for value in part.get_weights()])

    part.fit(data.dataset(0), steps_per_epoch=4, epochs=1, callbacks=[Note()], shuffle=False, verbose=0)
    assert len(seen) == len(states) == 4
    for step in range(4):
        for left, right in zip(seen[step], states[step], strict=True):
            np.testing.assert_array_equal(left, right)
    assert any((left != right).any() for left, right in zip(seen[0], seen[3], strict=True))


def test_a_step_makes_captions_that_scored_better_more_likely(sampled, monkeypatch):
    part, data, *_ = sampled
    read, labels = next(iter(data.dataset(0)))

    def log_probabilities():
        losses = log_loss(labels[..., 0], part(read, training=False))
        return -np.sum(np.where(labels[..., 0] != PAD_ID, losses, 0), axis=-1)

    advantage = np.asarray(advantages(labels[..., 0, 1]))
    before = log_probabilities()
    decoder = part.get_layer("decoder")
    for layer in decoder._flatten_layers(include_self=True):
        if hasattr(layer, "rate"):
            monkeypatch.setattr(layer, "rate", 0.0)
    monkeypatch.setattr(decoder, "demands", False)
    part.compile(optimizer=keras.optimizers.SGD(1e-3), loss=SelfCriticalLoss(), jit_compile=False)
    part.train_on_batch(read, labels)
    change = log_probabilities() - before
    assert np.abs(advantage).max() > 0.1
    assert (advantage * change).sum() > 0


def history(folder):
    with open(SecondPhase(folder, "captioning").history_path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_second_phase_has_its_own_history_and_leaves_that_of_the_first(whole):
    _, folder, _ = whole
    rows = history(folder)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"cider", "val_cider", "loss", "learning_rate"} <= set(rows[0])
    assert len((folder / "history.csv").read_text().splitlines()) == 3
    assert not list((folder / "checkpoints").glob("self*"))


def test_the_network_is_the_best_of_both_phases(whole):
    model, folder, cache = whole
    config = make_config(cache)
    preprocessor = make_preprocessor(config)
    inputs = training.inputs_of(SPLITS.validation, preprocessor, config, model)
    found = GreedyCider(Captioner(model, preprocessor), preprocessor, inputs, SPLITS.validation)()["cider"]
    best = max(float(row["val_cider"]) for row in history(folder))
    assert found >= best - 1e-3
    assert all(caption_pictures(model, preprocessor, inputs)[0])


@pytest.mark.slow
def test_a_run_that_was_stopped_in_the_second_phase_goes_on_to_the_same_weights(whole, first, tmp_path, monkeypatch):
    model, folder, cache = whole
    shutil.copytree(first[1], tmp_path, dirs_exist_ok=True)
    original, seen = Bookkeeping.on_train_batch_begin, []

    def stopped(self, batch, logs=None):
        if self._monitor == "val_cider":
            seen.append(batch)
            if len(seen) == 5:  # in the middle of its second epoch of 3 steps
                os.kill(os.getpid(), signal.SIGINT)
        original(self, batch, logs)

    monkeypatch.setattr(Bookkeeping, "on_train_batch_begin", stopped)
    with pytest.raises(KeyboardInterrupt, match=rf"step \d is saved.*--resume {tmp_path}$"):
        trained(tmp_path, cache, resume=True)
    monkeypatch.undo()
    resumed = trained(tmp_path, cache, resume=True)
    for found, expected in zip(resumed.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    without = [{name: value for name, value in row.items() if name != "seconds"} for row in history(folder)]
    assert [{name: value for name, value in row.items() if name != "seconds"} for row in history(tmp_path)] == without


def test_weights_of_before_stay_where_no_epoch_is_better(whole, first, tmp_path, capsys):
    without, folder = first
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    use_console(Console())
    settings = {"self_critical_epochs": 1, "self_critical_learning_rate": 10.0}
    spoiled = trained(tmp_path, whole[2], resume=True, **settings)
    for found, expected in zip(spoiled.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert "the weights of before stay" in " ".join(capsys.readouterr().out.split())


def test_what_went_on_from_other_weights_is_begun_anew(tmp_path):
    phase = SecondPhase(tmp_path, "captioning")
    phase.begin(3)
    (phase.folder / "left").touch()
    phase.begin(3)
    assert (phase.folder / "left").exists()
    phase.begin(4)
    assert not (phase.folder / "left").exists() and not phase.checkpoints_path.exists()


@pytest.mark.slow
def test_a_frozen_encoder_averages_and_sixteen_bits(tmp_path, whole, monkeypatch):
    """The decoder alone is trained, on stored features; the encoder stays as it was."""
    _, _, cache = whole
    monkeypatch.setattr("apps.captioning.config.ModelConfig.encoder_is_trained", False)
    monkeypatch.setattr("apps.captioning.inputs.weights_digest", lambda name: name)
    settings = {"weight_average": 0.9, "mixed_precision": True, "jit_compile": True}
    model = trained(tmp_path, cache, model={"form": "up_down"}, self_critical_epochs=1, **settings)
    assert len(history(tmp_path)) == 1
    assert model.output.dtype == model.get_layer("decoder").compute_dtype == "float32"


def test_the_second_phase_is_drawn(whole):
    _, folder, _ = whole
    run = Run(folder, "captioning")
    write_json(run.metrics_path(), {"examples": 4})
    assert {"training.png", "self_critical.png"} <= {path.name for path in report.draw_pictures(run)}


def test_another_backend_is_refused_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="KERAS_BACKEND is jax"):
        require_sampling_backend(make_config("unused"))
    require_sampling_backend(make_config("unused", self_critical_epochs=0))
