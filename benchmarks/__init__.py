"""Programs that measure: `python -m benchmarks.NAME`. See README.md here."""

import os

# TensorFlow reads it once, at its import, which comes after this: warnings stay, the greetings of the CPU do not.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
