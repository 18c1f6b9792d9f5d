"""The command line: `python -m apps.forecasting VERB`."""

import sys

from apps.forecasting.config import PRESETS, Config
from common.cli import main

if __name__ == "__main__":
    sys.exit(main("forecasting", package="apps.forecasting", config=Config, presets=PRESETS))
