"""How the work of a recurrence is divided: a batch into parts of its rows, a sequence into chunks of its steps."""

import math

import keras
from keras import ops

from common.layers.backend import cores, has_accelerator

ROWS = 2048  # steps times batch of one chunk: enough for an efficient product, few enough for the cache
STEPS = 16  # of one chunk where time or the size of the batch is not known
PARTS = 2  # at most: more were measured with JAX on 16 cores alone, where they took from 0.7 to 1.2 times as long
LEAST_ROWS = 8  # of a part
LEAST_WORK = 2**18  # multiplications in the product of one step below which a step is too short to be divided
MOST_WORK = 2**25  # above which the product of one step is shared among cores as it is
AXIS_OF_ROWS = {"initial_state": 0, "d_last": 0}  # of all others it is 1, behind that of time
BY_STEP = ("sequence", "d_outputs", "mask")
BY_STEP_OR_CONSTANT = ("recurrent_dropout", "zoneout")  # over time, then `[1, ...]`


def chunk_length(time, batch):
    """Steps of one chunk: a divisor of `time` if there is one near `ROWS` rows, else what the sequence is padded to.

    An accelerator has no cache to stay in: there the whole sequence is one chunk.

    Args:
        time: int, or None if unknown.
        batch: int, or None if unknown.
    """
    if time is None:
        return STEPS
    if has_accelerator():
        return time
    most = max(1, min(time, ROWS // batch if batch else STEPS))
    divisor = max(length for length in range(1, most + 1) if time % length == 0)
    return divisor if 2 * divisor >= most else most


def row_parts(batch, weights):
    """Into how many parts the rows of a batch are divided, which go through the steps side by side.

    On a CPU the product of one step is often too small to be shared among cores, and XLA runs what depends on each other
    on one core. What is independent it runs on several. Measured on two cores under XLA, how many times as fast two parts
    are as one, medians of 9 to 11 interleaved rounds, a training step and inference; the limits above are drawn where the
    gain ends:

        batch, time, features, units    LSTM          GRU
        64, 400, 128, 128               1.3, 1.4      1.2, 1.4
        32, 256, 64, 64                 1.1, 1.2      1.0, 1.2
        256, 100, 64, 64                1.1, 1.3      1.2, 1.3
        64, 128, 128, 256               1.1, 1.1      1.1, 1.3
        32, 256, 32, 32                 1.0, 1.0      1.0, 1.0
        256, 50, 256, 512               0.95, 1.0     0.9, 1.0
        16, 100, 512, 1024              0.9, 0.9      1.0, 1.1
        8, 200, 128, 256                0.9, 1.0      0.8, 1.4

    Args:
        batch: int, or None if unknown.
        weights: as in `recurrence`.
    """
    if batch is None or "recurrent_kernel" not in weights or has_accelerator():
        return 1
    if weights["gate_weights"]:  # their gradients are sums over the rows, which take longer in parts
        return 1
    if not LEAST_WORK <= batch * math.prod(weights["recurrent_kernel"].shape) < MOST_WORK:
        return 1
    most = min(PARTS, cores(), batch // LEAST_ROWS)
    return max(parts for parts in range(1, max(1, most) + 1) if batch % parts == 0)


def in_parts(operands, parts):
    """The operands of each part of the rows: all of `weights`, and its rows of the others."""

    def divided(each, axis):
        if parts == 1 or each.shape[axis] == 1:  # the same for all rows
            return (each,) * parts
        return tuple(ops.split(each, parts, axis))

    found = tuple({"weights": operands["weights"]} for _ in range(parts))
    for name, nest in operands.items():
        if name == "weights":
            continue
        flat = [divided(each, AXIS_OF_ROWS.get(name, 1)) for each in keras.tree.flatten(nest)]
        for part, values in zip(found, zip(*flat)):
            part[name] = keras.tree.pack_sequence_as(nest, values)
    return found


def in_chunks(operands, steps):
    """Those operands that differ from step to step: `[time, ...]` to `[chunks, steps, ...]`."""
    time = ops.shape(operands["sequence"])[0]

    def divided(each):
        _, *rest = ops.shape(each)
        if each.shape[0] == 1:
            each = ops.repeat(each, time, axis=0)
        return ops.reshape(each, (time // steps, steps, *rest))

    def differs(name):
        return name in BY_STEP or any(each.shape[0] != 1 for each in keras.tree.flatten(operands[name]))

    names = [name for name in BY_STEP + BY_STEP_OR_CONSTANT if name in operands and differs(name)]
    return {name: keras.tree.map_structure(divided, operands[name]) for name in names}


def parts_joined(parts, axis):
    """What belongs to all rows, from what belongs to each part."""
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis)


def chunks_joined(chunks):
    """`[chunks, steps, ...]` to `[time, ...]`."""
    count, steps, *rest = ops.shape(chunks)
    return ops.reshape(chunks, (count * steps, *rest))


def padded(by_step, padding):
    """A tensor or nest with `padding` steps more, which are not real. What is constant over time, `[1, ...]`, stays so."""

    def longer(each):
        return each if each.shape[0] == 1 else ops.pad(each, [[0, padding]] + [[0, 0]] * (len(each.shape) - 1))

    return keras.tree.map_structure(longer, by_step)
