"""The bundled phrase book as a TFDS builder: what `--data.source bundled` prepares once and reads from then on.

The phrases are made here, out of the rules that the pip packages Babel and num2words hold; nothing is downloaded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import tensorflow_datasets as tfds

from apps.translation.config import PHRASE_BOOK_LANGUAGES
from apps.translation.phrases import KINDS, check_languages, generate

COUNTS = {"train": 40_000, "validation": 2_000, "test": 2_000}
SEED = 0

_DESCRIPTION = """Short phrases about dates, times, amounts of money, measures and numbers in two languages.

A narrow domain with exact answers: every phrase is made from one value or a few (a date, a time, three amounts),
written in both languages by the same form, so each source has exactly one right target. The forms are those of the
Unicode CLDR as Babel holds them, numbers in words are those of num2words, and a small grammar of our own says the
time as people do ("quarter past nine"). It is no corpus, and what is learned from it translates nothing else.

A value that stands in a phrase for validation or for the test stands in no phrase of another split, neither alone
nor beside others. A value is the whole thing that is meant: the day, the time on the dial, the amount with its
currency, the measure with its unit, the number. Only values of which there is one ("1 hour") are all in training.

Both sides have plain spaces and plain apostrophes, where CLDR writes non-breaking and thin spaces and typographic
apostrophes; half of the dashes in the sources are hyphens. Sources in English are in the form of the United States,
Great Britain or Australia, targets always in that of the United States; Portuguese is that of Brazil. A kind that one
of the two languages has no right rule for is missing: Portuguese and Turkish have no spoken times, Spanish no
ordinals, Polish, Portuguese and Russian no years in words, Turkish no prices.
"""
_CITATION = """@misc{babel, title={Babel}, author={{Babel contributors}}, howpublished={https://babel.pocoo.org}}
@misc{num2words, title={num2words}, author={{Savoir-faire Linux and contributors}},
  howpublished={https://github.com/savoirfairelinux/num2words}}"""


class PhraseBook(tfds.core.GeneratorBasedBuilder):
    """40,000 phrases for training and 2,000 each for validation and test, in two languages (`en_de` by default).

    A configuration is named by source and target: any two of `PHRASE_BOOK_LANGUAGES`, such as `fr_ru`.

    Features:
        source: string, the phrase in the first language.
        target: string, its only right translation into the second.
        kind: class, what it is about, one of `KINDS`.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "22 kinds of phrases, split by a hash of their values."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=f"{source}_{target}", description=f"From {source} to {target}.")
        for source, target in itertools.permutations(PHRASE_BOOK_LANGUAGES, 2)
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "source": tfds.features.Text(),
                    "target": tfds.features.Text(),
                    "kind": tfds.features.ClassLabel(names=KINDS),
                }
            ),
            supervised_keys=("source", "target"),
            homepage="https://babel.pocoo.org",
            citation=_CITATION,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        return {split: self._generate_examples(split, count) for split, count in COUNTS.items()}

    def _generate_examples(self, split: str, count: int) -> Iterator[tuple[int, dict[str, str]]]:
        languages = self.builder_config.name.split("_")
        for index, (source, target, kind) in enumerate(generate(*languages, split, count, SEED)):
            yield index, {"source": source, "target": target, "kind": kind}


def config_name(source_language: str, target_language: str) -> str:
    """The configuration for a pair of languages, such as "en_de".

    Raises:
        UserError: there is none; the sentence says why.
    """
    check_languages(source_language, target_language)
    return f"{source_language}_{target_language}"
