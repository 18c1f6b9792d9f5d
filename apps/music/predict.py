"""The verb `predict`: a seed, a melody or an opening in, a piece out, with nothing but the exported model.

Read by the command line for its help, so what takes time to import is imported where it is needed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from apps.music.config import MOST_BARS
from common.cli_options import Flag, number, whole_number
from common.errors import UserError

MOST_SECONDS = 600


def _metre(flag: str, text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,2})/(1|2|4|8|16|32)", text.strip())
    if found is None or int(found[1]) < 1:
        raise UserError(f"--{flag} is {text!r}, but must be a metre such as 4/4, 3/4 or 6/8")
    return int(found[1]), int(found[2])


FLAGS = (
    Flag(
        "output",
        "the files to write, by their endings .mid, .wav, .musicxml, .mxl or .png; several with commas between",
        "FILE",
        "composed.mid",
    ),
    Flag(
        "soundfont",
        "a .sf2 file that a .wav is played with, where FluidSynth and the package pyfluidsynth are installed",
        "FILE",
    ),
    Flag(
        "bars",
        "voices: how long the piece is, what is given counted; none = as long as the melody, else 16",
        "INT",
        convert=whole_number(1, MOST_BARS),
    ),
    Flag(
        "seconds",
        "events: how long the piece is at most, what is given counted",
        "FLOAT",
        convert=number(0, MOST_SECONDS, above=True),
    ),
    Flag(
        "seed",
        "the same seed composes the same piece; none = another one each time",
        "INT",
        convert=whole_number(0, 2**31 - 1),
    ),
    Flag("melody", "voices: a file whose highest voice is harmonised: MIDI, MusicXML, ABC or JSON", "FILE"),
    Flag("prime", "a file in one of these forms that the piece begins with, in one voice or in all", "FILE"),
    Flag(
        "temperature",
        "below 1 the likely becomes likelier, 0 = always the likeliest; none = as in the settings of the training",
        "FLOAT",
        convert=number(0, 10),
    ),
    Flag(
        "top_p",
        "draw from the likeliest that hold this share of the probability; none = as in the settings of the training",
        "FLOAT",
        convert=number(0, 1, above=True),
    ),
    Flag(
        "metre",
        "voices: such as 3/4; none = that of what is given, else the most frequent of the training",
        "N/N",
        convert=_metre,
    ),
    Flag(
        "tempo",
        "quarter notes a minute; none = that of what is given, else the median of the training",
        "FLOAT",
        convert=number(10, 400),
    ),
)
ARGUMENTS = ""
EXAMPLE = ("--seed", "7", "--output", "chorale.mid,chorale.wav,chorale.png")


def predict(model_dir: str, arguments: Sequence[str], flags: Mapping[str, Any]) -> None:
    """Composes, continues or harmonises a piece, and writes it in each form that was asked for.

    Args:
        model_dir: A model's directory, meaning its newest version, or a version directory.
        arguments: None are taken.
        flags: As in `FLAGS`; with `json` one JSON object: `seed`, `files` and what the model answered.

    Raises:
        UserError: the model, a file or a wish cannot be used.
    """
    import secrets

    from apps.music.asking import ask_for_events, ask_for_voices
    from apps.music.piece_files import check_outputs, write_piece
    from common.console import get_console
    from common.files import atomic_path, to_json
    from common.plain_values import plain
    from common.saved_model import load

    wanted = [name.strip() for name in flags["output"].split(",") if name.strip()]
    if not wanted:
        raise UserError(f"--output is {flags['output']!r}, but must name at least one file")
    paths = check_outputs(wanted, "voices")
    if flags["soundfont"] is not None:
        from apps.music.sound import check_soundfont

        if not any(path.suffix.lower() == ".wav" for path in paths):
            raise UserError("--soundfont is for sound; name a file that ends in .wav with --output, or leave it out")
        check_soundfont(flags["soundfont"])
    if flags["melody"] is not None and flags["prime"] is not None:
        raise UserError(
            "--melody and --prime cannot both be given; the highest voice of a melody is harmonised to its end"
        )
    model = load(model_dir, "music")
    about = model.metadata
    paths = check_outputs(paths, about["representation"])
    seed = secrets.randbelow(2**31) if flags["seed"] is None else flags["seed"]
    drawing = {name: about[name] if flags[name] is None else flags[name] for name in ("temperature", "top_p")}
    ask = ask_for_voices if about["representation"] == "voices" else ask_for_events
    console = get_console()
    composed = ask(model, {**flags, **drawing, "seed": seed}, console)

    with contextlib.ExitStack() as stack:  # all of them or none
        for place in [stack.enter_context(atomic_path(path)) for path in paths]:
            write_piece(composed.piece, place, composed.given, flags["soundfont"])
    if flags["json"]:
        files = [str(path) for path in paths]
        answer = {name: plain(value[0]) for name, value in composed.answer.items()}
        console.result(to_json({"seed": seed, "files": files, **answer}))
        return
    console.table({**composed.described, "seed": str(seed)})
    endings = [path.suffix.lower().lstrip(".") for path in paths]
    labels = [
        ending if endings.count(ending) == 1 else f"{ending} {number}" for number, ending in enumerate(endings, start=1)
    ]
    console.files(dict(zip(labels, paths)))
