"""Keeps what converters write to file descriptor 2 off a person's terminal: pages about places in a graph."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

from common.errors import UserError

_LOGGERS = ("absl", "tensorflow", "tf2onnx")


@contextlib.contextmanager
def without_native_output() -> Iterator[None]:
    """Holds back what is written to standard error while the block runs; after a bug all of it is shown."""
    sys.stderr.flush()
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        for name in levels:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        show = False
        try:
            yield
        except UserError:
            raise
        except BaseException:
            show = True
            raise
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            if show:
                held.seek(0)
                os.write(2, held.read())
