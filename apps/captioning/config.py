"""Every setting of the captioning application, with its unit, bounds and meaning."""

from typing import Any, Literal

from pydantic import model_validator

from common.config import ConfigModel, option
from common.config_options import AnyOf, Between
from common.config_sections import CellName, SourceConfig, TrainConfig
from common.quality import Quality
from common.spelling import did_you_mean, listed

BUNDLED = ("emoji_scenes", "emoji_scenes_large")
SCENE_LANGUAGES = ("en", "de", "es", "fr", "it", "pt")
SMALL_CNN, EFFICIENTNET_LITE0 = "small_cnn", "efficientnet_lite0"
# Of keras.applications, which this module cannot import: it would take seconds.
KERAS_APPLICATIONS = (
    "ConvNeXtTiny",
    "ConvNeXtSmall",
    "ConvNeXtBase",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2S",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "ResNet50",
    "ResNet50V2",
    "ResNet101V2",
    "VGG16",
    "VGG19",
    "Xception",
)
ENCODERS = (SMALL_CNN, EFFICIENTNET_LITE0, *KERAS_APPLICATIONS)
WIDEST_BEAM = 32


class DataConfig(SourceConfig):
    """Where the pictures and captions come from, and how they are split."""

    path_meaning = "the folder of the pictures"
    bundled_names = BUNDLED

    source: Literal["bundled", "tfds", "files"] = option(
        "bundled",
        "bundled: made from what comes with pip, works offline; tfds: a set of the TFDS catalogue; files: your own",
    )
    name: str = option(
        "emoji_scenes",
        "bundled: emoji_scenes, of 64 things, or emoji_scenes_large, of 306; tfds: a catalogue name such as coco_captions",
    )
    language: str = option(
        "en", f"bundled: the language of the captions, {listed(SCENE_LANGUAGES, 'or')}; otherwise a name for people"
    )
    path: str | None = option(None, "files: the folder of the pictures")
    captions: str | None = option(
        None,
        "files: the captions: CSV with columns image and caption, token file of Flickr8k or JSON of COCO",
    )
    validation_captions: str | None = option(
        None, "files: captions for validation in the same form, or a list of picture names; none = split off"
    )
    test_captions: str | None = option(
        None, "files: captions for the test in the same form, or a list of picture names; none = split off"
    )
    image_key: str = option("image", "tfds: the feature that is the picture")
    caption_key: str = option(
        "captions/text", "tfds: the feature that is the caption or captions; a slash leads into a feature"
    )
    max_unusable_fraction: float = option(
        0.05,
        "stop if more of the pictures are broken, or more captions have no picture, or more pictures no caption",
        unit="fraction",
        ge=0,
        le=1,
    )
    validation_fraction: float = option(
        0.1,
        "share that is split off for validation where the data bring no such split",
        unit="fraction of pictures",
        gt=0,
        lt=1,
    )
    test_fraction: float = option(
        0.1,
        "share that is split off for the test where the data bring no such split",
        unit="fraction of pictures",
        gt=0,
        lt=1,
    )
    limit: int | None = option(
        None, "keep only this many pictures of each split, for trials; none = all", unit="pictures", ge=1
    )
    cache_dir: str = option(
        ".cache/datasets", "folder for prepared data sets and features, relative to the current directory"
    )

    @model_validator(mode="after")
    def _source_fits(self) -> "DataConfig":
        files = {name: getattr(self, name) for name in ("captions", "validation_captions", "test_captions")}
        if self.source == "files":
            if self.captions is None:
                raise ValueError("data.source is files, so data.captions must name the file of the captions")
            return self
        for name, path in files.items():
            if path is not None:
                raise ValueError(f"data.{name} is {path!r}, but data.source is {self.source}; add --data.source files")
        if self.source == "tfds" and self.name in BUNDLED:
            raise ValueError(
                f"data.name is {self.name!r}, which is bundled; name a set of the catalogue, such as coco_captions, "
                "or leave out --data.source tfds"
            )
        if self.source == "bundled" and self.language not in SCENE_LANGUAGES:
            raise ValueError(
                f"data.language is {self.language!r}, but the scenes speak {listed(SCENE_LANGUAGES, 'and')}"
            )
        return self


