"""If these fail, a training that goes on sees other examples than one that was never stopped."""

import numpy as np
import pytest
import tensorflow as tf

from common.data.batch_plan import BatchPlan, PaddedSequences

BUCKETS = np.array([0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 2])


def plan(seed=0):
    return BatchPlan(BUCKETS, [2, 3, 3], [1, 2, None], seed)


def as_tuples(dataset, count):
    return [tuple(each.numpy().tolist() for each in batch) for batch in dataset.take(count)]


def test_an_epoch_has_full_batches_of_one_bucket_and_no_example_twice():
    batches = plan()
    for epoch in range(3):
        rows = np.concatenate([rows for rows, _ in batches.epoch(epoch)])
        assert len(rows) == len(set(rows.tolist())) >= len(BUCKETS) - 3
        for rows, bucket in batches.epoch(epoch):
            assert (batches.training_bucket[rows] == bucket).all() and len(rows) == (
                1 if bucket == 2 else [2, 3][bucket]
            )


@pytest.mark.parametrize("numbered", [False, True])
def test_it_goes_on_where_it_stopped(numbered):
    def gather(rows, bucket, *step):
        return (rows, bucket, *step)

    batches = plan(seed=4)
    whole = as_tuples(batches.training_dataset(gather, numbered=numbered), 13)
    expected = [batch for epoch in range(4) for batch in batches.epoch(epoch)][:13]
    assert [(rows, bucket) for rows, bucket, *_ in whole] == [(rows.tolist(), bucket) for rows, bucket in expected]
    for first in (1, batches.steps_per_epoch, batches.steps_per_epoch + 2):
        dataset = batches.training_dataset(gather, first, numbered)
        assert as_tuples(dataset, 13 - first) == whole[first:]


def test_steps_are_numbered_over_all_epochs():
    """What is drawn anew each time an example is seen, such as its key, is drawn by this number."""
    batches = plan()
    dataset = batches.training_dataset(lambda rows, bucket, step: (step,), 3, numbered=True)
    assert as_tuples(dataset, 2 * batches.steps_per_epoch) == [(3 + i,) for i in range(2 * batches.steps_per_epoch)]


def test_an_evaluation_has_each_example_once():
    batches = plan()
    rows = np.concatenate([rows for rows, *_ in as_tuples(batches.evaluation_dataset(lambda *given: given), -1)])
    np.testing.assert_array_equal(rows, batches.order())
    assert sorted(rows[rows >= 0]) == list(range(len(BUCKETS))) and (rows == -1).sum() == 1 + 1 + 2


def test_rows_are_padded_and_a_row_of_minus_one_is_empty():
    sequences = PaddedSequences(tf.ragged.constant([[1, 2, 3], [4], []], dtype=tf.int32))
    found = sequences.gather(tf.constant([1, -1, 0, 2], tf.int64), tf.constant(4, tf.int64))
    assert found.numpy().tolist() == [[4, 0, 0, 0], [0, 0, 0, 0], [1, 2, 3, 0], [0, 0, 0, 0]]
    assert sequences.lengths.tolist() == [3, 1, 0]
