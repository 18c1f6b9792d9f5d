"""The tab of the page in the browser: a picture in, its caption out, with where the model looked for each word.

Read for its title without a model; what takes time to import is imported where it is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apps.captioning.config import WIDEST_BEAM
from common.errors import UserError

TITLE = "Captioning"
_EXAMPLES, _EXAMPLE_SEED = 5, 8  # scenes of another seed than the bundled data


def build_tab(model: Any, workspace: Any) -> None:
    """Adds what the tab shows to the page that is being built.

    Args:
        model: The loaded `common.saved_model.SavedModel`.
        workspace: The `common.demo.workspace.Workspace` of the page.

    Raises:
        UserError: If the model has no beam search.
    """
    import gradio

    from common.demo.beam_controls import beam_controls, beam_defaults
    from common.demo.page import answer_on, picture_of

    model.signature("beam")
    caption = workspace.answering(lambda *given: shown(model, workspace, *given))
    gradio.Markdown("Give a picture: JPEG, PNG, GIF, WebP or BMP. What the model looked at for a word is in colour.")
    with gradio.Row():
        with gradio.Column():
            picture = _picture_input()
            controls = beam_controls("beam", WIDEST_BEAM, model.metadata)
            ask = gradio.Button("Caption", variant="primary")
            examples = gradio.Column()
        with gradio.Column():
            best = gradio.Textbox(label="caption", interactive=False, lines=2)
            others = gradio.HTML()
    looked = picture_of("where the model looked")
    inputs, outputs = [picture, *controls], [best, others, looked]
    with examples:
        gradio.Examples(
            [[str(path)] for path in example_pictures(workspace)],
            [picture],
            outputs,
            workspace.answering(lambda path: shown(model, workspace, path, *beam_defaults(model.metadata))),
            run_on_click=True,
            label="examples: one click",
        )
    answer_on([ask.click], caption, inputs, outputs)


def shown(
    model: Any, workspace: Any, path: str | None, n_best: int, beam_width: int, length_penalty: float
) -> tuple[str, str, str | None]:
    """Returns the best caption, the best ones as an HTML table, and the path of the attention's picture, if there is one.

    Raises:
        UserError: If there is no picture, or it cannot be read.
    """
    from apps.captioning.predict import answers, picture_paths, write_attention
    from common.demo.markup import notes, table

    if not path:
        raise UserError("there is no picture yet; give one, or choose an example")
    told: list[str] = []
    drawing: str | None = str(workspace.new_folder() / "attention.png")
    # Also the question itself: what is wrong with a picture is found out by what is not made for several threads.
    with workspace.one_at_a_time():
        (found,) = answers(model, picture_paths([path], None), int(n_best), int(beam_width), float(length_penalty))
        try:
            write_attention(model, Path(path), found["tokens"], found["attention"], drawing)
        except UserError as error:
            told.append(workspace.sentence(error))
            drawing = None
    best = found.get("captions", [found])
    rows = [(each["caption"], float(each["score"])) for each in best]
    return found["caption"], table(["caption", "score"], rows) + notes(told), drawing


def example_pictures(workspace: Any) -> list[Path]:
    """Draws scenes that are in none of the bundled data, as files."""
    from apps.captioning.scene_drawing import draw
    from apps.captioning.scene_objects import scene_objects
    from apps.captioning.scenes import generate
    from common.demo.page import example_files

    # In German only because there plurals, which nothing here needs, take no second to load.
    scenes = generate(scene_objects("de"), "test", _EXAMPLES, _EXAMPLE_SEED)
    return example_files(workspace, {f"scene-{n}.jpg": draw(*scene) for n, scene in enumerate(scenes, start=1)})


def _picture_input() -> Any:
    """An input whose function gets the file as it was given: what cannot be read, `predict` has the words for."""
    import gradio

    picture = gradio.Image(
        label="picture", type="filepath", sources=["upload", "clipboard"], height=320, buttons=["fullscreen"]
    )
    # Not by a class of our own: of such a one Gradio writes a file of types beside this one.
    picture.preprocess = lambda payload: None if payload is None else payload.path
    return picture
