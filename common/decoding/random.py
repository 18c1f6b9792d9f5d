"""Random numbers from a key and a counter, the same on every backend, compiled or not, in whatever batch."""

from keras import ops

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
ROUNDS = 20


def uniform(seeds, steps):
    """One number for each row and step, from the seed of the row and the number of the step alone.

    Args:
        seeds: int32 or uint32; of a longer integer, the lowest 32 bits.
        steps: int or int tensor, at least 0, of a shape that broadcasts with that of `seeds`.

    Returns:
        float32 of the shape that both broadcast to, multiples of 2**-24 from 0 up to, but without, 1.
    """
    seeds, steps = ops.cast(seeds, "uint32"), ops.cast(steps, "uint32")
    zeros = ops.zeros_like(seeds + steps)
    bits, _ = threefry((seeds + zeros, zeros), (steps + zeros, zeros))
    # The 24 bits that a float32 holds exactly; through int32, which every backend casts to floats.
    return ops.cast(ops.cast(_right(bits, 8), "int32"), "float32") * 2.0**-24


def threefry(key, counter):
    """Threefry-2x32 with 20 rounds: a hash of 64 bits under a key of 64 bits.

    Args:
        key: pair of uint32 tensors of one shape.
        counter: pair of uint32 tensors of the same shape.

    Returns:
        Pair of uint32 tensors.

    Reference:
        Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.
    """
    keys = (*key, ops.bitwise_xor(ops.bitwise_xor(key[0], key[1]), _word(PARITY)))
    left, right = counter[0] + keys[0], counter[1] + keys[1]
    for block in range(ROUNDS // 4):
        for distance in ROTATIONS[block % 2]:
            left = left + right
            right = ops.bitwise_xor(_rotated(right, distance), left)
        left = left + keys[(block + 1) % 3]
        right = right + keys[(block + 2) % 3] + _word(block + 1)
    return left, right


def _rotated(word, distance):
    return ops.bitwise_or(ops.bitwise_left_shift(word, _word(distance)), _right(word, 32 - distance))


def _right(word, distance):
    return ops.bitwise_right_shift(word, _word(distance))


def _word(number):
    return ops.convert_to_tensor(number, dtype="uint32")
