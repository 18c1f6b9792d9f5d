"""The verb `predict`: pictures in, captions out, with nothing but the exported model.

Read by the command line for its help, so what takes time to import is imported where it is needed.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from apps.captioning.config import WIDEST_BEAM
from common.beam_requests import beam_flags
from common.cli_options import Flag
from common.errors import UserError

BATCH = 32  # pictures at once
MOST_BYTES = 255  # of a file's name, on the systems there are
PATH_COLUMN = "image"  # of a table, as in that of the captions
ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp")

FLAGS = (
    Flag(
        "input",
        "a file with the path of a picture on each line, or CSV, TSV or JSONL with the column image; - = standard input",
        "FILE",
    ),
    *beam_flags("beam", WIDEST_BEAM, "captions"),
    Flag("attention", "of one picture, the picture to write of where the model looked to say each word", "FILE.png"),
)
ARGUMENTS = "PICTURE"
EXAMPLE = ("{run}/example.png", "--n-best", "3")


def predict(model_dir: str, arguments: Sequence[str], flags: Mapping[str, Any]) -> None:
    """Captions pictures and writes the captions, batch by batch.

    Args:
        model_dir: A model's directory, meaning its newest version, or a version directory.
        arguments: Files of pictures, and folders, of which all pictures are meant.
        flags: As in `FLAGS`; with `json` one JSON object a line for each picture.

    Raises:
        UserError: If the model or a picture cannot be used, both pictures and a file of their paths were given, or a drawing is
            asked of more than one picture.
    """
    from common.console import Console
    from common.files import require_png_path, to_json
    from common.saved_model import load

    paths = picture_paths(arguments, flags["input"])
    if flags["attention"] is not None:
        if len(paths) != 1:
            raise UserError(f"--attention draws one picture, but {len(paths)} were given; give one")
        require_png_path(flags["attention"], "--attention")
        if Path(flags["attention"]).resolve() == paths[0].resolve():
            raise UserError(f"--attention would overwrite the picture {paths[0]}; give another file")
    model = load(model_dir, "captioning")
    notes = Console(stream=sys.stderr)
    for answer in answers(model, paths, flags["n-best"], flags["beam"], flags["length_penalty"]):
        looked = answer["tokens"], answer["attention"]
        name = f"{answer['image']}: " if len(paths) > 1 else ""
        if flags["json"]:
            notes.result(to_json(answer))
        elif "captions" in answer:
            for each in answer["captions"]:
                notes.result(f"{name}{each['score']:8.3f}  {each['caption']}")
        else:
            notes.result(f"{name}{answer['caption']}")
    if flags["attention"] is not None:
        write_attention(model, paths[0], *looked, flags["attention"])
        notes.files({"attention": flags["attention"]})


def picture_paths(arguments: Sequence[str], input_path: str | None) -> list[Path]:
    """The pictures that were asked for; each is there, and none is empty.

    Raises:
        UserError: none was given, both ways at once, a file is missing or empty, a folder has none.
    """
    from common.data.given_texts import given_texts

    if not arguments and input_path is None:
        raise UserError("give the files of pictures, or a file with their paths by --input FILE")
    # An empty line names no picture; as a path it would be the current folder.
    names = [
        name
        for name in given_texts(arguments, input_path, PATH_COLUMN if _is_table(input_path) else None)
        if name.strip()
    ]
    if not names:
        raise UserError("no picture was given: the paths are empty; give the files of pictures, or folders of them")
    paths = []
    for name in names:
        given = Path(name)
        if "\0" in name or len(given.name.encode(errors="replace")) > MOST_BYTES:
            raise UserError(f"{name[:60]!r} is no path of a picture; give one path on each line")
        if given.is_dir():
            found = sorted(path for path in given.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
            if not found:
                raise UserError(
                    f"there is no picture in the folder {given}; expected files that end in {', '.join(ENDINGS)}"
                )
            paths += found
        else:
            paths.append(given)
    for path in paths:
        if not _bytes_of(path, most=1):
            raise UserError(f"{path} is empty; copy the picture again or leave it out")
    return paths


def answers(
    model: Any,
    paths: Sequence[Path],
    n_best: int = 1,
    beam_width: int | None = None,
    length_penalty: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Yields an answer for each picture, in order.

    Args:
        model: The loaded `common.saved_model.SavedModel`.
        paths: Any number of pictures.
        n_best: Captions of each.
        beam_width: Candidates kept at each step; None = as the model was exported with, at least `n_best`.
        length_penalty: None = as the model was exported with.

    Yields:
        `{"image", "caption", "score", "tokens", "attention"}`: the path, the best caption, its score, its tokens, and for each of them
        the weights of the places by row and column; with `n_best` above 1 `"captions"`, the best ones, best first, as
        `{"caption", "score"}`.
    """
    import numpy as np

    from common.beam_requests import beam_inputs
    from common.plain_values import plain

    for start in range(0, len(paths), BATCH):
        batch = paths[start : start + BATCH]
        inputs = {"image": np.array([_bytes_of(path) for path in batch], dtype=object)}
        wishes = beam_inputs(len(batch), model.metadata, n_best, beam_width, length_penalty)
        try:
            found = model.run("beam" if wishes else "serving_default", inputs | wishes)
        except UserError:
            _say_what_is_wrong(batch)
            raise
        if wishes:
            found |= {"caption": found["captions"][:, 0], "score": found["scores"][:, 0]}
        for row, path in enumerate(batch):
            tokens = [token for token in plain(found["tokens"][row]) if token]
            answer = {
                "image": str(path),
                "caption": plain(found["caption"][row]),
                "score": plain(found["score"][row]),
                "tokens": tokens,
                "attention": plain(found["attention"][row][: len(tokens)]),
            }
            if n_best > 1:
                pairs = zip(plain(found["captions"][row]), plain(found["scores"][row]))
                answer["captions"] = [{"caption": one, "score": score} for one, score in pairs][:n_best]
            yield answer


def _is_table(input_path: str | None) -> bool:
    return input_path is not None and Path(input_path.lower().removesuffix(".gz")).suffix in (".csv", ".tsv", ".jsonl")


def _say_what_is_wrong(paths: Sequence[Path]) -> None:
    """Raises UserError for the first picture that cannot be read: the model refused one of them, but does not know its name."""
    from common.native_log import hold_back_native_log

    with hold_back_native_log():  # of the whole of TensorFlow, which takes seconds
        from apps.captioning.picture_checks import check_picture
    for path in paths:
        check_picture(_bytes_of(path), str(path))


def _bytes_of(path: Path, most: int = -1) -> bytes:
    from common.data.text_files import open_bytes

    with open_bytes(str(path)) as stream:
        return stream.read(most)


def write_attention(model: Any, path: Path, tokens: Sequence[str], attention: Any, target: str) -> None:
    """Writes the picture of where the model looked to say each word of a caption.

    Args:
        model: The loaded model.
        path: The captioned picture.
        tokens: As `answers` gives them.
        attention: As well.
        target: The file to write, a PNG.

    Raises:
        UserError: If the caption has no word.
    """
    import numpy as np

    from apps.captioning.attention_picture import draw_attention
    from apps.captioning.thumbnails import thumbnail
    from common.figures import save_figure

    if not tokens:
        raise UserError("the caption is empty, so there is no picture of where the model looked")
    shown = thumbnail(_bytes_of(path), model.metadata["fit"])
    save_figure(draw_attention(shown, tokens, np.asarray(attention, np.float32), ""), target)
