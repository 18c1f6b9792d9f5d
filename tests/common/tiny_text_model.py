"""A text classifier that exports in a second: a lookup table, a Keras model, and two endpoints."""

from __future__ import annotations

CLASS_NAMES = ("negative", "neutral", "positive")
EXAMPLES = ("good film , good people", "a bad film", "not good and not bad", "unheard words entirely")


def build():
    """Returns (endpoints, tracked): what `export_model` takes. Weights and words are fixed by a seed."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(7)
    words = ["good", "bad", "film", "a", "the", "not", "people", "and", ","]

    class Preprocessor(tf.Module):
        def __init__(self):
            super().__init__()
            keys = tf.constant(words)
            values = tf.range(2, 2 + len(words), dtype=tf.int64)
            self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 1)

        def tokens(self, text):
            return tf.strings.split(text)[:, :50]

        def __call__(self, text):
            ids = tf.ragged.map_flat_values(self.table.lookup, self.tokens(text))
            # One padded step more, because Keras's GRU cannot scan the zero steps of a batch of empty
            # strings.
            return {"token_ids": tf.pad(tf.cast(ids.to_tensor(0), tf.int32), [[0, 0], [0, 1]])}

    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    embedded = keras.layers.Embedding(2 + len(words), 4)(token_ids)
    hidden = keras.layers.GRU(5, return_sequences=True)(embedded)
    mask = keras.ops.cast(keras.ops.expand_dims(token_ids > 0, -1), "float32")
    pooled = keras.ops.sum(hidden * mask, axis=1)
    model = keras.Model({"token_ids": token_ids}, keras.layers.Dense(len(CLASS_NAMES))(pooled))
    preprocessor = Preprocessor()
    names = tf.constant(CLASS_NAMES)

    def predict(text):
        probabilities = tf.nn.softmax(model(preprocessor(text)))
        return {"label": tf.gather(names, tf.argmax(probabilities, -1)), "probabilities": probabilities}

    def explain(text):
        tokens = preprocessor.tokens(text).to_tensor(b"")
        length = tf.cast(tf.strings.length(tokens), tf.float32)
        good = tf.cast(tokens == b"good", tf.float32)
        bad = tf.cast(tokens == b"bad", tf.float32)
        return {
            "tokens": tokens,
            "attributions": (good - bad) * length,
            "bias": tf.zeros(tf.shape(text)) + 0.25,
        }

    text = [tf.TensorSpec([None], tf.string, name="text")]
    return {"explain": (explain, text), "serving_default": (predict, text)}, [preprocessor, model]
