"""The tables of docs/signatures.md beside what an export says of itself: names, types and number of axes."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "signatures.md"
_TENSOR = re.compile(r"`(?P<name>\w+)` (?P<type>\w+) `\[(?P<axes>[^\]]*)\]`")


def assert_the_page_is_true(app: str, model: Path) -> None:
    """Of an application that the page does not show, such as one that somebody adds, nothing is demanded.

    Args:
        app: the name of the application, which is a heading of the page.
        model: the version directory of its export.
    """
    told = signatures_of_the_page(app)
    assert not told or told == signatures_of(model), f"the tables of {app} in docs/signatures.md"


def signatures_of_the_page(app: str) -> dict:
    """For each signature what it takes and what it returns: two dictionaries of name to type and number of axes."""
    text = PAGE.read_text("utf-8") if PAGE.is_file() else ""
    section = re.search(rf"^## {app}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", section[1], re.MULTILINE) if section else []
    return {name: tuple(map(_tensors, cells)) for name, *cells in rows}


def _tensors(cell: str) -> dict:
    return {each["name"]: (each["type"], len(each["axes"].split(","))) for each in _TENSOR.finditer(cell)}


def signatures_of(model: Path) -> dict:
    """The same of an export, from its file alone."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    def described(tensors):
        return {
            name: (tf.dtypes.as_dtype(tensor.dtype).name, len(tensor.tensor_shape.dim))
            for name, tensor in tensors.items()
        }

    saved_model = saved_model_pb2.SavedModel()
    saved_model.ParseFromString((model / "saved_model.pb").read_bytes())
    return {
        name: (described(signature.inputs), described(signature.outputs))
        for name, signature in saved_model.meta_graphs[0].signature_def.items()
        if not name.startswith("__")
    }
