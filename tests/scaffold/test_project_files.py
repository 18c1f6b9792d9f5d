"""If these fail, the project of its own installs the wrong packages, or its Makefile and pages speak of what is not there."""

import importlib.metadata
import tomllib

import pytest

from scaffold.app_page import page_of_new_app, with_row
from scaffold.distributions import Requirements, needed_constraints, normalized
from scaffold.makefile import reduced_makefile
from scaffold.pages import blocks, links, without_dead_links
from scaffold.pyproject_file import reduced_pyproject
from scaffold.renaming import Renaming

PYPROJECT = """[project]
name = "unroll"
version = "0.9"
description = "Many."
dependencies = [
    # Reads tables.
    "pandas",
    # Writes "strict" YAML.
    "PyYAML>=6",
    "scikit-learn",
    # tensorflow-datasets imports it.
    "importlib_resources",
    "tensorflow-datasets",
]

[project.optional-dependencies]
# For benchmarks.
bench = ["torch"]
# Searches.
tune = ["optuna"]
gpu = ["tensorflow-datasets[and-cuda]"]
# Runs things.
dev = [
    "unroll[bench,tune]",
    "hypothesis",
    "pytest",
    "ruff",
]

[tool.ruff]
line-length = 120
"""
MAKEFILE = """# Everything.

APP ?= sentiment
ARGS ?=
# Of new-app.
NAME ?=
VERBS := train predict
# A site.
SITE := -m sphinx --conf-dir docs/site
TESTS := $(wildcard common/a*.py) common

.PHONY: help $(VERBS) \\
	test docs new-app clean

train: .venv ## train APP
predict: .venv ## ask: ARGS="--model saved_models/sentiment"

$(VERBS):
	python -m apps.$(APP) $@ $(ARGS)

# Of the site.
docs: ## build the site
	python $(SITE) --builder html build

demo: ## a page
	python -m common.demo

pages: ## a page that is not kept
	python -m common.pages

new-app: ## copy
	python -m scaffold new-app --name $(NAME)

test: .venv ## some
	pytest $(or $(ARGS),$(TESTS))

clean:
	rm -rf build runs/x
"""


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "common").mkdir()
    (tmp_path / "common/a.py").write_text("import yaml\nimport tensorflow_datasets\ndef f():\n    import optuna")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_a.py").write_text("import hypothesis\nimport sklearn.metrics")
    (tmp_path / "scaffold").mkdir()
    (tmp_path / "docs/site").mkdir(parents=True)
    return tmp_path


def test_only_what_is_imported_is_asked_for_with_its_reason(repository):
    requirements = Requirements(repository, ["common/a.py"], ["tests/test_a.py"])
    text = reduced_pyproject(PYPROJECT, "mine", 'A "text" in.', requirements)
    project = tomllib.loads(text)["project"]
    assert project["name"] == "mine" and project["version"] == "0.1.0" and project["description"] == "A 'text' in."
    assert project["dependencies"] == ["PyYAML>=6", "importlib_resources", "tensorflow-datasets"]
    optional = project["optional-dependencies"]
    assert set(optional) == {"tune", "gpu", "dev"}
    # scikit-learn is of the application, and here only a test needs it.
    assert optional["dev"] == ["mine[tune]", "hypothesis", "pytest", "ruff", "scikit-learn"]
    assert '    # Writes "strict" YAML.\n    "PyYAML>=6",' in text and "Reads tables" not in text
    assert "# Searches.\ntune" in text and "benchmarks" not in text and "[tool.ruff]\nline-length" in text


def test_constraints_are_those_that_an_installation_can_come_to():
    text = (
        f"pytest=={importlib.metadata.version('pytest')}\npluggy==1\nPygments==2\niniconfig==1\npandas==3\n"
        "PyYAML==6\ncolorama==0.4\n"
    )
    found = needed_constraints(text, ["pytest>=1"])
    assert {normalized(line) for line in found.splitlines()} == {"pytest", "pluggy", "pygments", "iniconfig"}
    # An extra brings its own.
    assert "anyio" in needed_constraints("anyio==4\nhttpx==1\n", ["httpx"])
    # Of what is not installed here nobody knows what it needs.
    assert needed_constraints("a-package-of-nobody==1\nzipp==1\n", ["a-package-of-nobody"]).endswith("zipp==1\n")


def test_the_makefile_keeps_the_targets_that_work(repository):
    kept = {"common/demo.py", "common/a.py"}
    text = reduced_makefile(MAKEFILE, repository, "music", lambda path: path in kept or path == "common")
    assert "APP := music\n" in text and "## train music" in text and "saved_models/music" in text
    assert (
        "demo: ## a page\n" in text
        and "test: .venv" in text
        and "clean:\n\trm -rf build" in text
        and "$(VERBS):\n\tpython" in text
    )
    for gone in ("docs", "SITE", "A site", "Of the site", "pages", "new-app", "NAME", "scaffold"):
        assert gone not in text


def test_dead_links_become_text_and_code_stays():
    text = "[a](there.md) [b](../gone.md#x) ![c](gone.png) [d](https://x.org)\n\n```\nx[1](gone)\n\ny\n```\n"
    found = without_dead_links(text, "apps/a/README.md", lambda path: path == "apps/a/there.md")
    assert found == "[a](there.md) b  [d](https://x.org)\n\n```\nx[1](gone)\n\ny\n```\n"
    assert list(links(text)) == ["there.md", "../gone.md", "gone.png"]
    assert "\n\n".join(blocks(text)) + "\n" == text


PAGE = """# Music: a seed in, a piece out

Text.

| | |
|---|---|
| ![A](../../docs/music/a.png) | words |

## Measured

| 0.5 | `python -m benchmarks.music` |

More of it, 99 %.

## How

| preset | for |
|---|---|
| `big` | many units: what the figures above were measured with |
| `bigger` | what those with more units were measured with |

1. **One.** A thing. It costs half (`python -m benchmarks.music`). More of [it](one.py).
2. **Two.** `python -m apps.music train`
"""


def test_a_new_page_has_no_figure_of_the_old_one():
    page = page_of_new_app(PAGE, Renaming("music", "tunes"))
    assert page.startswith("# Tunes: a seed in, a piece out\n\nText.\n\n## Measured\n\nNothing yet.")
    assert page.endswith(
        "## How\n\n| preset | for |\n|---|---|\n| `big` | many units |\n"
        "| `bigger` | settings for other data than the bundled ones |\n\n"
        "1. **One.** A thing. More of [it](one.py).\n2. **Two.** `python -m apps.tunes train`\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "| [music](apps/music/README.md) | a → b | here |\n",
            "| [music](apps/music/README.md) | a → b | here |\n| [tunes](apps/tunes/README.md) | a → b | here |\n",
        ),
        (
            "| ![p](docs/p.png) | [music](apps/music/README.md) | a | 0.5 |",
            "| ![p](docs/p.png) | [music](apps/music/README.md) | a | 0.5 |\n| – | [tunes](apps/tunes/README.md) | a | – |",
        ),
        (
            "See [music](apps/music/README.md),\nor not.\n\nEnd.",
            "See [music](apps/music/README.md),\nor not.\n\n[tunes](apps/tunes/README.md) was made from music.\n\nEnd.",
        ),
    ],
)
def test_a_row_names_the_new_application_without_figures(text, expected):
    assert with_row(text, "README.md", Renaming("music", "tunes")) == expected
