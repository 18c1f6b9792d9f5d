"""The TensorFlow side of `common.layers.backend`."""

import tensorflow as tf


def scan(body, carry, xs, outputs_like, reverse=False):
    """Runs `body` once per step of the leading axis, as one `tf.while_loop` that XLA compiles in place.

    Lengths and batch sizes may be unknown when the graph is built, so the same code serves a SavedModel without XLA.

    Args:
        body: function `(carry, x) -> (carry, y)`; `carry`, `x` and `y` are flat tuples of tensors of one step.
        carry: tuple of tensors, the state before the first step.
        xs: tuple of tensors `[time, ...]`, all of the same length.
        outputs_like: tuple of tensors of the shapes and dtypes of `y`.
        reverse: go from the last step to the first; the outputs stay in the order of `xs`.

    Returns:
        The last carry, and the tuple of outputs stacked to `[time, ...]`.
    """
    length = xs[0].shape[0] if xs[0].shape[0] is not None else tf.shape(xs[0])[0]
    arrays = tuple(tf.TensorArray(y.dtype, length, element_shape=y.shape) for y in outputs_like)

    def one_step(count, carry, arrays):
        step = length - 1 - count if reverse else count
        carry, ys = body(carry, tuple(x[step] for x in xs))
        return count + 1, tuple(carry), tuple(array.write(step, y) for array, y in zip(arrays, ys))

    _, carry, arrays = tf.while_loop(
        lambda count, *_: count < length, one_step, (0, tuple(carry), arrays), maximum_iterations=length
    )
    return carry, tuple(array.stack() for array in arrays)


def vjp(function, primals):
    """Returns `function(*primals)` (a tuple) and the function that maps its cotangents to those of `primals`."""
    with tf.GradientTape() as tape:
        tape.watch(primals)
        outputs = function(*primals)

    def pullback(cotangents):
        return tape.gradient(
            list(outputs),
            list(primals),
            output_gradients=list(cotangents),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )

    return outputs, pullback


def with_gradient(forward, backward, operands):
    """Runs `forward(*operands)` so that its gradient is computed by `backward`.

    Args:
        forward: function of the operands that returns a tuple of tensors.
        backward: function `(operands, outputs, cotangents)` that returns one cotangent for each operand.
        operands: tuple of float tensors, everything that `forward` and `backward` use; no captured tensors.

    Returns:
        What `forward` returns.
    """

    @tf.custom_gradient
    def run(*operands):
        outputs = tuple(forward(*operands))

        def gradient(*cotangents):
            return tuple(backward(operands, outputs, cotangents))

        return outputs, gradient

    return run(*(tf.convert_to_tensor(operand) for operand in operands))
