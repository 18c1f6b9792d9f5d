"""Inputs are computed once for each content, survive a broken run, and are read record by record."""

import io
import threading

import numpy as np
import pytest
import tensorflow as tf

from apps.captioning import stored_inputs
from apps.captioning.input_computation import store_inputs
from apps.captioning.picture_decoding import decode_pictures
from common.console import Console, use_console
from common.errors import UserError
from tests.apps.captioning import nasty_pictures

SHAPE, BATCH = (3, 2), 4


class Given(list):
    """Pictures in memory."""


class Computing:
    """Inputs that say which picture they are of; counts what it is asked."""

    def __init__(self, fails_after=None):
        self.batches, self.fails_after = [], fails_after

    def __call__(self, images):
        if self.fails_after == len(self.batches):
            raise KeyboardInterrupt
        self.batches.append(images)
        if any(data.startswith(b"broken") for data in images):
            raise tf.errors.InvalidArgumentError(None, None, "a decoder failed")
        numbers = np.array([len(data) for data in images], np.float16)
        return np.broadcast_to(numbers[:, None, None], (len(images), *SHAPE)).astype(np.float16)

    @property
    def images(self):
        return [data for batch in self.batches for data in batch if data]


@pytest.fixture(autouse=True)
def console():
    return use_console(Console(stream=io.StringIO()))


@pytest.fixture
def store(tmp_path):
    def run(pictures, compute, key="encoder", **options):
        options = {"shape": SHAPE, "dtype": np.float16, "folder": tmp_path, "batch_size": BATCH} | options
        return store_inputs(Given(pictures), [f"{i}.jpg" for i in range(len(pictures))], compute, key=key, **options)

    return run


def pictures_of(count):
    """Distinct, each longer than the one before."""
    return [b"p" * (number + 1) for number in range(count)]


def never(images):
    raise AssertionError("computed again")


def test_rows_are_gathered_in_their_order_and_minus_one_is_zeros(store):
    inputs = store(pictures_of(10), Computing())
    rows = np.array([7, -1, 0, 7, 9])
    gathered = inputs.gather(rows)
    assert gathered.shape == (5, *SHAPE) and gathered.dtype == np.float16
    np.testing.assert_array_equal(gathered[:, 2, 1], [8, 0, 1, 8, 10])
    assert inputs.usable.all() and len(inputs) == 10 and inputs.notes == ()
    assert inputs.gather(np.zeros(0, np.int64)).shape == (0, *SHAPE)


def test_all_batches_have_the_same_size(store):
    compute = Computing()
    store(pictures_of(10), compute)
    assert [len(batch) for batch in compute.batches] == [BATCH] * 3
    assert compute.batches[-1][2:] == [b"", b""]


def test_what_is_there_is_not_computed_again_whatever_its_name_and_place(store):
    store(pictures_of(10), Computing())
    inputs = store(pictures_of(10)[::-1] * 2, never)
    np.testing.assert_array_equal(inputs.gather(np.array([0, 9, 10]))[:, 0, 0], [10, 1, 10])
    compute = Computing()
    store([*pictures_of(12), *pictures_of(12)], compute)
    assert compute.images == pictures_of(12)[10:]


def test_another_key_shape_or_type_has_its_own_folder(store, tmp_path):
    store(pictures_of(3), Computing(), key="encoder A/224")
    compute = Computing()
    store(pictures_of(3), compute, key="encoder a 224")
    assert compute.images
    assert len(list(tmp_path.iterdir())) == 2


def test_a_broken_run_goes_on(store, monkeypatch):
    monkeypatch.setattr(stored_inputs, "_SHARD_RECORDS", BATCH)
    with pytest.raises(KeyboardInterrupt):
        store(pictures_of(20), Computing(fails_after=3))
    compute = Computing()
    inputs = store(pictures_of(20), compute)
    assert compute.images == pictures_of(20)[12:]
    np.testing.assert_array_equal(inputs.gather(np.arange(20))[:, 0, 0], np.arange(1, 21))


