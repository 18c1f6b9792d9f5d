"""The steps that `benchmarks.layers` times.

A training step is forward, backward, and the gradients of all weights and of the input; inference is forward alone.
"""

import math
import os
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.layer_shapes import Shape
from common import layers
from common.layers.mlstm import CHUNK

PRODUCT = 2048  # rows and columns of the matrices whose product is the roofline
Step = Callable[[], object]


def thread_count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def gradient_function(layer: keras.layers.Layer, jit_compile: bool = True, on_trace: Callable = lambda: None):
    """The function of the inputs to the gradients of the loss, first by the inputs and then by the weights."""

    @tf.function(jit_compile=jit_compile, autograph=False)
    def step(*inputs):
        on_trace()
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(*inputs)))
        return tape.gradient(loss, [*inputs, *(weight.value for weight in layer.trainable_weights)])

    return step


def training_step(layer: keras.layers.Layer, shape: Shape, jit_compile: bool = True) -> Step:
    """A function that runs forward and backward once, and returns when that is done."""
    inputs, step = built_inputs(layer, shape), gradient_function(layer, jit_compile)
    return lambda: [gradient.numpy() for gradient in step(*inputs)]


def inference_step(layer: keras.layers.Layer, shape: Shape, jit_compile: bool = True) -> Step:
    """A function that runs forward once, and returns when that is done."""
    inputs = built_inputs(layer, shape)
    answer = tf.function(lambda *inputs: layer(*inputs), jit_compile=jit_compile, autograph=False)
    return lambda: answer(*inputs).numpy()


def built_inputs(layer: keras.layers.Layer, shape: Shape) -> list[tf.Tensor]:
    """The inputs of a layer, which is built for them; a memory is as long as the sequence and has `units` features."""
    inputs = [shape.sequence()]
    if isinstance(layer, layers.AttentionRNN):
        inputs.append(Shape(shape.batch, shape.time, shape.units, shape.units).sequence())
    layer.build(*((None, None, each.shape[-1]) for each in inputs))
    return [tf.constant(each) for each in inputs]


def ours(name: str, shape: Shape, bidirectional: bool = False, step: Callable[..., Step] = training_step) -> Step:
    layer = getattr(layers, name)(shape.units, return_sequences=True)
    return step(layers.Bidirectional(layer) if bidirectional else layer, shape)


def operations_of_products(name: str, shape: Shape) -> float:
    """Floating-point operations of the matrix products of a training step of a layer of ours, as `Shape.operations`.

    Every kernel is multiplied with every step once; mLSTM has products of steps with steps, too.
    """
    layer = getattr(layers, name)(shape.units, return_sequences=True)
    layer.build((None, None, shape.features))
    per_step = sum(math.prod(weight.shape) for weight in layer.weights if len(weight.shape) > 1)
    if isinstance(layer, layers.MLSTM):
        # With the steps of the chunk, as queries and keys and as values; and with the memory, written and read.
        per_step += 2 * min(CHUNK, shape.time) * shape.units + 2 * shape.units**2 // layer.cell.heads
    return 3 * 2 * shape.batch * shape.time * per_step


def with_attention(form: str, shape: Shape, step: Callable[..., Step] = training_step) -> Step:
    """A layer over a sequence and a memory; the cell, the attention and the form are those of the form's paper."""
    units = shape.units
    cell = (layers.LSTMCell if form == "input_feeding" else layers.GRUCell)(units)
    attention = layers.MultiplicativeAttention() if form == "input_feeding" else layers.AdditiveAttention(units)
    attention_units = units if form == "input_feeding" else None
    layer = layers.AttentionRNN(layers.AttentionCell(cell, attention, form, attention_units), return_sequences=True)
    return step(layer, shape)


def keras_steps(
    name: str, shape: Shape, bidirectional: bool = False, step: Callable[..., Step] = training_step
) -> dict[str, Step]:
    """Keras's own layer, with XLA and without."""
    steps = {}
    for label, jit_compile in (("keras, XLA", True), ("keras, no XLA", False)):
        layer = getattr(keras.layers, name)(shape.units, return_sequences=True)
        steps[label] = step(keras.layers.Bidirectional(layer) if bidirectional else layer, shape, jit_compile)
    return steps


def product_step() -> Step:
    """The product of two large matrices: its rate is what the processor can do at best."""
    matrix = tf.constant(np.random.default_rng(0).standard_normal((PRODUCT, PRODUCT), np.float32))
    return lambda: tf.matmul(matrix, matrix).numpy()
