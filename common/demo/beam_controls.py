"""The controls of a beam search on a tab of the page: how many answers, candidates kept, length penalty."""

from collections.abc import Mapping
from typing import Any

_SHOWN, _MOST_SHOWN = 3, 10  # answers
_MOST_PENALTY = 3  # length penalty; `predict` takes more


def beam_controls(width: str, widest: int, metadata: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Adds three sliders to the page that is being built, and returns them in the order of `beam_defaults`.

    Args:
        width: Label of the candidates, as the option of `predict` is called.
        widest: The most of them.
        metadata: Of the model, with `beam_width` and `length_penalty` of its settings.
    """
    import gradio

    shown, beam_width, length_penalty = beam_defaults(metadata)
    with gradio.Row():
        return (
            gradio.Slider(1, _MOST_SHOWN, value=shown, step=1, label="n-best"),
            gradio.Slider(1, widest, value=beam_width, step=1, label=width),
            gradio.Slider(0, _MOST_PENALTY, value=length_penalty, step=0.1, label="length_penalty"),
        )


def beam_defaults(metadata: Mapping[str, Any]) -> tuple[int, int, float]:
    """Where the sliders stand first: answers shown, candidates kept, length penalty."""
    return _SHOWN, metadata["beam_width"], metadata["length_penalty"]
