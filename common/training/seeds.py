"""One seed for everything random in a run; called before the data are read and the model is built."""

import keras


def set_seeds(seed: int) -> None:
    """Seeds Python, NumPy, TensorFlow and the Keras backend.

    TensorFlow's op determinism is left off on purpose: Keras answers it by dropping `jit_compile` silently
    (`model_supports_jit` in keras/src/trainers/trainer.py), and on a CPU a compiled step repeats bit for bit
    without it.

    Args:
        seed: From 0 to 2**32 - 1.
    """
    keras.utils.set_random_seed(seed)
