"""Beam search beside brute force. If it fails, translations are worse than the network could give, or differ by chance."""

import keras
import numpy as np
import pytest
from keras import ops

from common.decoding import beam_search, coverage_penalty, length_normalizer, repeat_rows
from tests.common.decoding.small_network import (
    MINUS_INFINITY,
    Network,
    all_sequences,
    arrays,
    assert_same,
    full_beam_search,
    log_softmax,
    padded,
    teacher_forced,
)
from tests.common.decoding.test_greedy import search as greedy_search

END = 2


def search(network, starts, end_id=END, **options):
    return beam_search(network.step, network.state(starts), network.first_ids(starts), end_id=end_id, **options)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("max_length", [1, 2, 3, 4, 5])
def test_a_beam_wide_enough_finds_all_sequences_in_the_order_of_their_scores(max_length, alpha):
    network = Network(vocabulary=4)
    starts = network.starts(2)
    sequences = all_sequences(4, END, max_length)
    width = len(sequences) + 3
    ids, lengths, log_probabilities, scores = arrays(
        search(network, starts, width=width, max_length=max_length, length_penalty=alpha)
    )
    for row, start in enumerate(starts):
        expected = [teacher_forced(network, start, tokens) for tokens in sequences]
        normalized = [value / ((5 + len(tokens)) / 6) ** alpha for value, tokens in zip(expected, sequences)]
        order = np.argsort(-np.array(normalized), kind="stable")
        count = len(sequences)
        np.testing.assert_allclose(scores[row, :count], np.array(normalized)[order], rtol=1e-4, atol=1e-4)
        found = [tuple(ids[row, place, : lengths[row, place]]) for place in range(count)]
        assert sorted(found) == sorted(sequences)
        by_tokens = dict(zip(sequences, expected))
        np.testing.assert_allclose(log_probabilities[row, :count], [by_tokens[each] for each in found], atol=1e-4)
        assert (scores[row, count:] == MINUS_INFINITY).all() and (lengths[row, count:] == 0).all()
        assert (ids[row, count:] == 0).all()


