"""The trained network one token at a time: the same layers as in training, for greedy and beam search."""

import keras
from keras import ops

from common.data.token_vocabulary import PAD_ID
from common.layers.memory_attention import MemoryAttention


class StepwiseDecoder:
    """Takes the layers of a network apart, into what is done once for a sentence and what is done for each token.

    Args:
        network: as `build_model` returns it; its logits at a step equal those of `step` there.
    """

    def __init__(self, network: keras.Model):
        layers = [network.get_layer(name) for name in ("decoder", "target_embedding", "readout")]
        decoder, self.embedding, self.readout = layers
        self.cell = decoder.cell
        found = [network.get_layer(name).output for name in ("memory", "first_state")]
        self.encoder = keras.Model(network.input["source_ids"], keras.tree.flatten(found))

    @property
    def attention(self) -> MemoryAttention:
        """How the decoder looks at the memory."""
        return self.cell.attention

    def start(self, source_ids):
        """Reads the source.

        Args:
            source_ids: int32 `[batch, time]`, `PAD_ID` behind the end.

        Returns:
            A function `step(token_ids, state, context) -> (logits, state)` with token ids int32 `[rows]` and logits float32
            `[rows, vocabulary]`; the state before the first step: a dictionary of `cell`, a tuple of what the cell remembers,
            and `attention_sum`, float32 `[batch, time]`, how much each place of the source was looked at so far; and the
            context: a dictionary of what is the same at each step, of which `real`, bool `[batch, time]`, is what was read.
            All are `[batch, ...]`.
        """
        memory, *states = self.encoder(source_ids, training=False)
        real = ops.not_equal(source_ids, PAD_ID)
        states = self.cell.initial_state(memory, states)
        keys = self.attention.project_memory(memory)
        state = {"cell": tuple(states), "attention_sum": ops.cast(ops.zeros_like(real), "float32")}

        def step(token_ids, state, context):
            vectors = self.embedding(token_ids)
            outputs, states, attention = self.cell(
                vectors,
                list(state["cell"]),
                context["memory"],
                keys=context["keys"],
                memory_mask=context["real"],
                return_attention=True,
            )
            readout = self.readout(ops.concatenate([outputs, vectors], axis=-1))
            logits = self.embedding(readout, reverse=True)
            return logits, {"cell": tuple(states), "attention_sum": state["attention_sum"] + attention}

        return step, state, {"memory": memory, "keys": keys, "real": real}
