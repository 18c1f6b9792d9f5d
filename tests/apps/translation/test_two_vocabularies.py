"""A SavedModel with a vocabulary for each language. If this fails, targets are written in the letters of the source."""

import subprocess
import sys

import tensorflow as tf

from apps.translation.config import DecodingConfig, PreprocessingConfig
from apps.translation.pairs import SentencePairs
from apps.translation.preprocessing import Preprocessor
from common import op_libraries

LOAD = """
import sys
import tensorflow as tf
for library in sys.argv[2:]:
    tf.load_op_library(library)
loaded = tf.saved_model.load(sys.argv[1])
print(loaded.signatures["serving_default"](text=tf.constant(["один три"]))["text"].numpy()[0].decode())
"""


def test_each_language_keeps_its_vocabulary_in_a_fresh_process(tmp_path):
    pairs = SentencePairs.from_lists(["один два три"] * 3, ["one two three"] * 3, "made up")
    settings = PreprocessingConfig(unit="word", vocabulary_size=16, shared=False)
    preprocessor = Preprocessor(settings, DecodingConfig())
    preprocessor.adapt(pairs)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def said(text):
        target = preprocessor.invert(preprocessor.target_ids(tf.constant(["one three"])).to_tensor())
        return {
            "text": tf.strings.join([tf.strings.as_string(preprocessor.source_ids(text)[0, 0]), target[0]], " ")[None]
        }

    module = tf.Module()
    module.preprocessor, module.said = preprocessor, said
    expected = said(tf.constant(["один три"]))["text"].numpy()[0].decode()
    assert expected.endswith("one three")
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": said})
    libraries = op_libraries.needed(tmp_path / "saved_model.pb")
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path), *libraries], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected
