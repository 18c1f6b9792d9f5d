"""A run directory: everything that one training leaves behind, and who it belongs to.

runs/<app>/<time or name>/
    run.json         app, when it was made, package versions, how far it came
    config.yaml      the effective configuration
    preprocessor/    what was learned from the training data before the model
    checkpoints/     to resume from
    model.keras      the trained model
    metrics.json     the evaluation
    history.csv, logs/ (TensorBoard), pictures/*.png
"""

import contextlib
import datetime
import errno
import importlib.metadata
import json
import os
import platform
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from common.config import ConfigModel, load_config, save_config
from common.errors import UserError
from common.files import TargetExistsError, atomic_directory, is_temporary, write_json

try:
    import fcntl
except ImportError:  # Windows has none; there two processes in one run are not noticed
    fcntl = None

ConfigT = TypeVar("ConfigT", bound=ConfigModel)
_LONGEST_NAME = 100  # characters; file systems allow 255 bytes, temporary names are longer
_PACKAGES = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "pydantic")


@dataclass(frozen=True)
class Run:
    """Paths of one run.

    Attributes:
        path: The run directory.
        app: The application it belongs to.
    """

    path: Path
    app: str

    @property
    def info_path(self) -> Path:
        return self.path / "run.json"

    @property
    def config_path(self) -> Path:
        return self.path / "config.yaml"

    @property
    def history_path(self) -> Path:
        return self.path / "history.csv"

    @property
    def model_path(self) -> Path:
        return self.path / "model.keras"

    @property
    def preprocessor_path(self) -> Path:
        return self.path / "preprocessor"

    @property
    def logs_path(self) -> Path:
        return self.path / "logs"

    @property
    def checkpoints_path(self) -> Path:
        return self.path / "checkpoints"

    @property
    def pictures_path(self) -> Path:
        return self.path / "pictures"

    def metrics_path(self, split: str = "test") -> Path:
        """Returns `metrics.json` for the test split, `metrics-<split>.json` for another."""
        return self.path / ("metrics.json" if split == "test" else f"metrics-{split}.json")

    def pictures(self) -> list[Path]:
        """Returns the finished pictures, by name."""
        return pictures_in(self.pictures_path)

    def tables(self) -> list[Path]:
        """Returns the tables that the evaluation left, by name; `history.csv` is of the training."""
        found = self.path.glob("*.csv")
        return sorted(p for p in found if p != self.history_path and not is_temporary(p))

    def config(self, config_class: type[ConfigT]) -> ConfigT:
        """Returns the configuration saved with the run."""
        return load_config(config_class, self.config_path)

    def info(self) -> dict[str, Any]:
        """Returns the content of `run.json`."""
        return _read_info(self.path)

    def note(self, **values: Any) -> None:
        """Adds values to `run.json`, e.g. `trained=True`."""
        write_json(self.info_path, {**self.info(), **values})

    @property
    def preset(self) -> str | None:
        """The preset that the training was begun with; None without one, or where nothing was noted."""
        return self.info().get("preset") if self.info_path.exists() else None

    @property
    def trained(self) -> bool:
        """Whether the training ended and its model was saved."""
        return bool(self.info().get("trained")) and self.model_path.exists()

    @property
    def finished(self) -> bool:
        """Whether everything was done: training, evaluation and export."""
        return self.trained and bool(self.info().get("finished"))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps a second process from training in the same run; the system releases it even after SIGKILL.

        Raises:
            UserError: If another process holds it.
        """
        if fcntl is None:
            yield
            return
        with open(self.path / ".lock", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"another process is working in {self.path}; wait for it, or start a run of another name"
                ) from error
            except OSError as error:
                # Some network file systems have no locks. Training there is better than refusing to.
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                    raise
            yield


def pictures_in(folder: Path) -> list[Path]:
    """Returns the finished pictures of a folder, by name."""
    return sorted(p for p in folder.glob("*.png") if not is_temporary(p))


def create_run(runs_dir: str | os.PathLike[str], app: str, config: ConfigModel, name: str | None = None) -> Run:
    """Creates `runs_dir/app/name` with `config.yaml` and `run.json`.

    Args:
        runs_dir: The folder of all runs.
        app: Name of the application.
        config: The effective configuration.
        name: Name of the run; None = the local time, `YYYYmmdd-HHMMSS`.

    Raises:
        UserError: If the name is taken or is no folder name, or the directory cannot be written.
    """
    if name is None:
        return Run(_create_by_time(Path(runs_dir, app), _content(app, config)), app)
    require_run_name(name)
    path = Path(runs_dir, app, name)
    try:
        return create_run_in(path, app, config)
    except TargetExistsError as error:
        raise UserError(
            f"there is a run {path} already; continue it with --resume {path} or choose another --name"
        ) from error


def require_run_name(name: str) -> None:
    """Raises UserError if a name, given as `--name`, cannot be that of a folder."""
    if not name.strip() or name.startswith(".") or {"/", "\\"} & set(name):
        raise UserError(f"--name is {name!r}, but must be a plain folder name such as first-try")
    if not name.isprintable():
        raise UserError(f"--name is {name!r}, but must be a plain folder name without control characters")
    if len(name) > _LONGEST_NAME:
        raise UserError(f"--name has {len(name)} characters; give a name of at most {_LONGEST_NAME}")


def create_run_in(path: Path, app: str, config: ConfigModel) -> Run:
    """Creates the run directory `path` with `config.yaml` and `run.json`; `train --resume` begins its training.

    Raises:
        UserError: If it is there already, or cannot be written.
    """
    _create(path, _content(app, config))
    return Run(path, app)


def _content(app: str, config: ConfigModel) -> Callable[[Path], None]:
    """Returns what writes the first files of a run."""
    now = datetime.datetime.now().astimezone()
    info = {
        "app": app,
        "created": now.isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **_versions()},
        "trained": False,
        "finished": False,
    }

    def fill(folder: Path) -> None:
        save_config(config, folder / "config.yaml")
        write_json(folder / "run.json", info)

    return fill


def create_picture_folder(pictures_dir: str | os.PathLike[str], app: str, config: ConfigModel) -> Path:
    """Creates `pictures_dir/app/<time>` for pictures that belong to no run, and returns it.

    The settings that they were made with are in it as `settings.yaml`, ready for `--config`; `config.yaml` would be
    the mark of a run.

    Raises:
        UserError: If it cannot be written.
    """
    return _create_by_time(Path(pictures_dir, app), lambda folder: save_config(config, folder / "settings.yaml"))


def open_run(path: str | os.PathLike[str], app: str, *, trained: bool = True) -> Run:
    """Returns the run in a directory after checking that it is one and belongs to `app`.

    Args:
        path: The run directory.
        app: The application that wants to read it.
        trained: Whether the training must have ended; False to resume.

    Raises:
        UserError: If `path` is missing, is no run directory, belongs to another application or is unfinished.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"there is no run directory {path}{_newest_hint(path.parent)}")
    if not (path / "run.json").is_file():
        raise UserError(f"{path} is not a run directory (it has no run.json){_newest_hint(path)}")
    owner = _read_info(path)["app"]
    if owner != app:
        raise UserError(f"{path} is a run of {owner}, not of {app}; use python -m apps.{owner} or another run")
    run = Run(path, app)
    if trained and not run.trained:
        raise UserError(
            f"the training in {path} has not ended, so there is no model yet; continue it with {resume_command(run)}"
        )
    return run


