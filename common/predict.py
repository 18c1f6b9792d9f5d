"""The verb `predict`: texts in, answers out, with nothing but the exported model.

What an endpoint returns is shown by its form, so that no application need be imported: strings [batch] are a
label, floats [batch, classes] are shown per class name, and of `explain`, `tokens` with `attributions`
[batch, time] are shown as the words of the text.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.console import Console, get_console
from common.data.text_files import STANDARD_INPUT, read_texts
from common.errors import UserError
from common.files import to_json
from common.prediction_view import PredictionView
from common.saved_model import DEFAULT_ENDPOINT, SavedModel, load

EXPLAIN_ENDPOINT = "explain"
_BATCH_SIZE = 64


def run_predict(
    model_dir: str | os.PathLike[str],
    texts: Sequence[str] = (),
    *,
    input_path: str | os.PathLike[str] | None = None,
    column: str | None = None,
    explain: bool = False,
    as_json: bool = False,
    app: str | None = None,
    console: Console | None = None,
) -> None:
    """Answers for texts and writes the answers, batch by batch.

    Args:
        model_dir: A model's directory, meaning its newest version, or a version directory.
        texts: The texts. If there are none and no file either, they are read from standard input, one a line.
        input_path: A file of texts, as `read_texts` takes it; "-" is standard input.
        column: The column of the file.
        explain: Whether to show which words spoke for the answer.
        as_json: Write one JSON object a line for each text, for machines.
        app: The application the model must belong to; None = any.
        console: Where to write; None = the console of the running verb.

    Raises:
        UserError: If the model or the file cannot be used, or both texts and a file were given.
    """
    if texts and input_path is not None:
        raise UserError("give the texts either as words or as a file, not both")
    texts = list(texts) or _read(input_path, column)
    model = load(model_dir, app)
    view = None if as_json else PredictionView(console or get_console())
    if explain:
        model.signature(EXPLAIN_ENDPOINT)  # said before the first answer, not after it
    try:
        for answer in predict(model, texts, explain):
            if view is None:
                print(to_json(answer), flush=True)
            else:
                view.show(answer)
    except BrokenPipeError:
        # `predict ... | head` closes its end. What Python flushes at its exit must go somewhere else, or it
        # complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def predict(model: SavedModel, texts: Sequence[str], explain: bool = False) -> Iterator[dict[str, Any]]:
    """Yields an answer for each text, in order.

    Args:
        model: The loaded model.
        texts: Any number of texts; they are asked in batches of up to 64.
        explain: Whether to ask the endpoint `explain`, too.

    Yields:
        `{"text", "label", "probabilities": {class: number}}`, or what else the model returns under its names;
        with `explain` also `"words": [[word, contribution], ...]` and `"bias"`.
    """
    class_names = [str(name) for name in model.metadata.get("class_names", ())]
    for start in range(0, len(texts), _BATCH_SIZE):
        batch = texts[start : start + _BATCH_SIZE]
        outputs = model.call(DEFAULT_ENDPOINT, batch)
        if explain:
            outputs = {**outputs, **model.call(EXPLAIN_ENDPOINT, batch)}
        for row, text in enumerate(batch):
            yield {
                "text": text,
                **_answer({name: value[row] for name, value in outputs.items()}, class_names),
            }


def _answer(outputs: Mapping[str, Any], class_names: Sequence[str]) -> dict[str, Any]:
    """Returns the outputs for one text in the form a person or a program reads."""
    outputs = dict(outputs)
    words = None
    if "tokens" in outputs and np.shape(outputs.get("attributions")) == np.shape(outputs["tokens"]):
        pairs = zip(outputs.pop("tokens"), outputs.pop("attributions"), strict=True)
        words = [[_text(token), _shortest(value)] for token, value in pairs if token != b""]  # b"" is padding
    labels, per_class, others = {}, {}, {}
    for name in sorted(outputs):
        value = outputs[name]
        if isinstance(value, bytes):
            labels[name] = _text(value)
        elif class_names and np.shape(value) == (len(class_names),) and value.dtype != object:
            per_class[name] = {label: _shortest(number) for label, number in zip(class_names, value, strict=True)}
        else:
            others[name] = _shortest(value)
    return {**labels, **per_class, **others, **({} if words is None else {"words": words})}


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _shortest(value: Any) -> Any:
    """Returns what JSON can say; numbers print as the float32 does: 0.2, not 0.20000000298."""
    array = np.asarray(value)
    if array.dtype == object:
        return [_text(item) for item in array.ravel()]
    if array.dtype.kind != "f":
        return array.tolist()
    if array.ndim == 0:
        return float(str(array[()]))
    return [_shortest(item) for item in array]


def _read(input_path: str | os.PathLike[str] | None, column: str | None) -> list[str]:
    path: str | Path = STANDARD_INPUT if input_path is None else input_path
    if str(path) == STANDARD_INPUT and sys.stdin.isatty():
        print("Reading texts from the terminal, one a line; end with Ctrl-D.", file=sys.stderr)
    texts = read_texts(path, column)
    if not texts:
        where = "standard input" if str(path) == STANDARD_INPUT else str(path)
        raise UserError(f"{where} holds no text; expected at least one line")
    return texts
