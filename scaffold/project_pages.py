"""What an ejected project says of itself: its README, the page of its application, and what its CI runs."""

import re
from collections.abc import Callable

from scaffold.pages import blocks, first_sentences, is_code, with_app, without_applications, without_dead_links

CI = """# Style and tests of every change.
name: test

on:
  push:
  pull_request:

permissions:
  contents: read

jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 120
    strategy:
      matrix:
        python: ["3.11", "3.13"]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python }}
          cache: pip
          cache-dependency-path: constraints.txt
      - run: make setup
      - run: make lint
      - run: make test
"""

_README = """# {title}

{about}

[apps/{app}/README.md](apps/{app}/README.md) has every command, the settings, the signatures of the exported model and where to change what.

## Train, ask, test

On a machine with Python 3.11, 3.12 or 3.13:

```
make train
{predict}
make test
```

The first makes `.venv`, installs (a few GB, mostly TensorFlow), trains on bundled data, evaluates beside baselines, exports to `saved_models/{app}/`
and verifies the export in a fresh process. To see the whole way in a minute, with a model that is no good:

```
make train ARGS="--preset tiny"
```

`make help` lists the targets. Without make: `python3 -m venv .venv && . .venv/bin/activate && pip install -c constraints.txt -e '.[dev]'`, and from then on
`python -m apps.{app} ...`; `make lint` is `ruff check . && ruff format --check .`, and `make test` is `pytest`.

## What is here

```
apps/{app}/   the application: settings, data, network, training, evaluation, what is served
common/       what it uses of a shared library: recurrent layers, the command line, runs, export, server
tests/        tests of both; tests/conformance/ drives cells and application through one battery
runs/  saved_models/    made by trainings
pyproject.toml  constraints.txt    packages, and the exact versions that were tested
.github/workflows/test.yml    style and tests of every change
```

{contract}## Where it comes from

Made by `make eject APP={app}` from Unroll, templates of applications with recurrent networks on Keras 3 and TensorFlow{commit}. Licence: [Apache-2.0](LICENSE).
"""


def project_readme(name: str, app: str, page: str, commit: str, has: Callable[[str], bool]) -> str:
    """Returns the first page of the project.

    Args:
        name: Of the project.
        app: Its application.
        page: The README of the application.
        commit: Of the repository it is made from; empty if that is not known.
        has: Whether a path is in the project.
    """
    title, about = first_sentences(page)
    asked = re.search(rf"^python -m apps\.{app} predict .*$", page, re.MULTILINE)
    predict = f".venv/bin/{asked[0]}" if asked else "make help"
    contract = "[apps/README.md](apps/README.md) says what each file of an application exports.\n\n"
    return _README.format(
        title=f"{name}: {title.partition(': ')[2] or title}",
        about=without_dead_links(about, "README.md", lambda target: False).strip(),
        app=app,
        predict=predict,
        contract=contract if has("apps/README.md") else "",
        commit=f", commit {commit}" if commit else "",
    )


def page_of_app(text: str, app: str, has: Callable[[str], bool]) -> str:
    """Returns the README of the application for a project that holds it alone."""
    text = text.replace(f"make VERB APP={app} ARGS=", "make VERB ARGS=")
    kept = []
    for block in blocks(text):
        if not is_code(block):
            # There is nothing to copy from or to.
            block = "\n".join(line for line in block.split("\n") if "make new-app" not in line)
        if block or not kept or kept[-1]:
            kept.append(block)
        if block == "## Measured" and "python -m benchmarks." in text:
            kept.append(
                "Measured in Unroll, from which this project was made; the programs called `benchmarks` are there."
            )
    text = without_dead_links("\n\n".join(kept), f"apps/{app}/README.md", has)
    return text if has("CONTRIBUTING.md") else text.replace("CONTRIBUTING.md", "CONTRIBUTING.md of Unroll")


def page_of_contract(text: str, app: str, others: list[str], has: Callable[[str], bool]) -> str:
    """Returns `apps/README.md` for a project with one application."""
    text = without_applications(text, "apps/README.md", others)
    return without_dead_links(with_app(text, app, others), "apps/README.md", has)


def page_of_exports(text: str, app: str, others: list[str]) -> str:
    """Returns `saved_models/README.md` for a project with one application."""
    return re.sub(rf"^  ({'|'.join(others)})/$", f"  {app}/", with_app(text, app, others), flags=re.MULTILINE)
