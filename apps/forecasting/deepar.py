"""DeepAR: one step after the other, each a distribution given the value before; forecasts are sample paths."""

import keras
from keras import ops

from apps.forecasting.layers import WindowStatistics
from apps.forecasting.likelihoods import LIKELIHOODS
from common.layers import Dropout
from common.layers.backend import scan
from common.layers.by_name import LAYERS


def deepar(settings, sizes, seed):
    """The training network: every step sees the true value before it.

    Args:
        settings: `ModelConfig`.
        sizes: `Sizes` of what goes in and out.
        seed: int, of dropout and samples.

    Returns:
        A `keras.Model` from `history` float `[batch, look_back, features]`, `future` (if anything is known) float
        `[batch, horizon, known]` and `future_targets` float `[batch, horizon, targets]` to the parameters of the distribution
        of the steps 2 to look_back + horizon, a float32 `[batch, steps, targets, parameters]`. Past covariates are not read,
        because nobody has them while the future is drawn.

    Reference:
        Salinas et al. 2017, "DeepAR: Probabilistic forecasting with autoregressive recurrent networks", arXiv:1704.04110.
    """
    inputs = {**sizes.inputs(), "future_targets": keras.Input((sizes.horizon, sizes.targets), name="future_targets")}
    decoder = Autoregression(
        [
            LAYERS[settings.cell](settings.units, return_sequences=True, return_state=True, seed=seed + index)
            for index in range(settings.layers)
        ],
        targets=sizes.targets,
        horizon=sizes.horizon,
        known=sizes.known,
        shared=settings.channels == "shared",
        normalization=settings.normalization,
        last_weight=settings.last_weight,
        likelihood=settings.likelihood,
        dropout=settings.dropout,
        samples=settings.samples,
        seed=seed,
        name="autoregression",
    )
    outputs = decoder(inputs["history"], inputs.get("future"), inputs["future_targets"])
    return keras.Model(inputs, outputs, name="network")


