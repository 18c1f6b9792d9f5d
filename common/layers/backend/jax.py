"""The JAX side of `common.layers.backend`; the contracts are those of the TensorFlow side."""

import itertools
import multiprocessing

import jax
import keras

UNROLL = 16  # steps of one turn of a loop on an accelerator, where starting a turn costs as much as a step


def scan(body, carry, xs, length, outputs_like, reverse=False, ahead=None):
    """See `common.layers.backend.tensorflow.scan`; nothing is read ahead."""
    unroll = UNROLL if has_accelerator() else 1
    given = (xs,) if ahead is None else (xs, ahead)
    return jax.lax.scan(lambda carry, x: body(carry, *x), carry, given, length=length, reverse=reverse, unroll=unroll)


def vjp(function, primals):
    """See `common.layers.backend.tensorflow.vjp`."""
    return jax.vjp(function, *primals)


def with_gradient(forward, backward, operands):
    """See `common.layers.backend.tensorflow.with_gradient`."""

    @jax.custom_vjp
    def run(operands):
        return forward(operands)[0]

    def run_forward(operands):
        outputs, kept = forward(operands)
        return outputs, (operands, kept)

    def run_backward(residuals, cotangents):
        given, kept = residuals
        found = backward(given, kept, cotangents)
        zeros = {key: jax.tree.map(jax.numpy.zeros_like, value) for key, value in given.items() if key not in found}
        return ({**found, **zeros},)

    run.defvjp(run_forward, run_backward)
    return run(operands)


def at_once(arrays):
    """See `common.layers.backend.tensorflow.at_once`."""
    if not has_accelerator():
        return arrays
    leaves, structure = jax.tree.flatten(arrays)
    if len({leaf.shape for leaf in leaves}) == 1:  # XLA makes one kernel of them
        return jax.lax.optimization_barrier(arrays)
    ends = list(itertools.accumulate(leaf.shape[-1] for leaf in leaves))
    joined = jax.lax.optimization_barrier(jax.numpy.concatenate(leaves, axis=-1))
    return jax.tree.unflatten(structure, jax.numpy.split(joined, ends[:-1], axis=-1))


def random_uniform(shape, seed_generator):
    """See `common.layers.backend.tensorflow.random_uniform`."""
    return keras.random.uniform(shape, seed=seed_generator)


def has_accelerator():
    """See `common.layers.backend.tensorflow.has_accelerator`."""
    return jax.default_backend() != "cpu"


def cores():
    """See `common.layers.backend.tensorflow.cores`."""
    return multiprocessing.cpu_count()
