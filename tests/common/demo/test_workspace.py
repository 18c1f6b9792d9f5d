"""If these fail, a mistake in the page is a traceback or shows folders of the server, or answers of two persons get mixed up."""

import threading

import pytest

from common.console import get_console
from common.demo.workspace import Workspace
from common.errors import UserError

gradio = pytest.importorskip("gradio", reason="Gradio is not installed: run make setup")


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, max_characters=10)


def test_a_mistake_is_a_sentence_for_the_page(workspace):
    upload = workspace.folder / "0f3a" / "my table.csv"

    def fail(text):
        raise UserError(f"{upload} has <b>no</b> column 'x';\n name one with --time")

    with pytest.raises(gradio.Error) as caught:
        workspace.answering(fail)("text")
    assert caught.value.message == "my table.csv has &lt;b&gt;no&lt;/b&gt; column 'x'; name one with time"
    assert not caught.value.print_exception


def test_a_bug_keeps_its_traceback(workspace):
    with pytest.raises(ZeroDivisionError):
        workspace.answering(lambda: 1 / 0)()


def test_sentences_begin_with_a_capital_letter_and_keep_their_hyphens(workspace):
    said = workspace.sentence(UserError("give n-best, well-known -- and --length_penalty"))
    assert said == "Give n-best, well-known -- and length_penalty"


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_no_text_is_said_before_the_model_is_asked(workspace, text):
    with pytest.raises(UserError, match="there is no text yet; type a review, or choose an example"):
        workspace.text(text, "a review")


def test_a_text_above_the_limit_is_refused_and_one_at_it_is_not(workspace):
    assert workspace.text("0123456789", "a review") == "0123456789"
    with pytest.raises(UserError, match="11 characters, more than the 10 that the page takes"):
        workspace.text("0123456789a", "a review")


def test_what_is_told_meanwhile_is_collected_and_the_console_is_given_back(workspace):
    before = get_console()
    with workspace.one_at_a_time() as notes:
        get_console().warn("transposed")
        get_console().line("two files")
    assert notes.sentences() == ["transposed", "two files"]
    assert get_console() is before
    with pytest.raises(UserError), workspace.one_at_a_time():
        raise UserError("no")
    assert get_console() is before


def test_one_waits_for_the_other(workspace):
    """Else a note for one person is shown to the other, and two pictures are drawn at once."""
    inside, seen = threading.Event(), []

    def second():
        inside.wait()
        with workspace.one_at_a_time() as notes:
            get_console().line("second")
            seen.append(notes.sentences())

    thread = threading.Thread(target=second)
    thread.start()
    with workspace.one_at_a_time() as notes:
        inside.set()
        thread.join(0.05)
        get_console().line("first")
        assert notes.sentences() == ["first"]
    thread.join()
    assert seen == [["second"]]


def test_every_answer_has_a_folder_of_its_own(workspace):
    assert workspace.new_folder() != workspace.new_folder()
