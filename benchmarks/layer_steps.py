"""The training steps that `benchmarks.layers` times: forward, backward, gradients of all weights and of the input."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from common import layers

PRODUCT = 2048  # rows and columns of the matrices whose product is the roofline
GATES = {"LSTM": 4, "GRU": 3}


@dataclass(frozen=True)
class Shape:
    """Sizes of one layer and its input, written `BATCHxTIMExFEATURESxUNITS`."""

    batch: int
    time: int
    features: int
    units: int

    @classmethod
    def parse(cls, text: str) -> "Shape":
        return cls(*map(int, text.split("x")))

    def __str__(self) -> str:
        return f"{self.batch}x{self.time}x{self.features}x{self.units}"

    def operations(self, gates: int) -> float:
        """Floating-point operations of the products of a training step: forward, and twice as many backward."""
        return 3 * 2 * self.batch * self.time * (self.features + self.units) * gates * self.units

    def sequence(self) -> np.ndarray:
        return np.random.default_rng(0).standard_normal((self.batch, self.time, self.features), np.float32)


def thread_count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def gradient_function(layer: keras.layers.Layer, jit_compile: bool = True, on_trace: Callable = lambda: None):
    """The function of an input to the gradients of the loss, first by the input and then by the weights."""

    @tf.function(jit_compile=jit_compile, autograph=False)
    def step(inputs):
        on_trace()
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(inputs)))
        return tape.gradient(loss, [inputs, *(weight.value for weight in layer.trainable_weights)])

    return step


def training_step(layer: keras.layers.Layer, shape: Shape, jit_compile: bool = True) -> Callable[[], object]:
    """A function that runs forward and backward once, and returns when that is done."""
    layer.build((None, None, shape.features))
    inputs, step = tf.constant(shape.sequence()), gradient_function(layer, jit_compile)
    return lambda: [gradient.numpy() for gradient in step(inputs)]


def ours(name: str, shape: Shape, bidirectional: bool = False) -> Callable[[], object]:
    layer = getattr(layers, name)(shape.units, return_sequences=True)
    return training_step(layers.Bidirectional(layer) if bidirectional else layer, shape)


def keras_steps(name: str, shape: Shape, bidirectional: bool = False) -> dict[str, Callable[[], object]]:
    """Keras's own layer, with XLA and without."""
    steps = {}
    for label, jit_compile in (("keras, XLA", True), ("keras, no XLA", False)):
        layer = getattr(keras.layers, name)(shape.units, return_sequences=True)
        steps[label] = training_step(keras.layers.Bidirectional(layer) if bidirectional else layer, shape, jit_compile)
    return steps


def product_step() -> Callable[[], object]:
    """The product of two large matrices: its rate is what the processor can do at best."""
    matrix = tf.constant(np.random.default_rng(0).standard_normal((PRODUCT, PRODUCT), np.float32))
    return lambda: tf.matmul(matrix, matrix).numpy()


def roofline_seconds(operations: float, product_seconds: float) -> float:
    """What so many operations take at the rate of the product."""
    return operations * product_seconds / (2 * PRODUCT**3)
