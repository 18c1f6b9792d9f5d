"""Options of the pipelines."""

import tensorflow as tf

from common.data.batch_plan import BatchPlan
from common.data.pipelines import without_autotune


def test_the_elements_stay_and_nothing_is_tuned():
    dataset = without_autotune(tf.data.Dataset.range(5))
    assert list(dataset.as_numpy_iterator()) == [0, 1, 2, 3, 4]
    assert dataset.options().autotune.enabled is False


def test_other_options_stay():
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    dataset = without_autotune(tf.data.Dataset.range(5).with_options(options))
    assert dataset.options().experimental_optimization.inject_prefetch is False
    assert dataset.options().autotune.enabled is False


def test_a_batch_plan_is_not_tuned_nor_what_is_made_of_it():
    plan = BatchPlan([0, 0, 0], [2], [None])
    for dataset in (plan.training_dataset(lambda rows, _: rows), plan.evaluation_dataset(lambda rows, _: rows)):
        assert dataset.map(lambda rows: rows + 1).options().autotune.enabled is False
