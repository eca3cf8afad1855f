"""One image with missing blocks, as arrays."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Frame"]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """
    One image of a coronagraph with missing blocks.

    Parameters
    ----------
    image : `numpy.ndarray`
        Brightness in any linear unit, shape ``(ny, nx)``; finite where it is neither damaged nor blind.
    mask : `numpy.ndarray` of `bool`
        Pixels to fill.
    blind : `numpy.ndarray` of `bool`
        Pixels that show nothing and stay as they are: behind the occulter and the pylon, outside of the field, masked,
        or not finite.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels, the first of which is 0.
    detector : ``"C2"`` or ``"C3"``
        The coronagraph.
    level : `float`
        Calibration level, 0.5 or 1.
    bias : `float`
        What the detector reads out without light, in the unit of the image.
    pattern : `numpy.ndarray`, optional
        Natural logarithm of the detector's response to a smooth corona; NaN where not known.
    neighbours : `numpy.ndarray`, optional
        What frames taken before and after let expect, in the unit of the image; NaN where they show nothing.
    """

    image: np.ndarray
    mask: np.ndarray
    blind: np.ndarray
    center: tuple[float, float]
    detector: str
    level: float = 0.5
    bias: float = 0.0
    pattern: np.ndarray | None = None
    neighbours: np.ndarray | None = None
