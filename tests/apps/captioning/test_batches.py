"""If these fail, captions are never trained on, or stand beside another picture, or a resumed training sees other ones."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from apps.captioning.batches import CaptionBatches, _grouped, make_batches
from common.data.token_vocabulary import END_ID, PAD_ID, START_ID
from tests.apps.captioning.small_model import Arrays, make_config, make_pictures, make_preprocessor

PICTURES = 60


def made(seed=0, per_picture=3, batch_size=4, boundaries=(6, 10, 16)):
    """Batches of captions whose first token says which they are, and the captions, each with its picture."""
    random = np.random.default_rng(seed)
    picture_of = random.permutation(np.repeat(np.arange(PICTURES), random.integers(0, 8, PICTURES)))
    rows = [
        [100 + number, *random.integers(4, 50, random.integers(0, 15)), END_ID] for number in range(len(picture_of))
    ]
    inputs = Arrays(1 + np.arange(PICTURES, dtype=np.uint8)[:, None].repeat(2, axis=1))  # says which picture it is
    ids = tf.ragged.constant(rows, tf.int32)
    batches = CaptionBatches(inputs, "features", ids, picture_of, per_picture, boundaries, batch_size, seed)
    return batches, list(zip(picture_of.tolist(), map(tuple, rows), strict=True))


def captions_of(batch):
    """Picture and caption of each, the padding taken off."""
    inputs, labels, weights = tf.nest.map_structure(lambda each: each.numpy(), batch)
    for row, column in np.argwhere(weights.any(axis=2)):
        caption = labels[row, column]
        yield int(inputs["features"][row, 0]) - 1, tuple(caption[weights[row, column] > 0].tolist())


@pytest.mark.parametrize("per_picture", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_groups_hold_every_caption_once_and_never_two_pictures(per_picture, seed):
    random = np.random.default_rng(seed)
    picture_of, lengths = random.integers(0, 9, 50), random.integers(1, 20, 50)
    pictures, groups = _grouped(picture_of, lengths, per_picture)
    assert sorted(groups[groups >= 0]) == list(range(50))
    for picture, group in zip(pictures, groups, strict=True):
        assert group.shape == (per_picture,) and (picture_of[group[group >= 0]] == picture).all()
    # As few as there can be, and of about equal lengths: sorted, each group ends where the next one of its picture begins.
    counts = Counter(picture_of.tolist())
    assert Counter(pictures.tolist()) == {each: -(-count // per_picture) for each, count in counts.items()}
    for each in counts:
        own = [lengths[group[group >= 0]] for group in groups[pictures == each]]
        assert np.concatenate(own).tolist() == sorted(lengths[picture_of == each])


def test_no_captions_make_no_groups():
    pictures, groups = _grouped(np.zeros(0, int), np.zeros(0, int), 3)
    assert pictures.shape == (0,) and groups.shape == (0, 3)


def test_a_batch_is_what_teacher_forcing_needs():
    batches, captions = made()
    known, lengths = set(captions), set()
    for inputs, labels, weights in batches.dataset().take(batches.steps_per_epoch):
        assert inputs["features"].dtype == tf.uint8 and inputs["features"].shape[1:] == (2,)
        assert (inputs["caption_inputs"].dtype, labels.dtype, weights.dtype) == (tf.int32, tf.int32, tf.float32)
        assert inputs["caption_inputs"].shape == labels.shape == weights.shape == (4, 3, labels.shape[2])
        lengths.add(labels.shape[2])
        read, said, real = (each.numpy() for each in (inputs["caption_inputs"], labels, weights))
        np.testing.assert_array_equal(real, said != PAD_ID)
        np.testing.assert_array_equal(read != PAD_ID, said != PAD_ID)
        np.testing.assert_array_equal(read[..., 0], np.where(real[..., 0], START_ID, PAD_ID))
        np.testing.assert_array_equal(read[..., 1:] * real[..., 1:], said[..., :-1] * real[..., 1:])
        assert set(captions_of((inputs, labels, weights))) <= known
    assert lengths == set(batches.boundaries)


def test_every_caption_stands_at_most_once_in_an_epoch_and_only_incomplete_batches_are_left_out():
    batches, captions = made()
    for epoch in range(2):
        part = batches.dataset(epoch * batches.steps_per_epoch).take(batches.steps_per_epoch)
        found = Counter(each for batch in part for each in captions_of(batch))
        assert max(found.values()) == 1 and set(found) <= set(captions)
        assert len(captions) - len(found) < 3 * 4 * len(batches.boundaries)


def test_the_order_is_another_in_each_epoch_and_goes_on_where_it_stopped():
    def first(batches, step=0, count=3):
        return [labels.numpy().tolist() for _, labels, _ in batches.dataset(step).take(count)]

    (one, _), (same, _) = made(), made()
    steps = one.steps_per_epoch
    whole = first(one, count=2 * steps + 2)
    assert whole == first(same, count=2 * steps + 2)
    for step in (1, steps - 1, steps, steps + 3):
        assert first(one, step, 2) == whole[step : step + 2]
    assert whole[:steps] != whole[steps : 2 * steps]
    assert [len(batch[0][0]) for batch in whole[:steps]] == one.padded_lengths(0)


def test_the_evaluation_has_each_caption_once():
    batches, captions = made()
    dataset = batches.evaluation_dataset()
    assert sorted(each for batch in dataset for each in captions_of(batch)) == sorted(captions)
    assert int(dataset.cardinality()) == len(list(dataset))
    assert all(len(labels) == 4 for _, labels, _ in dataset), "XLA would compile once more"


def test_padding_is_counted():
    batches, captions = made()
    padded = sum(np.prod(labels.shape) for _, labels, _ in batches.evaluation_dataset())
    real = sum(len(caption) for _, caption in captions)
    assert 0 < batches.padding_waste <= 1 - real / padded + 1e-9
    longer, _ = made(boundaries=(40,))
    assert longer.padding_waste > batches.padding_waste


def test_a_caption_longer_than_every_length_is_refused():
    with pytest.raises(ValueError, match=r"a caption of \d+ tokens is longer than the last boundary 6"):
        made(boundaries=(3, 6))


def test_no_captions_make_no_steps():
    ids = tf.ragged.constant([], tf.int32, ragged_rank=1)
    batches = CaptionBatches(Arrays(np.zeros((0, 2), np.uint8)), "features", ids, [], 3, [4], 2)
    assert batches.steps_per_epoch == 0 and list(batches.evaluation_dataset()) == [] and batches.padding_waste == 0


def test_captions_of_pictures_that_cannot_be_read_are_left_out():
    """The others stay beside their pictures."""
    pictures, config = make_pictures(12), make_config()
    preprocessor = make_preprocessor(config, pictures)
    usable = np.arange(12) % 3 != 1
    inputs = Arrays(1 + np.arange(12, dtype=np.uint8)[:, None].repeat(2, axis=1), usable)
    for training in (True, False):
        batches = make_batches(pictures, inputs, preprocessor, config, "features", training)
        found = Counter()
        for batch in batches.evaluation_dataset():
            for picture, ids in captions_of(batch):
                found[picture, preprocessor.invert(tf.constant([ids])).numpy()[0].decode()] += 1
        assert found == Counter((index, each) for index in np.flatnonzero(usable) for each in pictures.captions[index])
        assert len(batches.boundaries) == (2 if training else 1)


def test_captions_to_evaluate_may_be_longer_than_all_of_the_training():
    pictures, config = make_pictures(12), make_config(max_length=30)
    preprocessor = make_preprocessor(config, pictures.take(np.array([0, 4, 8])))  # one short caption each
    inputs = Arrays(np.zeros((12, 2), np.uint8))
    batches = make_batches(pictures, inputs, preprocessor, config, "features", False)
    assert sum(1 for batch in batches.evaluation_dataset() for _ in captions_of(batch)) == sum(
        map(len, pictures.captions)
    )
