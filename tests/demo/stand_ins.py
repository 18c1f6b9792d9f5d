"""Models that answer at once with what a SavedModel of their application could answer; for the page, not for quality."""

import numpy as np

from common.errors import UserError


class StandIn:
    """As much of `common.saved_model.SavedModel` as a tab uses.

    Args:
        metadata: as the export notes it.
        answers: by endpoint, a function of the inputs by name.
        example: what `example` returns.
    """

    path = "saved_models/stand_in/1"

    def __init__(self, metadata, answers, example=None):
        self.metadata, self._answers, self._example = metadata, answers, example

    def signature(self, endpoint):
        if endpoint not in self._answers:
            raise UserError(f"the model stand-in has no endpoint {endpoint!r}")

    def run(self, endpoint, inputs):
        return self._answers[endpoint](**inputs)

    def call(self, endpoint, texts):
        return self.run(endpoint, {"text": [text.encode() for text in texts]})

    def example(self):
        return self._example


def objects(rows):
    """bytes as a SavedModel returns them."""
    return np.array([[cell.encode() for cell in row] for row in rows], object)


def sentiment():
    """Every word with a letter e speaks for `positive`."""

    def classify(text):
        return {
            "label": np.array([b"positive"] * len(text), object),
            "probabilities": np.array([[0.25, 0.75]] * len(text), np.float32),
        }

    def explain(text):
        words = [each.decode().split() for each in text]
        longest = max(map(len, words))
        values = [[0.5 if "e" in word else -0.25 for word in row] + [0.0] * (longest - len(row)) for row in words]
        values = np.array(values, np.float32)
        return {
            **classify(text),
            "tokens": objects([row + [""] * (longest - len(row)) for row in words]),
            "attributions": values,
            "bias": np.full(len(text), 0.1, np.float32),
            "score": values.sum(axis=1) + np.float32(0.1),
        }

    return StandIn({"class_names": ["negative", "positive"]}, {"serving_default": classify, "explain": explain})


def translation():
    """Says every sentence backwards; a longer one is cut at 12 words."""

    def translated(text):
        return [" ".join(reversed(each.decode().split()[:12])) for each in text]

    def truncated(text):
        return np.array([len(each.split()) > 12 for each in text])

    def best(text):
        found = np.array([each.encode() for each in translated(text)], object)
        return {"translation": found, "score": np.full(len(text), -0.5, np.float32), "truncated": truncated(text)}

    def beam(text, beam_width, length_penalty):
        width = int(max(beam_width))
        rows = [[each, *(f"{each} {place}" for place in range(2, width + 1))] for each in translated(text)]
        scores = -0.5 * np.arange(1, width + 1, dtype=np.float32)
        return {"translations": objects(rows), "scores": np.tile(scores, (len(text), 1)), "truncated": truncated(text)}

    def attention(text):
        source = text[0].decode().split()[:12]
        return {
            "translation": best(text)["translation"],
            "source_tokens": objects([source]),
            "target_tokens": objects([source[::-1]]),
            "attention": np.eye(len(source), dtype=np.float32)[None, ::-1],
        }

    about = {"beam_width": 4, "length_penalty": 1.0, "max_length": 12}
    return StandIn(about, {"serving_default": best, "beam": beam, "attention": attention})


def captioning(caption="a red square"):
    """Says the same of every picture that it can read."""

    def check(image):
        if not image[0].startswith((b"\x89PNG", b"\xff\xd8")):
            raise UserError("the model refuses this input: no picture")

    def best(image):
        check(image)
        tokens = caption.split()
        attention = np.zeros((1, max(len(tokens), 1), 2, 2), np.float32)
        attention[..., 0, 0] = 1
        return {
            "caption": np.array([caption.encode()], object),
            "score": np.array([-0.5], np.float32),
            "tokens": objects([tokens or [""]]),
            "attention": attention,
        }

    def beam(image, beam_width, length_penalty):
        width = int(beam_width[0])
        rows = [[caption, *(f"{caption} {place}" for place in range(2, width + 1))]]
        return best(image) | {"captions": objects(rows), "scores": -np.arange(1, width + 1, dtype=np.float32)[None]}

    about = {"beam_width": 3, "length_penalty": 1.0, "picture_size": 64, "fit": "stretch"}
    return StandIn(about, {"serving_default": best, "beam": beam})


def music(representation="voices", voices=4):
    """Fills every free place with the same chord."""
    chord = np.array([72, 67, 64, 48][:voices], np.int32)

    def voiced(given):
        pitches = np.where(given == -1, chord, np.where(given == -2, -1, given))
        onsets = np.zeros(pitches.shape, bool)
        onsets[:, ::4] = True
        onsets[:, 1:] |= pitches[:, 1:] != pitches[:, :-1]
        onsets &= pitches != -1
        return {"pitches": pitches, "onsets": onsets, "log_probability": np.zeros(len(pitches), np.float32)}

    def compose(length, seed, temperature, top_p):
        return voiced(np.full((1, int(length[0]), voices), -1, np.int32))

    def complete(pitches, onsets, positions, seed, temperature, top_p):
        found = voiced(pitches)
        begins = np.where(pitches == -1, found["onsets"], onsets)
        begins[:, 1:] |= found["pitches"][:, 1:] != found["pitches"][:, :-1]
        return found | {"onsets": begins & (found["pitches"] != -1)}

    about = {
        "representation": representation,
        "temperature": 1.0,
        "top_p": 1.0,
        "ranges": [[57, 81], [53, 74], [48, 69], [36, 64]][:voices],
        "tempo": 96.0,
        "voices": voices,
        "steps_per_quarter": 4,
        "metre": [4, 4],
        "lowest": 33,
        "highest": 84,
        "looks_ahead": True,
    }
    return StandIn(about, {"serving_default": compose, "complete": complete})


def forecasting(known=()):
    """Says that everything stays as it was."""

    def forecast(history, future=None, history_time=None, future_time=None):
        last = history[:, -1:, :1].repeat(4, axis=1)
        return {"forecast": last, "quantiles": last[..., None] + np.array([-1.0, 0.0, 1.0], np.float32)}

    columns = {"targets": ["load"], "past": ["wind"], "known": list(known)}
    about = {
        "look_back": 8,
        "horizon": 4,
        "quantiles": [0.1, 0.5, 0.9],
        "columns": columns,
        "id": None,
        "time": None,
        "frequency": "h",
        "season": 4,
        "calendar": True,
    }
    random = np.random.default_rng(0)
    example = {"history": (10 + random.normal(size=(8, 2 + len(known)))).tolist()}
    return StandIn(about, {"serving_default": forecast}, example)
