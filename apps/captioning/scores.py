"""How good captions are, in the numbers that everybody reports, and how varied they are.

BLEU, ROUGE-L and CIDEr-D are those of pycocoevalcap, the scorers of the COCO server, without its parts in Java: captions are
lowercased and freed of punctuation, as in the tables that follow Karpathy and Fei-Fei 2015.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

BLEU_WORDS = CIDER_WORDS = 4  # in the longest run of words that is compared
ENGLISH = "en"


class _KeptCharacters(dict):
    """For `str.translate`: what becomes of a character, found out once for each."""

    def __missing__(self, code: int) -> int | None:
        # P: punctuation, S: symbols such as $ and +, which Python's string.punctuation also contains.
        self[code] = None if unicodedata.category(chr(code))[0] in "PS" else code
        return self[code]


_KEPT = _KeptCharacters()


def scored_form(text: str) -> str:
    """`text` as it is compared: lowercase, without punctuation and symbols, one space between words.

    What is removed leaves no gap: "don't" and "T-shirt" become `dont` and `tshirt`.

    Reference:
        Karpathy and Fei-Fei 2015, Deep Visual-Semantic Alignments for Generating Image Descriptions, arXiv:1412.2306.
    """
    return " ".join(unicodedata.normalize("NFC", text).lower().translate(_KEPT).split())


def caption_metrics(
    captions: Sequence[str], references: Sequence[Sequence[str]], language: str = ENGLISH
) -> dict[str, float | None]:
    """The metrics by their fixed names, over all pictures.

    `bleu_1` to `bleu_4`: BLEU of runs of up to so many words, against the closest of the lengths of the references.
    `rouge_l`: the longest common subsequence, mean over the pictures. `cider`: CIDEr-D, mean over the pictures; how rare a run
    of words is says the number of the given pictures that have it in a reference, so numbers of different splits do not
    compare. `meteor`: words, stems and synonyms in order, mean over the pictures.

    Args:
        captions: one for each picture, at least one; any of them may be empty.
        references: at least one for each picture. Those without a word are left out where a picture has others.
        language: of both; METEOR knows English alone.

    Returns:
        `bleu_1` ... `bleu_4`, `rouge_l`, `meteor` from 0 to 100; `cider` in hundredths as published ("41.5"), from 0 to 1000. A
        metric is None where it says nothing; `undefined_metrics` says why.

    Raises:
        ValueError: no pictures, not one caption for each, or a picture without reference.

    Reference:
        Papineni et al. 2002, BLEU, ACL. Lin 2004, ROUGE, ACL. Vedantam et al. 2015, CIDEr, arXiv:1411.5726. Banerjee and Lavie
        2005, METEOR, ACL.
    """
    given, known = _scored(captions, references)
    bleu, _ = Bleu(BLEU_WORDS).compute_score(known, given, verbose=0)
    metrics: dict[str, float | None] = {}
    for words, score in enumerate(bleu, start=1):
        if not any(_runs(reference, words) for row in known.values() for reference in row):
            metrics[f"bleu_{words}"] = None
        else:  # pycocoevalcap adds small numbers to counts of 0, and gives a score where nothing is common
            common = any(_common_run(given[row][0], known[row], words) for row in known)
            metrics[f"bleu_{words}"] = 100 * float(score) if common else 0.0
    metrics["rouge_l"] = 100 * float(Rouge().compute_score(known, given)[0])
    metrics["cider"] = 100 * float(Cider().compute_score(known, given)[0]) if _tells_apart(known) else None
    metrics["meteor"] = _meteor(given, known, language)
    return metrics


def undefined_metrics(metrics: Mapping[str, float | None], language: str = ENGLISH) -> dict[str, str]:
    """Why a metric of `caption_metrics` is None: its name to one sentence; empty when all is as usual."""
    reasons = {
        f"bleu_{words}": f"no reference has {words} words in a row, which it counts"
        for words in range(1, BLEU_WORDS + 1)
    }
    reasons["cider"] = (
        "all runs of words stand in references of all pictures, so none tells pictures apart; it needs more pictures"
    )
    if language == ENGLISH:
        reasons["meteor"] = (
            "WordNet, which it takes synonyms from, is not on this machine; with a network, "
            "python -m nltk.downloader wordnet brings it"
        )
    else:
        reasons["meteor"] = f"its stems and synonyms are English, but the captions are {language}"
    return {name: reasons[name] for name, value in metrics.items() if value is None}


def signatures() -> dict[str, str]:
    """How each metric of `caption_metrics` is counted, for whoever compares."""
    scorers, words = f"pycocoevalcap {version('pycocoevalcap')}", "lowercase, punctuation removed"
    return {
        "bleu": f"{scorers}, all references, closest length, no smoothing; {words}",
        "rouge_l": f"{scorers}, beta 1.2; {words}",
        "cider": f"{scorers}, CIDEr-D, sigma 6, document frequencies of the references of this split; {words}",
        "meteor": f"nltk {version('nltk')}, WordNet, mean over pictures; {words}; does not compare with METEOR 1.5 (Java)",
    }


def sentence_cider(captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """CIDEr-D of each picture, float64 [n], 0 to 1000, whose mean is `cider` of `caption_metrics` for the same arguments."""
    given, known = _scored(captions, references)
    return 100 * np.asarray(Cider().compute_score(known, given)[1], np.float64)


def diversity(captions: Sequence[str], train_captions: Sequence[Sequence[str]]) -> dict[str, Any]:
    """How varied captions are, and how many are repeated from training; compared in `scored_form`.

    Args:
        captions: one for each picture, at least one.
        train_captions: those of each training picture.

    Returns:
        `distinct`: different captions over captions, 0 to 1. `words`: different words in all. `from_training`: the share of the
        captions that stand word for word in training, 0 to 1.
    """
    captions = [scored_form(caption) for caption in captions]
    known = {scored_form(caption) for row in train_captions for caption in row}
    return {
        "distinct": len(set(captions)) / len(captions),
        "words": len({word for caption in captions for word in caption.split()}),
        "from_training": float(np.mean([caption in known for caption in captions])),
    }


def _scored(
    captions: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Captions and references by picture as pycocoevalcap takes them, in `scored_form`."""
    if len(captions) == 0 or len(captions) != len(references) or not all(map(len, references)):
        raise ValueError(
            f"expected at least one reference for each of at least one caption, got {len(captions)} captions and "
            f"{len(references)} rows of references, {sum(not len(row) for row in references)} of them empty"
        )
    given = {index: [scored_form(caption)] for index, caption in enumerate(captions)}
    known = {}
    for index, row in enumerate(references):
        forms = [scored_form(reference) for reference in row]
        known[index] = [form for form in forms if form] or [""]
    return given, known


