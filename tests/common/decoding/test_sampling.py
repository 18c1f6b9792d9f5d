"""Sampling beside the distributions it should draw from. If it fails, what is generated is too dull, too wild or not repeatable."""

import numpy as np
import pytest
from keras import ops

from common.decoding import sample, sampling
from tests.common.decoding.small_network import Network, arrays, assert_same, log_softmax, teacher_forced
from tests.common.decoding.test_greedy import search as greedy_search
from tests.conformance.differentiation import compiled

END = 2
DRAWS = 4000
LOGITS = np.random.default_rng(0).normal(size=12).astype("float32") * 1.5
CRITICAL = {1: 10.8, 2: 13.8, 3: 16.3, 4: 18.5, 5: 20.5, 6: 22.5, 7: 24.3, 8: 26.1, 9: 27.9, 10: 29.6, 11: 31.3}


def search(network, starts, seeds=None, end_id=END, **options):
    first_ids = network.first_ids(starts)
    seeds = np.arange(len(starts), dtype="int32") if seeds is None else seeds
    return sample(network.step, network.state(starts), first_ids, seeds, end_id=end_id, **options)


def constant(logits):
    return lambda token_ids, state: (ops.zeros((ops.shape(token_ids)[0], 1), "float32") + logits, state)


def filtered(logits, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0):
    """The distribution after the filters, float64 `[vocabulary]`."""
    probabilities = np.exp(log_softmax(logits.astype("float64") / temperature))
    order = np.argsort(-probabilities, kind="stable")
    if top_k:
        probabilities[order[top_k:]] = 0
    probabilities /= probabilities.sum()
    before = np.cumsum(probabilities[order]) - probabilities[order]
    probabilities[order[before >= top_p]] = 0
    probabilities[probabilities < min_p * probabilities.max()] = 0
    return probabilities / probabilities.sum()


FILTERS = [
    {},
    {"temperature": 0.5},
    {"temperature": 2.0},
    {"top_k": 4},
    {"top_k": 100},
    {"top_p": 0.7},
    {"top_p": 1e-6},
    {"min_p": 0.2},
    {"min_p": 1.0},
    {"temperature": 1.5, "top_k": 8, "top_p": 0.9, "min_p": 0.1},
]


def assert_drawn_from(ids, expected):
    counts = np.bincount(ids, minlength=len(expected))
    assert not counts[expected == 0].any()
    kept = expected > 0
    if kept.sum() > 1:  # chi-square, 99.9 %
        wanted = len(ids) * expected[kept]
        assert ((counts[kept] - wanted) ** 2 / wanted).sum() < CRITICAL[kept.sum() - 1]


@pytest.mark.parametrize("as_tensors", [False, True])
@pytest.mark.parametrize("options", FILTERS, ids=str)
def test_tokens_are_drawn_as_often_as_the_filtered_distribution_says(options, as_tensors):
    seeds, zeros = np.arange(DRAWS, dtype="int32"), np.zeros(DRAWS, "int32")
    given = {name: np.full(DRAWS, value) for name, value in options.items()} if as_tensors else options
    ids, _, log_probabilities = arrays(sample(constant(LOGITS), (), zeros, seeds, end_id=None, max_length=1, **given))
    assert_drawn_from(ids[:, 0], filtered(LOGITS, **options))
    expected = log_softmax(LOGITS.astype("float64"))[ids[:, 0]]
    np.testing.assert_allclose(log_probabilities, expected, atol=1e-5)


def test_one_seed_draws_as_the_distribution_says_over_the_steps():
    def draw(first_ids, seeds):
        return sample(constant(LOGITS), (), first_ids, seeds, end_id=None, max_length=500)

    found = compiled(draw)(np.zeros(4, "int32"), np.arange(4, dtype="int32"))
    assert_drawn_from(arrays(found)[0].ravel(), filtered(LOGITS))


@pytest.mark.parametrize("min_p", [0.0, 0.3])
def test_blocks_of_a_large_vocabulary_are_drawn_as_often_as_the_distribution_says(min_p, monkeypatch):
    monkeypatch.setattr(sampling, "FEW", 4)
    seeds, zeros = np.arange(DRAWS, dtype="int32"), np.zeros(DRAWS, "int32")
    for count in (5, 11, 12):
        logits = LOGITS[:count]
        ids, *_ = sample(constant(logits), (), zeros, seeds, end_id=None, max_length=1, min_p=min_p)
        assert_drawn_from(np.asarray(ids)[:, 0], filtered(logits, min_p=min_p))


