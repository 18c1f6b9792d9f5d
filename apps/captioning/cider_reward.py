"""CIDEr-D as a reward: of any caption of a training picture, quickly, and with the end of the caption as a word."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from apps.captioning.scores import CIDER_WORDS, scored_form

SIGMA = 6.0  # of the penalty for another length, as pycocoevalcap has it
END = "</s>"  # no word is written so: `scored_form` removes its signs


class CiderReward:
    """CIDEr-D against the references of one picture, where rare runs of words weigh more; how rare, all references say.

    The end is a word of references and of captions that come to an end: otherwise a caption that breaks off after "with a"
    loses nothing, and such captions is what a network then learns to say (Luo et al. 2018).

    Args:
        references: of each picture, at least one each. They are compared in `scored_form`; those without a word are left out
            where a picture has others.

    Call arguments:
        picture: its number.
        captions: any of them may be empty.
        ended: bool `[captions]`, whether each came to its end.

    Returns:
        float64 `[captions]`, 0 to 10, what pycocoevalcap gives when all `references` are its corpus and `END` stands behind
        what has ended.

    Reference:
        Vedantam et al. 2015, CIDEr, arXiv:1411.5726; Luo et al. 2018, arXiv:1803.04376, for the end.
    """

    def __init__(self, references: Sequence[Sequence[str]]):
        self._references = [_with_words(each) for each in references]
        counts = Counter(
            run for each in self._references for run in {run for text in each for run in _runs(text, True)}
        )
        # What stands with one picture weighs as much as what stands with none, and is most of all.
        self._document_frequency = {run: count for run, count in counts.items() if count > 1}
        self._highest = math.log(max(1, len(self._references)))

    def __call__(self, picture: int, captions: Sequence[str], ended: Sequence[bool]) -> np.ndarray:
        references = [self._vectors(text, True) for text in self._references[picture]]
        found: dict[tuple[str, bool], float] = {}  # the same caption is often drawn twice
        rewards = []
        for caption, has_end in zip(captions, ended, strict=True):
            key = (scored_form(caption), bool(has_end))
            if key not in found:
                vectors = self._vectors(*key)
                found[key] = 10 * sum(_similarity(vectors, each) for each in references) / len(references)
            rewards.append(found[key])
        return np.array(rewards, np.float64)

    def _vectors(self, text: str, has_end: bool):
        """The weights of the runs of each length, their norms, and the length of the caption as pycocoevalcap counts it."""
        weights: list[dict[str, float]] = [{} for _ in range(CIDER_WORDS)]
        for run, count in _runs(text, has_end).items():
            rarity = self._highest - math.log(self._document_frequency.get(run, 1))
            weights[run.count(" ")][run] = count * rarity
        norms = [math.sqrt(sum(value * value for value in each.values())) for each in weights]
        return weights, norms, max(0, len(text.split()) + has_end - 1)


def _similarity(caption, reference) -> float:
    """The mean over the lengths of runs of the cosine of both, in which a word said too often does not count more."""
    total = 0.0
    for mine, my_norm, theirs, their_norm in zip(*caption[:2], *reference[:2], strict=True):
        if my_norm and their_norm:
            common = sum(min(value, theirs[run]) * theirs[run] for run, value in mine.items() if run in theirs)
            total += common / (my_norm * their_norm)
    difference = caption[2] - reference[2]
    return total / CIDER_WORDS * math.exp(-(difference**2) / (2 * SIGMA**2))


def _runs(text: str, has_end: bool) -> Counter[str]:
    """How often each run of up to four words stands in a caption."""
    words = [*text.split(), END] if has_end else text.split()
    return Counter(
        " ".join(words[start : start + length])
        for length in range(1, CIDER_WORDS + 1)
        for start in range(len(words) - length + 1)
    )


def _with_words(references: Sequence[str]) -> tuple[str, ...]:
    forms = [scored_form(reference) for reference in references]
    return tuple(form for form in forms if form) or ("",)
