"""The command line: `python -m apps.captioning VERB`."""

import sys

from apps.captioning.config import PRESETS, Config
from common.cli import main

if __name__ == "__main__":
    sys.exit(main("captioning", package="apps.captioning", config=Config, presets=PRESETS))
