"""How the properties of HMI observations are shown, see `sunpy_restore.enhancement.likeness`."""

import numpy as np

from sunpy_restore.core.reports.properties import Property, share

__all__ = ["PROPERTIES"]

_QUIET_SUN = {"scale": 100, "unit": "% of the quiet Sun"}
_GAUSS = {"scale": 1000, "unit": "G"}

_BOTH = {
    "fine structure": Property("structure below 1 pixel relative to that of 1 to 2 pixels", np.e),
    "coarse structure": Property("structure of 2 to 4 pixels relative to that of 1 to 2 pixels", np.e),
    "large-scale structure": Property("structure of 4 to 10 pixels relative to that of 1 to 2 pixels", np.e),
    "noise in fine structure": Property("noise relative to structure below 1 pixel", np.e),
    "tails of fine structure": Property("kurtosis of structure below 1 pixel", np.e),
    "anisotropy": Property("ratio of the differences along columns and along rows, or its inverse,", np.e),
    "diagonal structure": Property("ratio of the differences along diagonals to those along rows and columns", np.e),
    "equal neighbours": share("share of equal neighbours", 10),
    "different values": share("share of different values"),
    "blocks": Property("excess of the differences at the edges of blocks", scale=100, unit="%"),
    "clipped values": share("share of pixels with the smallest or the largest value", 10),
    "outliers": share("share of outliers", 10),
}

PROPERTIES = {
    "enhance-continuum": {
        **_BOTH,
        "noise (logarithm)": Property("noise", np.e, **_QUIET_SUN),
        "contrast (logarithm)": Property("contrast of structure of 1 to 2 pixels", np.e, **_QUIET_SUN),
        "brightest pixels": Property("intensity of the brightest pixels", offset=100, **_QUIET_SUN),
        "darkest pixels": Property("intensity of the darkest pixels", np.e, **_QUIET_SUN),
    },
    "enhance-magnetogram": {
        **_BOTH,
        "noise (logarithm)": Property("noise", np.e, **_GAUSS),
        "contrast (logarithm)": Property("rms of structure of 1 to 2 pixels", np.e, **_GAUSS),
        "brightest pixels": Property("field of the strongest pixels", np.e, **_GAUSS),
        "positive weak field": share("share of positive pixels in weak field"),
    },
}
"""The properties that are measured in another way, for each task."""
