"""Greedy search. If it fails, the quickest way to decode gives something else than the most likely tokens."""

import numpy as np
import pytest
from keras import ops

from common.decoding import greedy
from tests.common.decoding.small_network import Network, arrays, assert_same, teacher_forced
from tests.conformance.differentiation import ON_TENSORFLOW

END = 2


def search(network, starts, end_id=END, **options):
    return greedy(network.step, network.state(starts), network.first_ids(starts), end_id=end_id, **options)


def by_list(network, start, max_length, end_id=END, min_length=0, forbidden=()):
    tokens = []
    while len(tokens) < max_length and (not tokens or tokens[-1] != end_id):
        found = network.log_probabilities(start, tokens)[0].copy()
        found[list(forbidden)] = -np.inf
        if len(tokens) + 1 < min_length:
            found[end_id] = -np.inf
        tokens.append(int(found.argmax()))
    return tokens


@pytest.mark.parametrize("options", [{}, {"min_length": 4}, {"forbidden": (0, 3)}, {"end_id": None}])
def test_tokens_are_those_of_a_list_and_log_probabilities_those_of_teacher_forcing(options):
    network = Network(vocabulary=7, scale=1.0)
    starts, mask = network.starts(6), np.isin(np.arange(7), options.get("forbidden", ()))
    given = {**options, "forbidden": mask} if "forbidden" in options else options
    ids, lengths, log_probabilities = arrays(search(network, starts, max_length=6, pad_id=5, **given))
    for row, start in enumerate(starts):
        tokens = by_list(network, start, 6, **options)
        assert ids[row].tolist() == [*tokens, *[5] * (6 - len(tokens))]
        assert lengths[row] == len(tokens)
        assert log_probabilities[row] == pytest.approx(teacher_forced(network, start, tokens), abs=1e-4)


def test_forbidden_tokens_may_differ_between_rows():
    network = Network(vocabulary=7)
    starts = network.starts(2)
    forbidden = np.array([[False, True, False, True, True, False, True], [False] * 7])
    ids, *_ = arrays(search(network, starts, end_id=None, max_length=6, forbidden=forbidden))
    assert set(ids[0].tolist()) <= {0, 2, 5}
    np.testing.assert_array_equal(ids[1:], arrays(search(network, starts[1:], end_id=None, max_length=6))[0])


def test_forced_tokens_are_taken_whatever_is_forbidden_and_a_forced_end_ends():
    network = Network(vocabulary=7)
    forced = np.array([[3, -1, 4, -1], [1, END, 4, 4]], "int32")
    options = {"max_length": 4, "min_length": 4, "forbidden": np.arange(7) == 3}
    ids, lengths, log_probabilities = arrays(search(network, network.starts(2), forced=forced, **options))
    assert ids[0, 0] == 3 and ids[0, 2] == 4 and 3 not in ids[0, 1:]
    assert ids[1].tolist() == [1, END, 0, 0] and lengths.tolist() == [4, 2]
    for row, start in enumerate(network.starts(2)):
        expected = teacher_forced(network, start, ids[row, : lengths[row]].tolist())
        assert log_probabilities[row] == pytest.approx(expected, abs=1e-4)


def test_a_row_does_not_depend_on_the_others():
    network = Network(vocabulary=7, scale=1.0)
    starts = network.starts(4)
    whole = arrays(search(network, starts, max_length=5))
    for row in range(4):
        assert_same([each[row : row + 1] for each in whole], search(network, starts[row : row + 1], max_length=5))


@pytest.mark.parametrize("halvings", [1, 2, 5])
def test_with_rows_left_out_that_are_done_no_answer_changes(halvings):
    network, batch = Network(vocabulary=6, scale=1.5), 9
    starts, contexts = network.starts(batch), network.contexts(batch)
    contexts[:, END] += np.arange(batch) - 4  # so that some end early
    options = {
        "max_length": 12,
        "end_id": END,
        "forced": np.where((np.arange(12) == 1) & (np.arange(batch)[:, None] % 4 == 0), 5, -1),
        "forbidden": np.arange(6) == np.arange(batch)[:, None] % 2,
    }

    def found(rows, **others):
        own = {key: value[rows] if isinstance(value, np.ndarray) else value for key, value in options.items()}
        state, first_ids = network.state(starts[rows]), network.first_ids(starts[rows])
        return greedy(network.step_in_context, state, first_ids, context=contexts[rows], **own, **others)

    whole = found(slice(None))
    assert len(set(arrays(whole)[1])) > 3
    assert_same(found(slice(None), halvings=halvings), whole)
    assert_same([each[4:5] for each in arrays(whole)], found(slice(4, 5)))


def test_of_equal_tokens_the_lowest_is_taken():
    def step(token_ids, state):
        return ops.zeros((ops.shape(token_ids)[0], 40), "float32"), state

    ids, _, log_probabilities = greedy(step, (), np.zeros(2, "int32"), end_id=None, max_length=3)
    assert np.asarray(ids).tolist() == [[0, 0, 0]] * 2
    np.testing.assert_allclose(np.asarray(log_probabilities), -3 * np.log(40), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_length": 0}, "greedy: max_length must be a positive int, got 0"),
        ({"min_length": 5}, "greedy: min_length must be from 0 to max_length 4, got 5"),
        ({"end_id": 7}, "end_id must be below the vocabulary 7, got 7"),
        ({"forbidden": np.zeros((1, 1, 7), bool)}, "greedy: forbidden must be of shape"),
        ({"forced": np.zeros((2, 3), "int32")}, "greedy: forced must be of shape"),
    ],
)
def test_bad_arguments_are_named(options, said):
    network = Network(vocabulary=7)
    with pytest.raises(ValueError, match=said):
        search(network, network.starts(2), **{"max_length": 4, **options})


@pytest.mark.skipif(not ON_TENSORFLOW, reason="of TensorFlow alone")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"min_length": -1}, "greedy: min_length must be from 0 to max_length"),
        ({"halvings": -1}, "greedy: halvings must be an int, 0 or more, got -1"),
        ({"forced": np.zeros(3, "int32")}, "greedy: forced must be of shape"),
        ({"end_id": 7}, "end_id must be below the vocabulary 7, got 7"),
    ],
)
def test_bad_arguments_are_named_beside_a_length_that_is_a_tensor(options, said):
    network = Network(vocabulary=7)
    with pytest.raises(ValueError, match=said):
        search(network, network.starts(2), max_length=ops.convert_to_tensor(4, "int32"), **options)
