"""Keeps what converters write to file descriptor 2 off a person's terminal: pages about places in a graph."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

from common.errors import UserError


@contextlib.contextmanager
def without_native_output() -> Iterator[None]:
    """Holds back log messages and what is written to standard error while the block runs; after a bug the latter is shown."""
    sys.stderr.flush()
    disabled = logging.root.manager.disable
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        logging.disable(logging.CRITICAL)
        show = False
        try:
            yield
        except UserError:
            raise
        except BaseException:
            show = True
            raise
        finally:
            logging.disable(disabled)
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            if show:
                held.seek(0)
                os.write(2, held.read())
