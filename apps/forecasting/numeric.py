"""What a LiteRT or ONNX file of a forecaster holds: the whole endpoint of the SavedModel, for a history of just the look-back."""

import tensorflow as tf

from apps.forecasting import serving
from common.export_formats.numeric_core import NumericCore
from common.saved_model import DEFAULT_ENDPOINT


def numeric_core(model, preprocessor) -> NumericCore:
    """Raw measurements and times to forecasts and quantiles, as `serving.endpoints` has them.

    Args:
        model: the trained model in its final form, from `train`.
        preprocessor: the `Preprocessor` it was trained with.
    """
    function, signature = serving.endpoints(model, preprocessor)[DEFAULT_ENDPOINT]
    steps = preprocessor.look_back
    fixed = [
        tf.TensorSpec(
            [spec.shape[0], steps if spec.shape[1] is None else spec.shape[1], *spec.shape[2:]], spec.dtype, spec.name
        )
        for spec in signature
    ]
    names = {spec.name for spec in fixed if spec.name.startswith("history")}
    questions = {
        case: {name: values[:, -steps:] if name in names else values for name, values in inputs.items()}
        for case, inputs in serving.questions(model, preprocessor).items()
    }
    return NumericCore(function, fixed, questions, notes=serving.metadata(model, preprocessor))
