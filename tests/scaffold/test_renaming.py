"""If these fail, a new application keeps a name of the old one, under which the two get in each other's way, or a word that only
happens to be the same is changed and its program does something else."""

import json

import pytest

from scaffold.renaming import Renaming, renaming, snake
from tests.scaffold.repository_copy import REPOSITORY

COMMON = "def main(app, package): ...\nclass Run:\n    path: str\n    app: str\ndef load(path, app=None): ...\n"


def renamed(source: str, old: str = "music", new: str = "tunes") -> str:
    return renaming(old, new, [source], [COMMON]).source(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from apps.music.config import Config\n", "from apps.tunes.config import Config\n"),
        ("from apps import music\n", "from apps import tunes\n"),
        ("from tests.apps.music import made_music\n", "from tests.apps.tunes import made_music\n"),
        ("import apps.music.data\napps.music.data.f()\n", "import apps.tunes.data\napps.tunes.data.f()\n"),
        ("patch('apps.music.data.f')\n", "patch('apps.tunes.data.f')\n"),
        ("main('music', 'apps.music')\n", "main('tunes', 'apps.tunes')\n"),
        ('load(path, "music")\n', 'load(path, "tunes")\n'),
        ('load(path, app="music")\n', 'load(path, app="tunes")\n'),
        ('Run(path, "music")\n', 'Run(path, "tunes")\n'),
        ('keras.Model(a, b, name="music")\n', 'keras.Model(a, b, name="tunes")\n'),
        ('path = folder / "runs" / "music" / "a"\n', 'path = folder / "runs" / "tunes" / "a"\n'),
        ('APP = "music"\n', 'APP = "tunes"\n'),
        ('x = {"app": "music"}\n', 'x = {"app": "tunes"}\n'),
        ('x = \'{"app": "music"}\'\n', 'x = \'{"app": "tunes"}\'\n'),
        (
            'assert (w["app"], w["split"]) == ("music", "test")\n',
            'assert (w["app"], w["split"]) == ("tunes", "test")\n',
        ),
        ('CODE = """\nmain("music", "apps.music")\n"""\n', 'CODE = """\nmain("tunes", "apps.tunes")\n"""\n'),
        ('f"go on: python -m apps.music train {run}"\n', 'f"go on: python -m apps.tunes train {run}"\n'),
        ('"""Music: a seed in, a piece out."""\n', '"""Tunes: a seed in, a piece out."""\n'),
        ('"""All settings of the music application."""\n', '"""All settings of the tunes application."""\n'),
        ("# a run of music\n", "# a run of tunes\n"),
        (
            '@keras.saving.register_keras_serializable(package="unroll")\nclass A: ...\n',
            '@keras.saving.register_keras_serializable(package="tunes")\nclass A: ...\n',
        ),
        (
            "class MusicConfig(TrainConfig): ...\nMusicConfig()\n",
            "class TunesConfig(TrainConfig): ...\nTunesConfig()\n",
        ),
    ],
)
def test_what_means_the_application_is_renamed(source, expected):
    assert renamed(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""Reads music, and no music21."""\n',
        "import music21\nmusic = music21.parse('music.xml')\n",
        'x = {"music": 1, "text": "music"}\n',
        'play("music")\n',
        "# files of music\n",
        "from apps.musical.config import Config\n",
        "def write_musicxml(music): ...\n",
        'print("music", "apps of music")\n',
        "class MusicError(Exception): ...\n",
    ],
)
def test_words_that_only_happen_to_be_the_same_stay(source):
    assert renamed(source) == source


def test_a_fixture_called_like_the_application_is_renamed_with_its_uses():
    source = "@pytest.fixture\ndef music(): ...\n\n\ndef test_a(music):\n    assert music() and 'music'\n"
    assert renamed(source) == source.replace("music()", "tunes()").replace("(music)", "(tunes)")


def test_builders_get_names_of_their_own_and_their_folders_with_them():
    source = (
        "class _Base(tfds.core.GeneratorBasedBuilder): ...\nclass MidiSongs(_Base): ...\n"
        'path = tmp_path / "midi_songs" / "1.0.0"\nnames = ["midi_songs"]\n# see MidiSongs\n'
    )
    assert renamed(source) == (
        "class _TunesBase(tfds.core.GeneratorBasedBuilder): ...\nclass TunesMidiSongs(_TunesBase): ...\n"
        'path = tmp_path / "tunes_midi_songs" / "1.0.0"\nnames = ["midi_songs"]\n# see TunesMidiSongs\n'
    )
    assert snake("TunesMidiSongs") == "tunes_midi_songs"


def test_a_test_that_makes_a_set_asks_for_it_by_its_new_name():
    source = (
        "class MidiSongs(tfds.core.GeneratorBasedBuilder): ...\n\n\ndef test_songs():\n"
        '    assert load("midi_songs/rock", not_midi_songs) == "from midi_songs (tfds)"\n'
    )
    assert renamed(source) == (
        "class TunesMidiSongs(tfds.core.GeneratorBasedBuilder): ...\n\n\ndef test_songs():\n"
        '    assert load("tunes_midi_songs/rock", not_midi_songs) == "from tunes_midi_songs (tfds)"\n'
    )


def test_the_tab_of_the_demo_is_called_like_the_new_application():
    assert renamed('TITLE = "Music"\nHEADING = "Music"\n') == 'TITLE = "Tunes"\nHEADING = "Music"\n'


def test_a_copy_of_a_copy_has_one_prefix():
    source = "class TunesMidiSongs(tfds.core.GeneratorBasedBuilder): ...\n"
    assert renamed(source, "tunes", "hymns") == source.replace("Tunes", "Hymns")


def test_letters_of_more_than_a_byte_before_a_name_do_not_move_it():
    assert renamed('x = "日本", Run(p, "music")\n') == 'x = "日本", Run(p, "tunes")\n'


def test_a_notebook_is_renamed_in_its_texts_and_its_code():
    cells = [
        {"cell_type": "markdown", "source": ["# Music: a seed in\n", "See apps/music/README.md about music."]},
        {"cell_type": "code", "source": ["from apps.music import config\n", "music = 1"]},
        {"cell_type": "code", "source": ["%time run('apps.music')"]},
    ]
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=1) + "\n"
    found = json.loads(Renaming("music", "tunes").notebook(text))
    assert ["".join(cell["source"]) for cell in found["cells"]] == [
        "# Tunes: a seed in\nSee apps/tunes/README.md about music.",
        "from apps.tunes import config\nmusic = 1",
        "%time run('apps.tunes')",
    ]
    assert Renaming("music", "tunes").notebook(text).endswith('"nbformat": 4\n}\n')


def test_a_change_that_a_page_shows_applies_to_the_copy():
    layer = '+@keras.saving.register_keras_serializable(package="unroll")\n'
    diff = (
        '--- a/apps/music/model.py\n+++ b/apps/music/model.py\n@@ -1 +1 @@\n-    return keras.Model(a, name="music")\n'
        f'+    model = load(model_dir, "music")\n{layer}--- /dev/null\n+++ b/common/layers/mine.py\n@@ -0,0 +1 @@\n{layer}'
    )
    expected = diff.replace("music", "tunes").replace("unroll", "tunes", 1)
    assert Renaming("music", "tunes").text(diff) == expected


def test_english_follows_the_name():
    text = Renaming("music", "old_songs").text("The pictures of a music run; the music application.")
    assert text == "The pictures of an old songs run; the old songs application."


@pytest.mark.parametrize("app", ["sentiment", "translation"])  # whose names are words of English in their code
def test_there_and_back_again_is_where_it_began(app):
    """Whatever is renamed is renamed completely; what stays was not the application's name."""
    paths = [*(REPOSITORY / "apps" / app).glob("*.py"), *(REPOSITORY / "tests/apps" / app).glob("*.py")]
    sources = [path.read_text("utf-8") for path in paths]
    common = [
        path.read_text("utf-8")
        for path in [*(REPOSITORY / "common").glob("*.py"), REPOSITORY / "tests/command_line.py"]
    ]
    there = renaming(app, "zebra", sources, common)
    renamed_sources = [there.source(source) for source in sources]
    assert not [source for source in renamed_sources if f"apps.{app}" in source or f"apps/{app}" in source]
    back = renaming("zebra", app, renamed_sources, common)
    again = [back.source(source) for source in renamed_sources]
    unprefixed = {new: old for old, new in there.classes.items()}
    for source, result in zip(sources, again, strict=True):
        for new, final in back.classes.items():
            result = result.replace(final, unprefixed[new]).replace(snake(final), snake(unprefixed[new]))
        result = result.replace(f'package="{app}"', 'package="unroll"')
        assert result == source
