"""Padded batches of about equal length. If these fail, examples are lost or seen twice, a resumed run sees other batches, or
XLA compiles for ever."""

from itertools import combinations, islice

import numpy as np
import pytest
import tensorflow as tf

from common.data.buckets import BucketedBatches, choose_boundaries

BOUNDARIES = [4, 8, 12]


def padded_steps(lengths, boundaries):
    return sum(min(boundary for boundary in boundaries if boundary >= max(length, 1)) for length in lengths)


def ragged(lengths, columns=0):
    """Sequences in which each number says its example and its step: 100 · (example + 1) + step."""
    rows = [[100 * (row + 1) + step for step in range(length)] for row, length in enumerate(lengths)]
    values = np.array([value for row in rows for value in row], "int32")
    if columns:
        values = values[:, None] * 10 + np.arange(columns, dtype="int32")
    return tf.RaggedTensor.from_row_lengths(tf.constant(values, tf.int32), lengths)


def make(lengths, batch_size=4, boundaries=BOUNDARIES, seed=0):
    return BucketedBatches(ragged(lengths), np.arange(len(lengths)), boundaries, batch_size, seed)


def many_lengths(examples=61, seed=0):
    return np.random.default_rng(seed).integers(1, 13, examples).tolist()


def epoch_of(data, epoch=0):
    """The batches of one epoch as (token ids, labels)."""
    steps = data.steps_per_epoch
    batches = data.dataset(epoch * steps).take(steps).as_numpy_iterator()
    return [(inputs["token_ids"], labels) for inputs, labels in batches]


# --- boundaries


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("buckets", [1, 2, 3])
def test_no_other_boundaries_pad_less(seed, buckets):
    lengths = np.random.default_rng(seed).geometric(0.08, size=15).clip(1, 40).tolist()
    chosen = choose_boundaries(lengths, buckets, multiple=5)
    candidates = range(5, 45, 5)
    best = min(
        padded_steps(lengths, choice)
        for size in range(1, buckets + 1)
        for choice in combinations(candidates, size)
        if choice[-1] >= max(lengths)
    )
    assert padded_steps(lengths, chosen) == best
    assert len(chosen) <= buckets
    assert chosen == sorted(set(chosen))
    assert all(boundary % 5 == 0 for boundary in chosen)
    assert chosen[-1] - 5 < max(lengths) <= chosen[-1]


@pytest.mark.parametrize(
    ("lengths", "boundaries"), [([0], [8]), ([0, 0], [8]), ([8], [8]), ([9], [16]), ([3] * 50, [8])]
)
def test_few_lengths_need_few_boundaries(lengths, boundaries):
    assert choose_boundaries(lengths, 5) == boundaries


# --- training


def test_an_epoch_holds_every_example_at_most_once_and_leaves_out_only_incomplete_batches():
    lengths = many_lengths()
    data = make(lengths)
    labels = np.concatenate([labels for _, labels in epoch_of(data)])
    assert len(set(labels)) == len(labels)
    assert len(labels) > len(lengths) - len(BOUNDARIES) * data.batch_size
    assert set(np.concatenate([labels for epoch in range(5) for _, labels in epoch_of(data, epoch)])) == set(
        range(len(lengths))
    ), "over several epochs every example gets its turn"


def test_a_row_is_its_sequence_and_zeros_behind_it():
    lengths = many_lengths()
    for token_ids, labels in epoch_of(make(lengths)):
        for row, label in zip(token_ids, labels, strict=True):
            expected = [100 * (label + 1) + step for step in range(lengths[label])]
            assert row.tolist() == expected + [0] * (len(row) - lengths[label])


def test_sequences_may_have_more_than_one_number_at_a_step():
    lengths = [3, 0, 5]
    data = BucketedBatches(ragged(lengths, columns=2), [0, 1, 2], [6], batch_size=3)
    ((token_ids, labels),) = epoch_of(data)
    assert token_ids.shape == (3, 6, 2)
    for row, label in zip(token_ids, labels, strict=True):
        assert row[: lengths[label], 1].tolist() == [1000 * (label + 1) + 10 * s + 1 for s in range(lengths[label])]
        assert not row[lengths[label] :].any()


