"""Encoded pictures in, pixels out; captions in, token numbers out, and back: the same graph in training and in the SavedModel.

TensorFlow operations and those of tensorflow-text, which TensorFlow Serving has, too.
"""

from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf

from apps.captioning.config import Config, DecodingConfig, PreprocessingConfig
from apps.captioning.encoders import picture_size_of
from apps.captioning.picture_decoding import decode_pictures
from apps.captioning.pictures import CaptionedPictures
from common.data.buckets import choose_boundaries
from common.data.text_datasets import map_texts
from common.data.text_normalization import normalize
from common.data.token_vocabulary import TokenVocabulary, cut, learn_vocabulary
from common.files import reading


class Preprocessor(tf.Module):
    """From pictures and captions to what the network reads, and from what it says to captions.

    Args:
        config: `PreprocessingConfig`.
        decoding: `DecodingConfig`, what is searched for where nobody says otherwise.
        encoder: name of the encoder, which says how large a picture is where `config` does not.

    Call arguments:
        images: tf.string `[batch]`, JPEG, PNG, GIF, WebP or BMP of any size; an empty string is a grey picture.

    Returns:
        `pixels` uint8 `[batch, picture_size, picture_size, 3]`.
    """

    def __init__(self, config: PreprocessingConfig, decoding: DecodingConfig, encoder: str):
        super().__init__(name="preprocessor")
        self.config, self.decoding, self.encoder = config, decoding, encoder
        self.picture_size = config.picture_size or picture_size_of(encoder)
        self.vocabulary: TokenVocabulary | None = None
        self.boundaries: tuple[int, ...] = ()

    @classmethod
    def from_config(cls, config: Config) -> Preprocessor:
        """The preprocessor of an application's configuration, not adapted yet."""
        return cls(config.preprocessing, config.decoding, config.model.encoder)

    def adapt(self, train: CaptionedPictures) -> None:
        """Learns the vocabulary and the lengths of padded batches from training captions alone.

        Raises:
            UserError: if there is nothing to learn, or more characters than the vocabulary has room for.
        """
        captions = [caption for each in train.captions for caption in each]
        texts = [text.decode("utf-8") for text in map_texts(captions, self.normalize).numpy()]
        settings = self.config
        model = learn_vocabulary(
            texts, settings.unit, settings.vocabulary_size, train.origin, min_count=settings.min_count
        )
        self.vocabulary = TokenVocabulary(model)
        lengths = self.caption_ids(captions).row_lengths().numpy()
        self.boundaries = tuple(choose_boundaries(lengths, settings.length_buckets, multiple=4))

    def normalize(self, texts):
        """One form for what looks the same: tf.string `[batch]` to the same."""
        settings = self.config
        return normalize(texts, settings.max_length, settings.lowercase, settings.punctuation)

    def caption_ids(self, captions) -> tf.RaggedTensor:
        """Token numbers of captions, the end behind them: sequence of str to ragged int32 `[captions, (time)]`."""
        return map_texts(
            captions, lambda texts: cut(self.vocabulary.ids(self.normalize(texts)), self.config.max_length)
        )

    def __call__(self, images):
        return {"pixels": decode_pictures(images, self.picture_size, self.config.fit)}

    def invert(self, ids):
        """Token numbers to captions: int32 `[batch, time]`, all behind the end ignored, to tf.string `[batch]`."""
        return self.vocabulary.invert(ids)

    def tokens(self, ids):
        """The text of each token, in which a space is written `▁`: int32 `[...]` to tf.string `[...]`."""
        return self.vocabulary.tokens(ids)

    def save(self, directory) -> None:
        """Writes `preprocessor.json`, and `captions.model` in the form of SentencePiece."""
        Path(directory, "captions.model").write_bytes(self.vocabulary.to_bytes())
        content = {
            "config": self.config.model_dump(mode="json"),
            "decoding": self.decoding.model_dump(mode="json"),
            "encoder": self.encoder,
            "boundaries": self.boundaries,
        }
        Path(directory, "preprocessor.json").write_text(json.dumps(content, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, directory) -> Preprocessor:
        """Reads what `save` wrote.

        Raises:
            UserError: a file is missing or damaged.
        """
        advice = "put it back from a copy, or train a new run"
        path = Path(directory, "preprocessor.json")
        with reading(path, advice):
            content = json.loads(path.read_text(encoding="utf-8"))
            preprocessor = cls(
                PreprocessingConfig(**content["config"]), DecodingConfig(**content["decoding"]), content["encoder"]
            )
            preprocessor.boundaries = tuple(int(length) for length in content["boundaries"])
        path = Path(directory, "captions.model")
        with reading(path, advice):
            preprocessor.vocabulary = TokenVocabulary.from_bytes(path.read_bytes())
        return preprocessor
