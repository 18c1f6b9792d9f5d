"""How Sphinx makes a site of the Markdown pages of this repository; `make docs` builds it into build/docs.

The source folder is the root of the repository and not docs/, so that the README files are pages where they lie and one relative
link is right on GitHub, in an editor and in the site. The table of contents is docs/README.md, whose headings and links become
the navigation; `source_pages` makes links to code lead to the code.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "Unroll"
html_title = "Unroll"
extensions = ["myst_parser", "source_pages"]
root_doc = "README"
include_patterns = ["README.md", "*/README.md", "apps/*/README.md", "CONTRIBUTING.md", "docs/*.md"]
# Folders that hold no page, so that they are not searched.
exclude_patterns = [".*", "build", "dist", "runs", "pictures", "tests", "common", "saved_models/*/**", "**/__pycache__"]
templates_path = ["templates"]

myst_heading_anchors = 4  # as GitHub makes them
highlight_language = "none"  # a block without a language is a command or what was answered
smartquotes = False  # `--preset` keeps its two hyphens

html_theme = "furo"
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
# Nothing of the site is loaded from another host: no font, no script, no stylesheet.

linkcheck_timeout = 20  # seconds
linkcheck_anchors = False  # many sites build theirs by script
# Addresses of a server on the reader's own machine.
linkcheck_ignore = [r"http://(127\.0\.0\.1|localhost)"]

CONTENTS = Path(__file__).parents[1] / "README.md"


def table_of_contents(text: str) -> str:
    """The hidden toctrees of the root page: one for each heading of the contents, of the pages linked below it."""
    trees = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = section.partition("\n")
        pages = [f"/docs/{target}" for target in re.findall(r"\]\(([^)#:]+\.md)\)", rest)]
        trees.append("\n".join(["```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```", ""]))
    return "\n".join(trees)


def _append_contents(app, docname, source):
    if docname == root_doc:
        contents = "```{toctree}\n:hidden:\n\n/docs/README\n```\n\n" + table_of_contents(CONTENTS.read_text("utf-8"))
        source[0] += "\n\n" + contents


def setup(app):
    app.connect("source-read", _append_contents)
