"""The command line: `python -m apps.translation VERB`."""

import sys

from apps.translation.config import PRESETS, Config
from common.cli import main

if __name__ == "__main__":
    sys.exit(main("translation", package="apps.translation", config=Config, presets=PRESETS))
