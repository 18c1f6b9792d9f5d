"""Every setting of the translation application, with its unit, bounds and meaning."""

from typing import Any, Literal

from pydantic import model_validator

from common.config import ConfigModel, option
from common.config_options import AnyOf, Between
from common.config_sections import CellName, SourceConfig, TrainConfig
from common.quality import Quality
from common.spelling import listed

BUNDLED = ("phrase_book",)
WIDEST_BEAM = 64
PHRASE_BOOK_LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "pl", "ru", "tr")


class DataConfig(SourceConfig):
    """Where the pairs of sentences come from, and how they are split."""

    path_meaning = "the training pairs"
    bundled_names = BUNDLED

    source: Literal["bundled", "tfds", "files"] = option(
        "bundled",
        "bundled: comes with pip, works offline; tfds: a set of the TFDS catalogue; files: your own",
    )
    name: str = option(
        "phrase_book",
        "bundled: phrase_book, dates, times, amounts and numbers; tfds: a catalogue name such as "
        "ted_hrlr_translate/pt_to_en",
    )
    source_language: str = option(
        "en",
        "what is translated. bundled: one of the languages of the phrase book; tfds and JSONL: the feature or key that "
        "holds it; other files: a name for people",
    )
    target_language: str = option("de", "what it is translated into, likewise")
    path: str | None = option(
        None, "files: the training pairs, or those that are split: TSV or JSONL (.gz too), or the source side as text"
    )
    target_path: str | None = option(None, "files: the target side, line by line, where path is the source side")
    validation_path: str | None = option(
        None, "files: pairs for validation in the same form; none = split off the training pairs"
    )
    validation_target_path: str | None = option(None, "files: the target side of validation_path")
    test_path: str | None = option(
        None, "files: pairs for the test in the same form; none = split off the training pairs"
    )
    test_target_path: str | None = option(None, "files: the target side of test_path")
    swap: bool = option(
        False,
        "TSV and text files: the second column, or target_path, is the source; otherwise exchange the two languages",
    )
    tokenized: bool = option(
        False, "the text is already tokens with spaces between them: BLEU is counted on them as they are"
    )
    max_characters: int = option(
        1_000, "training pairs with a longer side are left out, and counted", unit="characters", ge=1
    )
    max_ratio: float = option(
        9.0,
        "training pairs whose sides differ more in length are left out, and counted; "
        "sides below 20 characters count as 20",
        unit="longer side / shorter side",
        ge=1,
    )
    validation_fraction: float = option(
        0.05,
        "share that is split off for validation where the data bring no such split",
        unit="fraction of source sentences",
        gt=0,
        lt=1,
    )
    test_fraction: float = option(
        0.05,
        "share that is split off for the test where the data bring no such split",
        unit="fraction of source sentences",
        gt=0,
        lt=1,
    )
    limit: int | None = option(
        None, "keep only this many pairs of each split, for trials; none = all", unit="pairs", ge=1
    )
    cache_dir: str = option(".cache/datasets", "folder for prepared data sets, relative to the current directory")

    @model_validator(mode="after")
    def _languages_differ(self) -> "DataConfig":
        if self.source_language == self.target_language:
            raise ValueError(
                f"data.source_language and data.target_language are both {self.source_language!r}; "
                "they must be two languages"
            )
        return self

    @model_validator(mode="after")
    def _source_fits(self) -> "DataConfig":
        if self.source != "bundled":
            if self.source == "tfds" and self.name in BUNDLED:
                raise ValueError(
                    f"data.name is {self.name!r}, which is bundled; name a set of the catalogue, such as "
                    "ted_hrlr_translate/pt_to_en, or leave out --data.source tfds"
                )
            return self
        for name in ("source_language", "target_language"):
            language = getattr(self, name)
            if language not in PHRASE_BOOK_LANGUAGES:
                raise ValueError(
                    f"data.{name} is {language!r}, but the phrase book speaks {listed(PHRASE_BOOK_LANGUAGES, 'and')}"
                )
        return self

    @model_validator(mode="after")
    def _sides_go_together(self) -> "DataConfig":
        given = {
            name: getattr(self, name)
            for part in ("", "validation_", "test_")
            for name in (f"{part}path", f"{part}target_path")
        }
        if self.source != "files":
            if self.swap:
                raise ValueError(
                    f"data.swap is true, but data.source is {self.source}; "
                    "exchange data.source_language and data.target_language instead"
                )
            for name, path in given.items():
                if path is not None:
                    raise ValueError(
                        f"data.{name} is {path!r}, but data.source is {self.source}; add --data.source files"
                    )
            return self
        for part in ("", "validation_", "test_"):
            path, target = given[f"{part}path"], given[f"{part}target_path"]
            if target is not None and path is None:
                raise ValueError(
                    f"data.{part}target_path is {target!r}, but data.{part}path, its source side, is not set"
                )
        return self


