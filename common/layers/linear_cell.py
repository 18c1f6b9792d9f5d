"""What the cells that are linear in their state have in common: no recurrent kernel, and a scan instead of a loop of gates.

A new one is a subclass of `LinearCell` that writes `linear`; its layer is a subclass of `LinearLayer`.
"""

from keras import ops

from common.layers.cell import GatedCell
from common.layers.linear_scan import hold, linear_scan, multiply_add
from common.layers.recurrent_layer import RecurrentLayer


class LinearCell(GatedCell):
    """One step of `memory' = keep * memory + write`, where the input alone decides what is kept and written.

    Subclasses write `linear`. If what is shown depends on the input beside the memory, they set `shows_input`, put
    `"hidden"` in front of `state_names`, and write `show`: the output is then a state too, since a step that is not real
    repeats it. Else the memory is all of the state, and `output` is what is shown of it.
    """

    has_recurrent_kernel = False
    shows_input = False

    def linear(self, projected):
        """What is kept and written: float `[..., gate_count·units]` to two tuples of float `[..., units]`.

        The tuples have one array, or two for real and imaginary part. What every step keeps alike may be `[1, ..., units]`.
        """
        raise NotImplementedError

    def show(self, projected, memory):
        """The output from `projected` and the new memory, for one step or a sequence: float `[..., units]`."""
        raise NotImplementedError

    def gates(self, projected, recurrent, state):
        keep, write = self.linear(projected)
        memory = multiply_add(keep, state[1:] if self.shows_input else state, write)
        return (self.show(projected, memory), *memory) if self.shows_input else memory


class LinearLayer(RecurrentLayer):
    """A `LinearCell` over a sequence, by a scan; all arguments of `RecurrentLayer` but `recurrent_dropout`."""

    def run(self, sequence, initial_state, mask=None, recurrent_dropout=None, zoneout=None, reverse=False):
        projected = ops.cast(self.cell.project(sequence), self.cell.state_dtype)
        return self.scan(projected, initial_state, mask, zoneout, reverse)

    def scan(self, projected, initial_state, mask, zoneout, reverse):
        """Outputs of all steps and last states from `projected`, float `[time, batch, gate_count·units]`."""
        cell, of_output, of_memory = self.cell, None, None
        if zoneout is not None:
            of_output, of_memory = zoneout[0], zoneout[1 if cell.shows_input else 0]
        keep, write = cell.linear(projected)
        memory = tuple(initial_state[1:] if cell.shows_input else initial_state)
        if len(memory) == 1:
            states, last = linear_scan(keep[0], write[0], memory[0], mask, of_memory, reverse)
            states, last = (states,), (last,)
        else:
            states, last = linear_scan(keep, write, memory, mask, of_memory, reverse)
        if not cell.shows_input:
            return cell.output(states), last
        outputs, hidden = hold(cell.show(projected, states), initial_state[0], mask, of_output, reverse)
        return outputs, (hidden, *last)


class WithoutZoneout:
    """For layers whose states only mean something together, so that none of them can be held back alone."""

    def _zoneout_of_states(self, zoneout):
        fractions = super()._zoneout_of_states(zoneout)
        if any(fractions):
            raise ValueError(f"{type(self).__name__}: zoneout must be 0, its states belong together, got {zoneout!r}")
        return fractions
