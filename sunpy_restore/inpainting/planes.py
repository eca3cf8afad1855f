"""What methods see of an image with missing blocks, plane by plane."""

import numpy as np

from sunpy_restore.core.filling import harmonic

__all__ = ["NOISELESS", "PLANES", "pixel_planes", "polar_planes"]

PLANES = ("image", "mask", "blind", "pattern", "noise", "neighbours", "seen", "plain")
"""
Names of the planes of an observation.

``image``
    The image in the units of a `~sunpy_restore.inpainting.views.View`, with the harmonic fill under the mask.
``mask``
    1 where a pixel is to be filled.
``blind``
    1 where nothing is known and nothing is to be filled; ``image`` is 0 there.
``pattern``
    Logarithm of the detector's response to a smooth corona, 0 where it is not known.
``noise``
    Logarithm of the noise in the units of the view, 0 where that is not known.
``neighbours``
    What frames taken before and after let expect, as ``image``; 0 where nothing.
``seen``
    1 where ``neighbours`` holds something.
``plain``
    As ``image``, with the harmonic fill of the brightness instead of that of the image in these units.
"""

NOISELESS = -6.0
"""In place of smaller logarithms of the noise."""


def pixel_planes(frame, view, place):
    """
    The planes of a part of a frame, on its own pixels.

    Parameters
    ----------
    frame : `~sunpy_restore.inpainting.frame.Frame`
        The frame.
    view : `~sunpy_restore.inpainting.views.View`
        How it is presented.
    place : pair of `slice`
        Rows and columns.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(len(PLANES), rows, columns)``.
    """
    parts = {}
    if frame.pattern is not None:
        parts["pattern"] = np.nan_to_num(frame.pattern[place])
    if view.expected is not None:
        seen = np.isfinite(view.expected[place])
        parts |= {"neighbours": np.where(seen, view.expected[place], 0), "seen": seen}
    if view.noise is not None:
        parts["noise"] = np.log(view.noise[place])
        parts |= {"unit": view.unit[place], "contrast": view.contrast[place]}
    return _stacked(view.image[place], frame.mask[place], frame.blind[place] & ~frame.mask[place], parts)


def polar_planes(frame, view, grid):
    """
    The planes of a part of a frame, on a log-polar grid.

    Parameters
    ----------
    frame, view
        As for `pixel_planes`.
    grid : `~sunpy_restore.inpainting.polar.PolarGrid`
        The grid.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(len(PLANES), *grid.shape)``.
    """
    image, known = grid.sampled(view.image, view.valid)
    mask = ~known & (grid.interpolated(frame.mask) > 0)
    parts = {}
    if frame.pattern is not None:
        parts["pattern"] = grid.interpolated(np.nan_to_num(frame.pattern))
    if view.expected is not None:
        parts["neighbours"], parts["seen"] = grid.sampled(view.expected, np.isfinite(view.expected))
    if view.noise is not None:
        parts["noise"] = grid.interpolated(np.log(view.noise))
        parts |= {"unit": grid.interpolated(view.unit), "contrast": grid.interpolated(view.contrast)}
    return _stacked(image, mask, ~known & ~mask, parts)


def _stacked(image, mask, blind, parts):
    unit, contrast = (parts.pop(name, None) for name in ("unit", "contrast"))
    image, plain = first_fills(image, mask, blind, unit, contrast)
    nothing = np.zeros(mask.shape)
    parts = {name: parts.get(name, nothing) for name in PLANES}
    parts |= {"image": image, "plain": plain, "mask": mask, "blind": blind}
    parts["noise"] = np.maximum(parts["noise"], NOISELESS)
    return np.stack([parts[name] for name in PLANES])


def first_fills(image, mask, blind, unit=None, contrast=None):
    """
    An image with its harmonic fill, and with that of the brightness.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image in the units of a view, shape ``(ny, nx)``.
    mask, blind : `numpy.ndarray` of `bool`
        Pixels to fill, and pixels of which nothing is known.
    unit, contrast : `numpy.ndarray`, optional
        See `~sunpy_restore.inpainting.views.View`. Without them the view is not of deviations, and has one fill.

    Returns
    -------
    image, plain : `numpy.ndarray`
        Zero where blind.
    """
    empty = mask | blind
    image = np.where(empty, 0, image)
    if not mask.any() or empty.all():
        return image, image
    if unit is None:
        image = harmonic(image, mask, blind)
        return image, image
    unit = np.where(unit > 0, unit, 1)
    image, brightness = harmonic(np.stack([image, np.where(empty, 0, (image + contrast) * unit)]), mask, blind)
    return image, np.where(mask, brightness / unit - contrast, image)
