"""The tab of the page in the browser: compose, harmonise a melody or go on with an opening; hear, see and keep the piece.

Read for its title without a model; what takes time to import is imported where it is needed.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

from apps.music.predict import FLAGS
from common.errors import UserError

TITLE = "Music"
# In ABC notation, as nothing is bundled; all of them older than any copyright.
EXAMPLE_MELODIES = {
    "Ode to Joy": "M:4/4\nE E F G | G F E D | C C D E | E3/2 D/2 D2 |\nE E F G | G F E D | C C D E | D3/2 C/2 C2 |]",
    "Frère Jacques": "M:4/4\nC D E C | C D E C | E F G2 | E F G2 |\nG/A/G/F/ E C | G/A/G/F/ E C | C G, C2 | C G, C2 |]",
    "Old Hundredth": "M:4/4\nK:G\nG2 G F | E D G A | B4 | B2 B B | A G c B | A4 |\n"
    "G2 A B | A G E F | G4 | d2 B G | A c B A | G4 |]",
}
FREE, HARMONISE, CONTINUE = "compose freely", "harmonise a melody", "go on with an opening"
_BARS, _MOST_BARS = 8, 64
_SECONDS, _MOST_SECONDS = 20, 120
_AS_IN_TRAINING = "as given, or as in training"
_METRES = ("4/4", "3/4", "2/4", "6/8", "2/2")
_FIELD = re.compile(r"[A-Za-z]:")  # begins a line of ABC that says something of the piece


def build_tab(model: Any, workspace: Any) -> None:
    """Adds what the tab shows to the page that is being built.

    Args:
        model: The loaded `common.saved_model.SavedModel`.
        workspace: The `common.demo.workspace.Workspace` of the page.
    """
    import gradio

    from common.demo.page import answer_on, picture_of

    about = model.metadata
    has_voices = about["representation"] == "voices"
    compose = workspace.answering(lambda *given: shown(model, workspace, *given))
    tasks = tasks_of(model)
    gradio.Markdown(
        "Let the model compose, or give it something: a MIDI, MusicXML or ABC file, or notes as "
        "[ABC](https://abcnotation.com/wiki/abc:standard:v2.1) writes them: `C D E F | G2 G2`, "
        "an octave lower `C,`, higher `c`, sharp `^F`, flat `_B`."
    )
    with gradio.Row():
        with gradio.Column():
            task = gradio.Radio(tasks, value=FREE, label="what to do")
            with gradio.Column(visible=False) as given_group:
                file = gradio.File(label="file of the melody or the opening", type="filepath", height=140)
                notes = gradio.Textbox(label="or its notes", lines=3, max_lines=8, max_length=workspace.max_characters)
            with gradio.Row():
                if has_voices:
                    length = gradio.Slider(
                        1, _MOST_BARS, value=_BARS, step=1, label="bars", info="a melody has its own length"
                    )
                    metre = gradio.Dropdown([_AS_IN_TRAINING, *_METRES], value=_AS_IN_TRAINING, label="metre")
                else:
                    length = gradio.Slider(1, _MOST_SECONDS, value=_SECONDS, step=1, label="seconds")
                    metre = gradio.Dropdown([_AS_IN_TRAINING], value=_AS_IN_TRAINING, label="metre", visible=False)
            with gradio.Row():
                temperature = gradio.Slider(0, 2, value=about["temperature"], step=0.05, label="temperature")
                top_p = gradio.Slider(0.05, 1, value=about["top_p"], step=0.05, label="top_p")
            seed = gradio.Textbox(label="seed", info="a whole number; empty = another piece each time")
            ask = gradio.Button("Compose", variant="primary")
            examples = gradio.Column()
        with gradio.Column():
            sound = gradio.Audio(label="the piece", type="filepath", interactive=False, buttons=["download"])
            files = gradio.File(label="to keep", file_count="multiple", interactive=False, height=265)
            told = gradio.HTML()
    roll = picture_of("piano roll")
    inputs = [task, file, notes, length, metre, temperature, top_p, seed]
    outputs = [sound, files, told, roll]
    task.change(lambda chosen: gradio.update(visible=chosen != FREE), [task], [given_group], queue=False)
    with examples:
        _examples(gradio, tasks, [task, notes, seed], outputs, model, workspace)
    answer_on([ask.click], compose, inputs, outputs)


def tasks_of(model: Any) -> list[str]:
    """Returns what a model can do: to a single voice, or to events, no others can be added."""
    about = model.metadata
    can_harmonise = about["representation"] == "voices" and about["voices"] > 1
    return [FREE, HARMONISE, CONTINUE] if can_harmonise else [FREE, CONTINUE]


def shown(
    model: Any,
    workspace: Any,
    task: str,
    file: str | None = None,
    notes: str | None = None,
    length: float | None = None,
    metre: str = _AS_IN_TRAINING,
    temperature: float | None = None,
    top_p: float | None = None,
    seed: str | None = None,
) -> tuple[str, list[str], str, str]:
    """Composes, and returns the paths of the sound, of all files and of the piano roll, with a description as HTML before the last.

    Raises:
        UserError: If a file or the notes cannot be used, or a wish cannot be fulfilled.
    """
    from apps.music.asking import ask_for_events, ask_for_voices
    from apps.music.piece_files import write_piece
    from common.demo import markup

    about = model.metadata
    has_voices = about["representation"] == "voices"
    given = None if task == FREE else _given(workspace, file, notes)
    number = _seed(seed)
    # A melody has its own length: asked for fewer bars, only its beginning would be harmonised.
    wanted = None if length is None or task == HARMONISE else length
    wishes = {
        "melody": given if task == HARMONISE else None,
        "prime": given if task == CONTINUE else None,
        "bars": int(wanted) if has_voices and wanted is not None else None,
        "seconds": float(wanted) if not has_voices and wanted is not None else None,
        "metre": None if metre == _AS_IN_TRAINING else tuple(int(number) for number in metre.split("/")),
        "tempo": None,
        "temperature": about["temperature"] if temperature is None else float(temperature),
        "top_p": about["top_p"] if top_p is None else float(top_p),
        "seed": number,
    }
    endings = ("mid", "wav", "musicxml", "png") if has_voices else ("mid", "wav", "png")
    folder = workspace.new_folder()
    paths = {ending: folder / f"piece-{number}.{ending}" for ending in endings}
    with workspace.one_at_a_time() as console:
        composed = (ask_for_voices if has_voices else ask_for_events)(model, wishes, console)
        for path in paths.values():
            write_piece(composed.piece, path, composed.given)
    rows = [*composed.described.items(), ("seed", str(number))]
    told = markup.table(["", ""], rows) + markup.notes(
        [workspace.sentence(UserError(sentence)) for sentence in console.sentences()]
    )
    return str(paths["wav"]), [str(path) for path in paths.values()], told, str(paths["png"])


def abc_of(notes: str) -> str:
    """Returns notes as a whole piece in ABC: what a person leaves out is a quarter for each letter, in C.

    A piece begins with X: and its fields end with K:.
    """
    lines = [line.strip() for line in notes.strip().splitlines() if line.strip()]
    fields = {line[0].upper(): line for line in lines if _FIELD.match(line)}
    body = [line for line in lines if not _FIELD.match(line)]
    head = [fields.get(letter, f"{letter}:{usual}") for letter, usual in (("X", "1"), ("M", "4/4"), ("L", "1/4"))]
    others = [line for letter, line in fields.items() if letter not in "XMLK"]
    return "\n".join([*head, *others, fields.get("K", "K:C"), *body, ""])


def _given(workspace: Any, file: str | None, notes: str | None) -> str:
    """The path of what the person gave; typed notes become a file.

    Raises:
        UserError: If there is nothing, or both.
    """
    if file and notes and notes.strip():
        raise UserError("there are a file and notes; remove one of them")
    if file:
        return file
    if not notes or not notes.strip():
        raise UserError("there is no melody yet; give a file, type its notes, or choose an example")
    path: Path = workspace.new_folder() / "the-notes.abc"
    path.write_text(abc_of(workspace.text(notes, "notes")), encoding="utf-8")
    return str(path)


def _seed(given: str | None) -> int:
    """The seed that was typed, or one that nobody has thought of."""
    if not given or not given.strip():
        return secrets.randbelow(2**31)
    (flag,) = [flag for flag in FLAGS if flag.name == "seed"]
    return flag.convert("seed", given)


def _examples(gradio: Any, tasks: list[str], inputs: list[Any], outputs: list[Any], model: Any, workspace: Any) -> None:
    rows = [[FREE, "", "7"], [FREE, "", "11"]]
    if HARMONISE in tasks:
        rows += [[HARMONISE, notes, "7"] for notes in EXAMPLE_MELODIES.values()]
    else:
        rows += [[CONTINUE, notes.splitlines()[-1], "7"] for notes in EXAMPLE_MELODIES.values()]
    names = ["seed 7", "seed 11", *EXAMPLE_MELODIES]
    answer = workspace.answering(
        lambda task, notes, seed: shown(
            model, workspace, task, None, notes, None if task == HARMONISE else _example_length(model), seed=seed
        )
    )
    gradio.Examples(rows, inputs, outputs, answer, run_on_click=True, label="examples: one click", example_labels=names)


def _example_length(model: Any) -> int:
    return _BARS if model.metadata["representation"] == "voices" else _SECONDS