def test_records_are_spread_over_shards(store, tmp_path, monkeypatch):
    monkeypatch.setattr(stored_inputs, "_SHARD_RECORDS", 3)
    inputs = store(pictures_of(20), Computing())
    assert len(list(tmp_path.glob("*/*.inputs"))) == 7
    rows = np.random.default_rng(0).permutation(20)
    np.testing.assert_array_equal(inputs.gather(rows)[:, 1, 1], rows + 1)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:10], lambda data: b"", lambda data: b"x" * 99]
)
def test_a_damaged_shard_is_made_again(store, tmp_path, damage, console):
    store(pictures_of(5), Computing())
    (shard,) = tmp_path.glob("*/*.inputs")
    shard.write_bytes(damage(shard.read_bytes()))
    compute = Computing()
    inputs = store(pictures_of(5), compute)
    assert compute.images == pictures_of(5)
    np.testing.assert_array_equal(inputs.gather(np.arange(5))[:, 0, 0], np.arange(1, 6))
    assert f"{shard} is damaged; its pictures are read again" in console.stream.getvalue()


def test_a_shard_that_disappears_is_said_in_a_sentence(store, tmp_path):
    inputs = store(pictures_of(5), Computing())
    (shard,) = tmp_path.glob("*/*.inputs")
    content = shard.read_bytes()
    shard.write_bytes(content[:-2])
    with pytest.raises(UserError, match="is missing or damaged; delete its folder and run again"):
        inputs.gather(np.arange(5))
    shard.unlink()
    with pytest.raises(UserError, match="is missing or damaged; delete its folder and run again"):
        inputs.gather(np.arange(5))


def test_broken_pictures_are_counted_and_named(store):
    good = [nasty_pictures.encoded(nasty_pictures.SCENE.resize((n, n)), "PNG") for n in (3, 4, 5, 6, 7)]
    pictures = [good[0], b"broken one", good[1], b"", b"broken two", b"broken one", *good[2:]]
    inputs = store(pictures, Computing())
    np.testing.assert_array_equal(np.flatnonzero(~inputs.usable), [1, 3, 4, 5])
    (note,) = inputs.notes
    assert note.startswith("4 of 9 pictures cannot be read and are left out: ")
    assert "1.jpg is text" in note and "3.jpg is empty" in note
    np.testing.assert_array_equal(inputs.gather(np.array([2]))[:, 0, 0], np.float16([len(good[1])]))
    with pytest.raises(ValueError, match="no inputs of pictures \\[1\\]"):
        inputs.gather(np.array([0, 1]))
    again = store(pictures, never)  # nor is the encoder needed to find the broken ones again
    assert again.notes == inputs.notes and (again.usable == inputs.usable).all()


def test_too_many_broken_pictures_stop_with_a_sentence(store):
    pictures = [b"broken %d" % number for number in range(3)] + pictures_of(7)
    with pytest.raises(UserError, match="at least 3 of 10 pictures cannot be read, but at most 20.00% may be unusable"):
        store(pictures, Computing(), max_unusable_fraction=0.2)


def test_a_failure_that_is_not_the_pictures_keeps_its_traceback(store):
    def compute(images):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    with pytest.raises(tf.errors.ResourceExhaustedError):
        store([nasty_pictures.encoded(nasty_pictures.SCENE, "PNG")], compute)


def test_other_values_than_told_are_a_bug(store):
    with pytest.raises(ValueError, match="compute returned float64 \\[4, 5\\], not float16 \\[4, 3, 2\\]"):
        store(pictures_of(2), lambda images: np.zeros((len(images), 5)))


def test_two_runs_at_once_do_no_harm(store, monkeypatch):
    monkeypatch.setattr(stored_inputs, "_SHARD_RECORDS", 8)
    results = []
    threads = [threading.Thread(target=lambda: results.append(store(pictures_of(100), Computing()))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    for inputs in [*results, store(pictures_of(100), never)]:
        np.testing.assert_array_equal(inputs.gather(np.arange(100))[:, 0, 0], np.arange(1, 101))


def test_pixels_are_those_of_the_decoder(store):
    good = nasty_pictures.good_pictures()
    decode = tf.function(lambda images: decode_pictures(images, 16), [tf.TensorSpec([None], tf.string)])
    inputs = store(
        list(good.values()), lambda images: decode(tf.constant(images)).numpy(), shape=(16, 16, 3), dtype=np.uint8
    )
    np.testing.assert_array_equal(inputs.gather(np.arange(len(good))), decode(tf.constant(list(good.values()))).numpy())