def resume_command(run: Run) -> str:
    """Returns what to type to go on with a training."""
    return f"python -m apps.{run.app} train --resume {shlex.quote(str(run.path))}"


def _create_by_time(parent: Path, fill: Callable[[Path], None]) -> Path:
    """Creates a folder that is named after the local time; of several within a second, each gets its own."""
    stem = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    path, attempt = parent / stem, 1
    while True:
        try:
            _create(path, fill)
            return path
        except TargetExistsError:
            attempt += 1
            path = parent / f"{stem}-{attempt}"


def _create(path: Path, fill: Callable[[Path], None]) -> None:
    with atomic_directory(path) as temporary:
        fill(temporary)


def _read_info(path: Path) -> dict[str, Any]:
    try:
        info = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except ValueError as error:  # not JSON, or not UTF-8
        raise UserError(f"{path / 'run.json'} is damaged, so {path} cannot be used as a run directory") from error
    except OSError as error:
        raise UserError(f"cannot read {path / 'run.json'}: {error.strerror}") from error
    if not isinstance(info, dict) or not isinstance(info.get("app"), str):
        raise UserError(f"{path / 'run.json'} does not name its app, so {path} cannot be used as a run directory")
    return info


def _newest_hint(folder: Path) -> str:
    found = [p for p in folder.glob("*/run.json") if not is_temporary(p.parent)] if folder.is_dir() else []
    if not found:
        return "; the runs are the folders that train makes"
    newest = max(found, key=lambda p: p.stat().st_mtime).parent
    return f"; the newest run there is {newest}"


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        # The distribution may be missing while the module is there (tensorflow-cpu, a nightly build).
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
