"""What turns the features of a picture into words, for training on whole captions and for one word at a time."""

import math

import keras
from keras import ops

from common.data.token_vocabulary import END_ID, PAD_ID, UNKNOWN_ID
from common.layers import AdditiveAttention, AttentionCell, AttentionRNN, Dropout, StateBridge, random_uniform
from common.layers.by_name import LAYERS

FORMS = {"show_attend_tell": "bahdanau", "up_down": "up_down"}  # of the settings, of `AttentionCell`


@keras.saving.register_keras_serializable(package="unroll")
class CaptionDecoder(keras.layers.Layer):
    """Says captions of a picture, word by word, and looks at the picture for each word.

    features of the places -> vector and position of each place: the memory -> mean over the places -> first state
    words before -> vectors -> cell with attention over the memory -> readout -> logits of the next word

    Args:
        vocabulary_size: positive int, tokens.
        cell: name of a recurrent cell, see `common.layers.by_name`.
        embedding_dim: positive int, features of a token's vector.
        units: positive int, features of the state, and of the vector of a place.
        attention_units: positive int, size in which places are compared with the state.
        form: `show_attend_tell`: attention, then one cell (Xu et al. 2015, arXiv:1502.03044); `up_down`: a cell, attention,
            and a cell (Anderson et al. 2018, arXiv:1707.07998), the first of which also reads the mean over the places.
        coverage: whether the attention sees how much it has looked at each place so far (Tu et al. 2016, arXiv:1601.04811).
        context_gate: whether a gate decides how much of what was seen is let in.
        doubly_stochastic: weight in the loss of the demand that each place is looked at once in all (Xu et al. 2015).
        lexicon: weight in the loss of the demand that the places explain the words of the captions, as a lexicon from places to
            words would (Duygulu et al. 2002, Object Recognition as Machine Translation); it shows an encoder that is trained
            from scratch what to look for, long before whole captions do. With a weight the words of what is looked at also
            count when a word is chosen.
        word_dropout: share of the words that is read as unknown in training, so that the next one has to be seen.
        embedding_dropout, feature_dropout, output_dropout: share of features that is dropped in training.
        seed: int, of weights and dropout.

    Attributes:
        demands: whether calls in training add the two demands to the loss.

    Call arguments:
        features: float `[batch, places, channels]`, of the encoder; the number of places is fixed.
        caption_inputs: int32 `[batch, captions, time]`, several captions of each picture, from the first token on, 0 behind
            the end: what is read before each token that is to be said.
        training: whether dropout is active.

    Returns:
        Logits of the next token, float32 `[batch, captions, time, vocabulary_size]`; at each step those of `step`.
    """

    def __init__(
        self,
        vocabulary_size,
        cell="lstm",
        embedding_dim=128,
        units=256,
        attention_units=128,
        form="show_attend_tell",
        context_gate=True,
        coverage=False,
        doubly_stochastic=0.0,
        lexicon=0.0,
        word_dropout=0.0,
        embedding_dropout=0.0,
        feature_dropout=0.0,
        output_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.options = {
            "vocabulary_size": vocabulary_size,
            "cell": cell,
            "embedding_dim": embedding_dim,
            "units": units,
            "attention_units": attention_units,
            "form": form,
            "context_gate": context_gate,
            "coverage": coverage,
            "doubly_stochastic": doubly_stochastic,
            "lexicon": lexicon,
            "word_dropout": word_dropout,
            "embedding_dropout": embedding_dropout,
            "feature_dropout": feature_dropout,
            "output_dropout": output_dropout,
            "seed": seed,
        }
        self.form, self.doubly_stochastic, self.lexicon = form, doubly_stochastic, lexicon
        self.word_dropout, self.demands = word_dropout, True
        self.seed_generator = keras.random.SeedGenerator(seed)
        seed = seed or 0
        self.feature_dropout = Dropout(feature_dropout, seed=seed, name="feature_dropout")
        self.place = keras.layers.Dense(units, activation="relu", name="place")
        if lexicon:
            self.words = keras.layers.Dense(vocabulary_size, dtype="float32", name="words")
            self.seen = keras.layers.Dense(1, "sigmoid", dtype="float32", name="seen")
        # Also says, in reverse, how well what was found fits each token.
        self.embedding = keras.layers.ReversibleEmbedding(
            vocabulary_size,
            embedding_dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=embedding_dim**-0.5, seed=seed),
            reverse_dtype="float32",
            name="embedding",
        )
        self.embedding_dropout = Dropout(embedding_dropout, seed=seed + 1, name="embedding_dropout")
        self.cell = AttentionCell(
            LAYERS[cell](units).cell,
            AdditiveAttention(attention_units, coverage=coverage, name="attention"),
            form=FORMS[form],
            context_gate=context_gate,
            name="cell",
        )
        self.recurrence = AttentionRNN(
            self.cell, return_sequences=True, return_attention=True, seed=seed, name="recurrence"
        )
        self.first_state = StateBridge(self.cell.cell.state_sizes, name="first_state")
        self.readout = keras.layers.Dense(embedding_dim, activation="tanh", name="readout")
        self.output_dropout = Dropout(output_dropout, seed=seed + 2, name="output_dropout")

    def build(self, features_shape, caption_inputs_shape):
        units, size = self.options["units"], self.options["embedding_dim"]
        side = math.isqrt(features_shape[1])  # pictures are squares
        if side**2 != features_shape[1]:
            raise ValueError(f"CaptionDecoder: the places must be a square grid, got {features_shape[1]} of them")
        # As large as what the places show, so that from the beginning the attention can tell left from right.
        seeds = (self.options["seed"], None if self.options["seed"] is None else self.options["seed"] + 1)
        self.row_position, self.column_position = (
            self.add_weight(
                shape=(side, units), initializer=keras.initializers.RandomNormal(stddev=0.3, seed=seed), name=name
            )
            for name, seed in zip(("row_position", "column_position"), seeds, strict=True)
        )
        self.place.build(features_shape)
        self.embedding.build((None, None))
        if self.lexicon:
            self.words.build((None, features_shape[1], units))
            self.seen.build((None, size))
        memory_shape = (None, features_shape[1], units)
        self.recurrence.build((None, None, size + (units if self.form == "up_down" else 0)), memory_shape)
        self.first_state.build([(None, units)])
        self.readout.build((None, self.cell.output_size + size))

    def call(self, features, caption_inputs, training=None):
        batch, captions, time = ops.shape(caption_inputs)
        memory = self.memory(features, training=training)
        if self.lexicon and self.demands and training:
            self.add_loss(self.lexicon * unexplained_words(self.words(memory), caption_inputs))
        memory, mean = (ops.repeat(each, captions, axis=0) for each in (memory, ops.mean(memory, axis=1)))
        tokens = ops.reshape(caption_inputs, (batch * captions, time))
        real = ops.not_equal(tokens, PAD_ID)
        if self.word_dropout and training:
            unread = random_uniform(ops.shape(tokens), self.seed_generator) < self.word_dropout
            tokens = ops.where(ops.logical_and(unread, tokens > END_ID), UNKNOWN_ID, tokens)
        vectors = self.embedding_dropout(self.embedding(tokens), training=training)
        outputs, attention = self.recurrence(
            self.inputs_of(vectors, mean), memory, initial_state=self.first_state([mean]), mask=real, training=training
        )
        if self.doubly_stochastic and self.demands and training:
            self.add_loss(self.doubly_stochastic * unevenness(attention, real))
        logits = self.logits(outputs, vectors, training=training)
        return ops.reshape(logits, (batch, captions, time, logits.shape[-1]))

    def memory(self, features, training=None):
        """The vector of each place: float `[batch, places, channels]` to `[batch, places, units]`."""
        position = self.row_position[:, None] + self.column_position  # [rows, columns, units]
        position = ops.cast(ops.reshape(position, (-1, position.shape[-1])), self.compute_dtype)
        return self.place(self.feature_dropout(features, training=training)) + position

    def inputs_of(self, vectors, mean):
        """What the cell reads: the vector of the token, `[batch, ..., features]`, and for `up_down` the whole picture."""
        if self.form != "up_down":
            return vectors
        if len(vectors.shape) == 3:
            mean = ops.repeat(mean[:, None], ops.shape(vectors)[1], axis=1)
        return ops.concatenate([vectors, mean], axis=-1)

    def logits(self, outputs, vectors, training=None):
        """Float32 `[..., vocabulary]` of what the cell found and the vector of the token that it read."""
        found = self.readout(ops.concatenate([outputs, vectors], axis=-1))
        logits = ops.cast(self.embedding(self.output_dropout(found, training=training), reverse=True), "float32")
        if self.lexicon:
            context = outputs[..., -self.options["units"] :]
            logits = logits + self.seen(found) * self.words(context)
        return logits

    def start(self, features):
        """Looks at pictures, to say their captions one token at a time.

        Args:
            features: float `[batch, places, channels]`.

        Returns:
            A function `step(token_ids, state, context) -> (logits, state)` with token ids int32 `[rows]` and logits float32
            `[rows, vocabulary]`; the state before the first step, a tuple of what the cell remembers; and the context, a
            dictionary of what is the same at each step. Both are `[batch, ...]`.
        """
        memory = self.memory(features, training=False)
        mean = ops.mean(memory, axis=1)
        state = tuple(self.cell.initial_state(memory, self.first_state([mean])))
        keys = self.cell.attention.project_memory(memory)

        def step(token_ids, state, context):
            vectors = self.embedding(token_ids)
            inputs = self.inputs_of(vectors, context["mean"])
            outputs, states = self.cell(inputs, list(state), context["memory"], keys=context["keys"])
            return self.logits(outputs, vectors), tuple(states)

        return step, state, {"memory": memory, "keys": keys, "mean": mean}

    def attention(self, features, token_inputs):
        """Where it looks to say what follows each token: `[batch, places, channels]` and int32 `[batch, time]` to float32
        `[batch, time, places]`, zero behind the end."""
        memory = self.memory(features, training=False)
        mean = ops.mean(memory, axis=1)
        inputs = self.inputs_of(self.embedding(token_inputs), mean)
        real = ops.not_equal(token_inputs, PAD_ID)
        return self.recurrence(inputs, memory, initial_state=self.first_state([mean]), mask=real)[1]

    def compute_output_spec(self, features, caption_inputs, training=None):
        return keras.KerasTensor((*caption_inputs.shape, self.options["vocabulary_size"]), "float32")

    def get_config(self):
        return {**super().get_config(), **self.options}


