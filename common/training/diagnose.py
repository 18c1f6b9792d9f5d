"""How the gradient fades or grows on its way back through time: the textbook's picture, on the user's own
data.

A cell is run step by step over embedded examples, the loss is read from its last state alone, and the norm of
the gradient with respect to the state is measured at every step before it. The verb `diagnose` puts the
chosen cell beside a `SimpleRNN`.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from matplotlib.figure import Figure

from common.figures import save_figure
from common.files import write_json
from common.layers import SimpleRNN
from common.plots import BLUE, GREEN, GREY, ORANGE

# A factor per step nearer to 1 than this is called steady: it takes 70 steps to halve or double.
_STEADY = 0.01
_COLOURS, _STYLES = (BLUE, ORANGE, GREEN, GREY), ("-", "--", "-.", ":")

Readout = Callable[[Any], Any]


def fresh_readout(label_ids: np.ndarray, units: int, classes: int, seed: int = 0) -> Readout:
    """Makes the loss of an untrained linear classifier of states.

    Args:
        label_ids: int [batch], the right class of each example.
        units: Size of the state.
        classes: Number of classes.
        seed: Of its weights.
    """
    kernel = np.random.default_rng(seed).normal(scale=1 / math.sqrt(units), size=(units, classes))
    return linear_readout(label_ids, kernel, np.zeros(classes))


def linear_readout(label_ids: np.ndarray, kernel: Any, bias: Any) -> Readout:
    """Makes the loss of a linear classifier of states, for instance of the trained model's last layer.

    Args:
        label_ids: int [batch], the right class of each example.
        kernel: float [units, classes].
        bias: float [classes].

    Returns:
        A function of the states, float [batch, units], that returns the cross-entropy of each example,
        float [batch].
    """
    kernel, bias = (ops.convert_to_tensor(value, dtype="float32") for value in (kernel, bias))
    label_ids = ops.convert_to_tensor(label_ids, dtype="int32")

    def losses(states):
        logits = ops.matmul(states, kernel) + bias  # [batch, classes]
        return keras.losses.sparse_categorical_crossentropy(label_ids, logits, from_logits=True)

    return losses


def norms_through_time(
    cell: keras.layers.Layer,
    inputs: np.ndarray,
    mask: np.ndarray | None,
    readout: Readout,
    state: int | None = None,
) -> np.ndarray:
    """Measures the norm of dLoss/dState at every step.

    A small change is added to the state after each step, and the loss is differentiated with respect to all
    these changes at once; so the gradient at a step is the whole one, through all the steps after it.

    Args:
        cell: A built or new cell, `cell(inputs, states) -> output, states`, whose first state is its output:
            Keras's `SimpleRNNCell`, `GRUCell`, `LSTMCell` or those of `common.layers`.
        inputs: float [batch, time, features].
        mask: bool [batch, time], False for padding on either side; None = no padding. Padding carries the
            states through unchanged.
        readout: The loss of each example, float [batch], from the first state after the last real step,
            float [batch, units]; see `fresh_readout`.
        state: Which state to measure, e.g. 1 for the cell state of an LSTM; None = all states as one vector.

    Returns:
        Norms, float [time], aligned at the end: the last is that of the last real step of every example.
        Each is the mean over the examples that reach back so far, 0 where none does.

    Raises:
        ValueError: If an example has no real step.
    """
    inputs = np.asarray(inputs, dtype="float32")
    batch, time, _ = inputs.shape
    mask = np.ones((batch, time), bool) if mask is None else np.asarray(mask, bool)
    if not mask.any(axis=1).all():
        raise ValueError("every example needs at least one real step")
    sizes = [cell.state_size] if isinstance(cell.state_size, int) else list(cell.state_size)
    sizes = [size if isinstance(size, int) else size[-1] for size in sizes]

    def loss(*changes):  # each [time, batch, units]
        states = [ops.zeros((batch, size), "float32") for size in sizes]
        for step in range(time):
            _, new = cell(inputs[:, step], states)
            new = list(new) if isinstance(new, (list, tuple)) else [new]
            real = mask[:, step, None]  # [batch, 1]
            states = [ops.where(real, n + change[step], s) for n, s, change in zip(new, states, changes, strict=True)]
        return ops.sum(readout(states[0]))

    gradients = _gradients(loss, [np.zeros((time, batch, size), "float32") for size in sizes])
    if state is not None:
        gradients = [gradients[state]]
    squares = sum(np.square(gradient, dtype="float64").sum(axis=-1) for gradient in gradients)  # [time, batch]
    return _mean_from_the_end(np.sqrt(squares).T, mask)


def beside_simple_rnn(
    name: str,
    cell: Any,
    units: int,
    inputs: np.ndarray,
    mask: np.ndarray | None,
    readout: Readout,
    folder: Path,
    *,
    trained: bool,
    of: str = "",
) -> dict[str, Any]:
    """Writes `gradient_through_time.png` and `.json`: a cell beside an untrained `SimpleRNN` on the same inputs.

    Args:
        name: Of the cell, as in `common.layers.by_name`.
        cell: What is measured.
        units: Size of its state.
        inputs: float [batch, time, features].
        mask: bool [batch, time], or None when all steps are real.
        readout: As for `norms_through_time`.
        folder: Where the files go.
        trained: Whether the cell is; an untrained `simple_rnn` stands alone.
        of: More to say of both in the picture, such as ", segments".

    Returns:
        As `plot_norms`.
    """
    state = "trained" if trained else "untrained"
    norms = {f"{name} ({state}{of})": norms_through_time(cell, inputs, mask, readout)}
    if name != "simple_rnn" or trained:
        norms[f"simple_rnn (untrained{of})"] = norms_through_time(SimpleRNN(units).cell, inputs, mask, readout)
    return plot_norms(norms, folder / "gradient_through_time.png")


def factor_per_step(norms: np.ndarray) -> float:
    """Returns by what the norm is multiplied with each step further back; NaN if it cannot be told.

    The slope of the least-squares line through the logarithms of the norms, without those that float32 cannot
    tell from zero.
    """
    back = np.arange(len(norms))[::-1]
    positive = (norms > np.finfo(np.float32).tiny) & np.isfinite(norms)
    if positive.sum() < 2:
        return math.nan
    return float(np.exp(np.polyfit(back[positive], np.log(norms[positive]), 1)[0]))


def describe(factor: float) -> str:
    """Returns a factor per step in words: `x 0.82 a step back: vanishes, halves in 3.5 steps`."""
    if math.isnan(factor):
        return "no gradient arrives before the last step"
    if abs(factor - 1) < _STEADY:
        return f"x {factor:.3f} a step back: steady"
    steps = abs(math.log(2) / math.log(factor))
    change = "vanishes, halves" if factor < 1 else "explodes, doubles"
    return f"x {factor:.3g} a step back: {change} in {steps:.1f} steps"


def plot_norms(norms: Mapping[str, np.ndarray], path: Path) -> dict[str, Any]:
    """Draws the norms of several cells into one picture, and writes the numbers beside it as JSON.

    Args:
        norms: For each cell its name and its norms, float [time], as from `norms_through_time`.
        path: The PNG; the numbers go to the same name with `.json`.

    Returns:
        What the JSON holds: for each cell `factor_per_step`, `description` and `norms`.

    Raises:
        UserError: If the files cannot be written.
    """
    summary = {}
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for index, (name, values) in enumerate(norms.items()):
        values = np.asarray(values, dtype="float64")
        factor = factor_per_step(values)
        summary[name] = {"factor_per_step": factor, "description": describe(factor), "norms": values}
        shown = np.where(values > 0, values, np.nan)[::-1]  # a logarithm has no place for zero
        axes.plot(
            np.arange(len(shown)),
            shown,
            label=f"{name}: {describe(factor)}",
            color=_COLOURS[index % len(_COLOURS)],
            linestyle=_STYLES[index % len(_STYLES)],
        )
    axes.set_yscale("log")
    axes.invert_xaxis()
    axes.set_xlabel("steps before the last one")
    axes.set_ylabel("norm of dLoss / dState, mean over examples")
    axes.set_title("The gradient on its way back through time")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", frameon=False)
    save_figure(figure, path)
    write_json(Path(path).with_suffix(".json"), summary)
    return summary


def _mean_from_the_end(norms: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Aligns the norms [batch, time] at the last real steps and averages over examples."""
    batch, time = mask.shape
    total, count = np.zeros(time), np.zeros(time)
    for example in range(batch):
        real = norms[example][mask[example]]
        total[time - len(real) :] += real
        count[time - len(real) :] += 1
    return total / np.maximum(count, 1)


def _gradients(loss: Callable[..., Any], values: list[np.ndarray]) -> list[np.ndarray]:
    """Differentiates a scalar function with respect to all its arguments, on either backend."""
    if keras.backend.backend() == "jax":
        import jax

        return [np.asarray(g) for g in jax.grad(loss, argnums=tuple(range(len(values))))(*values)]
    import tensorflow as tf

    # Without compilation: XLA would unroll the steps and compile for minutes to save a second.
    changes = [tf.constant(value) for value in values]
    with tf.GradientTape() as tape:
        tape.watch(changes)
        result = loss(*changes)
    return [gradient.numpy() for gradient in tape.gradient(result, changes, unconnected_gradients="zero")]
