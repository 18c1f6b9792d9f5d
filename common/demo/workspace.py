"""What the tabs of the page share: limits, places for files, and mistakes as one sentence.

`common.demo.page` hands one `Workspace` to `build_tab` of every application. The functions behind the buttons are given
to `answering`; what they raise as a `UserError` the person reads in the page.
"""

import contextlib
import functools
import html
import io
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common.console import Console, get_console, use_console
from common.errors import UserError

MAX_UPLOAD_BYTES = 16 * 2**20
MAX_CHARACTERS = 20_000


class Workspace:
    """What one page has for all its tabs; its methods may be called from several threads.

    Args:
        folder: Where uploads and answers are; the page removes it at its end, and old files before.
        max_characters: Longer texts are refused.
    """

    def __init__(self, folder: Path, max_characters: int = MAX_CHARACTERS):
        # Resolved, because Gradio gives the resolved paths of uploads to the functions.
        self.folder = Path(folder).resolve()
        self.max_characters = max_characters
        self._one_at_a_time = threading.Lock()

    def new_folder(self) -> Path:
        """Returns an empty folder for the files of one answer or one example."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def text(self, given: str | None, what: str) -> str:
        """Returns a text that a person typed.

        Args:
            given: The content of the box.
            what: For the sentence, e.g. `"a review"`.

        Raises:
            UserError: If there is nothing in it, or too much.
        """
        if not given or not given.strip():
            raise UserError(f"there is no text yet; type {what}, or choose an example")
        if len(given) > self.max_characters:
            raise UserError(
                f"the text has {len(given):,} characters, more than the {self.max_characters:,} that the page takes; shorten it"
            )
        return given

    @contextlib.contextmanager
    def one_at_a_time(self) -> Iterator["Notes"]:
        """Keeps other answers waiting while the block runs, and collects what it tells the person.

        For what is not safe in several threads: matplotlib, and readers of files that write to the console.
        """
        with self._one_at_a_time:
            before, notes = get_console(), Notes()
            use_console(notes)
            try:
                yield notes
            finally:
                use_console(before)

    def answering(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a function for a button: a `UserError` becomes one sentence in the page, a bug keeps its traceback."""

        @functools.wraps(function)
        def answer(*inputs: Any) -> Any:
            try:
                return function(*inputs)
            except UserError as error:
                import gradio

                # The page takes the message for HTML.
                sentence = html.escape(self.sentence(error), quote=False)
                raise gradio.Error(sentence, print_exception=False) from None

        return answer

    def sentence(self, error: UserError) -> str:
        """Returns what a mistake says, in the words of the page: names of files without folders, of options without dashes."""
        text = " ".join(str(error).split())
        begins_with_name = text.startswith(str(self.folder))
        text = re.sub(rf"{re.escape(str(self.folder))}/(?:[^/\s]+/)*", "", text)
        text = re.sub(r"(?<![\w-])--(?=[a-z])", "", text)
        return text if begins_with_name else text[:1].upper() + text[1:]


class Notes(Console):
    """A console that keeps what is written, for the page.

    Progress and results are kept, too; the functions of a tab write none.
    """

    def __init__(self) -> None:
        super().__init__(stream=io.StringIO(), interactive=False)

    def sentences(self) -> list[str]:
        """Returns what was told, a sentence each, without the word `warning`."""
        lines = self.stream.getvalue().splitlines()  # type: ignore[attr-defined]
        return [line.removeprefix("warning: ") for line in lines if line.strip()]