@keras.saving.register_keras_serializable(package="unroll")
class Autoregression(keras.layers.Layer):
    """A recurrent network over the values so far that gives the distribution of the next one.

    Training (`call`) and sampling (`sample`) share `step_inputs`, the cells and `parameters`.

    Args:
        layers: list of recurrent layers of `common.layers` that return sequences and state.
        targets, horizon, known: how many there are; the last `known` features of the history are known of the future, too.
        shared: whether each target goes through the network alone.
        normalization, last_weight: of `WindowStatistics`.
        likelihood: name of the distribution.
        dropout: fraction of the features dropped before the output and between layers.
        samples: sample paths.
        seed: int.

    Call arguments:
        history: float `[batch, look_back, features]`.
        future: float `[batch, horizon, known]`, or None without anything known.
        future_targets: float `[batch, horizon, targets]`, the true values.
        training: whether dropout is active.

    Returns:
        float32 `[batch, look_back + horizon - 1, targets, parameters]`, in the units of the inputs.
    """

    def __init__(
        self,
        layers,
        targets,
        horizon,
        known,
        shared,
        normalization,
        likelihood,
        dropout,
        samples,
        last_weight=1.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.layers, self.targets, self.horizon = list(layers), targets, horizon
        self.known, self.shared = known, shared
        self.normalization, self.last_weight = normalization, last_weight
        self.likelihood, self.samples, self.seed = likelihood, samples, seed
        self.distribution = LIKELIHOODS[likelihood]()
        # Counts come as they are, so the unit is one; as in Salinas et al. 2017.
        least = {"least": 1.0} if likelihood == "negative_binomial" else {}
        self.statistics = WindowStatistics(normalization, last_weight=last_weight, **least)
        self.dropout = dropout
        self.dropouts = [
            Dropout(dropout, seed=None if seed is None else seed + index) for index in range(len(self.layers))
        ]
        self.width = 1 if shared else targets  # targets that go through the network together
        self.dense = keras.layers.Dense(self.width * self.distribution.parameters, dtype="float32", name="parameters")

    def build(self, history_shape, future_shape=None, future_targets_shape=None):
        features = self.width + self.known + self.width  # values, what is known, the size of the window
        for layer in self.layers:
            layer.build((history_shape[0], history_shape[1], features))
            features = layer.output_size
        self.dense.build((None, features))
        self.constant = self.add_weight(
            (self.targets, max(1, self.distribution.weights)),
            "zeros",
            name="constant",
            trainable=bool(self.distribution.weights),
        )

    def call(self, history, future=None, future_targets=None, training=None):
        shift, scale = self.statistics(history[:, :, : self.targets])
        values = ops.concatenate([history[:, :, : self.targets], future_targets], axis=1)
        known = self._known(history, future)
        sequence = self.step_inputs((values[:, :-1] - shift) / scale, None if known is None else known[:, 1:], scale)
        for layer, dropout in zip(self.layers, self.dropouts):
            sequence = dropout(layer(sequence, training=training)[0], training=training)
        raw = self._ungrouped(self.dense(sequence), ops.shape(history)[0])
        return ops.stack(self._broadcast(self.distribution.distribution(raw, self.constant, shift, scale)), axis=-1)

    def sample(self, history, future=None):
        """Sample paths from the end of the history: float32 `[batch, samples, horizon, targets]`.

        The random numbers are the same for every row and every call, so the same history always has the same answer.
        """
        horizon, batch = self.horizon, ops.shape(history)[0]
        shift, scale = self.statistics(history[:, :, : self.targets])
        values = (history[:, :, : self.targets] - shift) / scale
        known = self._known(history, future)  # [batch, look_back + horizon, known]
        look_back = history.shape[1]
        sequence = self.past_inputs(history, future)
        states = []
        for layer in self.layers:
            sequence, *last = layer(sequence)
            states.append([self._for_each_sample(state) for state in last])
        scales = self._repeat(scale)  # [batch·samples, 1, targets]
        shifts = self._repeat(shift)
        shape = (horizon, 1, self.samples, self.targets)
        noise = self.distribution.noise(shape, self.constant, self.seed or 0)
        noise = ops.broadcast_to(noise, (horizon, batch, *noise.shape[2:]))
        noise = ops.reshape(noise, (horizon, batch * self.samples, *noise.shape[3:]))
        xs = {"noise": noise}
        if known is not None:
            xs["known"] = ops.transpose(known[:, look_back:], (1, 0, 2))

        def step(carry, x):
            value, states = carry
            known = self._repeat(x["known"])[:, None] if "known" in x else None
            features = self.step_inputs(value[:, None], known, scales)[:, 0]
            new_states = []
            for layer, state in zip(self.layers, states):
                features, new = layer.cell(features, state)
                new_states.append([ops.cast(after, before.dtype) for after, before in zip(new, state)])
            raw = self._ungrouped(self.dense(features)[:, None], batch * self.samples)
            parameters = self.distribution.distribution(raw, self.constant, shifts, scales)
            drawn = self.distribution.draw(x["noise"][:, None], *parameters)[:, 0]  # [batch·samples, targets]
            return ((drawn - shifts[:, 0]) / scales[:, 0], new_states), drawn

        first = self._repeat(values[:, -1])
        like = keras.KerasTensor((None, self.targets), "float32")
        _, paths = scan(step, (first, states), xs, horizon, like)
        return ops.transpose(ops.reshape(paths, (horizon, batch, self.samples, self.targets)), (1, 2, 0, 3))

    def past_inputs(self, history, future=None):
        """What the first cell reads of the look-back, up to the step before the forecast: float
        `[batch or batch·targets, look_back - 1, features]`."""
        shift, scale = self.statistics(history[:, :, : self.targets])
        values = (history[:, :-1, : self.targets] - shift) / scale
        known = self._known(history, future)
        return self.step_inputs(values, None if known is None else known[:, 1 : history.shape[1]], scale)

    def step_inputs(self, values, known, scale):
        """What the network reads at each step: the value before, what is known of the step, and the size of the window.

        Args:
            values: normalised, float `[batch, time, targets]`.
            known: float `[batch, time, known]` or None.
            scale: float `[batch, 1, targets]`.

        Returns:
            float `[batch or batch·targets, time, features]`.
        """
        size = ops.broadcast_to(ops.log(scale), ops.shape(values))
        if not self.shared:
            return ops.concatenate([values, *([] if known is None else [known]), size], axis=-1)
        batch, time = ops.shape(values)[:2]
        parts = [ops.transpose(values, (0, 2, 1))[..., None], ops.transpose(size, (0, 2, 1))[..., None]]
        if known is not None:
            parts.insert(1, ops.broadcast_to(known[:, None], (batch, self.targets, time, self.known)))
        return ops.reshape(ops.concatenate(parts, axis=-1), (batch * self.targets, time, self.known + 2))

    def _known(self, history, future):
        if not self.known:
            return None
        return ops.concatenate([history[:, :, history.shape[-1] - self.known :], future], axis=1)

    def _ungrouped(self, raw, batch):
        """What `dense` returned to `[batch, time, targets, parameters]`."""
        time, count = raw.shape[1], self.distribution.parameters
        if not self.shared:
            return ops.reshape(raw, (batch, time, self.targets, count))
        return ops.transpose(ops.reshape(raw, (batch, self.targets, time, count)), (0, 2, 1, 3))

    def _broadcast(self, parameters):
        return [ops.broadcast_to(each, ops.shape(parameters[0])) for each in parameters]

    def _repeat(self, values):
        """Each row once for every sample path: `[batch, ...]` to `[batch·samples, ...]`."""
        return ops.repeat(values, self.samples, axis=0)

    def _for_each_sample(self, state):
        if not self.shared:
            return self._repeat(state)
        # Rows are batch·targets; those of one sample path stand together.
        size = state.shape[-1]
        state = ops.repeat(ops.reshape(state, (-1, 1, self.targets, size)), self.samples, axis=1)
        return ops.reshape(state, (-1, size))

    def compute_output_shape(self, history_shape, future_shape=None, future_targets_shape=None):
        steps = history_shape[1] + future_targets_shape[1] - 1
        return (history_shape[0], steps, self.targets, self.distribution.parameters + self.distribution.weights)

    def get_config(self):
        names = ("targets", "horizon", "known", "shared", "normalization", "last_weight")
        names += ("likelihood", "dropout", "samples", "seed")
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return {**super().get_config(), "layers": layers, **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "layers": [keras.saving.deserialize_keras_object(each) for each in config["layers"]]})


