"""Keeps the memory of a training step for the next one."""

import os

VARIABLE = "TF_CPU_ALLOCATOR_USE_BFC"


def keep_freed_memory() -> None:
    """Lets TensorFlow on a CPU keep what it freed, unless the environment says otherwise; before TensorFlow is imported.

    A step that XLA compiled asks for the memory of all its intermediate values at once, hundreds of MiB, and frees it at its
    end. Blocks of that size go back to the system, which gives them again page by page, each filled with zeros: 38,000 page
    faults and 23 % of the processors' time in a step of translation (`benchmarks.allocator`). TensorFlow's own best-fit
    allocator, which it uses on GPUs, keeps them. It never gives anything back, so that what serves for days does without. On a
    processor with instructions for neural networks (AVX512_VNNI and later) TensorFlow computes with oneDNN, whose allocator
    keeps freed memory, too; there this changes nothing.
    """
    os.environ.setdefault(VARIABLE, "true")
