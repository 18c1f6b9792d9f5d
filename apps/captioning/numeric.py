"""What a LiteRT or ONNX file of a captioner holds: pixels in, token numbers of the best caption and where it looked out.

The picture is decoded by whoever asks, and the tokens are put together by SentencePiece, whose model goes beside the file;
`docs/export_formats.md` shows the lines.
"""

import tensorflow as tf

from apps.captioning import serving
from apps.captioning.captioner import Captioner
from common.data.token_vocabulary import END_ID, PAD_ID
from common.export_formats.numeric_core import NumericCore


def numeric_core(model, preprocessor) -> NumericCore:
    """`pixels` uint8 `[batch, size, size, 3]` to `ids` int32 `[batch, time]`, `score` float32 `[batch]` and `attention` float32
    `[batch, time, rows, columns]`.

    Args:
        model: the trained network, from `train`.
        preprocessor: the `Preprocessor` it was trained with.
    """
    captioner, size = Captioner(model, preprocessor), preprocessor.picture_size

    def best(pixels):
        features = captioner.features(pixels)
        ids, scores = captioner.best(features)
        said = tf.where(ids != END_ID, ids, PAD_ID)
        return {"ids": ids, "score": scores, "attention": captioner.attention(features, said)}

    read = tf.function(preprocessor, autograph=False)  # as in training; without a graph resizing rounds otherwise
    asked = serving.questions(model, preprocessor)
    return NumericCore(
        best,
        (tf.TensorSpec([None, size, size, 3], tf.uint8, name="pixels"),),
        {case: {"pixels": read(tf.constant(inputs["image"]))["pixels"].numpy()} for case, inputs in asked.items()},
        {"captions.model": preprocessor.vocabulary.to_bytes()},
        {**serving.metadata(model, preprocessor), "pad_id": PAD_ID, "end_id": END_ID},
        "the decoding of pictures and the text: neither JPEG nor SentencePiece is an operation of the format",
    )
