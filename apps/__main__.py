"""The command line of all applications together: `python -m apps demo`."""

import sys
from pathlib import Path

from common.demo.cli import main

if __name__ == "__main__":
    sys.exit(main("apps", Path(__file__).parent))
