"""What the exported model answers. If these fail, a request gets another piece than it asked for."""

import numpy as np
import pytest

from apps.music.events import END, EventVocabulary
from apps.music.pieces import LONGEST
from apps.music.serving import questions
from common import saved_model
from common.errors import UserError
from tests.apps.music.exported_music import EVENTS, KINDS, ONE, TWO, VOICES, exported, made

BAR = 16  # steps


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    return saved_model.load(exported(request.param), "music")


@pytest.fixture(scope="module")
def four():
    return saved_model.load(exported(VOICES), "music")


@pytest.fixture(scope="module")
def events():
    return saved_model.load(exported(EVENTS), "music")


def drawing(seeds, temperature=1.0, top_p=1.0):
    count = len(seeds)
    return {
        "seed": np.array(seeds, np.int32),
        "temperature": np.full(count, temperature, np.float32),
        "top_p": np.full(count, top_p, np.float32),
    }


def compose(model, lengths, seeds, **options):
    return model.run("serving_default", {"length": np.array(lengths, np.int32), **drawing(seeds, **options)})


def nothing_given(model, count, steps):
    if model.metadata["representation"] == "events":
        return {"events": np.zeros((count, steps), np.int32)}
    shape = count, steps, model.metadata["voices"]
    positions = np.tile(np.arange(steps, dtype=np.int32) % BAR, (count, 1))
    return {"pitches": np.full(shape, -1, np.int32), "onsets": np.zeros(shape, bool), "positions": positions}


def test_pieces_have_their_lengths_and_depend_on_their_own_seed_alone(model):
    lengths, seeds = [20, 1, 7, 20, 20], [3, 4, 5, 3, 6]
    answer = compose(model, lengths, seeds)
    main = "events" if model.metadata["representation"] == "events" else "pitches"
    behind = 0 if main == "events" else -1
    assert answer[main].shape[:2] == (5, 20) and np.isfinite(answer["log_probability"]).all()
    np.testing.assert_array_equal(answer[main][0], answer[main][3])
    assert (answer[main][0] != answer[main][4]).any()
    for row, (length, seed) in enumerate(zip(lengths, seeds)):
        alone = compose(model, [length], [seed])
        np.testing.assert_allclose(alone["log_probability"][0], answer["log_probability"][row], rtol=1e-4, atol=1e-3)
        assert (answer[main][row, length:] == behind).all()
        for name, value in alone.items():
            if value.ndim > 1:
                assert value.shape[1] == length
                np.testing.assert_array_equal(value[0], answer[name][row, :length], err_msg=name)
                assert not answer[name][row, length:].any() or name in (main, "pitch")


def test_to_complete_nothing_is_to_compose_freely(model):
    options = {"temperature": 0.8, "top_p": 0.9}
    free = compose(model, [BAR + 3] * 2, [1, 2], **options)
    completed = model.run("complete", nothing_given(model, 2, BAR + 3) | drawing([1, 2], **options))
    assert set(completed) == set(free)
    for name, value in free.items():
        np.testing.assert_allclose(completed[name], value, rtol=1e-4, atol=1e-4, err_msg=name)


def test_a_temperature_of_zero_needs_no_seed_and_a_small_top_p_is_as_much(model):
    greedy = compose(model, [BAR] * 2, [1, 2], temperature=0.0)
    small = compose(model, [BAR] * 2, [1, 2], top_p=1e-6)
    for name, value in greedy.items():
        np.testing.assert_allclose(value[0], value[1], atol=1e-4)
        np.testing.assert_allclose(small[name], value, atol=1e-4)


@pytest.mark.parametrize("kind", [VOICES, TWO, ONE])
def test_what_is_given_is_kept(kind):
    model = saved_model.load(exported(kind), "music")
    inputs = nothing_given(model, 2, BAR)
    low, high = model.metadata["lowest"], model.metadata["highest"]
    inputs["pitches"][0, :, 0] = [
        low,
        low,
        low,
        high,
        high,
        -2,
        -2,
        -1,
        -1,
        low + 5,
        low + 5,
        low + 5,
        -2,
        low,
        -1,
        high,
    ]
    inputs["onsets"][0, [2, 4, 10], 0] = True
    inputs["pitches"][1, :6] = (low + high) // 2
    answer = model.run("complete", inputs | drawing([7, 8]))
    given = inputs["pitches"]
    sounding = given >= 0
    np.testing.assert_array_equal(answer["pitches"][sounding], given[sounding])
    assert (answer["pitches"][given == -2] == -1).all()
    begins = answer["onsets"][0, :, 0]
    assert begins[[0, 2, 3, 4, 9, 10, 13, 15]].all() and not begins[[1, 5, 6, 11, 12]].any()
    assert answer["onsets"][1, 0].all() and not answer["onsets"][1, 1:6].any()
    assert not answer["onsets"][answer["pitches"] == -1].any()
    assert ((answer["pitches"] == -1) | ((answer["pitches"] >= low) & (answer["pitches"] <= high))).all()