class PreprocessingConfig(ConfigModel):
    """From bytes to pixels, and from captions to token numbers."""

    picture_size: int | None = option(
        None,
        "pictures are scaled to a square of this side; none = as the encoder was trained with, small_cnn: 64",
        unit="pixels",
        ge=32,
        le=1_024,
    )
    fit: Literal["stretch", "crop"] = option(
        "stretch", "how a picture that is no square becomes one: all of it, out of shape, or its middle"
    )
    unit: Literal["word", "bpe", "unigram", "character"] = option(
        "word", "what a token is; bpe and unigram: pieces of words, learned from the training captions"
    )
    vocabulary_size: int = option(4_000, "tokens at most, the most frequent ones", unit="tokens", ge=16, le=256_000)
    min_count: int = option(
        1, "word: words that stand fewer times in the training captions are unknown", unit="times", ge=1, le=1_000
    )
    lowercase: bool = option(True, "write small letters alone")
    punctuation: bool = option(False, "keep punctuation marks")
    max_length: int = option(
        40, "longer captions are cut to it in training, and nothing longer is said", unit="tokens", ge=2, le=1_024
    )
    length_buckets: int = option(
        3, "batches are padded to one of this many lengths; XLA compiles once for each", unit="lengths", ge=1, le=64
    )


class ModelConfig(ConfigModel):
    """The network: encoder of the picture, attention over its places, decoder."""

    encoder: str = option(
        SMALL_CNN,
        f"{SMALL_CNN}: trained from scratch with the rest; {EFFICIENTNET_LITE0}: with the ImageNet weights of a pip package; "
        "or a network of keras.applications, such as EfficientNetV2B0, whose ImageNet weights Keras downloads",
    )
    fine_tune: bool = option(
        False, "go on training an encoder that has ImageNet weights; give a small train.learning_rate"
    )
    cell: CellName = option(
        "lstm", "the recurrent cell of the decoder", tune=AnyOf(("gru", "lstm", "min_gru", "rglru"))
    )
    embedding_dim: int = option(
        64, "length of a token's vector", unit="features", ge=1, le=65_536, tune=Between(32, 128, log=True)
    )
    units: int = option(
        128,
        "size of the state of the decoder, and of the vector of a place",
        unit="features",
        ge=1,
        le=65_536,
        tune=Between(64, 256, log=True),
    )
    attention_units: int = option(
        64, "size in which places are compared", unit="features", ge=1, le=65_536, tune=Between(32, 128, log=True)
    )
    form: Literal["show_attend_tell", "up_down"] = option(
        "show_attend_tell",
        "how the decoder looks at the picture. show_attend_tell: before one cell (Xu et al. 2015); up_down: between two "
        "(Anderson et al. 2018)",
    )
    context_gate: bool = option(
        True, "a gate decides at each word how much of what was seen is let in (Xu et al. 2015)"
    )
    coverage: bool = option(True, "let the attention see how much it has looked at each place so far")
    doubly_stochastic: float = option(
        0.0,
        "weight of the demand that each place of the picture is looked at once in all (Xu et al. 2015)",
        ge=0,
        le=100,
    )
    lexicon: float = option(
        0.2,
        "weight of the demand that the places of the picture explain the words of its captions (Duygulu et al. 2002)",
        ge=0,
        le=100,
        tune=Between(0.0, 1.0),
    )
    word_dropout: float = option(
        0.1,
        "share of the words that are not read before the next is to be said",
        unit="fraction of words",
        ge=0,
        lt=1,
        tune=Between(0.0, 0.3),
    )
    embedding_dropout: float = option(
        0.0, "share of the features of token vectors that is dropped", unit="fraction of features", ge=0, lt=1
    )
    feature_dropout: float = option(
        0.0, "share of the features of the picture that is dropped", unit="fraction of features", ge=0, lt=1
    )
    output_dropout: float = option(
        0.0,
        "share of features dropped before tokens are scored",
        unit="fraction of features",
        ge=0,
        lt=1,
        tune=Between(0.0, 0.5),
    )

    @model_validator(mode="after")
    def _encoder_is_known(self) -> "ModelConfig":
        if self.encoder not in ENCODERS:
            raise ValueError(
                f"model.encoder is {self.encoder!r}, but must be one of {listed(ENCODERS, 'or')}"
                f"{did_you_mean(self.encoder, ENCODERS)}"
            )
        if self.fine_tune and self.encoder == SMALL_CNN:
            raise ValueError(f"model.fine_tune is true, but {SMALL_CNN} is trained from scratch anyway; leave it out")
        return self

    @model_validator(mode="after")
    def _cell_can_be_started(self) -> "ModelConfig":
        if self.cell == "qrnn":
            raise ValueError(
                "model.cell is qrnn, whose state holds inputs that came before, which a decoder cannot start from; "
                "choose another, such as sru"
            )
        return self

    @property
    def encoder_is_trained(self) -> bool:
        """Whether the pictures go through the encoder at each step, or their features were computed once."""
        return self.encoder == SMALL_CNN or self.fine_tune


