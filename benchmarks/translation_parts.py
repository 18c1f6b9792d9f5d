"""What the benchmarks of translation measure: networks and preprocessors without a training, batches, and the searches."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from apps.translation.config import PRESETS, Config
from apps.translation.data import load_splits
from apps.translation.model import build_model
from apps.translation.pairs import SentencePairs, Splits
from apps.translation.preprocessing import Preprocessor
from apps.translation.translate import BATCH, HALVINGS, Translator
from benchmarks.translation_multi30k import files_of
from common.config import resolve_config
from common.data.token_vocabulary import END_ID, START_ID
from common.model_files import load_model
from common.runs import open_run
from common.training.optimizer import make_optimizer
from common.training.token_losses import SmoothedCrossEntropy, token_metrics


@dataclass(frozen=True)
class Sizes:
    """What `build_model` reads of a preprocessor."""

    source_size: int
    target_size: int


def configured(embedding: int, units: int, **settings: str) -> Config:
    """The settings of the preset `multi30k` but for the sizes, and a learning rate that does not depend on the step."""
    sizes = {"embedding_dim": embedding, "units": units}
    preset = PRESETS["multi30k"]
    train = {"batch_size": preset["train"]["batch_size"], "learning_rate": preset["train"]["learning_rate"]}
    sections = {
        "preprocessing": preset["preprocessing"],
        "model": {**preset["model"], **sizes},
        "train": {**train, "schedule": "constant", "warmup_fraction": 0.0},
    }
    values = {f"{section}.{name}": str(value) for section, part in sections.items() for name, value in part.items()}
    return resolve_config(Config, overrides={**values, **settings})


def network_of(vocabulary: int, config: Config, metrics: bool = True) -> keras.Model:
    """The application's network, compiled as `apps.translation.train` compiles it; without its metrics if they are not wanted."""
    network = build_model(config, Sizes(vocabulary, vocabulary))
    network.compile(
        optimizer=make_optimizer(config.train, total_steps=1),
        loss=SmoothedCrossEntropy(config.train.label_smoothing),
        weighted_metrics=token_metrics() if metrics else None,
        jit_compile=True,
    )
    return network


def batch_of(sentences: int, source_time: int, target_time: int, vocabulary: int):
    """A batch as the application makes it, of random tokens without padding."""
    rng = np.random.default_rng(0)
    source = rng.integers(END_ID + 1, vocabulary, (sentences, source_time), np.int32)
    target = rng.integers(END_ID + 1, vocabulary, (sentences, target_time), np.int32)
    inputs = np.concatenate([np.full((sentences, 1), START_ID, np.int32), target[:, :-1]], axis=1)
    return {"source_ids": source, "target_inputs": inputs}, target, np.ones(target.shape, np.float32)


def multi30k_splits(folder: Path, config: Config) -> Splits:
    """The tokenised captions, read as the application reads them."""
    files = {name: str(path) for name, path in files_of(folder, "tokenized").items()}
    data = config.data.model_validate({"source": "files", "tokenized": True, **files})
    return load_splits(config.model_copy(update={"data": data}))


def made_up_pairs(count: int, words: int = 12) -> SentencePairs:
    """Sentences of letters that mean nothing, some shorter and some longer."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    lexicon = ["".join(rng.choice(letters, rng.integers(1, 9))) for _ in range(2_000)]
    sides = [[" ".join(rng.choice(lexicon, rng.poisson(words) + 1)) for _ in range(count)] for _ in range(2)]
    return SentencePairs.from_lists(*sides, "made up")


def untrained(config: Config, train: SentencePairs) -> tuple[keras.Model, Preprocessor]:
    """A network whose numbers are random, for the vocabulary of the pairs."""
    preprocessor = Preprocessor.from_config(config)
    preprocessor.adapt(train)
    return build_model(config, preprocessor), preprocessor


def trained(path: Path) -> tuple[keras.Model, Preprocessor, Config]:
    """Network, preprocessor and settings of a run.

    Raises:
        UserError: it is none, or its training did not end.
    """
    run = open_run(path, "translation")
    preprocessor = Preprocessor.load(run.preprocessor_path)
    return load_model(run.model_path, "apps.translation"), preprocessor, run.config(Config)


def searches(network: keras.Model, preprocessor: Preprocessor, sentences: Sequence[str], widths: Sequence[int]):
    """For each width a function that translates all sentences as `apps.translation.translate` does, compiled once.

    Each returns how many tokens the translations have in all, their ends counted. The name is `greedy` for width 1.
    """
    translator, penalty = Translator(network, preprocessor, HALVINGS), preprocessor.decoding.length_penalty
    order = sorted(sentences, key=len)  # batches end when their longest ends
    batches = [tf.constant(order[start : start + BATCH]) for start in range(0, len(order), BATCH)]

    def of(width):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def best(texts):
            source_ids = preprocessor(texts)["source_ids"]
            if width == 1:
                ids = translator.greedy(source_ids).ids
            else:
                ids = translator.beam_search(source_ids, width, penalty).ids[:, 0]
            return preprocessor.invert(ids), tf.math.count_nonzero(ids)

        def translate():
            found = [best(texts) for texts in batches]
            return sum(int(count) for _, count in found)

        return translate

    return {"greedy" if width == 1 else f"beam_{width}": of(width) for width in widths}


def random_batches_waste(source_lengths: np.ndarray, target_lengths: np.ndarray, batch: int) -> float:
    """Padding of batches of so many sentences in random order, each padded to its own longest; the last one left out."""
    lengths = np.stack([source_lengths, target_lengths], axis=1)
    lengths = np.random.default_rng(0).permutation(lengths)[: len(lengths) // batch * batch]
    parts = lengths.reshape(-1, batch, 2)
    return float(1 - lengths.sum() / (parts.max(axis=1).sum() * batch))
