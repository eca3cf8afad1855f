"""Filling the missing blocks of a frame by any method."""

from dataclasses import replace

import numpy as np

from sunpy_restore.core.windows import damaged_windows
from sunpy_restore.inpainting.channels import pixel_planes, polar_planes
from sunpy_restore.inpainting.polar import PolarGrid
from sunpy_restore.inpainting.temporal.detail import with_detail
from sunpy_restore.inpainting.views import VIEWS

__all__ = ["fill"]

_POLAR_MARGIN = 64  # rows and columns around the damage that a network looks at
_MARGINS = {"pixel": 128, "equalized": 128}  # pixels
_BORDER = 16  # classical methods need no more
_GAP = 32  # pixels; blocks that are closer are filled together


def fill(frame, restorer, *, progress=False):
    """
    Fill the damaged pixels of a frame.

    Parameters
    ----------
    frame : `~sunpy_restore.inpainting.observation.Frame`
        The frame.
    restorer : `~sunpy_restore.core.restorer.Restorer`
        Network or classical method.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        The image; other pixels keep their values.
    """
    view = VIEWS[restorer.view](frame)
    filled = np.array(frame.image, dtype=float)
    one = _fill_polar if restorer.view == "polar" else _fill_pixels
    if restorer.view == "polar":
        restorer = replace(restorer, function=_both_ways(restorer.function))
    margin = _MARGINS.get(restorer.view, _BORDER)
    for window in damaged_windows(frame.mask, margin, gap=_GAP):
        y, x = (places + part.start for places, part in zip(np.nonzero(window.own), window.place, strict=True))
        filled[y, x] = one(frame, view, restorer, window, y, x, progress)
    if frame.neighbours is not None and restorer.view == "polar":
        # Which the sampling on that grid has taken out
        filled = with_detail(filled, frame)
    return filled


def _fill_pixels(frame, view, restorer, window, y, x, progress):
    """Brightness of the pixels of a window that a method fills on the image's own grid."""
    planes = pixel_planes(frame, view, window.place)
    restored = restorer(planes, active=window.own, progress=progress)
    return view.back(restored[window.own], y, x)


def _fill_polar(frame, view, restorer, window, y, x, progress):
    """Brightness of the pixels of a window that a method fills on a log-polar grid."""
    grid = PolarGrid.around(y, x, frame.mask.shape, frame.center, _POLAR_MARGIN)
    planes = polar_planes(frame, view, grid)
    values = grid.at_pixels(restorer(planes, progress=progress), planes[2] == 0, y, x)
    # Where all around is blind nothing is known but the background
    return view.back(np.nan_to_num(values), y, x)


def _both_ways(function):
    """The mean of what a function makes of tiles and of their mirror images."""

    def mean(batch):
        straight, mirrored = np.split(function(np.concatenate([batch, batch[..., ::-1]])), 2)
        return (straight + mirrored[..., ::-1]) / 2

    return mean
