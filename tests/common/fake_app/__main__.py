"""The command line of the fake application."""

import sys

from common.cli import main
from fake_app.config import PRESETS, Config

if __name__ == "__main__":
    sys.exit(main("fake", package="fake_app", config=Config, presets=PRESETS))
