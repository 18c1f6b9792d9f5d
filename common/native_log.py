"""Keeps TensorFlow's greetings from C++ off a person's terminal.

While it is imported, TensorFlow writes lines about CUDA and oneDNN to file descriptor 2, before any setting
of its log level is heard. They say nothing that a person can use. Later lines, such as that this processor
lacks an instruction, are kept back by the log level. Exceptions and warnings of Python are not touched.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

from common.errors import UserError

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# `I0000 00:00:1795363229.328141    7753 port.cc:153] ...` of absl, and `2026-01-01 12:00:00.123456: I ...cc:12] ...`
_NATIVE_LINE = re.compile(
    rb"[IWEF]\d{4} \d\d:\d\d:[\d.]+ +\d+ \S+:\d+\]"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IWEF] \S+:\d+\]"
    rb"|To enable the following instructions: "
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
)


def lower_native_log_level() -> None:
    """Lets only fatal messages of TensorFlow's C++ through, unless the environment says otherwise.

    TensorFlow reads the level once, at its import. Its errors (level 2) are no errors of ours: what fails is raised as a
    Python exception anyway, and what is left is that there is no GPU, in three ways.
    """
    os.environ.setdefault(_LEVEL, "3")


@contextlib.contextmanager
def hold_back_native_log() -> Iterator[None]:
    """Holds back what C++ logs to file descriptor 2 while the block runs; after a bug all of it is shown.

    Everything else that was written there in the meantime follows at the end. Does nothing when the environment asks for
    the messages with TF_CPP_MIN_LOG_LEVEL=0. It is meant for imports at the start of a process.
    """
    if os.environ.get(_LEVEL) == "0":
        yield
        return
    lower_native_log_level()
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # started without a standard error: nothing to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        everything = False
        try:
            yield
        except Exception as error:
            everything = not isinstance(error, UserError)  # its sentence says what there is to say
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            shown = [line for line in held if everything or not _NATIVE_LINE.match(line)]
            if shown:
                with os.fdopen(os.dup(2), "wb") as stderr:
                    stderr.writelines(shown)
