"""`eject`: one application as a project of its own, outside the repository.

Everything is written into a folder beside the target, committed there, and renamed at the end, so that a failure or Ctrl-C
leaves nothing behind.
"""

import os
import re
import secrets
import shlex
import shutil
import subprocess
from pathlib import Path

from common.errors import UserError
from common.files import TEMPORARY_PREFIX, require_writable_directory
from scaffold.distributions import Requirements, modules_by_distribution, needed_constraints, normalized
from scaffold.kept_files import kept_files
from scaffold.makefile import reduced_makefile
from scaffold.names import applications, check_application
from scaffold.pages import first_sentences, links, target_of
from scaffold.project_pages import CI, page_of_app, page_of_contract, page_of_exports, project_readme
from scaffold.pyproject_file import reduced_pyproject

_AS_THEY_ARE = ("LICENSE", ".gitignore", "saved_models/.gitignore")
# Who makes the first commit where git does not know the person.
_NOBODY = ("-c", "user.name=Unroll", "-c", "user.email=unroll@localhost")


def eject(repository: Path, app: str, to: Path) -> None:
    """Makes the project and says what to do with it.

    Args:
        repository: The folder of this repository.
        app: Name of the application.
        to: The folder of the project, which must not exist or be empty.

    Raises:
        UserError: There is no such application, the folder cannot be taken, or git is missing.
    """
    check_application(repository, app, "--app")
    target = _checked_target(repository, to)
    name = _project_name(repository, target)
    if shutil.which("git") is None:
        raise UserError("the project gets a first commit, but git is not installed; install it and run this again")
    require_writable_directory(target.parent)
    made = [place for place in target.parents if not place.exists()]
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}-{target.name}")
    try:
        temporary.mkdir(parents=True)
        files = write_project(repository, app, name, temporary)
        _commit(temporary, app)
        os.rename(temporary, target)  # takes the place of an empty folder, and of no other
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        for place in made:
            shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, OSError):
            raise UserError(f"cannot make the project in {to}: {error.strerror}; choose another place") from error
        raise
    print(
        f"{to} is a project of its own: {len(files)} files, in a first commit\n\n"
        f"  cd {shlex.quote(str(to))}\n  make train\n  make test\n\nIts README.md says what is where."
    )


def write_project(repository: Path, app: str, name: str, folder: Path) -> list[str]:
    """Writes all files of the project into an empty folder, and returns their paths in it."""
    kept = kept_files(repository, app)
    others = [other for other in applications(repository) if other != app]
    page = f"apps/{app}/README.md"
    texts = {path: (repository / path).read_text("utf-8") for path in (page, "apps/README.md", "pyproject.toml")}
    pictures = {target_of(page, link) for link in links(texts[page])}
    pictures = {path for path in pictures if path.startswith("docs/") and (repository / path).is_file()}
    pictures = {path for path in pictures if not path.endswith(".md")}
    copied = {*kept.all, *pictures, *(path for path in _AS_THEY_ARE if (repository / path).is_file())}
    written = {"README.md", "apps/README.md", page, "saved_models/README.md", "LICENSE"}

    def has(path: str) -> bool:
        return path in written or path in copied or any(other.startswith(f"{path}/") for other in copied)

    requirements = Requirements(repository, kept.code, kept.tests)
    title = first_sentences(texts[page])[0]
    made = {
        "README.md": project_readme(name, app, texts[page], _commit_of(repository), has),
        "apps/README.md": page_of_contract(texts["apps/README.md"], app, others, has),
        page: page_of_app(texts[page], app, has),
        "saved_models/README.md": page_of_exports(
            (repository / "saved_models/README.md").read_text("utf-8"), app, others
        ),
        "pyproject.toml": reduced_pyproject(texts["pyproject.toml"], name, f"{title}.", requirements),
        "constraints.txt": needed_constraints(
            (repository / "constraints.txt").read_text("utf-8"), requirements.all_entries()
        ),
        "Makefile": reduced_makefile((repository / "Makefile").read_text("utf-8"), repository, app, has),
        ".github/workflows/test.yml": CI,
    }
    for path in sorted(copied - set(made)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository / path, folder / path)
    for path, text in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return sorted(copied | set(made))


def _checked_target(repository: Path, to: Path) -> Path:
    """The folder of the project as an absolute path, after checking that it can be taken."""
    try:
        target = to.expanduser().resolve()
        if target == repository or repository in target.parents:
            raise UserError(
                f"--to is {str(to)!r}, which is inside this repository; name a folder outside, e.g. ../{to.name}"
            )
        if target.exists() and not target.is_dir():
            raise UserError(f"--to is {str(to)!r}, which is a file; name a folder that is new or empty")
        if target.is_dir() and any(target.iterdir()):
            raise UserError(
                f"--to is {str(to)!r}, which is not empty and is left as it is; name a folder that is new or empty"
            )
    except OSError as error:
        raise UserError(f"--to is {str(to)!r}, which cannot be read: {error.strerror}; choose another place") from error
    return target


def _project_name(repository: Path, target: Path) -> str:
    """The name of the distribution: that of the folder, as `pyproject.toml` wants it.

    Raises:
        UserError: It is no such name, or pip would take the project for a package that it needs or that is installed.
    """
    name = re.sub(r"\s+", "-", target.name.lower())
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", name):
        raise UserError(
            f"the project is called like its folder, but {target.name!r} is no name of a package; take letters, digits and dashes"
        )
    lines = (repository / "constraints.txt").read_text("utf-8").splitlines()
    taken = {normalized(line) for line in lines} | set(modules_by_distribution())
    if normalized(name) in taken - {"unroll"}:
        raise UserError(
            f"the project is called like its folder, but {name} is the name of an installed package; call the folder otherwise"
        )
    return name


def _commit_of(repository: Path) -> str:
    """The commit of the repository, and whether there are changes since; empty where there is no clone."""
    if not (repository / ".git").exists():
        return ""
    found = []
    for words in (("rev-parse", "HEAD"), ("status", "--porcelain")):
        done = subprocess.run(["git", *words], cwd=repository, env=_environment(), capture_output=True, text=True)
        if done.returncode:
            return ""
        found.append(done.stdout.strip())
    return f"{found[0]}{' with changes' if found[1] else ''}"


def _commit(folder: Path, app: str) -> None:
    """Makes the folder a repository with one commit, whatever is configured on this machine."""
    message = f"{app}, from Unroll"
    # Hooks, signatures and patterns to ignore of the person are about other projects.
    always = (
        "-c",
        f"core.hooksPath={os.devnull}",
        "-c",
        f"core.excludesFile={os.devnull}",
        "-c",
        "commit.gpgSign=false",
    )
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, *always, "add", "--all", "--force")
    known = all(
        subprocess.run(["git", "config", key], cwd=folder, env=_environment(), capture_output=True).returncode == 0
        for key in ("user.name", "user.email")
    )
    _git(folder, *(() if known else _NOBODY), *always, "commit", "--quiet", "--no-verify", "--message", message)


def _git(folder: Path, *words: str) -> None:
    done = subprocess.run(["git", *words], cwd=folder, env=_environment(), capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"git could not make the first commit: {done.stderr.strip() or done.stdout.strip()}")


def _environment() -> dict[str, str]:
    """Without what would make git work on another repository, such as that of a hook from which this is run."""
    kept = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in kept}
