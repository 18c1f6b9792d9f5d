"""What a training returns. If these fail, hours on a GPU end in a model that cannot be exported."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.sentiment.serving import EXAMPLES, TEXTS, Explainer
from apps.sentiment.train import train
from common.data.splits import LabelledTexts, Splits
from common.runs import Run
from tests.apps.sentiment.small_model import LABELS, make_config, make_preprocessor
from tests.apps.sentiment.small_model import TEXTS as REVIEWS


@pytest.fixture(autouse=True)
def restore_policy():
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


def test_a_training_in_16_bits_ends_in_a_model_of_32_that_can_be_explained(tmp_path):
    settings = {"epochs": 1, "batch_size": 2, "mixed_precision": True, "jit_compile": False, "tensorboard": False}
    config = make_config(train=settings)
    preprocessor = make_preprocessor(config)
    examples = LabelledTexts(np.array(REVIEWS, object), np.array(LABELS, object), "test")
    splits = Splits(examples, examples, examples, preprocessor.label_names)
    model = train(config, Run(tmp_path, "sentiment"), splits, preprocessor)
    assert {layer.compute_dtype for layer in model.get_layer("network").layers} <= {"float32", "int32"}
    assert model(preprocessor(tf.constant(EXAMPLES))).dtype == tf.float32
    answer = tf.function(Explainer(model, preprocessor), input_signature=TEXTS)(tf.constant(EXAMPLES))
    total = tf.reduce_sum(answer["attributions"], axis=1) + answer["bias"]
    np.testing.assert_allclose(total, answer["score"], atol=1e-4)
