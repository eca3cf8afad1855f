"""The tests and the workers that they start import the module ``frames`` from this folder."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
