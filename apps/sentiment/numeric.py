"""What a LiteRT or ONNX file of a classifier holds: numbers of words and phrases in, probabilities of the classes out.

The words are found by whoever asks, in the vocabulary beside the file; `docs/export_formats.md` shows the lines.
"""

import json

import tensorflow as tf

from apps.sentiment import serving
from apps.sentiment.vocabulary import FIRST_WORD_ID, PAD_ID, UNKNOWN_ID
from common.errors import UserError
from common.export_formats.numeric_core import NumericCore


def numeric_core(model, preprocessor) -> NumericCore:
    """`token_ids` int32 `[batch, max_length, phrase_length]` to `probabilities` float32 `[batch, classes]`.

    Args:
        model: the trained model in its final form, from `train`.
        preprocessor: the `Preprocessor` it was trained with.

    Raises:
        UserError: for a model with a wide part, which reads the text itself.
    """
    if preprocessor.wide:
        raise UserError(
            "the wide part of this model reads hashes of the words themselves, and neither LiteRT nor ONNX has an operation for "
            "them; export --format saved_model, or train with --model.wide false"
        )
    settings = preprocessor.config
    length, phrase_length = settings.max_length, settings.phrase_length

    def classify(token_ids):
        return {"probabilities": tf.nn.softmax(model({"token_ids": token_ids}, training=False))}

    def padded(texts):
        ids = preprocessor(tf.constant(texts))["token_ids"]
        return {"token_ids": tf.pad(ids, [[0, 0], [0, length - tf.shape(ids)[1]], [0, 0]]).numpy()}

    vocabulary = {"words": preprocessor.vocabulary, "phrases": preprocessor.phrases}
    return NumericCore(
        classify,
        (tf.TensorSpec([None, length, phrase_length], tf.int32, name="token_ids"),),
        {case: padded(inputs["text"]) for case, inputs in serving.questions(model, preprocessor).items()},
        {"vocabulary.json": json.dumps(vocabulary, ensure_ascii=False, indent=0).encode()},
        {
            **serving.metadata(model, preprocessor),
            "pad_id": PAD_ID,
            "unknown_id": UNKNOWN_ID,
            "first_word_id": FIRST_WORD_ID,
            "head": round(length * settings.head_fraction),
            "lowercase": settings.lowercase,
        },
        "text: finding words takes regular expressions and a table of strings, which are no operations of the format; "
        "and the endpoint explain, which takes gradients",
    )
