"""Renames an application in the source text of its modules and tests: what means the application, and no word that only happens
to be the same.

A name in code is found by the syntax tree (imports, decorators, classes, arguments called `app`), a name inside a text or a
comment by what stands around it (`apps.music`, `runs/music`, "the music application").
"""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scaffold.app_strings import app_arguments, app_strings
from scaffold.names import camel, title

_FOLDERS = ("runs", "saved_models", "pictures", "docs", "models", "rows", "apps")
_BUILDER = "GeneratorBasedBuilder"


@dataclass(frozen=True)
class Renaming:
    """From one application to another.

    Attributes:
        old: Its name.
        new: The name it gets.
        classes: New names of classes by old ones.
        arguments: Positions of the arguments called `app`, by the name of the function or class.
    """

    old: str
    new: str
    classes: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, int] = field(default_factory=dict)

    def text(self, text: str) -> str:
        """Renames in a text for people or a command: a page, a docstring, a comment, a message."""
        old, new = re.escape(self.old), self.new
        text = re.sub(rf"\b({'|'.join(_FOLDERS)})([./]){old}\b", rf"\g<1>\g<2>{new}", text)
        text = re.sub(rf"\b(APP=|MODEL_NAME=|FROM=|--app |tests\.make_it_yours ){old}\b", rf"\g<1>{new}", text)
        text = re.sub(rf"(\"app\": \"){old}(\")", rf"\g<1>{new}\g<2>", text)
        # main("music", "apps.music", ...) in a program that a test runs.
        text = re.sub(rf"([\"']){old}\1, ([\"'])apps\.{new}\2", rf"\g<1>{new}\g<1>, \g<2>apps.{new}\g<2>", text)
        # In a change that a page shows.
        text = re.sub(rf'(\bname="|\(model_dir, "){old}"', rf'\g<1>{new}"', text)
        text = re.sub(r"^\+\+\+ b/apps/.*\n(?:(?!--- ).*\n?)*", self._registered, text, flags=re.MULTILINE)
        article = "an" if new[0] in "aeiou" else "a"
        words = new.replace("_", " ")
        text = re.sub(
            rf"\b([Aa])n? {old} (application|run|app)\b",
            lambda found: f"{'A' if found[1] == 'A' else 'a'}{article[1:]} {words} {found[2]}",
            text,
        )
        text = re.sub(rf"\b([Tt]he) {old} (application|run|app)\b", rf"\g<1> {words} \g<2>", text)
        text = re.sub(rf"\b(run|model|rows?) of {old}\b", rf"\g<1> of {new}", text)
        text = re.sub(rf"\bnot of {old}\b", f"not of {new}", text)
        text = re.sub(rf"\b(has to know of ){old}\b", rf"\g<1>{words}", text)
        # English words with a capital are not taken for classes.
        for name, other in self.classes.items():
            if len(re.findall(r"[A-Z]", name)) > 1:
                text = re.sub(rf"\b{name}\b", other, text)
        return text

    def _registered(self, found: re.Match[str]) -> str:
        """What a change does to one file of the application, with the package of its layers; those of `common` keep theirs."""
        return re.sub(r'(register_keras_serializable\(package=")\w+"', rf'\g<1>{self.new}"', found[0])

    def heading(self, text: str) -> str:
        """Renames `Music: a melody in, ...` at the beginning of a page or of the docstring of the package."""
        return re.sub(rf'^(# |""")?{re.escape(title(self.old))}: ', rf"\g<1>{title(self.new)}: ", text)

    def source(self, source: str) -> str:
        """Renames in a Python module."""
        tree = ast.parse(source)
        replaced = self._in_tree(tree, source)
        fixtures = _fixtures(tree, self.old)
        # A test that makes a set also asks for it, by the name that TFDS gives it.
        made = _builders([tree]) if _is_test(tree) else ()
        sets = {snake(name): snake(self.classes[name]) for name in made if name in self.classes}
        lines = source.splitlines(keepends=True)
        edits: list[tuple[tuple[int, int], tuple[int, int], str]] = []
        dotted: list[str] = []  # the names of `apps.music.config` up to here
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
        for index, token in enumerate(tokens):
            new = None
            if token.type == tokenize.NAME:
                dotted = (
                    [*dotted, token.string] if index and tokens[index - 1].string == "." and dotted else [token.string]
                )
                if token.string == self.old and (
                    dotted[:-1] in (["apps"], ["tests", "apps"]) or token.start in replaced
                ):
                    new = self.new
                elif token.string in self.classes:
                    new = self.classes[token.string]
                elif token.string in fixtures:
                    new = self.new
            elif token.type == tokenize.COMMENT or token.type in _TEXTS:
                new = replaced.get(token.start) or self.text(token.string)
                for old_set, new_set in sets.items():
                    new = re.sub(rf"\b{old_set}\b", new_set, new)
            if token.type != tokenize.NAME and token.string != ".":
                dotted = []
            if new is not None and new != token.string:
                edits.append((token.start, token.end, new))
        return self.heading(_edited(lines, edits))

    def notebook(self, text: str) -> str:
        """Renames in a Jupyter notebook, in its texts as in a page and in its cells of code as in a module."""
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            source = "".join(cell["source"])
            try:
                new = self.source(source) if cell["cell_type"] == "code" else self.heading(self.text(source))
            except SyntaxError:  # `%matplotlib inline` and the like are no Python
                new = self.text(source)
            cell["source"] = new.splitlines(keepends=True)
        return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"

    def _in_tree(self, tree: ast.Module, source: str) -> dict[tuple[int, int], str]:
        """Tokens by their place that mean the application by where they stand in the tree."""
        found: dict[tuple[int, int], str] = {}
        lines = source.splitlines(keepends=True)
        nodes = list(app_strings(tree, self.old, self.arguments))
        for node in nodes:
            found[_place(node, lines)] = repr_like(lines, node, self.new)
        snakes = {snake(old): snake(new) for old, new in self.classes.items()}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("register_keras_serializable"):
                for keyword in node.keywords:
                    if keyword.arg == "package" and isinstance(keyword.value, ast.Constant):
                        found[_place(keyword.value, lines)] = repr_like(lines, keyword.value, self.new)
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                # The folder of prepared data is called like its builder.
                right = node.right
                if isinstance(right, ast.Constant) and right.value in snakes:
                    found[_place(right, lines)] = repr_like(lines, right, snakes[right.value])
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TITLE":
                # Of the tab in the demo.
                if isinstance(node.value, ast.Constant) and node.value.value == title(self.old):
                    found[_place(node.value, lines)] = repr_like(lines, node.value, title(self.new))
            elif isinstance(node, ast.ImportFrom) and node.module in ("apps", "tests.apps"):
                for alias in node.names:
                    if alias.name == self.old:
                        found[(alias.lineno, _column(lines, alias.lineno, alias.col_offset))] = self.new
        return found