@keras.saving.register_keras_serializable(package="unroll")
class SampleQuantiles(keras.layers.Layer):
    """The mean and the quantiles of sample paths.

    Args:
        autoregression: a trained `Autoregression`.
        levels: list of float, of the quantiles.

    Call arguments:
        history: float `[batch, look_back, features]`.
        future: float `[batch, horizon, known]`, or None.

    Returns:
        Median float32 `[batch, horizon, targets]`, and quantiles float32 `[batch, horizon, targets, quantiles]`.
    """

    def __init__(self, autoregression, levels, **kwargs):
        super().__init__(**kwargs)
        self.autoregression = autoregression
        self.levels = list(levels)

    def build(self, history_shape, future_shape=None):
        if not self.autoregression.built:
            self.autoregression.build(history_shape, future_shape)

    def call(self, history, future=None):
        paths = ops.sort(self.autoregression.sample(history, future), axis=1)
        # Between the two sorted paths around each level, as NumPy's quantile does.
        count = self.autoregression.samples
        parts = []
        for level in self.levels:
            place = level * (count - 1)
            low, share = int(place), place - int(place)
            parts.append(paths[:, low] * (1 - share) + paths[:, min(low + 1, count - 1)] * share)
        quantiles = ops.sort(ops.stack(parts, axis=-1), axis=-1)  # rounding could let equal ones cross
        return quantiles[..., self.levels.index(0.5)], quantiles

    def compute_output_shape(self, history_shape, future_shape=None):
        shape = (history_shape[0], self.autoregression.horizon, self.autoregression.targets)
        return shape, (*shape, len(self.levels))

    def get_config(self):
        autoregression = keras.saving.serialize_keras_object(self.autoregression)
        return {**super().get_config(), "autoregression": autoregression, "levels": self.levels}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "autoregression": keras.saving.deserialize_keras_object(config["autoregression"])})
