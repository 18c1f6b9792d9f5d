"""Answers nothing; remembers what it was asked."""

from common.cli_options import Flag, whole_number
from common.errors import UserError

FLAGS = (
    Flag("input", "a file of questions; - = standard input", "FILE"),
    Flag("beam", "how many answers to weigh", "INT", 4, "answers", convert=whole_number(1)),
    Flag("order", "which comes first", "ORDER", "best", choices=("best", "worst")),
    Flag("explain", "say why", default=False),
)
ARGUMENTS = "QUESTION"
EXAMPLE = ("It's good.",)
calls = []


def predict(model_dir, arguments, flags):
    """Refuses a question that is silly."""
    if "silly" in arguments:
        raise UserError("this question is silly; ask another one")
    calls.append((model_dir, arguments, flags))
