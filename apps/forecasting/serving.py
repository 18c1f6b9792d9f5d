"""What the SavedModel answers: raw measurements in, forecasts and quantiles in the same units out.

Plain TensorFlow operations; no code of this repository is needed to load it.
"""

import numpy as np
import tensorflow as tf

QUESTIONS = 7  # windows that an export is tried with


def endpoints(model, preprocessor):
    """The signatures of the SavedModel.

    Args:
        model: the trained model in its final form, from `train`.
        preprocessor: the `Preprocessor` it was trained with.

    Returns:
        Name to (function, input signature). `serving_default` takes `history` float32 `[batch, time, columns]` in the order
        of `columns` in `metadata`, all of them finite, of which the last `look_back` steps are read and no fewer may be given; where the model
        has known covariates `future` float32 `[batch, horizon, known]`; where it has a calendar `history_time` int64
        `[batch, time]` and `future_time` int64 `[batch, horizon]`, seconds since 1970. It returns `forecast` float32
        `[batch, horizon, targets]` and `quantiles` float32 `[batch, horizon, targets, quantiles]`.
    """
    look_back, horizon, columns = preprocessor.look_back, preprocessor.horizon, preprocessor.columns
    signature = [tf.TensorSpec([None, None, len(columns)], tf.float32, name="history")]
    if columns.known:
        signature.append(tf.TensorSpec([None, horizon, len(columns.known)], tf.float32, name="future"))
    if preprocessor.periods:
        signature.append(tf.TensorSpec([None, None], tf.int64, name="history_time"))
        signature.append(tf.TensorSpec([None, horizon], tf.int64, name="future_time"))
    names = [spec.name for spec in signature]

    def forecast(*values):
        given = dict(zip(names, values))
        steps = tf.shape(given["history"])[1]
        sentence = f"history must have at least {look_back} steps, the look-back of the model"
        checks = [tf.debugging.assert_greater_equal(steps, look_back, message=sentence)]
        for name in ("history", "future"):
            if name in given:
                finite = tf.reduce_all(tf.math.is_finite(given[name]))
                checks.append(tf.debugging.Assert(finite, [f"{name} must hold numbers, not NaN or infinity"]))
        if "history_time" in given:
            same = tf.equal(tf.shape(given["history_time"])[1], steps)
            checks.append(tf.debugging.Assert(same, ["history_time must have as many steps as history"]))
        with tf.control_dependencies(checks):
            given["history"] = given["history"][:, -look_back:]
        given["history"].set_shape([None, look_back, len(columns)])
        if "history_time" in given:
            given["history_time"] = given["history_time"][:, -look_back:]
        return preprocessor.invert(model(preprocessor(**given), training=False))

    return {"serving_default": (forecast, signature)}


def questions(model, preprocessor):
    """Made-up measurements that an export is tried with, each a case of inputs by name."""
    random = np.random.default_rng(0)
    columns, horizon = preprocessor.columns, preprocessor.horizon
    first_known = len(columns) - len(columns.known)

    def case(batch, steps, noise=1.0):
        def values(steps, mean, std):
            return (mean + noise * std * random.normal(size=(batch, steps, len(mean)))).astype(np.float32)

        inputs = {"history": values(steps, preprocessor.mean, preprocessor.std)}
        if columns.known:
            inputs["future"] = values(horizon, preprocessor.mean[first_known:], preprocessor.std[first_known:])
        if preprocessor.periods:
            times = 1_000_000_000 + 3600 * (np.arange(batch)[:, None] + np.arange(steps + horizon)[None, :])
            inputs |= {"history_time": times[:, :steps], "future_time": times[:, steps:]}
        return inputs

    return {
        "a window": case(1, preprocessor.look_back),
        f"a batch of {QUESTIONS}": case(QUESTIONS, preprocessor.look_back),
        "a longer history": case(2, preprocessor.look_back + 13),
        "a constant history": case(2, preprocessor.look_back, noise=0.0),
        "values of a hundred deviations": case(2, preprocessor.look_back, noise=100.0),
    }


def metadata(model, preprocessor):
    """What `predict` needs to know of the model, beside its signature."""
    columns = preprocessor.columns
    return {
        "look_back": preprocessor.look_back,
        "horizon": preprocessor.horizon,
        "quantiles": list(preprocessor.quantiles),
        "columns": {"targets": list(columns.targets), "past": list(columns.past), "known": list(columns.known)},
        "id": preprocessor.keys.identifiers,
        "time": preprocessor.keys.time,
        "frequency": preprocessor.frequency,
        "season": preprocessor.season,
        "calendar": bool(preprocessor.periods),
    }
