"""If these fail, the command that is shown after a training names files that nobody has."""

from common.runs import Run
from common.verb_summary import _words_for


def test_an_example_names_the_files_of_the_run_that_are_there(tmp_path):
    run = Run(tmp_path / "a b", "fake")
    run.path.mkdir()
    (run.path / "past.csv").write_text("")
    example = ("--input", "{run}/past.csv", "--future", "{run}/future.csv", "It's good.")
    assert _words_for(run, example) == ["--input", f"{run.path}/past.csv", "It's good."]
    (run.path / "future.csv").write_text("")
    assert _words_for(run, example)[2:4] == ["--future", f"{run.path}/future.csv"]