@pytest.mark.parametrize(
    "options", [{}, {"alpha": 1.0}, {"alpha": 0.6, "min_length": 3}, {"beta": 1.0}, {"forbidden": (1, 4)}]
)
@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_a_search_that_stops_early_finds_what_one_by_lists_that_does_not_finds(width, options):
    max_length = 7
    for seed in range(2):
        network = Network(vocabulary=6, seed=seed, scale=1.0)
        starts = network.starts(4, seed)
        found = search(
            network,
            starts,
            width=width,
            max_length=max_length,
            length_penalty=options.get("alpha", 0.0),
            min_length=options.get("min_length", 0),
            state_penalty=network.penalty if "beta" in options else None,
            forbidden=np.isin(np.arange(6), options["forbidden"]) if "forbidden" in options else None,
        )
        ids, lengths, log_probabilities, scores = arrays(found)
        for row, start in enumerate(starts):
            expected = full_beam_search(network, start, width, END, max_length, **options)
            assert ids[row].tolist() == [padded(tokens, max_length) for tokens, _, _ in expected]
            assert lengths[row].tolist() == [len(tokens) for tokens, _, _ in expected]
            np.testing.assert_allclose(log_probabilities[row], [value for _, value, _ in expected], atol=1e-4)
            np.testing.assert_allclose(scores[row], [score for _, _, score in expected], atol=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_width_of_1_is_greedy_search(alpha):
    network = Network(vocabulary=8, seed=5, scale=1.0)
    starts = network.starts(12)
    options = {"max_length": 6, "min_length": 2, "forbidden": np.arange(8) == 5}
    ids, lengths, log_probabilities, _ = arrays(search(network, starts, width=1, length_penalty=alpha, **options))
    assert_same((ids[:, 0], lengths[:, 0], log_probabilities[:, 0]), greedy_search(network, starts, **options))
    assert len(set(lengths[:, 0].tolist())) > 1


def test_a_row_does_not_depend_on_the_others():
    network = Network(vocabulary=20, scale=1.0)
    starts = network.starts(6)
    options = {"width": 3, "max_length": 8, "length_penalty": 0.6}
    whole = search(network, starts, **options)
    order = [3, 1, 5, 0, 2, 4]
    assert_same([each[order] for each in arrays(whole)], search(network, starts[order], **options))
    for row in range(6):
        assert_same([each[row : row + 1] for each in arrays(whole)], search(network, starts[row : row + 1], **options))


def test_each_row_with_a_width_and_a_length_penalty_of_its_own_is_as_if_searched_alone():
    network = Network(vocabulary=20, scale=1.0)
    starts = network.starts(6)
    widths, alphas = np.array([1, 4, 2, 3, 4, 1], "int32"), np.array([0, 1, 0.5, 0, 2, 1], "float32")
    found = arrays(search(network, starts, width=4, max_length=8, widths=widths, length_penalty=alphas))
    for row, (width, alpha) in enumerate(zip(widths.tolist(), alphas.tolist())):
        alone = search(network, starts[row : row + 1], width=width, max_length=8, length_penalty=alpha)
        assert_same([each[row : row + 1, :width] for each in found], alone)
        ids, lengths, log_probabilities, scores = (each[row, width:] for each in found)
        assert (ids == 0).all() and (lengths == 0).all()
        assert (log_probabilities == MINUS_INFINITY).all() and (scores == MINUS_INFINITY).all()


def test_of_equal_candidates_the_lowest_ids_win():
    def step(token_ids, state):
        return ops.zeros((ops.shape(token_ids)[0], 40), "float32"), state

    ids, _, log_probabilities, _ = arrays(
        beam_search(step, (), np.zeros(2, "int32"), width=3, end_id=None, max_length=3)
    )
    assert ids.tolist() == [[[0, 0, 0], [0, 0, 1], [0, 0, 2]]] * 2
    np.testing.assert_allclose(log_probabilities, -3 * np.log(40), rtol=1e-6)


def test_without_an_end_all_hypotheses_have_the_greatest_length():
    network = Network(vocabulary=5)
    starts = network.starts(2)
    ids, lengths, _, scores = arrays(search(network, starts, end_id=None, width=3, max_length=4))
    assert (lengths == 4).all()
    for row, start in enumerate(starts):
        expected = full_beam_search(network, start, 3, None, 4, alpha=1.0)
        assert ids[row].tolist() == [list(tokens) for tokens, _, _ in expected]
        np.testing.assert_allclose(scores[row], [score for _, _, score in expected], atol=1e-4)


def test_forced_tokens_stand_in_all_hypotheses_and_the_rest_is_searched_behind_them():
    network = Network(vocabulary=6, scale=1.0)
    starts = network.starts(2)
    forced = np.array([[3, END + 2, -1, -1, -1], [-1, -1, -1, -1, -1]], "int32")
    options = {"width": 4, "max_length": 5, "forbidden": np.arange(6) == 3, "min_length": 4}
    found = search(network, starts, forced=forced, **options)
    ids, lengths, log_probabilities, _ = arrays(found)
    assert (ids[0, :, :2] == [3, END + 2]).all() and len({tuple(each) for each in ids[0].tolist()}) == 4
    for place in range(4):
        tokens = ids[0, place, : lengths[0, place]].tolist()
        assert log_probabilities[0, place] == pytest.approx(teacher_forced(network, starts[0], tokens), abs=1e-4)
        assert 3 not in tokens[1:] and END not in tokens[:3]
    free = search(network, starts[1:], **options)
    assert_same([each[1:] for each in arrays(found)], free)


def test_a_forced_end_ends_and_a_forced_token_of_probability_zero_is_taken():
    logits = np.array([0.0, -np.inf, 0.0, 1.0], "float32")

    def step(token_ids, state):
        return ops.zeros((ops.shape(token_ids)[0], 1), "float32") + logits, state

    forced = np.array([[1, END, -1], [-1, 1, -1]], "int32")
    found = beam_search(step, (), np.zeros(2, "int32"), width=2, end_id=END, max_length=3, forced=forced, min_length=3)
    ids, lengths, _, scores = arrays(found)
    assert ids[0].tolist() == [[1, END, 0], [0, 0, 0]] and lengths[0].tolist() == [2, 0]
    assert scores[0, 1] == MINUS_INFINITY and not np.isnan(scores).any()
    assert (ids[1, :, 1] == 1).all() and (lengths[1] == 3).all()


def test_it_stops_as_soon_as_no_row_can_become_better():
    def steps_until_done(row_logits, **options):
        count = keras.Variable(0, dtype="int32", trainable=False)
        logits = np.array(row_logits, "float32")

        def step(token_ids, state):
            return ops.take(logits, state, axis=0), state

        def counted(token_ids, state):
            count.assign_add(1)
            return step(token_ids, state)

        first_ids, state = np.zeros(len(logits), "int32"), np.arange(len(logits), dtype="int32")
        if keras.backend.backend() != "tensorflow":
            pytest.skip("counts the steps of an eager loop")
        beam_search(counted, state, first_ids, end_id=0, max_length=50, **options)
        return int(count)

    sure, unsure = [9.0, 0.0, 0.0, 0.0], [0.0, 9.0, 0.0, 0.0]
    assert steps_until_done([sure, sure], width=2, length_penalty=0.0) == 2
    assert steps_until_done([sure, unsure], width=2, length_penalty=0.0) == 50
    assert steps_until_done([sure, sure], width=1, length_penalty=1.0) == 1
    assert steps_until_done([sure, sure], width=2, length_penalty=2.0) > 2


def test_a_step_sees_the_memory_of_its_own_row():
    memory = np.random.default_rng(0).normal(size=(3, 12)).astype("float32")

    def step_with(repeated):
        return lambda token_ids, state: (repeated, state)

    repeated = repeat_rows(memory, 2)
    ids, *_ = arrays(beam_search(step_with(repeated), (), np.zeros(3, "int32"), width=2, end_id=None, max_length=1))
    np.testing.assert_array_equal(ids[:, :, 0], np.argsort(-memory, axis=-1)[:, :2])


def search_in_context(network, starts, contexts, **options):
    state, first_ids = network.state(starts), network.first_ids(starts)
    return beam_search(network.step_in_context, state, first_ids, context=contexts, end_id=END, **options)


@pytest.mark.parametrize("halvings", [1, 2, 5])
@pytest.mark.parametrize("with_penalty", [False, True])
def test_with_rows_left_out_that_are_done_no_answer_changes(halvings, with_penalty):
    network, batch = Network(vocabulary=6, scale=1.5), 9
    starts, contexts = network.starts(batch), network.contexts(batch)
    contexts[:, END] += np.arange(batch) - 4  # so that some end early
    options = {
        "width": 3,
        "max_length": 12,
        "widths": np.arange(batch) % 3 + 1,
        "length_penalty": np.linspace(0, 2, batch).astype("float32"),
        "forced": np.where((np.arange(12) == 1) & (np.arange(batch)[:, None] % 4 == 0), 5, -1),
        "forbidden": np.arange(6) == np.arange(batch)[:, None] % 2,
        "state_penalty": (lambda state, context: network.penalty(state) * ops.exp(context[:, 0]))
        if with_penalty
        else None,
    }
    whole = search_in_context(network, starts, contexts, **options)
    assert len(set(arrays(whole)[1].max(axis=1))) > 3
    assert_same(search_in_context(network, starts, contexts, halvings=halvings, **options), whole)
    own = {key: value[4:5] if isinstance(value, np.ndarray) else value for key, value in options.items()}
    alone = search_in_context(network, starts[4:5], contexts[4:5], **own)
    assert_same([each[4:5] for each in arrays(whole)], alone)


def test_the_rows_that_are_left_are_half_of_them_at_most():
    network, seen = Network(vocabulary=6), []
    starts = network.starts(9)

    def step(token_ids, state, context):
        seen.append(token_ids.shape[0])
        return network.step_in_context(token_ids, state, context)

    contexts = network.contexts(9)
    contexts[:, END] += 40 * (np.arange(9) % 2) - 20  # four rows end at once, five never do
    beam_search(
        step,
        network.state(starts),
        network.first_ids(starts),
        context=contexts,
        width=2,
        end_id=END,
        max_length=8,
        stop_when_full=True,
        halvings=3,
    )
    assert set(seen) == {18, 10}


def test_scores_follow_the_formulas_of_wu_et_al():
    assert float(length_normalizer(1, 0.7)) == pytest.approx(1.0)
    assert float(length_normalizer(13, 0.5)) == pytest.approx(3**0.5)
    attention = np.array([[0.5, 2.0, 0.1], [0.0, 1.0, 0.5]], "float32")
    mask = np.array([[True, True, False], [False, True, True]])
    found = np.asarray(coverage_penalty(attention, mask, 0.2))
    np.testing.assert_allclose(found, [0.2 * np.log(0.5)] * 2, rtol=1e-5)
    assert (np.asarray(coverage_penalty(attention, None, 0.2)) < found).all()


def test_half_precision_logits_are_summed_in_float32():
    logits = np.random.default_rng(0).normal(size=(1, 50)).astype("float16")

    def step(token_ids, state):
        return ops.zeros((ops.shape(token_ids)[0], 1), "float16") + logits, state

    _, _, log_probabilities, _ = beam_search(step, (), np.zeros(1, "int32"), width=1, end_id=None, max_length=20)
    expected = 20 * log_softmax(logits[0].astype("float64")).max()
    assert float(log_probabilities[0, 0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"max_length": 0}, "max_length must be a positive int, got 0"),
        ({"min_length": 5}, "min_length must be from 0 to max_length 4, got 5"),
        ({"length_penalty": -1.0}, "length_penalty must be at least 0, got -1.0"),
        ({"end_id": 6}, "end_id must be below the vocabulary 6, got 6"),
        ({"end_id": -1}, "end_id must be an int, 0 or more, or None, got -1"),
        ({"forbidden": np.zeros(5, bool)}, "forbidden must be for 6 tokens"),
        ({"forced": np.zeros((2, 3), "int32")}, "forced must be of shape"),
        ({"widths": np.zeros((2, 1), "int32")}, "widths must be of shape"),
    ],
)
def test_bad_arguments_are_named(options, said):
    network = Network(vocabulary=6)
    with pytest.raises(ValueError, match=said):
        search(network, network.starts(2), **{"width": 2, "max_length": 4, **options})


