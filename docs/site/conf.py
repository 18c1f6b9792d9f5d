"""How Sphinx makes a site of the Markdown pages of this repository; `make docs` builds it into build/docs.

The source folder is the root of the repository and not docs/, so that the README files are pages where they lie and one relative
link is right on GitHub, in an editor and in the site. The table of contents is docs/README.md, whose headings and links become
the navigation; `source_pages` makes links to code lead to the code.
"""

import re
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

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
# Forms of files that Pygments has no colours for.
lexers.update({name: TextLexer() for name in ("csv", "tsv", "abc")})
smartquotes = False  # `--preset` keeps its two hyphens

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
# Nothing of the site is loaded from another host: no font, no script, no stylesheet.

linkcheck_timeout = 20  # seconds
linkcheck_anchors = False  # many sites build theirs by script
# Addresses of a server on the reader's own machine.
linkcheck_ignore = [r"http://(127\.0\.0\.1|localhost)"]

REPOSITORY = Path(__file__).parents[2]
CONTENTS = REPOSITORY / "docs" / "README.md"
FIRST = "docs/README"  # stands alone at the top


def table_of_contents() -> str:
    """The hidden toctrees of the root page: one for each heading of the contents, of the pages linked below it.

    An application that somebody adds stands with the others, whether the contents name it or not.
    """
    sections = {}
    for section in re.split(r"^## ", CONTENTS.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, rest = section.partition("\n")
        targets = re.findall(r"\]\(([^)#:]+\.md)\)", rest)
        sections[heading] = [(CONTENTS.parent / target).resolve() for target in targets]
    listed = {page for pages in sections.values() for page in pages}
    applications = next(pages for pages in sections.values() if REPOSITORY / "apps" / "README.md" in pages)
    applications += sorted(set(REPOSITORY.glob("apps/*/README.md")) - listed)
    trees = [_toctree("", [FIRST])]
    for heading, pages in sections.items():
        trees.append(_toctree(f":caption: {heading}\n", [page.relative_to(REPOSITORY).as_posix() for page in pages]))
    return "\n".join(trees)


def _toctree(options, pages):
    names = "\n".join(f"/{page.removesuffix('.md')}" for page in pages)
    return f"```{{toctree}}\n:hidden:\n{options}\n{names}\n```\n"


def _append_contents(app, docname, source):
    if docname == root_doc:
        source[0] += "\n\n" + table_of_contents()


def setup(app):
    app.connect("source-read", _append_contents)
    # The contents are in another file, so that the root page may be out of date although it did not change.
    app.connect("env-get-outdated", lambda app, env, added, changed, removed: [root_doc])
