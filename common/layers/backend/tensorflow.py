"""The TensorFlow side of `common.layers.backend`."""

import contextlib
import contextvars
import functools
import multiprocessing
from collections.abc import Iterator

import keras
import tensorflow as tf

UNROLL = 8  # steps of one turn of a loop on an accelerator, where starting a turn costs as much as a step
_WRITES_IN_ORDER = contextvars.ContextVar("writes_in_order", default=False)


@contextlib.contextmanager
def writes_in_order() -> Iterator[None]:
    """While the block runs, graphs are traced in which every loop writes its outputs from the first to the last.

    The same answers by one more copy. For converters that take the outputs of a loop in the order in which they were written,
    whatever their places: tf2onnx does, and hands on those of a reversed loop reversed.
    """
    token = _WRITES_IN_ORDER.set(True)
    try:
        yield
    finally:
        _WRITES_IN_ORDER.reset(token)


def scan(body, carry, xs, length, outputs_like, reverse=False, ahead=None):
    """Runs `body` once per step of the leading axis, as one `tf.while_loop` that XLA compiles in place.

    Lengths and batch sizes may be unknown when the graph is built, so the same code serves a SavedModel without XLA.

    Args:
        body: function `(carry, x) -> (carry, y)`; `x` and `y` are of one step.
        carry: the state before the first step, any nest of tensors.
        xs: nest of tensors `[length, ...]`.
        length: number of steps, int or scalar tensor.
        outputs_like: nest of `keras.KerasTensor`, the shapes and dtypes of `y`.
        reverse: go from the last step to the first; the outputs stay in the order of `xs`.
        ahead: nest of more tensors `[length, ...]`, or None. Given, `body` is `(carry, x, one step of ahead)`, which is read
            a step before it is needed, if `length` is an int and there is no accelerator: the body then has an array of its
            own where it would read out of the sequence, which is a copy more, but lets XLA vectorize a kernel that reads
            several parts of it.

    Returns:
        The last carry, and the outputs stacked to `[length, ...]`.
    """
    given = (xs,) if ahead is None else (xs, ahead)
    if isinstance(length, int) and length == 1:  # a decoder's step: a loop would only be in the way of converters
        after, y = body(carry, *(keras.tree.map_structure(lambda each: each[0], each) for each in given))
        keras.tree.assert_same_structure(after, carry)
        return after, keras.tree.map_structure(lambda like, value: value[None], outputs_like, y)
    flipped = reverse and _WRITES_IN_ORDER.get()
    flat_carry = keras.tree.flatten(carry)
    arrays = tuple(tf.TensorArray(y.dtype, length, element_shape=y.shape) for y in keras.tree.flatten(outputs_like))

    reads_ahead = ahead is not None and isinstance(length, int) and not has_accelerator()

    def at(step, nest):
        return keras.tree.map_structure(lambda each: each[step], nest)

    def one_step(count, flat, arrays, read):
        step = length - 1 - count if reverse else count
        if reads_ahead:
            x = (at(step, xs), read)
            read = at(tf.clip_by_value(step - 1 if reverse else step + 1, 0, length - 1), ahead)
        else:
            x = at(step, given)
        after, y = body(keras.tree.pack_sequence_as(carry, flat), *x)
        keras.tree.assert_same_structure(after, carry)
        place = count if flipped else step
        written = tuple(array.write(place, value) for array, value in zip(arrays, keras.tree.flatten(y)))
        return count + 1, tuple(keras.tree.flatten(after)), written, read

    def steps(number, *loop):
        for _ in range(number):
            loop = one_step(*loop)
        return loop

    unroll = UNROLL if has_accelerator() and isinstance(length, int) else 1
    turns = length // unroll
    loop = tf.while_loop(
        lambda count, *_: count < turns * unroll,
        functools.partial(steps, unroll),
        (0, tuple(flat_carry), arrays, at(length - 1 if reverse else 0, ahead) if reads_ahead else ()),
        maximum_iterations=turns,
    )
    _, flat_carry, arrays, _ = steps(length % unroll, *loop) if unroll > 1 else loop
    stacked = [array.stack() for array in arrays]
    if flipped:
        stacked = [tf.reverse(values, [0]) for values in stacked]
    return keras.tree.pack_sequence_as(carry, flat_carry), keras.tree.pack_sequence_as(outputs_like, stacked)


def vjp(function, primals):
    """Returns `function(*primals)` and the function that maps its cotangents to those of `primals`.

    Args:
        function: returns a tuple of tensors.
        primals: tuple of nests of tensors.
    """
    flat = keras.tree.flatten(primals)
    with tf.GradientTape() as tape:
        tape.watch(flat)
        outputs = function(*primals)

    def pullback(cotangents):
        gradients = tape.gradient(
            list(outputs),
            flat,
            output_gradients=list(cotangents),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return keras.tree.pack_sequence_as(primals, gradients)

    return outputs, pullback


def with_gradient(forward, backward, operands):
    """Runs `forward(operands)` so that its gradient is computed by `backward`.

    Args:
        forward: function of the operands that returns the outputs, a tuple of tensors, and what `backward` needs again,
            any nest of tensors.
        backward: function `(operands, kept, cotangents)` that returns a dictionary with the cotangents of those operands
            that have any.
        operands: dictionary of nests of float tensors, everything that both functions use; no captured tensors.

    Returns:
        The outputs of `forward`.
    """
    operands = keras.tree.map_structure(tf.convert_to_tensor, operands)

    @tf.custom_gradient
    def run(*flat):
        given = keras.tree.pack_sequence_as(operands, flat)
        outputs, kept = forward(given)

        def gradient(*cotangents):
            found = backward(given, kept, cotangents)
            zeros = {
                key: keras.tree.map_structure(tf.zeros_like, value) for key, value in given.items() if key not in found
            }
            return tuple(keras.tree.flatten({**found, **zeros}))

        return outputs, gradient

    return run(*keras.tree.flatten(operands))


def at_once(arrays):
    """`arrays` unchanged; where it pays, XLA is told to compute them here, together.

    On an accelerator a step of a small layer costs as much as its kernels have starts. Left alone, XLA spreads the gates of
    one step over several kernels, and computes some of them again in every later step of a turn. TensorFlow has no operation
    that tells XLA so and runs outside XLA, too: only on JAX does this do anything.

    Args:
        arrays: nest of float `[batch, n]`, of the same dtype and each of its own `n`.
    """
    return arrays


def random_uniform(shape, seed_generator):
    """Random numbers from 0 to below 1, float32 of `shape`; the same with XLA and without.

    `keras.random.uniform` leaves the algorithm to TensorFlow, whose choice under XLA on CPU takes ten to thirty times as
    long as this one (`python -m benchmarks.dropout`).
    """
    seed = tf.cast(seed_generator.next(), tf.int32)
    return tf.random.stateless_uniform(shape, seed, alg="philox")


def has_accelerator():
    """Whether TensorFlow sees a GPU or TPU; what is traced then is meant to run there."""
    return bool(tf.config.list_physical_devices("GPU") or tf.config.list_physical_devices("TPU"))


def cores():
    """On how many cores of this machine XLA may run what is independent."""
    return tf.config.threading.get_intra_op_parallelism_threads() or multiprocessing.cpu_count()