@pytest.mark.parametrize("first", [0, 1, 7, 15, 40])
def test_a_resumed_run_sees_the_batches_it_would_have_seen(first):
    data, again = make(many_lengths(), seed=3), make(many_lengths(), seed=3)
    expected = islice(data.dataset().as_numpy_iterator(), first, first + 20)
    for one, other in zip(again.dataset(first).take(20).as_numpy_iterator(), expected, strict=True):
        np.testing.assert_array_equal(one[0]["token_ids"], other[0]["token_ids"])
        np.testing.assert_array_equal(one[1], other[1])


def test_the_order_changes_with_the_epoch_and_with_the_seed():
    def order(seed, epoch):
        return np.concatenate([labels for _, labels in epoch_of(make(many_lengths(), seed=seed), epoch)]).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_shapes_are_few_so_that_compilations_are():
    data = make(many_lengths())
    shapes = {ids.shape for epoch in range(4) for ids, _ in epoch_of(data, epoch)}
    assert shapes <= {(4, boundary) for boundary in BOUNDARIES}
    validation = {inputs["token_ids"].shape for inputs, *_ in data.evaluation_dataset()}
    assert validation <= {(4, boundary) for boundary in BOUNDARIES}


def test_the_lengths_of_an_epoch_are_those_of_its_batches():
    """Else the time left counts the wrong steps as compiled."""
    data = make(many_lengths())
    for epoch in range(3):
        assert data.padded_lengths(epoch) == [ids.shape[1] for ids, _ in epoch_of(data, epoch)]


def test_examples_too_few_for_a_batch_of_their_length_join_longer_ones():
    data = make([2] * 3 + [6] * 5 + [11])
    seen = {label for epoch in range(12) for _, labels in epoch_of(data, epoch) for label in labels.tolist()}
    assert seen == set(range(9))


@pytest.mark.parametrize("lengths", [[3], [0], [0, 0, 0, 0, 0], [12, 1], [0, 5, 0, 7]])
def test_few_and_empty_examples_work(lengths):
    data = make(lengths)
    assert data.steps_per_epoch >= 1
    assert 0 <= data.padding_waste <= 1
    for token_ids, labels in epoch_of(data):
        assert (token_ids > 0).sum(axis=1).tolist() == [lengths[label] for label in labels]
    assert evaluated(data) == list(range(len(lengths)))


def test_padding_waste_is_the_share_of_padded_steps():
    assert make([4, 4, 8, 8], batch_size=2).padding_waste == 0
    assert make([1, 3, 8, 6], batch_size=2).padding_waste == pytest.approx(1 - 18 / 24)
    assert make([1, 3, 8, 6], batch_size=3).padding_waste == pytest.approx(1 - 18 / 32)  # the short ones joined


def test_a_sequence_that_fits_nowhere_is_an_error():
    with pytest.raises(ValueError, match="13.*12"):
        make([13])


# --- evaluation


def evaluated(data):
    """Labels of the rows that count, sorted; checks weights and order on the way."""
    found, order = [], data.order()
    start = 0
    for inputs, labels, weights in data.evaluation_dataset().as_numpy_iterator():
        rows = order[start : start + len(labels)]
        start += len(labels)
        np.testing.assert_array_equal(weights, (rows >= 0).astype("float32"))
        np.testing.assert_array_equal(labels[rows >= 0], rows[rows >= 0])
        assert not inputs["token_ids"][rows < 0].any()
        found += labels[weights > 0].tolist()
    assert start == len(order)
    return sorted(found)


def test_evaluation_counts_every_example_once_in_the_order_it_says():
    assert evaluated(make(many_lengths())) == list(range(61))


def test_the_number_of_evaluation_batches_is_known():
    dataset = make(many_lengths()).evaluation_dataset()
    assert dataset.cardinality() == len(list(dataset))
