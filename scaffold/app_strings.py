"""Which string constants of a module are the name of an application, by where they stand in its syntax tree."""

import ast
from collections.abc import Iterable, Iterator, Mapping


def app_arguments(trees: Iterable[ast.Module]) -> dict[str, int]:
    """Positions of the parameter `app` of functions and classes by their names, without `self`; subclasses have their base's."""
    found: dict[str, int] = {}
    classes: list[ast.ClassDef] = []
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                _note(found, node.name, [argument.arg for argument in node.args.args])
            elif isinstance(node, ast.ClassDef):
                classes.append(node)
    for node in classes:
        # Fields of a dataclass in their order are the arguments of its constructor.
        fields = [
            item.target.id
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        ]
        _note(found, node.name, fields)
    for node in classes:
        for base in node.bases:
            name = ast.unparse(base).rpartition(".")[2]
            if name in found and any(other.name == name for other in classes):
                found.setdefault(node.name, found[name])
    return found


def _note(found: dict[str, int], name: str, parameters: list[str]) -> None:
    parameters = [parameter for parameter in parameters if parameter not in ("self", "cls")]
    if "app" in parameters:
        found.setdefault(name, parameters.index("app"))


def app_strings(tree: ast.Module, app: str, arguments: Mapping[str, int]) -> Iterator[ast.Constant]:
    """The constants equal to `app` that mean the application.

    Those passed for a parameter called `app`; the name of a Keras model or of a row of the table of applications; parts of a
    path after `/`; what a variable, key or attribute `app` is, or is compared with.
    """

    def means(node: ast.AST | None) -> bool:
        return isinstance(node, ast.Constant) and node.value == app

    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            position = arguments.get(called)
            if position is not None and position < len(node.args) and means(node.args[position]):
                yield node.args[position]
            for keyword in node.keywords:
                named = keyword.arg == "app" or (keyword.arg == "name" and called in ("Model", "App"))
                if named and means(keyword.value):
                    yield keyword.value
        elif isinstance(node, ast.Assign) and means(node.value) and ast.unparse(node.targets[0]) in ("APP", "app"):
            yield node.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and means(node.right):
            yield node.right
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values):
                if isinstance(key, ast.Constant) and key.value == "app" and means(value):
                    yield value
        elif isinstance(node, ast.Compare):
            for left, right in zip([node.left, *node.comparators], node.comparators):
                for one, other in [*_paired(left, right), *_paired(right, left)]:
                    if _is_app(one) and means(other):
                        yield other


def _paired(left: ast.expr, right: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """What is compared with what, of tuples element by element."""
    if isinstance(left, ast.Tuple) and isinstance(right, ast.Tuple):
        return list(zip(left.elts, right.elts))
    return [(left, right)]


def _is_app(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "app"
    return isinstance(node, ast.Attribute) and node.attr == "app"