@pytest.mark.parametrize("top_p", [0.5, 0.99])
def test_a_large_vocabulary_gives_the_same_whether_few_tokens_hold_the_share_or_not(top_p, monkeypatch):
    logits = np.random.default_rng(0).normal(size=(40, 300)).astype("float32") * np.linspace(0.1, 5, 40)[:, None]

    def step(token_ids, state):
        return ops.take(logits.astype("float32"), state, axis=0), state

    def draw(**options):
        return sample(step, np.arange(40), np.zeros(40, "int32"), np.arange(40), end_id=None, max_length=5, **options)

    quick = draw(top_p=top_p)
    varied = np.arange(40) % 3 * 70
    quick_of_some = draw(top_p=top_p, top_k=varied)
    monkeypatch.setattr(sampling, "HEAD", 1000)
    assert_same(quick, draw(top_p=top_p))
    assert_same(quick_of_some, draw(top_p=top_p, top_k=varied))
    of_70 = arrays(draw(top_p=top_p, top_k=70))
    assert_same([each[1::3] for each in arrays(quick_of_some)], [each[1::3] for each in of_70])
    for row in range(40):
        kept = filtered(logits[row], top_p=top_p + 1e-5) > 0
        assert kept[np.asarray(quick.ids)[row]].all()


def test_log_probabilities_are_those_of_teacher_forcing_without_temperature_and_filters():
    network = Network(vocabulary=9, scale=1.0)
    starts = network.starts(8)
    ids, lengths, log_probabilities = arrays(search(network, starts, max_length=7, temperature=2.0, top_p=0.8))
    for row, start in enumerate(starts):
        expected = teacher_forced(network, start, ids[row, : lengths[row]].tolist())
        assert log_probabilities[row] == pytest.approx(expected, abs=1e-4)
    assert len(set(lengths.tolist())) > 1 and len({tuple(each) for each in ids.tolist()}) > 4


def test_a_temperature_of_0_is_greedy_search_for_all_rows_or_for_some():
    network = Network(vocabulary=9, scale=1.0)
    starts = network.starts(6)
    expected = arrays(greedy_search(network, starts, max_length=7))
    assert_same(search(network, starts, max_length=7, temperature=0.0, top_p=0.5), expected)
    temperature = np.array([0, 1, 0, 1, 0, 1], "float32")
    found = arrays(search(network, starts, max_length=7, temperature=temperature))
    assert_same([each[::2] for each in found], [each[::2] for each in expected])
    assert_same([each[1::2] for each in found], [each[1::2] for each in arrays(search(network, starts, max_length=7))])


@pytest.mark.parametrize("options", [{}, {"top_p": 0.9}, {"top_k": 5}], ids=str)
def test_a_row_depends_on_its_own_seed_alone(options):
    network = Network(vocabulary=9, scale=1.0)
    starts, seeds = network.starts(6), np.array([5, 3, -7, 5, 2**31 - 1, 0], "int32")
    starts[3] = starts[0]
    options = {"max_length": 7, **options}
    whole = arrays(search(network, starts, seeds, **options))
    order = [3, 1, 5, 0, 2, 4]
    assert_same([each[order] for each in whole], search(network, starts[order], seeds[order], **options))
    assert_same([each[2:3] for each in whole], search(network, starts[2:3], seeds[2:3], **options))
    assert whole[0][0].tolist() == whole[0][3].tolist()

    def draw(starts, seeds):
        return search(network, starts, seeds, **options)

    assert_same(whole, compiled(draw)(starts, seeds))


def test_forbidden_forced_and_least_length_hold():
    network = Network(vocabulary=9, scale=1.0)
    starts = network.starts(30)
    forced = np.full((30, 6), -1, "int32")
    forced[:, 1] = 4
    options = {"max_length": 6, "min_length": 4, "forbidden": np.isin(np.arange(9), (4, 5)), "forced": forced}
    for filters in ({"temperature": 3.0}, {"temperature": 3.0, "top_p": 0.99}, {"temperature": 3.0, "top_k": 9}):
        ids, lengths, _ = arrays(search(network, starts, pad_id=8, **options, **filters))
        assert (ids[:, 1] == 4).all() and lengths.min() >= 4
        assert not np.isin(np.delete(ids, 1, axis=1), (4, 5)).any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": -1.0}, "temperature must be at least 0, got -1.0"),
        ({"top_k": -1}, "top_k must be an int, 0 or more, got -1"),
        ({"top_k": 1.5}, "top_k must be an int, 0 or more, got 1.5"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1, got 0.0"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1, got 1.1"),
        ({"min_p": -0.1}, "min_p must be from 0 to 1, got -0.1"),
        ({"top_p": np.ones((2, 1))}, "top_p must be a number or of shape"),
        ({"seeds": np.zeros((2, 2), "int32")}, "seeds must be of shape"),
        ({"min_length": 5}, "sample: min_length must be from 0 to max_length 4, got 5"),
    ],
)
def test_bad_arguments_are_named(options, said):
    network = Network(vocabulary=9)
    with pytest.raises(ValueError, match=said):
        search(network, network.starts(2), **{"max_length": 4, **options})
