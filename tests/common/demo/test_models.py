"""If these fail, one missing or damaged model takes the whole page with it, or its tab does not say what to do."""

import pytest

from common.demo.models import applications, load_for_tab


def test_applications_are_found_by_their_command_lines(tmp_path):
    """Else one that `make new-app` made has no tab until somebody enters it into a list."""
    for name in ("reviews", "music"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__main__.py").touch()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__main__.py").touch()
    assert applications(tmp_path) == ["music", "reviews"]


@pytest.mark.parametrize("exists", [False, True])
def test_a_missing_model_says_which_command_makes_it(tmp_path, exists):
    folder = tmp_path / "sentiment"
    if exists:
        folder.mkdir()
    found = load_for_tab("sentiment", "apps.sentiment", folder)
    assert found.model is None and found.module.TITLE == "Sentiment"
    assert found.problem == f"There is no exported model {folder} yet."
    assert found.commands == ("make train APP=sentiment", 'make train APP=sentiment ARGS="--preset tiny"')


def test_damage_is_a_sentence(tmp_path):
    version = tmp_path / "3"
    (version / "assets.extra").mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"\xff" * 40)
    (version / "assets.extra" / "unroll.json").write_text('{"app": "sentiment"}')
    found = load_for_tab("sentiment", "apps.sentiment", tmp_path)
    assert found.model is None
    assert "damaged or not whole" in found.problem and found.problem.endswith("export the run again.")


def test_the_model_of_another_application_is_not_shown(tmp_path):
    version = tmp_path / "1"
    (version / "assets.extra").mkdir(parents=True)
    (version / "saved_model.pb").touch()
    (version / "assets.extra" / "unroll.json").write_text('{"app": "music"}')
    assert "is a model of music, not of sentiment" in load_for_tab("sentiment", "apps.sentiment", tmp_path).problem


def test_a_file_in_the_place_of_the_model_is_a_sentence(tmp_path):
    (tmp_path / "sentiment").touch()
    assert load_for_tab("sentiment", "apps.sentiment", tmp_path / "sentiment").problem


def test_an_application_without_a_tab_says_so(tmp_path, fake_app):
    found = load_for_tab("fake", fake_app, tmp_path)
    assert found.module is None and "fake has no module demo" in found.problem
