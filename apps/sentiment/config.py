"""Every setting of the sentiment application, with its unit, bounds and meaning."""

from typing import Any, Literal

from pydantic import model_validator

from common.config import ConfigModel, option
from common.config_options import AnyOf, Between
from common.config_sections import CellName, RecurrentConfig, SourceConfig, TrainConfig
from common.quality import Quality

BUNDLED = ("imdb", "rotten_tomatoes")
BUNDLED_FRACTIONS = (0.1, 0.1)  # validation and test; part of the version of the builder


class DataConfig(SourceConfig):
    """Where the texts and labels come from, and how they are split."""

    path_meaning = "the training file"
    bundled_names = BUNDLED

    source: Literal["bundled", "tfds", "files"] = option(
        "bundled",
        "bundled: comes with pip, works offline; tfds: a set of the TFDS catalogue; files: your own",
    )
    name: str = option(
        "imdb", "bundled: imdb or rotten_tomatoes; tfds: a catalogue name such as imdb_reviews or glue/sst2"
    )
    path: str | None = option(None, "files: the training file (CSV, TSV or JSONL, .gz too), or the one that is split")
    validation_path: str | None = option(
        None, "a file for validation, with any source; none = split off the training examples"
    )
    test_path: str | None = option(None, "a file for the test, with any source; none = split off the training examples")
    text_key: str = option("text", "name of the column or feature that holds the text")
    label_key: str = option("label", "name of the column or feature that holds the label")
    validation_fraction: float = option(
        0.1,
        "share that is split off for validation where the data bring no such split",
        unit="fraction of examples",
        gt=0,
        lt=1,
    )
    test_fraction: float = option(
        0.1,
        "share that is split off for the test where the data bring no such split",
        unit="fraction of examples",
        gt=0,
        lt=1,
    )
    split: Literal["text", "block"] = option(
        "text",
        "how validation and test are split off. text: at random, by a hash of the text; block: in stretches of the data's "
        "order, for data in which what belongs together stands side by side, such as all reviews of one film",
    )
    limit: int | None = option(
        None, "keep only this many examples of each split, for trials; none = all", unit="examples", ge=1
    )
    cache_dir: str = option(".cache/datasets", "folder for prepared data sets, relative to the current directory")

    @model_validator(mode="after")
    def _blocks_have_an_order(self) -> "DataConfig":
        if self.source == "tfds" and self.split == "block":
            raise ValueError(
                "data.split is block, but a set of the catalogue comes in an order that says nothing; "
                "add --data.split text, or give files in their own order with --data.source files"
            )
        return self


class PreprocessingConfig(ConfigModel):
    """From text to token numbers."""

    max_tokens: int = option(
        30_000, "size of the vocabulary: the most frequent words are kept", unit="tokens", ge=3, le=2_000_000
    )
    max_length: int = option(400, "longer texts are cut to this length", unit="tokens", ge=1, le=100_000)
    head_fraction: float = option(
        0.5,
        "of a too long text, the share kept from its beginning; the rest is kept from its end",
        unit="fraction of max_length",
        ge=0,
        le=1,
    )
    lowercase: bool = option(True, "treat capital and small letters alike")
    phrase_length: int = option(
        3,
        "frequent phrases of up to this many words get vectors beside their words; 1 = none",
        unit="words",
        ge=1,
        le=3,
    )
    max_phrases: int = option(120_000, "of each length, the most frequent phrases are kept", unit="phrases", ge=1)
    phrase_min_count: int = option(
        3, "phrases rarer than this in the training texts get no vector", unit="occurrences", ge=1
    )
    topic_block: int = option(
        1,
        "about how many training texts of a label side by side speak of one thing, such as the reviews of a film. Above 1, its "
        "words are left out (max_burstiness), and n-grams count once in a block. 1 = the order of the texts says nothing",
        unit="texts",
        ge=1,
        le=1_000_000,
    )
    max_burstiness: float = option(
        0.3,
        "with a topic_block, words and phrases that are missing in more blocks than this, of those that they would stand in by "
        "chance, are left out; 0 is strict, 1 leaves out nothing",
        unit="fraction of blocks",
        ge=0,
        le=1,
    )
    length_buckets: int = option(
        5,
        "batches are padded to one of this many lengths; XLA compiles once for each",
        unit="lengths",
        ge=1,
        le=32,
    )
    min_count: int = option(2, "words rarer than this in the training texts are unknown", unit="occurrences", ge=1)


