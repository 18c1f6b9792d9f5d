"""The last step of every export: a finished folder becomes the next numbered version."""

import errno
import os
from pathlib import Path

from common.errors import UserError
from common.saved_model import list_versions


def publish(staging: Path, folder: Path) -> Path:
    """Renames a finished folder to the next free number in `folder`; of two exports at a time each gets its own.

    Raises:
        UserError: If a file is where the next version belongs.
        OSError: If it cannot be renamed for another reason.
    """
    while True:
        versions = list_versions(folder)
        target = folder / str(versions[-1] + 1 if versions else 1)
        try:
            os.rename(staging, target)
            return target
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            if target.exists() and not target.is_dir():
                raise UserError(f"{target} is a file where the next version belongs; move it away") from error
