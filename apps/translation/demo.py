"""The tab of the page in the browser: a sentence in, its best translations out, with where the model looked.

Read for its title without a model; what takes time to import is imported where it is needed.
"""

from __future__ import annotations

from typing import Any

from apps.translation.config import WIDEST_BEAM
from common.errors import UserError

TITLE = "Translation"
EXAMPLES = (
    "Tuesday, 30 March 2027, ten to seven",
    "Monday, March 5, 2001",
    "in 3 weeks",
    "half past seven",
    "1,250 euros",
)


def build_tab(model: Any, workspace: Any) -> None:
    """Adds what the tab shows to the page that is being built.

    Args:
        model: The loaded `common.saved_model.SavedModel`.
        workspace: The `common.demo.workspace.Workspace` of the page.

    Raises:
        UserError: If the model does not say where it looked.
    """
    import gradio

    from common.demo.beam_controls import beam_controls, beam_defaults
    from common.demo.page import answer_on, picture_of

    model.signature("attention")
    translate = workspace.answering(lambda *given: shown(model, workspace, *given))
    gradio.Markdown("Type a sentence in the language that the model was trained to translate from.")
    with gradio.Row():
        with gradio.Column():
            text = gradio.Textbox(label="sentence", lines=2, max_lines=8, max_length=workspace.max_characters)
            controls = beam_controls("beam_width", WIDEST_BEAM, model.metadata)
            ask = gradio.Button("Translate", variant="primary")
            examples = gradio.Column()
        with gradio.Column():
            best = gradio.Textbox(label="translation", interactive=False, lines=2)
            others = gradio.HTML()
    picture = picture_of("where the model looked")
    inputs, outputs = [text, *controls], [best, others, picture]
    with examples:
        gradio.Examples(
            [[example] for example in EXAMPLES],
            [text],
            outputs,
            workspace.answering(lambda given: shown(model, workspace, given, *beam_defaults(model.metadata))),
            run_on_click=True,
            label="examples: one click",
        )
    answer_on([ask.click, text.submit], translate, inputs, outputs)


def shown(
    model: Any, workspace: Any, text: str, n_best: int, beam_width: int, length_penalty: float
) -> tuple[str, str, str | None]:
    """Returns the best translation, the best ones as an HTML table, and the path of the alignment's picture, if there is one.

    Raises:
        UserError: If the text is empty or too long.
    """
    from apps.translation.predict import answers, write_attention
    from common.demo.markup import notes, table

    text = workspace.text(text, "a sentence")
    (found,) = answers(model, [text], int(n_best), int(beam_width), float(length_penalty))
    best = found.get("translations", [found])
    told = []
    if found["truncated"]:
        told.append(
            f"only the first {model.metadata['max_length']} tokens were read, which is all that the model reads"
        )
    path: str | None = str(workspace.new_folder() / "alignment.png")
    with workspace.one_at_a_time():
        try:
            write_attention(model, text, path)
        except UserError as error:
            told.append(workspace.sentence(error))
            path = None
    rows = [(each["translation"], float(each["score"])) for each in best]
    return found["translation"], table(["translation", "score"], rows) + notes(told), path