class PreprocessingConfig(ConfigModel):
    """From text to token numbers."""

    unit: Literal["bpe", "unigram", "word", "character"] = option(
        "bpe",
        "what a token is; bpe and unigram: pieces of words, learned from the training sentences; word: what stands between "
        "white space; character",
    )
    vocabulary_size: int = option(
        600,
        "tokens at most, shared or of each language; 4,000 to 16,000 for real sentences",
        unit="tokens",
        ge=16,
        le=256_000,
    )
    shared: bool = option(True, "one vocabulary for both languages instead of one for each")
    lowercase: bool = option(False, "treat capital and small letters alike, and write small ones")
    max_length: int = option(
        100,
        "longer sentences are left out of the training and counted; what is translated is cut to it, with a warning",
        unit="tokens",
        ge=2,
        le=4_096,
    )
    length_buckets: int = option(
        7,
        "batches are padded to one of this many pairs of lengths; XLA compiles once for each",
        unit="pairs of lengths",
        ge=1,
        le=64,
    )


class ModelConfig(ConfigModel):
    """The network: encoder in both directions, attention, decoder."""

    cell: CellName = option(
        "gru", "the recurrent cell of encoder and decoder", tune=AnyOf(("gru", "lstm", "min_gru", "rglru"))
    )
    embedding_dim: int = option(
        64, "length of a token's vector", unit="features", ge=1, le=65_536, tune=Between(32, 256, log=True)
    )
    units: int = option(
        128,
        "size of the state of the decoder, and of each direction of the encoder",
        unit="features",
        ge=1,
        le=65_536,
        tune=Between(64, 256, log=True),
    )
    encoder_layers: int = option(1, "recurrent layers of the encoder above each other", unit="layers", ge=1, le=64)
    form: Literal["conditional", "input_feeding", "bahdanau"] = option(
        "conditional",
        "how the decoder looks at the source. conditional: between two cells (Sennrich et al. 2017); input_feeding: after the "
        "cell, what it saw enters the next step (Luong et al. 2015); bahdanau: before the cell",
    )
    attention: Literal["additive", "multiplicative"] = option(
        "additive", "how a place of the source is scored", tune=AnyOf(("additive", "multiplicative"))
    )
    coverage: bool = option(False, "let the attention see how much it has looked at each place so far")
    tied: Literal["none", "decoder", "all"] = option(
        "decoder",
        "which vectors are one and the same. decoder: those that the decoder reads and those it is compared with in the end; "
        "all: those of the source, too, which needs a shared vocabulary",
    )
    embedding_dropout: float = option(
        0.1,
        "share of the features of token vectors that is dropped",
        unit="fraction of features",
        ge=0,
        lt=1,
        tune=Between(0.0, 0.4),
    )
    context_dropout: float = option(
        0.1,
        "share of what the encoder found that is dropped",
        unit="fraction of features",
        ge=0,
        lt=1,
        tune=Between(0.0, 0.4),
    )
    output_dropout: float = option(
        0.1,
        "share of features dropped before tokens are scored",
        unit="fraction of features",
        ge=0,
        lt=1,
        tune=Between(0.0, 0.5),
    )

    @model_validator(mode="after")
    def _cell_can_be_started(self) -> "ModelConfig":
        if self.cell == "qrnn":
            raise ValueError(
                "model.cell is qrnn, whose state holds inputs that came before, which a decoder cannot start from; "
                "choose another, such as sru"
            )
        return self


