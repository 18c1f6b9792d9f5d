"""If these fail, `eject` leaves behind what a lazy import needs, or takes along what nobody uses."""

import pytest

from scaffold.kept_files import kept_files
from scaffold.modules import closure, references

FILES = {
    "apps/__init__.py": "",
    "apps/small/__init__.py": '"""Small."""',
    "apps/small/__main__.py": "from common.cli import main",
    "apps/small/data.py": "import numpy\ndef f():\n    from common.data import lazily",
    "apps/small/README.md": "python -m tests.tool small",
    "apps/__main__.py": "import common.together",
    "common/together.py": "run(Path(__file__).with_name('program.py'))",
    "common/program.py": "import runtime",
    "tests/tool.py": "",
    "tests/test_tool.py": "from tests import tool",
    "apps/large/__init__.py": '"""Large."""',
    "apps/large/__main__.py": "from common.cli import main\nimport common.unused",
    "common/__init__.py": "",
    "common/cli.py": "import importlib\nimportlib.import_module('common.by_name')\n'common.verbs'",
    "common/by_name.py": '"""Speaks of common.unused and `common.cells.one`."""\nfrom . import relative',
    "common/relative.py": "names = ['one']\nimport_module(f'common.cells.{name}')",
    "common/verbs.py": "import optional_package",
    "common/unused.py": "",
    "common/cells/__init__.py": "",
    "common/cells/one.py": "",
    "common/cells/two.py": "",
    "common/cells/table.csv": "a,b",
    "common/data/__init__.py": "",
    "common/data/lazily.py": "",
    "common/data/other.py": "",
    "tests/__init__.py": "",
    "tests/conftest.py": "",
    "tests/command_line.py": "def run(app, *words): ...",
    "tests/apps/small/test_data.py": "import apps.small.data",
    "tests/apps/small/answers.json": "{}",
    "tests/apps/large/test_data.py": "import apps.large.data",
    "tests/conformance/test_apps.py": "from tests.conformance import apps",
    "tests/conformance/apps.py": "",
    "tests/conformance/rows/small.py": "",
    "tests/conformance/rows/large.py": "",
    "tests/common/conftest.py": "import fake_app",
    "tests/common/fake_app/__init__.py": "",
    "tests/common/fake_app/train.py": "",
    "tests/common/test_cli.py": "import common.cli",
    "tests/common/test_unused.py": "import common.unused",
    "tests/common/test_with_large.py": "import common.cli\nmain('large', 'apps.large')",
    "tests/common/test_runs_large.py": "import common.cli\nfrom tests import command_line\ncommand_line.run('large')",
    "tests/common/test_page.py": "import common.cli\n(REPOSITORY / 'docs' / 'page.md').read_text()",
    "tests/common/test_says_large.py": "import common.cli\nassert 'use python -m apps.large'",
    "tests/benchmarks/test_speed.py": "import benchmarks.speed, common.cli",
    "benchmarks/speed.py": "",
    "docs/page.md": "",
}


@pytest.fixture
def repository(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_an_import_is_found_wherever_it_stands(repository):
    assert references(repository, "apps/small/data.py").modules == {
        *("common/__init__.py", "common/data/__init__.py", "common/data/lazily.py"),
    }
    assert references(repository, "apps/small/data.py").outside == {"numpy"}
    assert {"common/by_name.py", "common/verbs.py"} <= references(repository, "common/cli.py").modules
    assert "common/relative.py" in references(repository, "common/by_name.py").modules
    assert {"common/cells/one.py", "common/cells/two.py"} <= references(repository, "common/relative.py").modules
    assert references(repository, "tests/common/test_page.py").files == {"docs/page.md"}


def test_a_docstring_is_no_import(repository):
    assert "common/unused.py" not in references(repository, "common/by_name.py").modules


def test_the_closure_stays_within_its_packages(repository):
    found = closure(repository, {"tests/apps/small/test_data.py"}, ("apps", "tests"))
    assert "apps/small/data.py" in found and not [path for path in found if path.startswith("common/")]


def test_what_is_kept_is_the_application_and_what_that_needs(repository):
    kept = kept_files(repository, "small")
    common = {path for path in kept.code if path.startswith("common/")}
    assert common == {
        path
        for path in FILES
        if path.startswith("common/")
        and path.endswith(".py")
        and path not in ("common/unused.py", "common/data/other.py")
    }
    assert {path for path in kept.code if path.startswith("apps/")} == {
        *(
            "apps/__init__.py",
            "apps/__main__.py",
            "apps/small/__init__.py",
            "apps/small/__main__.py",
            "apps/small/data.py",
        )
    }
    assert kept.data == {"apps/small/README.md", "common/cells/table.csv", "tests/apps/small/answers.json"}


def test_a_test_goes_along_if_all_that_it_needs_does(repository):
    tests = kept_files(repository, "small").tests
    assert {"tests/common/test_cli.py", "tests/common/test_says_large.py", "tests/common/conftest.py"} <= tests
    assert {
        "tests/common/fake_app/train.py",
        "tests/conformance/rows/small.py",
        "tests/apps/small/test_data.py",
    } <= tests
    assert {"tests/tool.py", "tests/test_tool.py"} <= tests  # the page names it
    left = {name for name in FILES if name.startswith("tests/") and name.endswith(".py")} - tests
    assert left == {
        "tests/apps/large/test_data.py",
        "tests/conformance/rows/large.py",
        "tests/common/test_unused.py",
        "tests/common/test_with_large.py",
        "tests/common/test_runs_large.py",
        "tests/common/test_page.py",
        "tests/benchmarks/test_speed.py",
    }
