"""A Sphinx extension: links of the pages to code and folders lead to pages that show them.

On GitHub a link such as `[lstm.py](../common/layers/lstm.py)` opens the file. Sphinx alone would offer it as a download, and has
no answer for a link to a folder. Here a file becomes a page with its highlighted text, and a folder a list of its files, each
with the first line of its docstring; of a folder with a README.md, that page is shown. Pictures and other data stay downloads.
"""

import ast
import html
from pathlib import Path, PurePosixPath

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes

SHOWN = {".py", ".toml", ".txt", ".yaml", ".sh", ""}  # endings of files that are read as text
HIDDEN = {"__pycache__", "__init__.py"}
TO_SOURCE = "source"  # the type of a reference to such a page


def setup(app):
    # Before Sphinx collects what is to be downloaded (priority 500).
    app.connect("doctree-read", _mark_links, priority=100)
    app.connect("missing-reference", _resolve)
    app.connect("html-collect-pages", _pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def page_name(path: PurePosixPath) -> str:
    return f"source/{path}"


def _mark_links(app, doctree):
    """Turns downloads of code, and links to folders, into references of our own type."""
    root, docname = Path(app.srcdir), app.env.docname
    folder = (root / docname).parent
    for node in list(doctree.findall(addnodes.download_reference)):
        path = _inside(root, folder, node["reftarget"])
        if path is not None and path.suffix in SHOWN:
            node.replace_self(_reference(path, root, docname, node))
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("reftype") != "myst" or node.get("refdomain"):
            continue
        path = _inside(root, folder, node["reftarget"])
        if path is None or not path.is_dir():
            continue
        if (path / "README.md").is_file():
            page = (path / "README").relative_to(root).as_posix()
            node["refdomain"], node["reftarget"], node["reftargetid"] = "doc", page, None
        else:
            node.replace_self(_reference(path, root, docname, node))


def _inside(root, folder, target):
    """The path of a link, if it is there and inside of the repository."""
    path = (folder / target).resolve()
    return path if path.exists() and root.resolve() in path.parents else None


def _reference(path, root, docname, node):
    target = path.relative_to(root.resolve()).as_posix()
    found = addnodes.pending_xref(
        "", *node.children, refdomain=None, reftype=TO_SOURCE, reftarget=target, refdoc=docname, refexplicit=True
    )
    found.source, found.line = node.source, node.line
    return found


def _resolve(app, env, node, content):
    if node["reftype"] != TO_SOURCE:
        return None
    inner = nodes.inline("", "", *node.children)
    if app.builder.format != "html":  # the check of external links has no such pages
        return inner
    uri = app.builder.get_relative_uri(node["refdoc"], page_name(PurePosixPath(node["reftarget"])))
    return nodes.reference("", "", inner, internal=True, refuri=uri)


def _pages(app):
    """The pages of all files and folders that a page links, of what is in those folders, and the way in from index.html."""
    root = Path(app.srcdir)
    linked = {
        node["reftarget"]
        for docname in app.env.found_docs
        for node in app.env.get_doctree(docname).findall(addnodes.pending_xref)
        if node.get("reftype") == TO_SOURCE
    }
    waiting, done = sorted(linked), set()
    while waiting:
        name = waiting.pop(0)
        if name in done:
            continue
        done.add(name)
        path = root / name
        if path.is_dir():
            body, below = _folder(app, root, path)
            waiting += below
        else:
            body = _file(path)
        title = f"<h1>{html.escape(name)}</h1>"
        yield page_name(PurePosixPath(name)), {"title": name, "body": title + body}, "page.html"
    yield "index", {"target": app.builder.get_target_uri(app.config.root_doc)}, "redirect.html"


def _file(path: Path) -> str:
    try:
        lexer = get_lexer_for_filename(path.name)
    except ClassNotFound:
        lexer = get_lexer_for_filename("a.txt")
    return highlight(path.read_text("utf-8"), lexer, HtmlFormatter(cssclass="highlight"))


def _folder(app, root: Path, folder: Path) -> tuple[str, list[str]]:
    """The list as HTML, and the names of the pages that it links."""
    here, rows, below = folder.relative_to(root).as_posix(), [], []
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.name in HIDDEN or path.name.startswith(".") or not (path.is_dir() or path.suffix == ".py"):
            continue
        name = path.relative_to(root).as_posix()
        below.append(name)
        pages = (page_name(PurePosixPath(each)) for each in (here, name))
        uri = app.builder.get_relative_uri(*pages)
        rows.append(f'<li><a href="{html.escape(uri)}"><code>{html.escape(path.name)}</code></a> {_what(path)}</li>')
    return f"<ul>{''.join(rows)}</ul>", below


def _what(path: Path) -> str:
    """The first line of the docstring of a module or package, as HTML."""
    module = path / "__init__.py" if path.is_dir() else path
    if not module.is_file():
        return ""
    doc = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return html.escape(doc.split("\n")[0])