class TranslationTrainConfig(TrainConfig):
    """Optimisation, stopping and checkpoints; a batch is counted in tokens."""

    batch_size: int = option(
        512, "tokens of the longer side in one step of gradient descent, padding included", unit="tokens", ge=16
    )
    label_smoothing: float = option(
        0.1,
        "share of the probability that is asked for all tokens alike",
        unit="fraction",
        ge=0,
        lt=1,
        tune=Between(0.0, 0.2),
    )
    scheduled_sampling: float = option(
        0.0,
        "share of the tokens the decoder reads in training that are its own guesses instead of the true ones, at the last "
        "step; rises from zero; doubles the work of the decoder",
        unit="fraction of tokens",
        ge=0,
        le=1,
    )


class DecodingConfig(ConfigModel):
    """How sentences are searched for, in evaluation and where a request to the SavedModel does not say otherwise."""

    beam_width: int = option(5, "candidates kept at each step; 1 = greedy", unit="candidates", ge=1, le=WIDEST_BEAM)
    length_penalty: float = option(
        1.0, "0 favours short sentences, 1 is about the mean over the tokens (Wu et al. 2016)", ge=0, le=10
    )
    coverage_penalty: float = option(
        0.0, "how much it costs to leave parts of the source unread (Wu et al. 2016)", ge=0, le=10
    )


class Config(ConfigModel):
    """All settings of the translation application."""

    data: DataConfig = DataConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    model: ModelConfig = ModelConfig()
    train: TranslationTrainConfig = TranslationTrainConfig(epochs=3, batch_size=512, learning_rate=3e-3)
    decoding: DecodingConfig = DecodingConfig()

    @model_validator(mode="after")
    def _tied_vocabulary_is_shared(self) -> "Config":
        if self.model.tied == "all" and not self.preprocessing.shared:
            raise ValueError(
                "model.tied is all, so preprocessing.shared must be true: the vectors are of one vocabulary"
            )
        return self


# By what models are compared, on validation data.
QUALITY = Quality("chrf", "max", beside=("bleu", "exact_match"), monitor="val_log_loss")

PRESETS: dict[str, dict[str, Any]] = {
    # Seconds on two cores, for tests: learns something, nothing worth using.
    "tiny": {
        "data": {"limit": 400},
        "preprocessing": {"vocabulary_size": 200, "max_length": 64, "length_buckets": 2},
        "model": {"embedding_dim": 16, "units": 16},
        "train": {"epochs": 2, "learning_rate": 1e-2, "checkpoint_every_steps": 0},
        "decoding": {"beam_width": 2},
    },
    "base": {},
    # Some ten thousand pairs of real sentences: what the Multi30k figures were measured with.
    "multi30k": {
        "preprocessing": {"vocabulary_size": 6_000, "length_buckets": 9},
        "model": {
            "embedding_dim": 128,
            "units": 256,
            "embedding_dropout": 0.2,
            "context_dropout": 0.3,
            "output_dropout": 0.4,
        },
        "train": {"epochs": 14, "batch_size": 1_024, "learning_rate": 2e-3, "weight_average": 0.999, "patience": 0},
    },
    # One batch without regularisation: the loss must go towards zero, or the model has a bug.
    "overfit": {
        "data": {"limit": 16},
        "preprocessing": {"vocabulary_size": 200, "length_buckets": 1},
        "model": {"embedding_dropout": 0.0, "context_dropout": 0.0, "output_dropout": 0.0},
        "train": {
            "epochs": 150,
            "label_smoothing": 0.0,
            "schedule": "constant",
            "warmup_fraction": 0.0,
            "learning_rate": 3e-3,
            "patience": 0,
            "checkpoint_every_steps": 0,
        },
    },
}
