"""The tab of the page in the browser: a text in, its label out, with the words that spoke for it.

Read for its title without a model; what takes time to import is imported where it is needed.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

TITLE = "Sentiment"
EXAMPLES = (
    "I laughed twice and cried once.",
    "Two hours I will never get back.",
    "The plot is thin, but the cast is wonderful and I loved every minute.",
    "A waste of a great cast. The jokes fall flat and the ending makes no sense.",
)
_STRONGEST_WORDS = 10
_FAINTEST, _STRONGEST = 0.08, 0.85  # opacity of a colour behind a word
_FOR, _AGAINST = "0, 114, 178", "213, 94, 0"  # the blue and the orange of the pictures


def build_tab(model: Any, workspace: Any) -> None:
    """Adds what the tab shows to the page that is being built.

    Args:
        model: The loaded `common.saved_model.SavedModel`.
        workspace: The `common.demo.workspace.Workspace` of the page.

    Raises:
        UserError: If the model does not explain its answers.
    """
    import gradio

    from apps.sentiment.answers import EXPLAIN_ENDPOINT
    from common.demo.page import answer_on

    model.signature(EXPLAIN_ENDPOINT)  # said in the tab, not at the first answer
    classify = workspace.answering(lambda text: shown(answer(model, workspace, text)))
    gradio.Markdown("Type a text. The colours say which words spoke for the label, and which against it.")
    with gradio.Row():
        with gradio.Column():
            text = gradio.Textbox(label="text", lines=5, max_lines=12, max_length=workspace.max_characters)
            ask = gradio.Button("Classify", variant="primary")
            examples = gradio.Column()
        with gradio.Column():
            label = gradio.Label(label="answer")
            words = gradio.HTML()
            strongest = gradio.HTML()
    outputs = [label, words, strongest]
    with examples:
        gradio.Examples(
            [[example] for example in EXAMPLES],
            [text],
            outputs,
            classify,
            run_on_click=True,
            label="examples: one click",
        )
    answer_on([ask.click, text.submit], classify, [text], outputs)


def answer(model: Any, workspace: Any, text: str) -> dict[str, Any]:
    """Returns the answer for a text, as `apps.sentiment.answers.answers` yields it with `explain`.

    Raises:
        UserError: If the text is empty or too long.
    """
    from apps.sentiment.answers import answers

    (found,) = answers(model, [workspace.text(text, "a text")], explain=True)
    return found


def shown(found: dict[str, Any]) -> tuple[dict[str, float], str, str]:
    """Returns the probability of each class, the coloured words as HTML, and the strongest words as a table."""
    return found["probabilities"], words_html(found["words"]), contributions_html(found)


def words_html(words: Sequence[Sequence[Any]]) -> str:
    """Returns the words of a text, the stronger coloured the more they spoke for or against the label."""
    largest = max((abs(value) for _, value in words), default=0.0) or 1.0
    spans = []
    for word, value in words:
        opacity = _STRONGEST * abs(value) / largest
        style = "" if opacity < _FAINTEST else f"background: rgba({_FOR if value > 0 else _AGAINST}, {opacity:.2f})"
        spans.append(f'<span style="{style}" title="{value:+.3f}">{html.escape(str(word))}</span>')
    legend = (
        f'<p><span style="background: rgba({_FOR}, 0.5)">spoke for it</span> '
        f'<span style="background: rgba({_AGAINST}, 0.5)">spoke against it</span></p>'
    )
    return f'<div class="unroll-words">{" ".join(spans)}{legend}</div>'


def contributions_html(found: dict[str, Any]) -> str:
    """Returns a table of the strongest words, whose rows add up to the score in its last one."""
    from common.demo.markup import table

    words = sorted(found["words"], key=lambda pair: -abs(pair[1]))
    rows: list[tuple[str, float]] = [(str(word), value) for word, value in words[:_STRONGEST_WORDS]]
    others = words[_STRONGEST_WORDS:]
    if others:
        rows.append(
            (f"{len(others):,} other {'word' if len(others) == 1 else 'words'}", sum(value for _, value in others))
        )
    rows.append(("no word (bias)", found["bias"]))
    total = sum(value for _, value in words) + found["bias"]
    rows.append((f"together: the score of “{found['label']}”", total))
    return table(["word", "added to the score"], rows)
