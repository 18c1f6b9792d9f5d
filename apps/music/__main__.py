"""The command line: `python -m apps.music VERB`."""

import sys

from apps.music.config import PRESETS, Config
from common.cli import main

if __name__ == "__main__":
    sys.exit(main("music", package="apps.music", config=Config, presets=PRESETS))
