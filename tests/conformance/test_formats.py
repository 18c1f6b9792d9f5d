"""LiteRT and ONNX files of every application, and the lines of docs/export_formats.md that ask them. If these fail, a file answers
otherwise than the SavedModel, or the page shows lines that do not run.

Small networks with weights that are all different stand in for trained ones; each file is verified in a fresh process by the export
itself, and asked here once more by the lines of the page, from raw input to what a person reads.
"""

import importlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.errors import UserError
from common.export_formats import file_export
from common.saved_model import DEFAULT_ENDPOINT

tf = pytest.importorskip("tensorflow")
REPOSITORY = Path(__file__).parents[2]
FORMATS = ("litert", "onnx")
# What the converters cannot do, as the page says; when one can, this row goes and the page's, too.
REFUSED = {("music", "onnx"): "TensorList"}


@dataclass
class Small:
    """A small network of an application, with its preprocessor."""

    app: str
    model: Any
    preprocessor: Any

    def core(self, file_format="litert"):
        return file_export.core_of(f"apps.{self.app}", self.model, self.preprocessor, file_format)

    def ask(self, endpoint=DEFAULT_ENDPOINT, **inputs):
        made = importlib.import_module(f"apps.{self.app}.serving").endpoints(self.model, self.preprocessor)
        function, signature = made[endpoint]
        traced = tf.function(function, input_signature=signature, autograph=False)
        return {name: value.numpy() for name, value in traced(*(inputs[spec.name] for spec in signature)).items()}


def sentiment():
    from tests.apps.sentiment.small_model import make_final

    return Small("sentiment", *make_final())


def forecasting():
    from apps.forecasting.forecaster import with_fitted_quantiles
    from apps.forecasting.model import build_model
    from apps.forecasting.windows import Windows
    from tests.apps.forecasting.made_series import adapted, configured, splits, waves

    config = configured()
    made = splits(waves(rows=420, known=()), config)
    preprocessor = adapted(config, made.train)
    network = build_model(config, preprocessor)
    validation = Windows(made.validation, preprocessor, 48, 12, 16)
    return Small("forecasting", with_fitted_quantiles(network, config.model, validation), preprocessor)


def translation():
    from tests.apps.translation.small_model import make_config, make_network, make_preprocessor

    config = make_config(max_length=12)
    preprocessor = make_preprocessor(config)
    return Small("translation", make_network(config, preprocessor), preprocessor)


def captioning():
    from tests.apps.captioning.small_model import make_config, make_network, make_preprocessor

    config = make_config(max_length=9)
    preprocessor = make_preprocessor(config)
    return Small("captioning", make_network(config, preprocessor, scale=1.0), preprocessor)


def music():
    from tests.apps.music.small_music import make_config, make_network, make_preprocessor

    config = make_config({"sampling.rules": True})
    preprocessor = make_preprocessor(config)
    return Small("music", make_network(config, preprocessor), preprocessor)


SMALL = {make.__name__: make for make in (sentiment, forecasting, translation, captioning, music)}


def lines_of_the_page() -> SimpleNamespace:
    """The functions that docs/export_formats.md defines."""
    text = (REPOSITORY / "docs" / "export_formats.md").read_text("utf-8")
    defined: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(compile(block, "docs/export_formats.md", "exec"), defined)
    return SimpleNamespace(**{name: value for name, value in defined.items() if not name.startswith("__")})


def check_sentiment(small, folder, page):
    for text in ("a good film", "not a good film , not at all", "'so so', isn't it? <br />fine"):
        answer = small.ask(text=tf.constant([text]))
        expected = dict(zip([name.decode() for name in answer["classes"][0]], answer["probabilities"][0].tolist()))
        assert page.classify(folder, text) == pytest.approx(expected, abs=1e-5)