def _runs(text: str, length: int) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def _common_run(caption: str, references: Sequence[str], length: int) -> bool:
    runs = _runs(caption, length)
    return any(runs & _runs(reference, length) for reference in references)


def _tells_apart(known: Mapping[int, Sequence[str]]) -> bool:
    """Whether a run of words stands in the references of some pictures alone; CIDEr-D weighs all others with log 1 = 0."""
    for length in range(1, CIDER_WORDS + 1):
        rows = [frozenset().union(*(_runs(reference, length) for reference in row)) for row in known.values()]
        if any(row != rows[0] for row in rows):
            return True
    return False


def _meteor(given: Mapping[int, Sequence[str]], known: Mapping[int, Sequence[str]], language: str) -> float | None:
    wordnet = _wordnet() if language == ENGLISH else None
    if wordnet is None:
        return None
    from nltk.translate.meteor_score import meteor_score

    scores = [
        meteor_score([reference.split() for reference in known[row]], given[row][0].split(), wordnet=wordnet)
        for row in known
    ]
    return 100 * float(np.mean(scores))


def _wordnet() -> Any:
    """WordNet as nltk finds it in the usual folders or in NLTK_DATA; None if it is not there."""
    from nltk.corpus import wordnet  # takes a second, and only METEOR needs it

    try:
        wordnet.ensure_loaded()
    except (LookupError, OSError):  # not there, or not all of it
        return None
    return wordnet
