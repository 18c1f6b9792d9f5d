"""The verb `predict`: sentences in, translations out, with nothing but the exported model.

Read by the command line for its help, so what takes time to import is imported where it is needed.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps.translation.config import WIDEST_BEAM
from common.beam_requests import beam_flags
from common.cli_options import Flag
from common.errors import UserError

BATCH = 64  # sentences at once

FLAGS = (
    Flag("input", "a file of sentences, one a line, or CSV, TSV or JSONL; - = standard input, as without TEXT", "FILE"),
    Flag("column", "of a CSV, TSV or JSONL file, the column that holds the sentence", "NAME"),
    *beam_flags("beam_width", WIDEST_BEAM, "translations"),
    Flag("attention", "of one sentence, the picture to write of where the model looked to say each token", "FILE.png"),
)
ARGUMENTS = "TEXT"
EXAMPLE = ("Monday, March 5, 2001", "--n-best", "3")


def predict(model_dir: str, arguments: Sequence[str], flags: Mapping[str, Any]) -> None:
    """Translates sentences and writes the translations, batch by batch.

    Args:
        model_dir: A model's directory, meaning its newest version, or a version directory.
        arguments: The sentences. If there are none and no file either, they are read from standard input, one a line.
        flags: As in `FLAGS`; with `json` one JSON object a line for each sentence.

    Raises:
        UserError: If the model or the file cannot be used, both sentences and a file were given, or a picture is asked of
            more than one sentence.
    """
    from common.console import Console
    from common.data.given_texts import given_texts
    from common.files import require_png_path, to_json
    from common.saved_model import load

    texts = given_texts(arguments, flags["input"], flags["column"])
    if flags["attention"] is not None:
        if len(texts) != 1:
            raise UserError(f"--attention draws one sentence, but {len(texts)} were given; give one")
        require_png_path(flags["attention"], "--attention")
    model = load(model_dir, "translation")
    # Not on stdout, where line n belongs to sentence n.
    notes = Console(stream=sys.stderr)
    for answer in answers(model, texts, flags["n-best"], flags["beam_width"], flags["length_penalty"]):
        if answer["truncated"]:
            notes.warn(
                f"a sentence was cut to the first {model.metadata['max_length']} tokens, which is all that the model reads: "
                f"{answer['text'][:60]!r}…"
            )
        if flags["json"]:
            notes.result(to_json(answer))
        elif "translations" in answer:
            for each in answer["translations"]:
                notes.result(f"{each['score']:8.3f}  {each['translation']}")
        else:
            notes.result(answer["translation"])
    if flags["attention"] is not None:
        write_attention(model, texts[0], flags["attention"])
        notes.files({"attention": flags["attention"]})


def answers(
    model: Any,
    texts: Sequence[str],
    n_best: int = 1,
    beam_width: int | None = None,
    length_penalty: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Yields an answer for each sentence, in order.

    Args:
        model: The loaded `common.saved_model.SavedModel`.
        texts: Any number of sentences.
        n_best: Translations of each.
        beam_width: Candidates kept at each step; None = as the model was exported with, at least `n_best`.
        length_penalty: None = as the model was exported with.

    Yields:
        `{"text", "translation", "score", "truncated"}`, and with `n_best` above 1 `"translations"`, the best ones, best first,
        as `{"translation", "score"}`.
    """
    from common.beam_requests import beam_inputs
    from common.plain_values import plain
    from common.saved_model import as_strings

    for start in range(0, len(texts), BATCH):
        batch = list(texts[start : start + BATCH])
        wishes = beam_inputs(len(batch), model.metadata, n_best, beam_width, length_penalty)
        found = model.run("beam" if wishes else "serving_default", {"text": as_strings(batch), **wishes})
        if wishes:
            found |= {"translation": found["translations"][:, 0], "score": found["scores"][:, 0]}
        for row, text in enumerate(batch):
            answer = {"text": text, **{name: plain(found[name][row]) for name in ("translation", "score", "truncated")}}
            if n_best > 1:
                pairs = zip(plain(found["translations"][row]), plain(found["scores"][row]))
                answer["translations"] = [{"translation": one, "score": score} for one, score in pairs][:n_best]
            yield answer


def write_attention(model: Any, text: str, path: str) -> None:
    """Writes the picture of where the model looked to say each token of its translation of one sentence.

    Raises:
        UserError: If there is no token on one of both sides.
    """
    from apps.translation.attention_map import draw_attention
    from common.figures import save_figure
    from common.plain_values import plain

    found = model.call("attention", [text])
    source, target = ([token for token in plain(found[f"{side}_tokens"][0]) if token] for side in ("source", "target"))
    if not source or not target:
        raise UserError(
            f"the {'translation' if source else 'sentence'} is empty, so there is no picture of where the model looked"
        )
    figure = draw_attention(source, target, found["attention"][0][: len(target), : len(source)], "")
    save_figure(figure, path)
