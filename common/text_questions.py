"""What an export of an application that takes texts is asked, besides its examples: what users send."""

from collections.abc import Sequence

_LONG_TEXT_CHARACTERS = 100_000
_WORD_COUNTS = (1, 2, 3, 17, 61)
_LARGEST_BATCH = 64


def text_questions(examples: Sequence[str], name: str = "text") -> dict[str, dict[str, list[str]]]:
    """Returns batches of texts by what they try, in the form of `serving.questions`.

    Args:
        examples: Typical texts, at least one.
        name: Name of the input, string [batch].
    """
    if not examples:
        raise ValueError("examples must hold at least one text")
    examples = list(examples)
    words = " ".join(examples).split() or ["word"]
    # Stretched to the largest count of words: lengths the model was not traced with.
    stretched = words * (max(_WORD_COUNTS) // len(words) + 1)
    long_text = " ".join(words * (_LONG_TEXT_CHARACTERS // (len(" ".join(words)) + 1) + 1))
    texts = {
        "the examples": examples[:_LARGEST_BATCH],
        "a batch of 1": examples[:1],
        "a batch of 7": (examples * 7)[:7],
        "the empty string": [""],
        "white space beside an example": [" \t\n", examples[0]],
        "a very long text": [long_text],
        **{f"a text of {count} words": [" ".join(stretched[:count])] for count in _WORD_COUNTS},
    }
    return {case: {name: batch} for case, batch in texts.items()}
