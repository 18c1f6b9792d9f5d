"""What a LiteRT or ONNX file of a translator holds: token numbers in, those of the best translation out, the beam search inside.

Tokens are made and put together by SentencePiece, whose models go beside the file; `docs/export_formats.md` shows the lines.
"""

import tensorflow as tf

from apps.translation import serving
from apps.translation.translate import Translator
from common.data.token_vocabulary import END_ID, PAD_ID
from common.export_formats.numeric_core import NumericCore


def numeric_core(model, preprocessor) -> NumericCore:
    """`source_ids` int32 `[batch, max_length]` to `ids` int32 of the same shape and `score` float32 `[batch]`.

    Args:
        model: the trained network, from `train`.
        preprocessor: the `Preprocessor` it was trained with.
    """
    translator, length = Translator(model, preprocessor), preprocessor.config.max_length

    def best(source_ids):
        ids, scores = translator.best(source_ids)
        return {"ids": ids, "score": scores}

    def padded(texts):
        ids = preprocessor(tf.constant(texts))["source_ids"]
        return {"source_ids": tf.pad(ids, [[0, 0], [0, length - tf.shape(ids)[1]]]).numpy()}

    asked = serving.questions(model, preprocessor)
    return NumericCore(
        best,
        (tf.TensorSpec([None, length], tf.int32, name="source_ids"),),
        {case: padded(inputs["text"]) for case, inputs in asked.items()},
        {"source.model": preprocessor.source_model, "target.model": preprocessor.target_model},
        {**serving.metadata(model, preprocessor), "pad_id": PAD_ID, "end_id": END_ID},
        "text: its tokens are made by SentencePiece, which is no operation of the format",
    )
