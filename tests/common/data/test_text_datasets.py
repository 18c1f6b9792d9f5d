"""If these fail, texts are numbered in another order than they are given."""

import tensorflow as tf

from common.data.text_datasets import as_dataset, map_texts


def test_batches_hold_the_texts_in_their_order():
    texts = [str(number) for number in range(600)]
    batches = [batch.numpy().tolist() for batch in as_dataset(texts)]
    assert [len(batch) for batch in batches] == [256, 256, 88]
    assert [text.decode() for batch in batches for text in batch] == texts


def test_a_function_of_all_texts_is_that_of_each():
    texts = ["a b", "", "c"] * 200
    words = map_texts(texts, tf.strings.split)
    assert words.to_list() == [text.encode().split() for text in texts]
    assert map_texts(texts, tf.strings.length).numpy().tolist() == [len(text) for text in texts]


def test_of_no_text_there_is_nothing():
    assert map_texts([], tf.strings.split).to_list() == []
    assert map_texts([], tf.strings.length).numpy().tolist() == []
