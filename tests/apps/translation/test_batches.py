"""If these fail, pairs are never trained on, or trained on twice, or a resumed training sees other ones."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from apps.translation.batches import PairBatches, choose_shapes, make_evaluation_data, make_training_data, token_ids
from common.data.token_vocabulary import END_ID, PAD_ID, START_ID
from tests.apps.translation.small_model import make_config, make_pairs, make_preprocessor

COUNT = 300


def ragged(lengths, random):
    return tf.ragged.constant([[*random.integers(4, 50, length - 1), END_ID] for length in lengths], tf.int32)


def made(seed=0, count=COUNT, shapes=4, tokens=120):
    random = np.random.default_rng(seed)
    source = random.integers(1, 25, count)
    target = np.maximum(1, source + random.integers(-3, 4, count))
    sides = ragged(source, random), ragged(target, random)
    return PairBatches(*sides, choose_shapes(source, target, shapes), tokens, seed), *(each.to_list() for each in sides)


def rows_of(batch):
    """Source and target of each row, the padding taken off."""
    inputs, labels, weights = (tf.nest.map_structure(lambda each: each.numpy(), part) for part in batch)
    for row in range(len(labels)):
        source = inputs["source_ids"][row]
        yield tuple(source[source != PAD_ID]), tuple(labels[row][weights[row] > 0])


def test_a_batch_is_what_teacher_forcing_needs():
    batches, source, target = made()
    pairs = set(zip(map(tuple, source), map(tuple, target)))
    for inputs, labels, weights in batches.dataset().take(20):
        assert (inputs["source_ids"].dtype, inputs["target_inputs"].dtype) == (tf.int32, tf.int32)
        assert (labels.dtype, weights.dtype) == (tf.int32, tf.float32)
        shape = (inputs["source_ids"].shape[1], labels.shape[1])
        assert shape in batches.shapes and labels.shape[0] == batches.batch_sizes[batches.shapes.index(shape)]
        labels, read, weights = (each.numpy() for each in (labels, inputs["target_inputs"], weights))
        assert (read[:, 0] == START_ID).all()
        np.testing.assert_array_equal(
            read[:, 1:] * weights[:, 1:], (labels * (labels != END_ID))[:, :-1] * weights[:, 1:]
        )
        np.testing.assert_array_equal(weights, labels != PAD_ID)
        np.testing.assert_array_equal(read != PAD_ID, labels != PAD_ID)
        assert set(rows_of((inputs, tf.constant(labels), tf.constant(weights)))) <= pairs


def test_every_pair_stands_at_most_once_in_an_epoch_and_only_incomplete_batches_are_left_out():
    batches, source, target = made()
    expected = sorted(zip(map(tuple, source), map(tuple, target)))
    for epoch in range(2):
        part = batches.dataset(epoch * batches.steps_per_epoch).take(batches.steps_per_epoch)
        found = sorted(itertools.chain.from_iterable(map(rows_of, part)))
        left = list(expected)
        for pair in found:
            left.remove(pair)  # raises if it stands there twice
        assert len(left) < sum(batches.batch_sizes)


def test_the_order_is_another_in_each_epoch_and_for_each_seed_and_goes_on_where_it_stopped():
    def first(batches, step=0, count=3):
        return [inputs["source_ids"].numpy().tolist() for inputs, *_ in batches.dataset(step).take(count)]

    (one, *_), (same, *_) = made(), made()
    steps = one.steps_per_epoch
    whole = first(one, count=2 * steps + 2)
    assert whole == first(same, count=2 * steps + 2)
    for step in (1, steps - 1, steps, steps + 3):
        assert first(one, step, 2) == whole[step : step + 2]
    assert whole[:steps] != whole[steps : 2 * steps]
    lengths = [len(batch[0]) for batch in whole[:steps]]
    assert lengths == [source for source, _ in one.padded_lengths(0)]


def test_the_evaluation_has_each_pair_once():
    batches, source, target = made()
    dataset = batches.evaluation_dataset()
    found = [pair for batch in dataset for pair in rows_of(batch) if pair[1]]
    assert sorted(found) == sorted(zip(map(tuple, source), map(tuple, target)))
    assert int(dataset.cardinality()) == len(list(dataset))


def test_little_is_padded():
    random = np.random.default_rng(0)
    source = random.integers(1, 40, 2_000)
    target = np.maximum(1, source + random.integers(-4, 5, 2_000))
    waste = []
    for count in (1, 3, 6, 9):
        batches = PairBatches(ragged(source, random), ragged(target, random), choose_shapes(source, target, count), 512)
        waste.append(batches.padding_waste)
        shapes = np.asarray(batches.shapes)
        fits = (np.stack([source, target], 1)[:, None] <= shapes).all(-1)
        least = np.where(fits, shapes.sum(1), 10**6).min(1).sum()
        assert batches.padding_waste == pytest.approx(1 - (source.sum() + target.sum()) / least, abs=0.02)
    assert waste == sorted(waste, reverse=True) and waste[0] > 0.3 and waste[2] < 0.18 and waste[3] < 0.13


@pytest.mark.parametrize(
    ("source", "target", "count", "shapes"),
    [
        ([], [], 3, [(1, 1)]),
        ([5], [7], 3, [(5, 7)]),
        ([0], [0], 1, [(1, 1)]),
        ([4] * 9, [6] * 9, 5, [(4, 6)]),
        ([2, 2, 9, 9], [3, 3, 8, 8], 2, [(2, 3), (9, 8)]),
        ([2, 2, 9, 9], [3, 3, 8, 8], 9, [(2, 3), (9, 8)]),
        ([2, 9], [3, 8], 1, [(9, 8)]),
    ],
)
def test_shapes_of_few_lengths(source, target, count, shapes):
    assert choose_shapes(np.array(source, int), np.array(target, int), count) == shapes


@pytest.mark.parametrize("seed", range(5))
def test_shapes_hold_every_pair_and_are_about_the_best(seed):
    random = np.random.default_rng(seed)
    source, target = random.integers(1, 9, 40), random.integers(1, 9, 40)
    shapes = choose_shapes(source, target, 3)
    largest = (int(source.max()), int(target.max()))
    assert shapes[-1] == largest and len(shapes) <= 3 and shapes == sorted(shapes, key=sum)

    def padded(shapes):
        pairs = zip(source, target)
        return sum(min(a + b for a, b in shapes if a >= s and b >= t) for s, t in pairs)

    every = itertools.product(range(1, 9), range(1, 9))
    best = min(padded([shape, largest]) for shape in every)
    assert padded(shapes) <= best  # with the one that holds everything it has one more


def test_a_pair_that_no_shape_holds_is_refused():
    random = np.random.default_rng(0)
    with pytest.raises(ValueError, match="longer than the last"):
        PairBatches(ragged([3, 9], random), ragged([3, 3], random), [(4, 4)], 32)


def test_no_pairs_make_no_steps():
    empty = tf.ragged.constant([], tf.int32, ragged_rank=1)
    batches = PairBatches(empty, empty, [(1, 1)], 32)
    assert batches.steps_per_epoch == 0 and list(batches.evaluation_dataset()) == [] and batches.padding_waste == 0


def test_long_pairs_are_left_out_of_the_training_and_cut_in_the_evaluation():
    pairs = make_pairs(60, most=12)
    config = make_config(unit="word", max_length=8)
    preprocessor = make_preprocessor(config, pairs)
    source, target = (ids.row_lengths().numpy() for ids in token_ids(pairs, preprocessor))
    longest = np.maximum(source, target)
    data, left_out = make_training_data(pairs, preprocessor, config)
    assert left_out == (longest > 8).sum() > 0
    assert max(map(max, data.shapes)) == 8
    rows = [
        pair for batch in make_evaluation_data(pairs, preprocessor, 64).evaluation_dataset() for pair in rows_of(batch)
    ]
    rows = [pair for pair in rows if pair[1]]
    assert len(rows) == 60
    assert sorted(len(one) for one, _ in rows) == sorted(np.minimum(source, 8))
    assert sorted(len(other) for _, other in rows) == sorted(np.minimum(target, 8))
    assert all(one[-1] == END_ID and other[-1] == END_ID for one, other in rows)


def test_sentences_to_evaluate_may_be_longer_than_all_of_the_training():
    preprocessor = make_preprocessor(make_config(unit="word"), make_pairs(40, most=4))
    longer = make_pairs(10, seed=1, most=12)
    data = make_evaluation_data(longer, preprocessor, 64)
    assert sum(1 for batch in data.evaluation_dataset() for pair in rows_of(batch) if pair[1]) == 10
    assert list(make_evaluation_data(longer.take(np.arange(0)), preprocessor, 64).evaluation_dataset()) == []