def test_a_step_that_changes_its_state_or_returns_no_logits_is_named():
    network, options = Network(vocabulary=6), {"width": 2, "max_length": 4, "end_id": END}

    def wrong_state(token_ids, state):
        return network.step(token_ids, state)[0], {"hidden": state["hidden"]}

    def wrong_logits(token_ids, state):
        return token_ids, state

    for step, said in ((wrong_state, "step must return a state"), (wrong_logits, "step must return logits")):
        with pytest.raises(ValueError, match=said):
            beam_search(step, network.state(network.starts(2)), np.zeros(2, "int32"), **options)


def test_it_may_stop_with_as_many_ends_as_it_is_wide():
    """Token 0 ends a hypothesis with a third of the probability at each step; at the greatest length it might score better."""
    steps = []

    def step(token_ids, state):
        steps.append(1)
        logits = ops.log(ops.convert_to_tensor(np.array([0.34, 0.33, 0.33], np.float32)))
        return ops.broadcast_to(logits, (token_ids.shape[0], 3)), state

    def scores(**options):
        steps.clear()
        first = ops.zeros((1,), "int32")
        found = beam_search(step, first, first, width=2, end_id=0, max_length=40, length_penalty=2.0, **options)
        return ops.convert_to_numpy(found.scores)[0], len(steps)

    (best, late), (first, early) = scores(), scores(stop_when_full=True)
    assert early == 2 < late  # an end at each of the first two steps
    assert first[0] <= best[0] and np.isfinite(first).all()
