"""From the configuration to raw splits of pieces (`load_splits`).

The first step of every run: the three sources end in the same `Splits`, before anything is learned. Splits that a set brings
are kept; one that is missing is split off by `group`, which pieces share that are the same in any key, so that no piece is
learned that is then asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from apps.music.pieces import NotePiece, Pieces, Splits, VoicePiece, voices_to_notes
from apps.music.score import counted
from apps.music.tunes import content_group
from common.data.splits import text_digest
from common.data.splitting import split_by_text
from common.errors import UserError

_Parts = dict[str, Sequence[VoicePiece] | Sequence[NotePiece]]
_NAMES = ("train", "validation", "test")


def load_splits(config) -> Splits:
    """Loads raw train, validation and test pieces as `config.data` describes them.

    `source` says where they come from: "bundled" (chorales of Bach, with their own splits), "tfds" (`name` of a set of the
    catalogue) or "files" (`path`). Splits that are given stay as they are, because published ones must stay comparable; where
    a piece of one stands in another, a note says so.

    Args:
        config: the application's `Config`; only `config.data` is read.

    Returns:
        Splits, with `limit` applied, and notes that say what was left out or changed.

    Raises:
        UserError: the data are not there or not as expected; one sentence that says where and what to do.
    """
    data = config.data
    parts, origin, cache, notes = _SOURCES[data.source](data)
    parts = {name: [_grouped(piece) for piece in pieces] for name, pieces in parts.items()}
    notes = [*notes, *_overlaps(parts, origin)]
    origins = {name: f"{origin}, {name}" if name in parts and len(parts) > 1 else origin for name in _NAMES}
    parts |= _split_off(parts, data, origin)
    available = None
    if data.limit is not None and max(map(len, parts.values())) > data.limit:
        available = tuple(len(parts[name]) for name in _NAMES)
        parts = {name: _limited(pieces, data.limit) for name, pieces in parts.items()}
    splits = {name: Pieces(tuple(parts[name]), origins[name]) for name in _NAMES}
    return Splits(**splits, cache=cache, notes=tuple(notes), available=available)


def _load_bundled(data) -> tuple[_Parts, str, str, list[str]]:
    # Imported here, as below: own files need no TensorFlow Datasets.
    from apps.music.dataset import ORIGIN, load_chorales

    parts, cache = load_chorales(data.cache_dir)
    if data.representation == "events":
        parts = {name: [voices_to_notes(piece) for piece in pieces] for name, pieces in parts.items()}
    return parts, ORIGIN, cache, []


def _load_catalogue(data) -> tuple[_Parts, str, str, list[str]]:
    from apps.music.catalogue_pieces import load_catalogue_pieces

    parts, cache, notes = load_catalogue_pieces(data.name, data.cache_dir)
    return parts, f"{data.name} (tfds)", cache, notes


def _load_files(data) -> tuple[_Parts, str, None, list[str]]:
    from apps.music.music_files import read_pieces

    parts, notes = read_pieces(data.path, data)
    return parts, data.path, None, notes


_SOURCES = {"bundled": _load_bundled, "tfds": _load_catalogue, "files": _load_files}


def _grouped(piece: VoicePiece | NotePiece) -> VoicePiece | NotePiece:
    return piece if piece.group else replace(piece, group=content_group(piece))


def _overlaps(parts: _Parts, origin: str) -> list[str]:
    """Sentences about pieces that stand in two of the splits that were given."""
    groups = {name: {piece.group for piece in pieces} for name, pieces in parts.items()}
    notes = []
    for name, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        if name in parts and other in parts:
            count = sum(piece.group in groups[name] for piece in parts[other])
            if count:
                notes.append(
                    f"{count:,} of the {len(parts[other]):,} {other} pieces of {origin} also stand in its {name} split, "
                    "some maybe in another key; the splits are left as they were given."
                )
    return notes


def _split_off(parts: _Parts, data, origin: str) -> _Parts:
    """Training pieces, and of validation and test those that are missing in `parts`."""
    fractions = {name: getattr(data, f"{name}_fraction") for name in ("validation", "test") if name not in parts}
    if not fractions:
        return {}
    whole = parts["train"]
    groups = [piece.group for piece in whole]
    split = split_by_text(groups, None, fractions.get("validation", 0.0), fractions.get("test", 0.0))
    found = dict(zip(_NAMES, split, strict=True))
    if not all(len(found[name]) for name in ("train", *fractions)):
        different = len(set(groups))
        raise UserError(
            f"{origin}: {counted(different, 'different piece')} {'is' if different == 1 else 'are'} too few to split a {' and a '.join(fractions)} set from, "
            f"at least {1 + len(fractions)} are needed; add pieces."
        )
    return {name: [whole[index] for index in found[name]] for name in ("train", *fractions)}


def _limited(pieces: Sequence, limit: int) -> Sequence:
    """At most `limit` pieces, chosen by hash, in the order in which they stand."""
    order = sorted(range(len(pieces)), key=lambda index: (text_digest(pieces[index].group), pieces[index].name, index))
    return [pieces[index] for index in sorted(order[:limit])]
