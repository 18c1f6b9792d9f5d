"""What an exported model says of texts, in the form that a person or a program reads.

What an endpoint returns is told by its form: strings [batch] are a label, floats [batch, classes] are shown per
class name, and of `explain`, `tokens` with `attributions` [batch, time] are shown as the words of the text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from common.plain_values import plain
from common.saved_model import DEFAULT_ENDPOINT, SavedModel

EXPLAIN_ENDPOINT = "explain"
_BATCH_SIZE = 64


def answers(model: SavedModel, texts: Sequence[str], explain: bool = False) -> Iterator[dict[str, Any]]:
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
        words = [[plain(token), plain(value)] for token, value in pairs if token != b""]  # b"" is padding
    labels, per_class, others = {}, {}, {}
    for name in sorted(outputs):
        value = outputs[name]
        if isinstance(value, bytes):
            labels[name] = plain(value)
        elif class_names and np.shape(value) == (len(class_names),) and value.dtype != object:
            per_class[name] = dict(zip(class_names, plain(value), strict=True))
        else:
            others[name] = plain(value)
    return {**labels, **per_class, **others, **({} if words is None else {"words": words})}