# From Python 3.12 on the texts of f-strings are tokens of their own.
_TEXTS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def renaming(old: str, new: str, sources: Iterable[str], common: Iterable[str]) -> Renaming:
    """Finds what has to be renamed.

    Args:
        old: Name of the application.
        new: Its new name.
        sources: Texts of the modules of the application and its tests.
        common: Texts of the modules that say which arguments are names of applications.
    """
    trees = [ast.parse(source) for source in sources]
    classes: dict[str, str] = {}
    for name in _builders(trees):
        classes[name] = _prefixed(name, old, new)
    for tree in trees:
        for node in ast.walk(tree):
            is_ours = isinstance(node, ast.ClassDef) and node.name.startswith(camel(old))
            if is_ours and any("Config" in ast.unparse(base) for base in node.bases):
                classes.setdefault(node.name, _prefixed(node.name, old, new))
    return Renaming(old, new, classes, app_arguments([*trees, *map(ast.parse, common)]))


def _prefixed(name: str, old: str, new: str) -> str:
    """`MovieReviews` becomes `NewMovieReviews`, `_Pairs` becomes `_NewPairs`; an old prefix goes."""
    bare = name.lstrip("_")
    dashes = name[: len(name) - len(bare)]
    rest = bare.removeprefix(camel(old)) if bare != camel(old) else bare
    return f"{dashes}{camel(new)}{rest}"


def _builders(trees: Iterable[ast.Module]) -> set[str]:
    """Classes that register themselves with TFDS, of which no two may have the same name."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found: set[str] = set()
    while True:
        more = {
            node.name
            for node in classes
            for base in node.bases
            if ast.unparse(base).rpartition(".")[2] == _BUILDER or ast.unparse(base) in found
        }
        if more <= found:
            return found
        found |= more


def _fixtures(tree: ast.Module, name: str) -> set[str]:
    """`{name}` if a fixture is called like the application: then the arguments and calls of that name mean it."""
    for node in ast.walk(tree):
        decorators = node.decorator_list if isinstance(node, ast.FunctionDef) and node.name == name else []
        if any("fixture" in ast.unparse(decorator) for decorator in decorators):
            return {name}
    return set()


def _is_test(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in tree.body)


def snake(name: str) -> str:
    """The name that TFDS gives a class: `MovieReviews` is `movie_reviews`."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def repr_like(lines: list[str], node: ast.expr, text: str) -> str:
    """`text` as a literal with the quotes of the one at `node`."""
    line, column = _place(node, lines)
    quote = lines[line - 1][column]
    return f"{quote}{text}{quote}"


def _place(node: ast.expr, lines: list[str]) -> tuple[int, int]:
    return node.lineno, _column(lines, node.lineno, node.col_offset)


def _column(lines: list[str], line: int, offset: int) -> int:
    """The syntax tree counts bytes, the tokenizer letters."""
    return len(lines[line - 1].encode("utf-8")[:offset].decode("utf-8"))


def _edited(lines: list[str], edits: list[tuple[tuple[int, int], tuple[int, int], str]]) -> str:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    text = "".join(lines)
    for start, end, new in reversed(edits):
        first, last = (starts[line - 1] + column for line, column in (start, end))
        text = text[:first] + new + text[last:]
    return text