class ModelConfig(RecurrentConfig):
    """The network: embedding, recurrent layers, pooling, classifier."""

    cell: CellName = option("min_gru", "the recurrent cell", tune=AnyOf(("gru", "lstm", "min_gru", "rglru", "sru")))
    embedding_dim: int = option(
        64, "length of a word's vector", unit="features", ge=1, le=65_536, tune=Between(32, 128, log=True)
    )
    word_vectors: Literal["random", "neighbours"] = option(
        "random",
        "where word vectors start; neighbours: from the neighbours that words have in the training texts, a minute more",
    )
    units: int = option(
        128,
        "size of the state of each recurrent layer and direction",
        unit="features",
        ge=1,
        le=65_536,
        tune=Between(32, 256, log=True),
    )
    layers: int = option(1, "recurrent layers above each other", unit="layers", ge=1, le=64)
    bidirectional: bool = option(True, "read the text in both directions")
    bag: bool = option(True, "add the sum of the vectors of words and phrases to what the recurrent layers found")
    pooling: Literal["max", "mean", "last", "attention", "max_mean"] = option(
        "max", "how the states of all steps become one vector", tune=AnyOf(("max", "mean", "attention", "max_mean"))
    )
    dropout: float = option(
        0.5,
        "share of features dropped before the classifier and between layers",
        unit="fraction of features",
        ge=0,
        lt=1,
        tune=Between(0.0, 0.7),
    )
    embedding_dropout: float = option(
        0.4,
        "share of embedding features dropped, the same in a whole text",
        unit="fraction of features",
        ge=0,
        lt=1,
        tune=Between(0.0, 0.6),
    )
    word_dropout: float = option(
        0.2, "share of words replaced by the unknown word", unit="fraction of words", ge=0, lt=1, tune=Between(0.0, 0.4)
    )
    recurrent_dropout: float = option(
        0.0, "share of the state dropped on its way to the next step", unit="fraction of features", ge=0, lt=1
    )
    wide: bool = option(False, "add the weighted word n-grams beside the recurrent part")


class Config(ConfigModel):
    """All settings of the sentiment application."""

    data: DataConfig = DataConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig(epochs=2, batch_size=64, learning_rate=2e-3, schedule="linear", epsilon=1e-5)

    @model_validator(mode="after")
    def _topics_have_an_order(self) -> "Config":
        if self.preprocessing.topic_block > 1 and self.data.split != "block":
            raise ValueError(
                f"preprocessing.topic_block is {self.preprocessing.topic_block}, for texts that belong together side by side, but "
                "data.split is text, for texts in any order; add --data.split block, or --preprocessing.topic_block 1"
            )
        return self


# By what models are compared, on validation data.
QUALITY = Quality("accuracy", "max", beside=("macro_f1", "log_loss"), monitor="val_log_loss")

PRESETS: dict[str, dict[str, Any]] = {
    # Seconds on two cores, for tests: learns something, nothing worth using.
    "tiny": {
        "data": {"name": "rotten_tomatoes", "limit": 512},
        "preprocessing": {"max_tokens": 2_000, "max_length": 32, "length_buckets": 2},
        "model": {"embedding_dim": 16, "units": 8},
        "train": {"epochs": 4, "learning_rate": 1e-2, "batch_size": 64, "checkpoint_every_steps": 0},
    },
    "base": {},
    # What the official IMDB figures were measured with: some ten minutes on two cores. In these data the reviews of a film
    # stand side by side.
    "best": {
        # 1,000 reviews of other films are enough to stop and to scale by; the rest is trained on.
        "data": {"validation_fraction": 0.04, "split": "block"},
        "preprocessing": {"max_length": 512, "length_buckets": 6, "topic_block": 30},
        "model": {"word_vectors": "neighbours", "wide": True},
        "train": {"epochs": 3},
    },
    # One batch without regularisation: the loss must go towards zero, or the model has a bug.
    "overfit": {
        "data": {"limit": 32},
        "model": {"dropout": 0.0, "embedding_dropout": 0.0, "word_dropout": 0.0},
        "train": {
            "epochs": 100,
            "batch_size": 32,
            "schedule": "constant",
            "warmup_fraction": 0.0,
            "learning_rate": 1e-2,
            "patience": 0,
            "checkpoint_every_steps": 0,
        },
    },
}
