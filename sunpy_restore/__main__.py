"""Run the command as ``python -m sunpy_restore``."""

import sys

from sunpy_restore.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
