"""What a beam search adds to or divides a log probability by, so that long and short hypotheses compete fairly."""

from keras import ops


def length_normalizer(length, alpha):
    """`((5 + length) / 6) ** alpha`, what the log probability of a hypothesis is divided by.

    Args:
        length: int or tensor, tokens, the end counted.
        alpha: float or tensor, at least 0; 0 means no normalisation, larger values favour long hypotheses.

    Returns:
        float32, of the shape that both broadcast to; 1 for a length of 1.

    Reference:
        Wu et al. 2016, arXiv:1609.08144, section 7.
    """
    return ops.power((5.0 + ops.cast(length, "float32")) / 6.0, ops.cast(alpha, "float32"))


def coverage_penalty(attention_sum, memory_mask, beta):
    """`beta` times the sum over all real places of `log(min(attention_sum, 1))`: how much of the memory was left out.

    Args:
        attention_sum: float `[rows, memory_time]`, attention that each place got, summed over the steps so far.
        memory_mask: bool `[rows, memory_time]` or what broadcasts to it, True for what is real; None when all is.
        beta: float, at least 0.

    Returns:
        float32 `[rows]`, at most 0. A place without any attention counts as one with 1e-6.

    Reference:
        Wu et al. 2016, arXiv:1609.08144, section 7.
    """
    covered = ops.log(ops.clip(ops.cast(attention_sum, "float32"), 1e-6, 1.0))
    if memory_mask is not None:
        covered = ops.where(memory_mask, covered, 0.0)
    return beta * ops.sum(covered, axis=-1)
