"""The models that the page is about: each loaded, or a sentence about why it is not."""

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from common.errors import UserError
from common.saved_model import SavedModel, list_versions, load


@dataclass(frozen=True)
class ModelOfTab:
    """An application and its model, as far as there is one.

    Attributes:
        app: Name of the application.
        module: Its module `demo`; None if it has none.
        model: The loaded model; None if it cannot be used.
        problem: Then one sentence about it.
        commands: And what to type to mend it.
    """

    app: str
    module: ModuleType | None
    model: SavedModel | None
    problem: str = ""
    commands: tuple[str, ...] = ()


def applications(folder: Path) -> list[str]:
    """Returns the names of the applications in a folder, found by their command lines."""
    return sorted(path.parent.name for path in folder.glob("*/__main__.py"))


def load_for_tab(app: str, package: str, model_dir: Path) -> ModelOfTab:
    """Loads a model for its tab; nothing about it that a person can mend is raised.

    Args:
        app: Name of the application.
        package: Where its modules are, e.g. `apps.sentiment`.
        model_dir: The model's directory, of which the newest version is meant, or a version directory.
    """
    if importlib.util.find_spec(f"{package}.demo") is None:
        return ModelOfTab(app, None, None, f"The application {app} has no module demo, which builds its tab.")
    module = importlib.import_module(f"{package}.demo")
    if not model_dir.is_dir() or not (list_versions(model_dir) or any(model_dir.iterdir())):
        return ModelOfTab(app, module, None, f"There is no exported model {model_dir} yet.", _trainings(app))
    try:
        return ModelOfTab(app, module, load(model_dir, app))
    except UserError as error:
        sentence = " ".join(str(error).split())
        if not sentence.startswith(str(model_dir)):  # a path is written as it is
            sentence = f"{sentence[:1].upper()}{sentence[1:]}"
        return ModelOfTab(app, module, None, f"{sentence}.", _trainings(app))


def _trainings(app: str) -> Sequence[str]:
    return (f"make train APP={app}", f'make train APP={app} ARGS="--preset tiny"')
