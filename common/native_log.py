"""Keeps TensorFlow's greetings from C++ off a person's terminal.

While it is imported, TensorFlow writes lines about CUDA and oneDNN to file descriptor 2, before any setting
of its log level is heard. They say nothing that somebody who asks for one prediction can use.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from common.errors import UserError

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


@contextlib.contextmanager
def hold_back_native_log() -> Iterator[None]:
    """Holds back what is written to file descriptor 2 while the block runs; after a bug all of it is shown.

    Does nothing when the environment asks for the messages with TF_CPP_MIN_LOG_LEVEL=0. It is meant for the
    start of a process, when nothing else writes there.
    """
    if os.environ.get(_LEVEL) == "0":
        yield
        return
    os.environ.setdefault(_LEVEL, "2")  # later messages: errors only
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # started without a standard error: nothing to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except UserError:  # its sentence says what there is to say
            _put_back(kept)
            raise
        except BaseException:
            _put_back(kept)
            held.seek(0)
            with os.fdopen(os.dup(2), "wb") as stderr:
                stderr.write(held.read())
            raise
        else:
            _put_back(kept)


def _put_back(kept: int) -> None:
    sys.stderr.flush()
    os.dup2(kept, 2)
    os.close(kept)
