"""The JAX side of `common.layers.backend`; the contracts are those of the TensorFlow side."""

import jax


def scan(body, carry, xs, outputs_like, reverse=False):
    """See `common.layers.backend.tensorflow.scan`."""
    return jax.lax.scan(body, tuple(carry), tuple(xs), reverse=reverse)


def vjp(function, primals):
    """See `common.layers.backend.tensorflow.vjp`."""
    outputs, pullback = jax.vjp(function, *primals)
    return outputs, lambda cotangents: pullback(tuple(cotangents))


def with_gradient(forward, backward, operands):
    """See `common.layers.backend.tensorflow.with_gradient`."""

    @jax.custom_vjp
    def run(*operands):
        return tuple(forward(*operands))

    def run_forward(*operands):
        outputs = tuple(forward(*operands))
        return outputs, (operands, outputs)

    def run_backward(residuals, cotangents):
        operands, outputs = residuals
        return tuple(backward(operands, outputs, cotangents))

    run.defvjp(run_forward, run_backward)
    return run(*operands)
