"""The trained network one symbol at a time: the same layers as in training, for composing."""

import keras
from keras import ops

from apps.music.layers import more_is_given
from apps.music.model import FARTHEST_END, LONGEST_AGE, LONGEST_BAR, split_state
from apps.music.vocabulary import FREE, HOLD

_NAMES = (
    "symbol_vectors",
    "age_vectors",
    "slot_vectors",
    "position_vectors",
    "past",
    "of_step",
    "of_slot",
    "first_state",
    "voices",
    "readout",
    "scores",
    "logits",
)


class StepwiseNetwork:
    """Takes the layers of a network apart, into what is done once for a step of time and what is done for each symbol.

    Args:
        network: as `build_model` returns it; its logits of a symbol equal those of `step` there.
    """

    def __init__(self, network: keras.Model):
        self._layers = {name: network.get_layer(name) for name in _NAMES}
        self.slots = network.input["symbols"].shape[-1]
        names = {layer.name for layer in network.layers}
        optional = ("given_vectors", "ahead", "end_vectors", "interval_numbers", "interval_vectors")
        self._given_vectors, self._ahead, self._end_vectors, self._interval_numbers, self._interval_vectors = (
            network.get_layer(name) if name in names else None for name in optional
        )

    def start(self, positions, remaining, given, lengths):
        """Reads what is known beforehand.

        Args:
            positions: int32 `[batch, time]`, steps since the bar line.
            remaining: int32 `[batch, time]`, steps to the end, from 1; 0 where that is not told.
            given: int32 `[batch, time, slots]`, the symbols to come that are known, `FREE` where none is.
            lengths: int32 `[batch]`, steps of time of each piece.

        Returns:
            A function `step(symbols, state) -> (logits, state)` with symbols int32 `[batch]`, the one before, `FREE` at first, and
            logits float32 `[batch, vocabulary]` of the next one, slot after slot and step after step of time; and the state before
            the first.
        """
        use = self._layers
        place = use["position_vectors"](ops.minimum(positions, LONGEST_BAR - 1))
        if self._end_vectors is not None:
            end = self._end_vectors(ops.where(remaining > FARTHEST_END, 0, remaining))
            place = ops.concatenate([place, end], axis=-1)
        to_come = self._look_ahead(given, lengths)
        allowed = use["logits"].penalties()
        slots, voices = self.slots, use["voices"].layer

        def before(state):
            """What each slot did: `[batch, slots, features]`."""
            vectors = use["symbol_vectors"](state["sounding"])
            return ops.concatenate([vectors, use["age_vectors"](ops.minimum(state["ages"], LONGEST_AGE))], axis=-1)

        def next_step_of_time(state, time):
            holds = ops.equal(state["now"], HOLD)
            state = dict(state)
            state["sounding"] = ops.where(holds, state["sounding"], state["now"])
            ages = ops.where(holds, ops.minimum(state["ages"] + 1, LONGEST_AGE), 1)
            state["ages"] = ops.where(ops.equal(state["sounding"], FREE), 0, ages)
            of_slots = before(state)
            here = ops.take(place, time, axis=1)
            inputs = ops.concatenate([ops.reshape(of_slots, (-1, slots * of_slots.shape[-1])), here], axis=-1)
            past, *past_state = use["past"](inputs[:, None], initial_state=list(state["past"]), training=False)
            contexts = [past[:, 0], here]
            if to_come is not None:
                contexts.append(ops.take(to_come, time, axis=1))
            context = ops.concatenate(contexts, axis=-1)
            state["past"] = tuple(past_state)
            state["of_step"] = use["of_step"](context)
            state["voices"] = tuple(split_state(use["first_state"](context), voices.state_sizes))
            return state

        def step(symbols, state):
            index = ops.max(state["index"])  # the same in each row
            time, slot = index // slots, index % slots
            last = ops.equal(ops.arange(slots, dtype="int32"), (slot - 1) % slots)
            state = {**state, "now": ops.where(last, symbols[:, None], state["now"])}
            state = ops.cond(ops.equal(slot, 0), lambda: next_step_of_time(state, time), lambda: dict(state))

            sounding = ops.take(state["sounding"], (slot - 1) % slots, axis=1)
            holds = ops.equal(symbols, HOLD)
            vectors = use["symbol_vectors"](ops.where(holds, sounding, symbols))
            said = ops.concatenate([vectors, ops.cast(~holds, vectors.dtype)[:, None]], axis=-1)
            said = ops.where(ops.equal(slot, 0), ops.zeros_like(said), said)
            own = ops.take(before(state), slot, axis=1)
            seen = [said, own, *self._intervals(state, slot)]
            number = use["slot_vectors"](ops.zeros_like(symbols) + slot)
            inputs = state["of_step"] + use["of_slot"](ops.concatenate([*seen, number], axis=-1))
            outputs, voice_states = self._across(inputs, state["voices"])
            readout = use["readout"](ops.concatenate([outputs, own], axis=-1))
            logits = use["scores"](readout) + ops.take(allowed, slot, axis=0)
            return logits, {**state, "voices": tuple(voice_states), "index": state["index"] + 1}

        return step, self._first_state(positions, use["of_step"].units, use["past"].state_sizes, voices.state_sizes)

    def _look_ahead(self, given, lengths):
        """What is to come of what is given, float32 `[batch, time, units]`; None for a network that does not look."""
        if self._ahead is None:
            return None
        vectors = self._given_vectors(given)
        vectors = ops.reshape(vectors, (*ops.shape(vectors)[:2], self.slots * vectors.shape[-1]))
        ahead = self._ahead(vectors, lengths=lengths, training=False)
        return ops.where(more_is_given(given), ops.flip(ahead, axis=1), 0.0)

    def _intervals(self, state, slot):
        """Vectors of the intervals that a slot sees, float `[batch, features]`, in a list; an empty one for a single slot."""
        if self._interval_numbers is None:
            return []
        now = ops.where(ops.equal(state["now"], HOLD), state["sounding"], state["now"])
        numbers = ops.take(self._interval_numbers(state["sounding"], now), slot, axis=1)
        vectors = self._interval_vectors(numbers)  # [batch, 2 · slots, features]
        return [ops.reshape(vectors, (-1, 2 * self.slots * vectors.shape[-1]))]

    def _across(self, inputs, states):
        """One step of the layer across the slots: float `[batch, features]` to its output and its new states."""
        layer = self._layers["voices"].layer
        outputs, last = layer.in_order_of_time(inputs[:, None], list(states), training=False)
        return outputs[:, 0], last

    def _first_state(self, positions, context_units, past_sizes, voice_sizes):
        row = ops.zeros_like(positions[:, :1])  # int32 [batch, 1]

        def zeros(size, dtype="float32"):
            return ops.cast(row, dtype) + ops.zeros((size,), dtype)

        return {
            "index": row[:, 0],
            "now": zeros(self.slots, "int32"),
            "sounding": zeros(self.slots, "int32"),
            "ages": zeros(self.slots, "int32"),
            "past": tuple(zeros(size) for size in past_sizes),
            "of_step": zeros(context_units),
            "voices": tuple(zeros(size) for size in voice_sizes),
        }
