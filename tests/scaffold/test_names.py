"""If these fail, an application gets a name that breaks its imports, or somebody's work is written over."""

import subprocess
import sys

import pytest

from scaffold.__main__ import main
from scaffold.names import applications
from tests.scaffold.repository_copy import REPOSITORY, environment


def refused(capsys, *words):
    """The sentence with which a command is refused."""
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Reviews", "must be a Python identifier in small letters"),
        ("my-reviews", "must be a Python identifier"),
        ("2reviews", "must be a Python identifier"),
        ("_reviews", "must be a Python identifier"),
        ("reviews_", "must be a Python identifier"),
        ("", "--name is missing"),
        ("é", "must be a Python identifier"),
        ("../reviews", "must be a Python identifier"),
        ("a" * 41, "from 3 to 40 letters"),
        ("ab", "from 3 to 40 letters"),
        ("import", "a keyword"),
        ("match", "a keyword"),
        ("json", "standard library"),
        ("numpy", "an installed package"),
        ("keras", "an installed package"),
        ("common", "a part of this repository"),
        ("unroll", "a part of this repository"),
        ("conftest", "of its tests"),
        ("train", "of its tests"),
        ("test_reviews", "of its tests"),
        ("music", "apps/music exists already"),
    ],
)
def test_a_name_that_would_break_something_is_refused(capsys, name, sentence):
    assert sentence in refused(capsys, "new-app", "--name", name, "--from", "sentiment")


def test_what_was_meant_is_named(capsys):
    assert "did you mean sentiment" in refused(capsys, "new-app", "--name", "reviews", "--from", "sentimet")
    assert "captioning" in refused(capsys, "eject", "--app", "pictures", "--to", "../x")
    assert "new-app" in refused(capsys, "new_app")
    assert "--help" in refused(capsys, "eject", "--app", "music")
    assert "make eject APP=sentiment TO=" in refused(
        capsys, "eject", "--app", "music", "--to", ""
    )  # as make says nothing
    assert "--help" in refused(capsys, "eject", "--app", "music", "--to", "x", "--force", "y")


def test_a_half_finished_application_is_in_the_way_like_a_whole_one(own_clone):
    from common.errors import UserError
    from scaffold.names import check_new_name

    check_new_name(own_clone, "reviews")
    (own_clone / "tests/apps/reviews").mkdir()
    with pytest.raises(UserError, match="tests/apps/reviews exists already"):
        check_new_name(own_clone, "reviews")


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("{repository}", "inside this repository"),
        ("{repository}/apps/../mine", "inside this repository"),
        ("{tmp}/link/mine", "inside this repository"),
        ("{tmp}/file", "is a file"),
        ("{tmp}/full", "not empty"),
        ("{tmp}/file/mine", "cannot"),
        ("{tmp}/numpy", "an installed package"),
        ("{tmp}/tensorflow_datasets", "an installed package"),
        ("{tmp}/日本", "no name of a package"),
    ],
)
def test_a_place_that_cannot_be_taken_is_refused(capsys, tmp_path, to, sentence):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to(REPOSITORY)
    before = sorted(tmp_path.rglob("*"))
    to = to.format(tmp=tmp_path, repository=REPOSITORY)
    assert sentence in refused(capsys, "eject", "--app", "sentiment", "--to", to)
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "full" / "notes.txt").read_text() == "mine"


def test_help_and_mistakes_answer_without_tensorflow(tmp_path):
    code = (
        "import sys\nfrom scaffold.__main__ import main\n"
        "assert main(['--help']) == 0 and main(['new-app', '--name', 'A', '--from', 'music']) == 2\n"
        "import scaffold.eject, scaffold.new_app\n"
        "print(sorted({'tensorflow', 'keras', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(REPOSITORY), capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert "new-app" in done.stdout and "eject" in done.stdout


def test_the_applications_are_found():
    assert {"sentiment", "music"} <= set(applications(REPOSITORY))
