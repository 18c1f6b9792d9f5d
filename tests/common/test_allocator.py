"""Memory that is kept between the steps of a training."""

import os
import subprocess
import sys

import pytest

from common.allocator import keep_freed_memory

STEP = """
import resource
from common.allocator import keep_freed_memory
keep_freed_memory()
import tensorflow as tf

@tf.function(jit_compile=True)
def step(values):
    return tf.reduce_sum(tf.cumsum(tf.matmul(values, values), axis=0))

values = tf.ones([2048, 2048])
for _ in range(3):
    step(values).numpy()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step(values).numpy()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""


def faults_of_a_step(**variables):
    """Without oneDNN, which keeps freed memory by itself where the processor is made for it."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPU_ALLOCATOR_USE_BFC"}
    environment["TF_ENABLE_ONEDNN_OPTS"] = "0"
    done = subprocess.run(
        [sys.executable, "-c", STEP], env=environment | variables, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="how a system counts page faults is its own")
def test_a_step_asks_the_system_for_no_memory_that_the_last_one_had():
    assert faults_of_a_step() < 200 < faults_of_a_step(TF_CPU_ALLOCATOR_USE_BFC="false")


def test_what_the_environment_says_stays(monkeypatch):
    monkeypatch.setenv("TF_CPU_ALLOCATOR_USE_BFC", "false")
    keep_freed_memory()
    assert os.environ["TF_CPU_ALLOCATOR_USE_BFC"] == "false"
