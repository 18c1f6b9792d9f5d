"""The bundled chorales as a TFDS builder: what `--data.source bundled` parses once and reads from then on.

The scores are files of the pip package `music21`, so nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from apps.music.pieces import VoicePiece
from apps.music.tunes import tune_groups
from apps.music.voicing import DEFAULT_TEMPO, on_grid
from common.console import get_console
from common.data.splitting import split_by_text
from common.data.tfds_builders import make_folder, prepare, read_examples
from common.errors import UserError

PACKAGE = "music21"
ORIGIN = "chorales of Bach (bundled)"
VOICES = 4
STEPS_PER_QUARTER = 4
SHARES = {"validation": 0.1, "test": 0.1}  # of the groups of variants
UNKNOWN_KEY = 99
_NO_CHORALES = ("bwv846",)  # a prelude

_DESCRIPTION = """Four-part chorales of Johann Sebastian Bach on a grid of sixteenths, from music21's corpus: 365 pieces.

The corpus has 409 scores of chorales. Those with exactly four parts are taken, 365; all are for soprano, alto, tenor and
bass. The other 44 have instruments beside the singers, or five voices. (Of the 371 numbers of Riemenschneider's edition,
which name 350 scores, 352 lead to one in four parts; the 365 have these and more.)

Ties join notes. Repeats stand once. In three pieces (bwv36.4-2, bwv248.64-s, bwv432) 10 notes are shorter than a sixteenth:
their begins and ends are rounded to the grid, and 5 of them vanish. Bars are as written: where the metre changes, positions
follow the bars, and a pickup ends at its bar line.

Bach set many tunes more than once, and some scores stand twice in the corpus. `group` names the first of the pieces that are
variants of each other, and a group stands in one split. Two pieces are variants if they have the same number of the
catalogue up to what follows a dash, the same notes in any key, or the same tune: the first phrase of the soprano, its second
and third, or its last two go through the same intervals on the quarters, passing notes left out, or two fifths of the
stretches of six intervals in one tune are in the other. There are 184 groups, 148 of them (293 pieces) for training, 18 (47)
for validation, 18 (25) for the test, chosen by a hash of their names.
"""
_CITATION = """@inproceedings{cuthbert2010music21,
  title={music21: A Toolkit for Computer-Aided Musicology and Symbolic Music Data},
  author={Cuthbert, Michael Scott and Ariza, Christopher},
  booktitle={Proceedings of the 11th International Society for Music Information Retrieval Conference}, year={2010}}"""


class Chorales(tfds.core.GeneratorBasedBuilder):
    """Chorales in four parts, the highest first, about 80 % train and 10 % each validation and test.

    Features:
        name: string, such as "bwv66.6".
        group: string, the same for variants of one piece.
        pitches: int64 `[time, 4]`, MIDI; -1 where a voice is silent.
        onsets: bool `[time, 4]`, True where a note begins.
        positions: int64 `[time]`, sixteenths since the last bar line.
        fermatas: bool `[time]`, True where a note with a fermata sounds.
        key: int64, sharps, negative for flats; `UNKNOWN_KEY` where there is no signature.
        numerator, denominator: int64, the metre of most of the bars.
        tempo: float32, quarters a minute: that of the score, where it has one (45 do), else 96.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "365 chorales, split by tune."}

    def _info(self) -> tfds.core.DatasetInfo:
        integer = tfds.features.Scalar(np.int64)
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "name": tfds.features.Text(),
                    "group": tfds.features.Text(),
                    "pitches": tfds.features.Tensor(shape=(None, VOICES), dtype=np.int64),
                    "onsets": tfds.features.Tensor(shape=(None, VOICES), dtype=np.bool_),
                    "positions": tfds.features.Tensor(shape=(None,), dtype=np.int64),
                    "fermatas": tfds.features.Tensor(shape=(None,), dtype=np.bool_),
                    "key": integer,
                    "numerator": integer,
                    "denominator": integer,
                    "tempo": tfds.features.Scalar(np.float32),
                }
            ),
            homepage="https://www.music21.org",
            citation=_CITATION,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        pieces = read_corpus(score_paths())
        groups = tune_groups(pieces)
        split = split_by_text(groups, None, SHARES["validation"], SHARES["test"])
        return {
            name: self._generate_examples([pieces[index] for index in indices], [groups[index] for index in indices])
            for name, indices in zip(("train", "validation", "test"), split, strict=True)
        }

    def _generate_examples(self, pieces: Sequence[VoicePiece], groups: Sequence[str]) -> Iterator[tuple[str, dict]]:
        for piece, group in zip(pieces, groups, strict=True):
            yield (
                piece.name,
                {
                    "name": piece.name,
                    "group": group,
                    "pitches": piece.pitches.astype(np.int64),
                    "onsets": piece.onsets,
                    "positions": piece.positions.astype(np.int64),
                    "fermatas": piece.fermatas,
                    "key": UNKNOWN_KEY if piece.key is None else piece.key,
                    "numerator": piece.metre[0],
                    "denominator": piece.metre[1],
                    "tempo": piece.tempo,
                },
            )


def score_paths() -> list[Path]:
    """The scores of chorales in the corpus of music21, in any number of parts, by name."""
    # Without importing it: where the data are prepared it is not needed.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise UserError(
            "The bundled chorales come with the package music21, which is not installed; install it with pip."
        )
    folder = Path(spec.origin).parent / "corpus" / "bach"
    paths = [path for path in folder.glob("bwv*") if path.suffix in (".mxl", ".xml") and path.stem not in _NO_CHORALES]
    if not paths:
        raise UserError(f"{folder} has no chorales; install the package music21 again, with its corpus.")
    return sorted(paths, key=lambda path: path.stem)


def read_corpus(paths: Sequence[Path]) -> list[VoicePiece]:
    """The chorales among some scores: those in four parts, each of which is a voice, the highest first."""
    from apps.music.score_files import make_score, parse

    pieces = []
    with get_console().progress(len(paths), "reading the chorales") as progress:
        for number, path in enumerate(paths, start=1):
            stream = parse(path)
            if len(stream.parts) == VOICES:
                pieces.append(on_grid(make_score(stream, path.stem), VOICES, STEPS_PER_QUARTER)[0])
            progress.update(number)
    return pieces


def load_chorales(data_dir: str) -> tuple[dict[str, list[VoicePiece]], str]:
    """The chorales of each split by name, and the folder in which they lie prepared for the next run.

    Args:
        data_dir: folder for prepared data; made if needed.

    Raises:
        UserError: the data cannot be prepared or read.
    """
    get_console()  # made before TFDS is kept from writing to stdout
    builder = Chorales(data_dir=str(make_folder(data_dir)))
    prepare(builder, ORIGIN, quiet=True)
    parts = {}
    for split in ("train", "validation", "test"):
        pieces = map(_piece, read_examples(builder, split, ORIGIN))
        parts[split] = sorted(pieces, key=lambda piece: piece.name)
    return parts, str(builder.data_dir)


def _piece(example: dict[str, np.ndarray]) -> VoicePiece:
    key = int(example["key"])
    return VoicePiece(
        example["name"].decode(),
        example["pitches"].astype(np.int16),
        example["onsets"].astype(bool),
        example["positions"].astype(np.int16),
        STEPS_PER_QUARTER,
        metre=(int(example["numerator"]), int(example["denominator"])),
        key=None if key == UNKNOWN_KEY else key,
        fermatas=example["fermatas"].astype(bool),
        tempo=float(example["tempo"] or DEFAULT_TEMPO),
        group=example["group"].decode(),
    )
