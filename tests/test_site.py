"""The site that `make docs` builds of the Markdown pages. If these fail, a person reads a page whose links or pictures lead
nowhere, finds no way to it, or cannot read it without a network."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
# What a browser loads by itself to show a page.
_LOADED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "audio": "src",
    "video": "src",
    "source": "src",
}


class _References(HTMLParser):
    """What one page loads, and what it links."""

    def __init__(self, text: str):
        super().__init__()
        self.loaded, self.linked = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if attributes.get(_LOADED.get(tag)):
            self.loaded.append(attributes[_LOADED[tag]])
        if tag == "a" and attributes.get("href"):
            self.linked.append(attributes["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Built as the Makefile does it, with every warning an error."""
    folder = tmp_path_factory.mktemp("site")
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    options = re.search(r"^SITE := (.*)$", makefile, re.MULTILINE)[1]
    words = options.replace("build/doctrees", str(folder / "doctrees")).split()
    command = [sys.executable, *words, "--builder", "html", ".", str(folder / "html")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, _References]:
    return {path: _References(path.read_text("utf-8")) for path in site.rglob("*.html")}


def test_every_page_is_there(site):
    for path in ("README.md", "CONTRIBUTING.md", *_relative("apps/*/README.md"), *_relative("docs/*.md")):
        assert (site / path).with_suffix(".html").is_file(), path
    assert "README.html" in (site / "index.html").read_text("utf-8")


def _relative(pattern: str) -> list[str]:
    return [path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob(pattern)]


def test_every_page_of_docs_is_in_its_contents():
    contents = (REPOSITORY / "docs/README.md").read_text("utf-8")
    assert not [
        path for path in _relative("docs/*.md") if f"({Path(path).name})" not in contents and "README" not in path
    ]


def test_reading_needs_no_network(pages):
    assert not {
        (path.name, name) for path, each in pages.items() for name in each.loaded if re.match(r"(\w+:)?//", name)
    }


def test_every_link_and_picture_inside_leads_to_a_file(pages):
    """Sphinx has checked those of the pages; here stand those of the code that they link, and of the navigation, too."""
    dead = {
        (path.name, name)
        for path, each in pages.items()
        for name in [*each.loaded, *each.linked]
        if not re.match(r"[a-z]+:|//|#", name) and not (path.parent / re.split(r"[?#]", name)[0]).is_file()
    }
    assert not dead


def test_a_link_to_code_shows_the_code(site):
    text = (site / "source/common/layers/lstm.py.html").read_text("utf-8")
    assert "One step of long short-term memory" in text
    assert "lstm.py.html" in (site / "source/common/layers.html").read_text("utf-8")
