"""The verb `predict`: texts in, answers out, with nothing but the exported model.

Read by the command line for its help, so what takes time to import is imported where it is needed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from common.cli_options import Flag

FLAGS = (
    Flag("input", "a file of inputs, one a line, or CSV, TSV or JSONL; - = standard input, as without TEXT", "FILE"),
    Flag("column", "of a CSV, TSV or JSONL file, the column that holds the input", "NAME"),
    Flag("explain", "show what spoke for each answer", default=False),
)
ARGUMENTS = "TEXT"
EXAMPLE = ("I laughed twice and cried once.",)


def predict(model_dir: str, arguments: Sequence[str], flags: Mapping[str, Any]) -> None:
    """Answers for texts and writes the answers, batch by batch.

    Args:
        model_dir: A model's directory, meaning its newest version, or a version directory.
        arguments: The texts. If there are none and no file either, they are read from standard input, one a line.
        flags: `input`, `column` and `explain` as in `FLAGS`; with `json` one JSON object a line for each text.

    Raises:
        UserError: If the model or the file cannot be used, or both texts and a file were given.
    """
    from apps.sentiment.answers import EXPLAIN_ENDPOINT, answers
    from apps.sentiment.prediction_view import PredictionView
    from common.console import get_console
    from common.data.given_texts import given_texts
    from common.files import to_json
    from common.saved_model import load

    texts = given_texts(arguments, flags["input"], flags["column"])
    model = load(model_dir, "sentiment")
    if flags["explain"]:
        model.signature(EXPLAIN_ENDPOINT)  # said before the first answer, not after it
    console = get_console()
    view = PredictionView(console)
    for answer in answers(model, texts, flags["explain"]):
        if flags["json"]:
            console.result(to_json(answer))
        else:
            view.show(answer)
