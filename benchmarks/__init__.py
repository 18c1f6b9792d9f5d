"""Programs that measure: `python -m benchmarks.NAME`. See README.md here."""

import os

from common.allocator import keep_freed_memory

# TensorFlow reads both once, at its import, which comes after this. Warnings stay, the greetings of the CPU do not.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# As in a training.
keep_freed_memory()
