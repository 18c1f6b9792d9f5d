"""Reads pieces out of TensorFlow Datasets, for `--data.source tfds`: sets whose examples are MIDI files, such as groove."""

from __future__ import annotations

from apps.music.midi_files import midi_notes, read_midi
from apps.music.pieces import NotePiece
from apps.music.score import UnreadableFile, counted
from common.console import get_console
from common.data.tfds_builders import check_text_feature, find_splits, open_builder, prepare, read_examples
from common.errors import UserError

_MIDI, _ID = "midi", "id"


def load_catalogue_pieces(name: str, data_dir: str) -> tuple[dict[str, list[NotePiece]], str, list[str]]:
    """Loads a set of the catalogue, downloading and preparing it the first time.

    Args:
        name: such as "groove", whose first configuration has whole performances without sound, or "groove/2bar-midionly".
        data_dir: folder for downloads and prepared data; made if needed.

    Returns:
        Pieces by split, the folder of the prepared data, and sentences for the person.

    Raises:
        UserError: the set does not exist, has no MIDI, or cannot be downloaded or prepared here.
    """
    builder = open_builder(name, data_dir)
    origin = f"{name} (tfds)"
    features = builder.info.features or {}
    check_text_feature(features, _MIDI, origin, "--data.name")
    get_console()  # made before TFDS is kept from writing to stdout
    prepare(builder, origin, quiet=False)
    keys = (_ID, _MIDI) if _ID in features else (_MIDI,)
    parts: dict[str, list[NotePiece]] = {}
    broken = []
    for part, split in find_splits(builder, origin).items():
        parts[part] = []
        total = builder.info.splits[split].num_examples
        with get_console().progress(total, f"reading {split}") as progress:
            for number, example in enumerate(read_examples(builder, split, origin, keys), start=1):
                piece_name = example[_ID].decode("utf-8", "replace") if _ID in example else f"{split} {number}"
                try:
                    parts[part].append(midi_notes(read_midi(example[_MIDI], piece_name)))
                except UnreadableFile as error:
                    broken.append(f"{piece_name} ({error})")
                progress.update(number)
        if not parts[part]:
            raise UserError(f"{origin}, {split} has no MIDI that can be read; choose another set with --data.name.")
    notes = [f"{counted(len(broken), 'piece')} of {origin} skipped: {'; '.join(broken[:3])}."] if broken else []
    return parts, str(builder.data_dir), notes
