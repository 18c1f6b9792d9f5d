"""What a person may ask of the music application, and what is refused before any work."""

import pytest

from apps.music.config import PRESETS, Config
from common.config import resolve_config
from common.errors import UserError


def resolved(**settings):
    return resolve_config(
        Config, PRESETS, "base", overrides={name.replace("__", "."): v for name, v in settings.items()}
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"data__voices": 2}, r"data\.voices is 2 .* the bundled chorales have 4 voices"),
        ({"data__steps_per_quarter": 12}, r"data\.steps_per_quarter 12, but the bundled chorales"),
        ({"data__source": "tfds", "data__name": "groove"}, r"add --data\.representation events"),
        ({"data__name": "groove"}, r"the bundled set is .*chorales"),
        ({"data__path": "tunes"}, r"add --data\.source files"),
        ({"data__source": "files"}, r"data\.path must name a folder of MIDI"),
        ({"model__cell": "qrnn"}, r"choose another, such as sru"),
        ({"model__cell": "min_gru", "model__recurrent_dropout": 0.1}, r"leave it at 0"),
        ({"sampling__temperature": -1.0}, r"sampling\.temperature"),
        ({"sampling__top_p": 0.0}, r"sampling\.top_p"),
        ({"train__given_fraction": 1.5}, r"train\.given_fraction"),
    ],
)
def test_what_cannot_work_is_one_sentence(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        resolved(**settings)


def test_the_bundled_chorales_can_be_events_too():
    assert resolved(data__representation="events").data.name == "chorales"


def test_own_files_may_have_any_number_of_voices_and_no_name_of_a_set():
    data = resolved(data__source="files", data__path="tunes", data__voices=2, data__steps_per_quarter=12).data
    assert (data.voices, data.steps_per_quarter) == (2, 12)


def test_the_preset_of_the_published_figure_gives_nothing_for_free():
    """Else its nats were those of another task."""
    train = resolve_config(Config, PRESETS, "jsb").train
    assert train.given_fraction == 0 and train.end_fraction == 0
