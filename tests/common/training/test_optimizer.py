"""What a user loses without these: clipping that clips, a gradient norm that is one, a schedule that ends at
zero."""

import keras
import numpy as np
import pytest

from common.config_sections import TrainConfig
from common.training.averaging import innermost
from common.training.optimizer import MeasuredAdam, WarmupSchedule, make_optimizer


def linear_model(optimizer, **options):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, dtype="float32")(inputs))
    model.compile(optimizer=optimizer, loss="mse", jit_compile=True, **options)
    return model


def data():
    random = np.random.default_rng(0)
    return random.normal(size=(8, 3)).astype("float32"), random.normal(size=(8, 1)).astype("float32")


def gradient_of(model, inputs, labels):
    kernel = model.layers[-1].kernel.numpy()
    return 2 / len(inputs) * inputs.T @ (inputs @ kernel - labels)  # of the mean squared error


def test_the_norm_is_that_of_the_gradient_before_clipping_within_xla():
    inputs, labels = data()
    model = linear_model(MeasuredAdam(0.1, global_clipnorm=1e-3))
    model.optimizer.build(model.trainable_variables)
    norms = []
    for _ in range(3):
        norms.append(np.linalg.norm(gradient_of(model, inputs, labels)))
        model.fit(inputs, labels, batch_size=8, verbose=0)
        assert float(model.optimizer.gradient_norm.numpy()) == pytest.approx(norms[-1], rel=1e-4)
    assert float(model.optimizer.gradient_norm_sum.numpy()) == pytest.approx(sum(norms), rel=1e-4)
    assert int(model.optimizer.first_nonfinite_step.numpy()) == -1


def test_repeated_words_are_added_up_before_they_are_measured_and_clipped():
    # Keras's own global norm takes the two gradients of the repeated word for those of two words.
    inputs = keras.Input((4,), dtype="int32")
    embedded = keras.layers.Embedding(5, 2, embeddings_initializer="ones")(inputs)
    model = keras.Model(inputs, keras.ops.sum(embedded, axis=(1, 2)))
    model.compile(optimizer=MeasuredAdam(0.1, global_clipnorm=2.0, epsilon=1.0), loss="mse", jit_compile=True)
    ids, label = np.array([[3, 3, 3, 1]], "int32"), np.array([6.5], "float32")
    before = model.layers[1].embeddings.numpy()
    model.fit(ids, label, verbose=0)
    gradient = np.zeros((5, 2))
    gradient[3], gradient[1] = 3 * 2 * 1.5, 2 * 1.5  # the prediction is 8, so dLoss/dPrediction is 2 * 1.5
    norm = np.linalg.norm(gradient)
    assert float(model.optimizer.gradient_norm.numpy()) == pytest.approx(norm, rel=1e-5)
    clipped = gradient * 2.0 / norm
    # Adam's first step, with bias correction; an epsilon of 1 makes it depend on the length of the gradient.
    step = 0.1 * np.sqrt(1 - 0.999) / (1 - 0.9) * 0.1 * clipped / (np.sqrt(0.001) * np.abs(clipped) + 1.0)
    np.testing.assert_allclose(model.layers[1].embeddings.numpy(), before - step, rtol=1e-5)


def test_the_running_mean_of_the_weights_is_the_one_in_the_docstring():
    inputs, labels = data()
    model = linear_model(MeasuredAdam(0.1, weight_average=0.25))
    mean = None
    for updates in range(5):
        model.fit(inputs, labels, batch_size=8, verbose=0)
        weights = model.layers[-1].kernel.numpy()
        momentum = min(0.25, updates / (updates + 9))
        mean = weights if mean is None else momentum * mean + (1 - momentum) * weights
    np.testing.assert_allclose(model.optimizer.averages[0].numpy(), mean, rtol=1e-5)


def test_float16_does_not_blow_the_norm_up_by_its_loss_scale():
    inputs, labels = data()
    model = linear_model(keras.optimizers.LossScaleOptimizer(MeasuredAdam(0.1), initial_scale=1024.0))
    model.optimizer.build(model.trainable_variables)
    expected = np.linalg.norm(gradient_of(model, inputs, labels))
    model.fit(inputs, labels, batch_size=8, verbose=0)
    assert float(innermost(model.optimizer).gradient_norm.numpy()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("decay", ["constant", "linear", "cosine"])
def test_the_learning_rate_rises_stays_or_falls_to_zero(decay):
    schedule = WarmupSchedule(0.5, total_steps=100, warmup_steps=10, decay=decay)
    rates = np.array([float(schedule(step)) for step in range(100)])
    np.testing.assert_allclose(rates[:10], 0.5 * np.arange(1, 11) / 10, rtol=1e-6)
    progress = (np.arange(10, 100) - 10) / 90
    falls = {"constant": np.ones(90), "linear": 1 - progress, "cosine": 0.5 * (1 + np.cos(np.pi * progress))}
    np.testing.assert_allclose(rates[10:], 0.5 * falls[decay], rtol=1e-4, atol=1e-7)
    assert float(schedule(1000)) == pytest.approx(0.5 if decay == "constant" else 0.0, abs=1e-7)


def test_the_configuration_reaches_the_optimizer():
    config = TrainConfig(
        learning_rate=0.2, schedule="constant", warmup_fraction=0, clip_norm=0, weight_decay=0.1, beta_1=0.8
    )
    optimizer = make_optimizer(config, total_steps=10)
    assert float(optimizer.learning_rate) == pytest.approx(0.2)
    assert (optimizer.global_clipnorm, optimizer.weight_decay, optimizer.beta_1) == (None, 0.1, 0.8)
    optimizer = make_optimizer(TrainConfig(schedule="cosine", clip_norm=3.0, weight_average=0.99), total_steps=40)
    assert (optimizer.global_clipnorm, optimizer.weight_decay, optimizer.weight_average) == (3.0, None, 0.99)
    assert float(optimizer.learning_rate) == pytest.approx(1e-3 / 2)  # the first of two steps of warm-up


def test_decay_spares_biases():
    dense = keras.layers.Dense(2, bias_initializer="ones", kernel_initializer="ones")
    dense.build((None, 2))
    optimizer = MeasuredAdam(0.5, weight_decay=0.5)
    optimizer.apply([keras.ops.zeros((2, 2)), keras.ops.zeros((2,))], dense.trainable_variables)
    np.testing.assert_allclose(dense.kernel.numpy(), 0.75)
    np.testing.assert_allclose(dense.bias.numpy(), 1.0)
