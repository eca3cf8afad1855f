"""Properties of HMI observations by which an image is told that is unlike good ones."""

import numpy as np
from scipy import ndimage

from sunpy_restore.enhancement.noise import estimate_noise

__all__ = ["fingerprint"]

_TYPICAL = {
    "continuum": {
        "noise": -5.8, "contrast": -3.9, "fine": -0.9, "coarse": 0.6, "coarsest": 0.9, "peak": 0.1, "lowest": 0.3,
        "asymmetry": 0.1, "tails": 3.0,
    },
    "magnetogram": {
        "noise": -4.7, "contrast": -4.8, "fine": 0.0, "coarse": 0.5, "coarsest": 0.5, "peak": -0.5, "lowest": 0.0,
        "asymmetry": 0.0, "tails": 4.0,
    },
}  # fmt: skip
