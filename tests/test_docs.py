"""What the README files tell a person to type and to open. If these fail, the first command that a newcomer copies is
refused, or a link leads nowhere."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from common.cli import parse
from common.cli_options import VERBS
from common.comparison.variants import variants_of
from common.demo.cli import parse as parse_all
from common.tuning.space import space_of

REPOSITORY = Path(__file__).parents[1]
MADE = {".venv", ".cache", ".git", "runs", "node_modules"}
PAGES = sorted(
    path.relative_to(REPOSITORY)
    for path in REPOSITORY.rglob("*.md")
    if not MADE & set(path.relative_to(REPOSITORY).parts) and path.parent.name != ".pytest_cache"
)
APPS = sorted(path.parent.name for path in (REPOSITORY / "apps").glob("*/__main__.py"))
# They show a full training, which is made after the pages that show them; leave a name here no longer than that.
_COMMAND = re.compile(
    r"""(?:[A-Z_]+=(?:"[^"]*"|\S+)\ )*(?:\S*/)?python3?\ -m\ (?P<package>apps|benchmarks)\.(?P<name>\w+)(?P<words>.*)
    |python3?\ -m\ apps\ (?P<all>.*) | python\ (?P<program>docs/\S+\.py) | make(?P<make>\ .*)""",
    re.VERBOSE,
)


def text_of(page: Path) -> str:
    return (REPOSITORY / page).read_text("utf-8")


def blocks_of(text: str) -> list[str]:
    return re.findall(r"^```[a-z]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands_of(text: str) -> list[str]:
    """Commands in blocks and in `code`, without those that only show a form (VERB, ...), and without those of changes that are
    not made, which tests/test_make_it_yours.py makes."""
    text = re.sub(r"^## Make it yours\n.*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks_of(text) for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    # `curl ... | python -m ...` and `cd x && make y` hold a command further on.
    pieces = [piece.strip() for line in lines for piece in re.split(r" \| | && ", line.removeprefix("$ "))]
    commands = [piece.partition("  #")[0].strip() for piece in pieces if _COMMAND.fullmatch(piece)]
    return [command for command in commands if "..." not in command and not re.search(r"\b(VERB|NAME)\b(?!=)", command)]


COMMANDS = [(page, command) for page in PAGES for command in commands_of(text_of(page))]
ids = [f"{page}: {command}" for page, command in COMMANDS]


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=ids)
def test_a_command_of_the_pages_is_one(page, command):
    # An application that a reader makes on the way answers as the one it is copied from.
    for name, source in re.findall(r"NAME=(\w+) FROM=(\w+)", text_of(page)):
        command = re.sub(rf"\b(APP=|apps\.){name}\b", rf"\g<1>{source}", command)
    found = _COMMAND.fullmatch(command)
    if found["program"]:
        assert (REPOSITORY / found["program"]).is_file()
    elif found["make"]:
        check_make(shlex.split(found["make"]))
    elif found["all"]:
        parse_all(shlex.split(found["all"]))
    elif found["package"] == "apps":
        check_application(found["name"], shlex.split(found["words"]))
    else:
        check_benchmark(found["name"], shlex.split(found["words"]))


def check_application(app: str, words: list[str]) -> None:
    """Verb, options and the values of settings; not whether the files are there."""
    config = importlib.import_module(f"apps.{app}.config")
    command = parse(app, f"apps.{app}", config.Config, config.PRESETS, words)
    if command is None:  # --help
        return
    if command.verb == "compare" and command.flags["configs"] is None:
        variants_of(command)
        return
    if command.verb == "tune":
        space_of(command)
    if command.flags.get("config"):  # made by a command before
        return
    resumes = command.flags.get("resume") or command.flags.get("run")
    if {verb.name: verb for verb in VERBS}[command.verb].takes_config and not resumes:
        command.resolve()


def check_make(words: list[str]) -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) \?=", makefile, re.MULTILINE))
    given = dict(word.split("=", 1) for word in words if "=" in word)
    assert set(given) <= variables
    (target,) = [word for word in words if "=" not in word]
    assert target in targets
    if target == "demo":  # of all applications
        parse_all([target, *shlex.split(given.get("ARGS", ""))])
    elif target in {verb.name for verb in VERBS}:
        own = [
            word for name in ("cells", "seeds") if (value := given.get(name.upper())) for word in (f"--{name}", value)
        ]
        check_application(given.get("APP", "sentiment"), [target, *own, *shlex.split(given.get("ARGS", ""))])


def check_benchmark(name: str, words: list[str]) -> None:
    """Options by the source, because asking some of these programs takes TensorFlow's seconds."""
    modules = [name, "results", *(["layer_shapes"] if name.endswith("layers") else [])]
    source = "".join((REPOSITORY / "benchmarks" / f"{module}.py").read_text("utf-8") for module in modules)
    at = words.index("--") if "--" in words else len(words)
    for word in words[:at]:
        assert not word.startswith("--") or word == "--help" or f'"{word}"' in source, word
    app = words[words.index("--app") + 1] if "--app" in words[:at] else name.partition("_")[0]
    preset = words[words.index("--preset") :][:2] if app in APPS and "--preset" in words[:at] else []
    check_application(app if app in APPS else "sentiment", ["train", *preset, *words[at + 1 :]])


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_and_pictures_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (REPOSITORY / page.parent / name).resolve() if name else REPOSITORY / page
        headings = (
            re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
            if path.suffix == ".md" and path.exists()
            else []
        )
        if not path.exists() or (anchor and anchor not in map(slug, headings)):
            dead.append(target)
    assert not dead


def test_the_pages_were_found_and_have_commands():
    assert {Path("README.md"), Path("apps/README.md"), Path("CONTRIBUTING.md")} <= set(PAGES)
    assert len(COMMANDS) > 20


def test_every_verb_is_in_the_first_page():
    rows = set(re.findall(r"^\| `(\w+)` \|", text_of(Path("README.md")), re.MULTILINE))
    assert {verb.name for verb in VERBS} <= rows


@pytest.mark.parametrize("app", APPS)
def test_an_application_can_be_found(app):
    assert (REPOSITORY / "apps" / app / "README.md").is_file()
    assert f"(apps/{app}/README.md)" in text_of(Path("README.md"))
    assert f"({app}/README.md)" in text_of(Path("apps/README.md"))


@pytest.mark.parametrize("app", APPS)
def test_the_page_of_an_application_shows_every_verb_and_names_settings_that_exist(app):
    """A setting that was renamed would live on in the page."""
    from common.config_options import options_of

    text = text_of(Path("apps", app, "README.md"))
    config = importlib.import_module(f"apps.{app}.config")
    shown = {parse(app, f"apps.{app}", config.Config, config.PRESETS, words).verb for words in verbs_of(app, text)}
    assert {"train", "evaluate", "export", "predict", "serve", "demo", "diagnose"} <= shown
    options = set(options_of(config.Config))
    sections = "|".join({option.partition(".")[0] for option in options})
    mentioned = set(re.findall(rf"`(?:--)?((?:{sections})\.[a-z_0-9]+)", text))
    assert {name for name in mentioned if not name.endswith((".py", ".keras"))} - options - {"model.keras"} == set()
    assert set(config.PRESETS) <= set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def verbs_of(app: str, text: str) -> list[list[str]]:
    found = (_COMMAND.fullmatch(command) for command in commands_of(text))
    return [shlex.split(match["words"]) for match in found if match["package"] == "apps" and match["name"] == app]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_python_in_the_pages_is_python(page):
    for block in re.findall(r"^```python\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL):
        compile(block, str(page), "exec")