def unevenness(attention, real):
    """How unevenly captions looked at the places: the mean over captions and places of `(1 - sum of its weights)²`.

    Args:
        attention: float `[captions, time, places]`, zero where a step is not real.
        real: bool `[captions, time]`; captions without a real step do not count.
    """
    counted = ops.cast(ops.any(real, axis=1), "float32")
    uneven = ops.mean(ops.square(1.0 - ops.sum(attention, axis=1)), axis=-1)
    return ops.sum(counted * uneven) / ops.maximum(ops.sum(counted), 1.0)


def unexplained_words(logits, caption_inputs):
    """How badly the places explain the words of the captions, by the first model of Brown et al. 1993 (aclanthology J93-2003).

    A word comes from any of the places, whichever: its probability is the mean over the places of that of each.

    Args:
        logits: float32 `[batch, places, vocabulary]`, of the words at each place.
        caption_inputs: int32 `[batch, captions, time]`, 0 is padding.

    Returns:
        Negative logarithm of the probability of all different words of a picture, mean over the pictures.
    """
    batch, captions, time = ops.shape(caption_inputs)
    tokens = ops.reshape(caption_inputs, (batch, captions * time))
    there = ops.max(ops.one_hot(tokens, logits.shape[-1], dtype="float32"), axis=1)  # [batch, vocabulary]
    words = ops.cast(ops.arange(logits.shape[-1]) > END_ID, "float32")
    probability = ops.mean(ops.softmax(logits, axis=-1), axis=1)
    return -ops.mean(ops.sum(words * there * ops.log(probability + 1e-7), axis=-1))