def check_forecasting(small, folder, page):
    history = np.random.default_rng(0).normal(10, 3, (48, 3)).astype(np.float32)
    times = 1_600_000_000 + 3600 * np.arange(60)
    inputs = {"history": history[None], "history_time": times[None, :48], "future_time": times[None, 48:]}
    expected = small.ask(**{name: tf.constant(values) for name, values in inputs.items()})["forecast"][0]
    np.testing.assert_allclose(page.forecast(folder, history, times[:48], 3600), expected, rtol=1e-4)


def check_translation(small, folder, page):
    for text in ("one two three", "Nine, eight!", "six  six"):
        assert page.translate(folder, text) == small.ask(text=tf.constant([text]))["translation"][0].decode()


def check_captioning(small, folder, page):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)  # as large as the network wants it
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    (folder.parent / "a.png").write_bytes(stream.getvalue())
    expected = small.ask(image=tf.constant([stream.getvalue()]))["caption"][0].decode()
    assert page.caption(folder, folder.parent / "a.png") == expected


def check_music(small, folder, page):
    pitches, onsets = page.compose(folder, seed=3)
    low, high = small.preprocessor.vocabulary.lowest, small.preprocessor.vocabulary.highest
    assert pitches.shape == onsets.shape == (64, 4)
    assert ((pitches == -1) | ((pitches >= low) & (pitches <= high))).all()


@pytest.mark.slow
@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("app", SMALL)
def test_a_file_answers_what_the_saved_model_answers(app, file_format, tmp_path):
    pytest.importorskip("ai_edge_litert" if file_format == "litert" else "tf2onnx")
    small = SMALL[app]()
    if (app, file_format) in REFUSED:
        with pytest.raises(UserError, match=REFUSED[app, file_format]):
            file_export.export_file(app, small.core(), file_format, tmp_path)
        return
    folder, about = file_export.export_file(app, small.core(), file_format, tmp_path)
    assert about["equal_whole_numbers"] == 1
    globals()[f"check_{app}"](small, folder, lines_of_the_page())


@pytest.mark.slow
def test_music_with_the_random_numbers_of_a_seed_is_the_piece_of_that_seed():
    from common.decoding.sampling import random_numbers

    small = music()
    core, steps = small.core(), 64
    asked = core.asked()["a melody and an opening"]
    found = core.traced(None)(*asked.values())
    known = {name.removeprefix("given_"): values for name, values in asked.items() if name != "random"}
    expected = small.ask("complete", seed=tf.constant([0, 1]), **{k: tf.constant(v) for k, v in known.items()})
    np.testing.assert_array_equal(asked["random"], random_numbers(np.array([0, 1], np.int32), asked["random"].shape[1]))
    assert found["pitches"].shape[1] == steps
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)


def test_the_page_finds_the_words_that_the_preprocessor_finds(tmp_path):
    """Else the probabilities are those of another text, and nothing says so."""
    small, page = sentiment(), lines_of_the_page()
    core = small.core()
    about = {"inputs": {"token_ids": {"shape": [1, *core.signature[0].shape[1:]]}}, **core.notes}
    (tmp_path / "vocabulary.json").write_bytes(core.files["vocabulary.json"])
    assert json.loads(core.files["vocabulary.json"])["phrases"]
    long = "the film is bad<BR/>so so " * 7
    for text in ("A good film.", "not a good_film, 'not' at all'  ", "", long, "$5 isn't (good)"):
        expected = small.preprocessor(tf.constant([text]))["token_ids"].numpy()
        found = page.token_ids(tmp_path, about, text)
        np.testing.assert_array_equal(found[:, : expected.shape[1]], expected)
        assert not found[:, expected.shape[1] :].any()


def test_a_model_with_a_wide_part_is_refused_before_it_is_converted():
    from tests.apps.sentiment.small_model import make_final

    model, preprocessor = make_final(wide=True, scales=(1.5, 0.5))
    with pytest.raises(UserError, match=r"the wide part .* train with --model.wide false"):
        Small("sentiment", model, preprocessor).core()
