"""One form for texts that look the same, in operations of TensorFlow and tensorflow-text, which TensorFlow Serving has, too.

The first thing that happens to a text, before a vocabulary of tokens is learned from it or applied to it.
"""

import tensorflow as tf
import tensorflow_text as tf_text

# Controls and separators of lines become spaces; marks of direction and joiners stay, for scripts that need them.
_BREAKS = r"[\x00-\x1f\x7f\x{80}-\x{9f}\x{2028}\x{2029}\x{feff}]"
_SPACES = r"\p{Z}+"
_INSIDE_WORDS = "'\u2019\u2010\\-"  # apostrophes and hyphens, as in "man's" and "t-shirt"
_MARKS = rf"[^\P{{P}}{_INSIDE_WORDS}]"
_BEFORE_WORDS, _BEHIND_WORDS = rf"(^| )[{_INSIDE_WORDS}]+", rf"[{_INSIDE_WORDS}]+( |$)"
CHARACTERS_PER_TOKEN = 64  # a text with more for each token that is read is cut before it is looked at


def normalize(texts, max_length: int, lowercase: bool = False, punctuation: bool = True):
    """Composed characters, single plain spaces, no controls.

    Args:
        texts: tf.string `[batch]`, UTF-8; bytes that are not are replaced by U+FFFD.
        max_length: tokens that are read of a text; it is cut to `CHARACTERS_PER_TOKEN` characters for each.
        lowercase: small letters alone.
        punctuation: False = marks become spaces, but for apostrophes and hyphens inside words.

    Returns:
        tf.string `[batch]`.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    # Looked at no further: composing a million marks on one letter takes minutes.
    texts = tf.strings.substr(texts, 0, CHARACTERS_PER_TOKEN * max_length, unit="UTF8_CHAR")
    texts = tf.strings.regex_replace(texts, _BREAKS, " ")
    texts = tf_text.normalize_utf8(texts, "NFC")
    if not punctuation:
        texts = tf.strings.regex_replace(texts, _MARKS, " ")
    texts = _single_spaces(texts)
    if not punctuation:
        for outside in (_BEFORE_WORDS, _BEHIND_WORDS):
            texts = tf.strings.regex_replace(texts, outside, r"\1")
        texts = _single_spaces(texts)
    return tf.strings.lower(texts, encoding="utf-8") if lowercase else texts


def _single_spaces(texts):
    return tf.strings.strip(tf.strings.regex_replace(texts, _SPACES, " "))