@pytest.mark.parametrize(("kind", "looks"), [(VOICES, True), (TWO, False)])
def test_harmonising_looks_ahead_at_the_melody_where_it_was_trained_to(kind, looks):
    model = saved_model.load(exported(kind), "music")
    assert model.metadata["looks_ahead"] is looks
    inputs = nothing_given(model, 1, BAR)
    inputs["pitches"][0, :, 0] = np.repeat([62, 64, 65, 67], BAR // 4)
    several = [model.run("complete", inputs | drawing([seed])) for seed in range(4)]
    inputs["pitches"][0, BAR // 2 :, 0] = 60
    others = [model.run("complete", inputs | drawing([seed])) for seed in range(4)]
    before = slice(0, BAR // 2)
    changed = any((a["pitches"][0, before] != b["pitches"][0, before]).any() for a, b in zip(several, others))
    assert changed is looks


def test_events_come_with_their_notes(events):
    about = events.metadata
    words = EventVocabulary(about["velocity_bins"], about["max_shift"], about["time_step"])
    given = np.zeros((2, 60), np.int32)
    opening = [words.first_velocity + 3, words.first_on + 60, words.first_shift + 7, words.first_drum_on + 38]
    given[:, :4] = opening
    given[1, 10] = END
    answer = events.run("complete", {"events": given, **drawing([1, 2])})
    assert answer["events"][:, :4].tolist() == [opening] * 2
    assert not answer["events"][1, 11:].any()
    for row in range(2):
        notes = words.decode(answer["events"][row]).notes
        here = answer["pitch"][row] >= 0
        assert np.count_nonzero(here) == len(notes) > 0
        assert sorted(answer["pitch"][row][here].tolist()) == sorted(notes["pitch"].tolist())
        assert sorted(answer["velocity"][row][here].tolist()) == sorted(notes["velocity"].tolist())
        np.testing.assert_allclose(np.sort(answer["end"][row][here]), np.sort(notes["end"]), rtol=1e-5)
        assert answer["is_drum"][row][here].sum() == (notes["part"] == 1).sum()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"length": 0}, f"length must be 1 to {LONGEST}, for each piece"),
        ({"length": LONGEST + 1}, f"length must be 1 to {LONGEST}"),
        ({"length": 2**31 - 1}, f"length must be 1 to {LONGEST}"),
        ({"length": -5}, f"length must be 1 to {LONGEST}"),
        ({"temperature": -0.1}, "temperature must be 0 or more, for each piece"),
        ({"temperature": float("nan")}, "temperature must be 0 or more"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1, for each piece"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1"),
        ({"top_p": float("nan")}, "top_p must be above 0 and at most 1"),
        ({"seed": [1, 2, 3]}, "seed, temperature and top_p need a value for each piece"),
        ({"temperature": [1.0]}, "seed, temperature and top_p need a value for each piece"),
    ],
)
def test_what_cannot_be_composed_is_refused_with_a_sentence(four, events, wrong, sentence):
    for model in (four, events):
        inputs = {"length": np.array([4, 4], np.int32), **drawing([1, 2])}
        for name, value in wrong.items():
            kind = inputs[name].dtype
            inputs[name] = (
                np.array(value, kind) if isinstance(value, list) else np.array([inputs[name][0], value], kind)
            )
        with pytest.raises(UserError) as caught:
            model.run("serving_default", inputs)
        assert str(caught.value).startswith(f"the model refuses this input: {sentence}")


def test_what_cannot_be_completed_is_refused_with_a_sentence(four, events):
    about = four.metadata

    def refused(model, inputs, sentence):
        with pytest.raises(UserError) as caught:
            model.run("complete", inputs | drawing([1, 2]))
        assert sentence in str(caught.value)

    for pitch in (about["lowest"] - 1, about["highest"] + 1, -3):
        inputs = nothing_given(four, 2, 4)
        inputs["pitches"][1, 2, 3] = pitch
        refused(four, inputs, f"pitches must be {about['lowest']} to {about['highest']}, -1 or -2")
    inputs = nothing_given(four, 2, 4)
    inputs["positions"][1, 2] = -1
    refused(four, inputs, "positions must be 0 or more")
    whole = nothing_given(four, 2, 4)
    refused(four, whole | {"positions": whole["positions"][:, :3]}, "positions must have a value for each step")
    refused(four, whole | {"onsets": whole["onsets"][:, :1]}, "onsets must have a value for each of the pitches")
    refused(four, nothing_given(four, 2, 0), "length must be 1")
    refused(events, nothing_given(events, 2, 0), "length must be 1")
    about = events.metadata
    size = EventVocabulary(about["velocity_bins"], about["max_shift"], about["time_step"]).size
    for event in (-1, 2, size):
        refused(events, {"events": np.full((2, 3), event, np.int32)}, f"events must be 0, 1, or 3 to {size - 1}")


def test_no_pieces_are_no_answers(model):
    for answer in (
        compose(model, [], []),
        model.run("complete", nothing_given(model, 0, 3) | drawing([])),
    ):
        assert all(len(value) == 0 for value in answer.values())


def test_the_questions_try_every_kind_of_request(model):
    """The export asks them; here, that they are what they say."""
    kind = next(kind for kind in KINDS if exported(kind) == model.path)
    preprocessor, _ = made(kind)
    asked = questions(None, preprocessor)
    assert {len(inputs["seed"]) for inputs in asked.values()} == {1, 2, 7}
    assert {0.0, 1.0} <= {each for inputs in asked.values() for each in inputs["temperature"]}
    if kind != EVENTS:
        given = np.array(asked["a melody and an opening"]["pitches"])
        assert (given[0, :, 0] >= 0).all() and (given[0, :, 1:] == -1).all()
        assert (given[1, :4] >= 0).all() and (given[1] == -2).any() and (given[1] == -1).any()
        assert model.metadata["ranges"] == preprocessor.ranges and model.metadata["metre"] == [4, 4]
