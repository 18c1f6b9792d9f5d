"""The command line: `python -m apps.sentiment VERB`."""

import sys

from apps.sentiment.config import PRESETS, Config
from common.cli import main

if __name__ == "__main__":
    sys.exit(main("sentiment", package="apps.sentiment", config=Config, presets=PRESETS))
