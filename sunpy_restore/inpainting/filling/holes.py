"""Fill the holes of an observation one window at a time."""

import numpy as np
from tqdm.auto import tqdm

from sunpy_restore.core.tiles.windows import damaged_windows

__all__ = ["fill_holes"]

_GAP = 32  # pixels; holes that are closer are filled together


def fill_holes(observation, fill, *, margin, progress=False):
    """
    Fill all holes of an observation.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation.
    fill : callable
        ``fill(window, y, x)`` returns the brightness of the pixels of a
        `~sunpy_restore.core.tiles.windows.Window`, whose rows and columns in the image are ``y`` and ``x``.
    margin : `int`
        Pixels around the holes in a window.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        The image; pixels outside of the holes keep their values.
    """
    filled = np.array(observation.image, dtype=float)
    windows = damaged_windows(observation.mask, margin, gap=_GAP)
    for window in tqdm(windows, desc="inpaint", unit="hole", disable=not progress):
        y, x = (places + part.start for places, part in zip(np.nonzero(window.own), window.place, strict=True))
        filled[y, x] = fill(window, y, x)
    return filled