class CaptioningTrainConfig(TrainConfig):
    """Optimisation, stopping and checkpoints; a batch is counted in pictures."""

    captions_per_picture: int = option(
        1,
        "captions of a picture that are read in one step; several share the work of an encoder that is trained",
        unit="captions",
        ge=1,
        le=64,
    )
    label_smoothing: float = option(
        0.0, "share of the probability that is asked for all tokens alike", unit="fraction", ge=0, lt=1
    )
    self_critical_epochs: int = option(
        0,
        "passes over the pictures after the others, in which the network is rewarded for the CIDEr-D of what it says "
        "(Rennie et al. 2017)",
        unit="epochs",
        ge=0,
        le=100_000,
    )
    self_critical_learning_rate: float = option(5e-5, "Adam's step size in them, which stays", gt=0, le=10)
    self_critical_samples: int = option(
        5, "captions drawn of each picture in them; each is judged against the others", unit="captions", ge=2, le=64
    )


class DecodingConfig(ConfigModel):
    """How captions are searched for, in evaluation and where a request to the SavedModel does not say otherwise."""

    beam_width: int = option(5, "candidates kept at each step; 1 = greedy", unit="candidates", ge=1, le=WIDEST_BEAM)
    length_penalty: float = option(
        1.0, "0 favours short captions, 1 is about the mean over the tokens (Wu et al. 2016)", ge=0, le=10
    )


class Config(ConfigModel):
    """All settings of the captioning application."""

    data: DataConfig = DataConfig()
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    model: ModelConfig = ModelConfig()
    train: CaptioningTrainConfig = CaptioningTrainConfig(epochs=2, batch_size=32, learning_rate=4e-3, patience=0)
    decoding: DecodingConfig = DecodingConfig()


# By what models are compared, on validation data.
QUALITY = Quality("cider", "max", beside=("bleu_4", "scene_accuracy"), monitor="val_log_loss")

PRESETS: dict[str, dict[str, Any]] = {
    # Seconds on two cores, for tests: learns something, nothing worth using.
    "tiny": {
        "data": {"limit": 64},
        "preprocessing": {"picture_size": 32, "max_length": 16, "length_buckets": 1},
        "model": {"embedding_dim": 16, "units": 16, "attention_units": 16},
        "train": {"epochs": 2, "batch_size": 16, "learning_rate": 1e-2, "checkpoint_every_steps": 0},
        "decoding": {"beam_width": 2},
    },
    "base": {},
    # Photographs and a frozen encoder: what the Flickr8k figures were measured with.
    "photos": {
        "preprocessing": {"vocabulary_size": 10_000, "min_count": 2},
        "model": {
            "encoder": EFFICIENTNET_LITE0,
            "embedding_dim": 128,
            "units": 256,
            "attention_units": 128,
            "doubly_stochastic": 1.0,
            "embedding_dropout": 0.3,
            "feature_dropout": 0.3,
            "output_dropout": 0.5,
        },
        "train": {
            "epochs": 20,
            "batch_size": 64,
            "learning_rate": 1e-3,
            "label_smoothing": 0.1,
            "weight_average": 0.999,
        },
    },
    # One batch without regularisation: the loss must go towards zero, or the model has a bug.
    "overfit": {
        "data": {"limit": 16},
        "preprocessing": {"length_buckets": 1},
        "model": {
            "word_dropout": 0.0,
            "embedding_dropout": 0.0,
            "feature_dropout": 0.0,
            "output_dropout": 0.0,
            "doubly_stochastic": 0.0,
            "lexicon": 0.0,
        },
        "train": {
            "epochs": 100,
            "batch_size": 16,
            "label_smoothing": 0.0,
            "schedule": "constant",
            "warmup_fraction": 0.0,
            "patience": 0,
            "checkpoint_every_steps": 0,
        },
    },
}
