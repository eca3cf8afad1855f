"""What methods see of an image with missing blocks, plane by plane."""

import numpy as np

from sunpy_restore.inpainting.fills import first_fills

__all__ = ["NOISELESS", "PLANES", "pixel_planes", "polar_planes"]

PLANES = ("image", "mask", "blind", "pattern", "noise", "neighbours", "seen", "plain", "radial",
          "plate", "radial_plate", "rings", "rays", "coherent", "coherence")  # fmt: skip
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
``radial``
    As ``image``, with the harmonic fill of the ratio to the radial profile.
``plate``, ``radial_plate``
    As ``plain`` and ``radial``, with a bent plate instead of a film: about the solution of the biharmonic equation.
``rings``, ``rays``
    As ``plain`` and ``radial``, with a film that goes on around the Sun, as fronts and the occulter's edge do, and away
    from it, as streamers do. On a log-polar grid alone; else the same as those.
``coherent``
    As ``image``, with what `~sunpy_restore.core.diffusion.coherent` makes of it, which goes on along the lines that
    lead into the hole. On a log-polar grid alone; else the same.
``coherence``
    1 where these lines have one direction, 0 where there are none or where that is not known.
"""

NOISELESS = -6.0
"""In place of smaller logarithms of the noise."""

_SCALES = ("unit", "contrast", "profile")  # of a view of deviations
_SMOOTH = ("noise", *_SCALES)  # of these, and as smooth as the background


def pixel_planes(frame, view, place):
    """
    The planes of a part of a frame, on its own pixels.

    Parameters
    ----------
    frame : `~sunpy_restore.inpainting.observation.Frame`
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
        parts |= {name: getattr(view, name)[place] for name in _SMOOTH}
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
    smooth = {"mask": frame.mask}
    if frame.pattern is not None:
        smooth["pattern"] = np.nan_to_num(frame.pattern)
    if view.noise is not None:
        smooth |= {name: getattr(view, name) for name in _SMOOTH}
    parts = dict(zip(smooth, grid.interpolated(*smooth.values()), strict=True))
    mask = ~known & (parts.pop("mask") > 0)
    if view.expected is not None:
        parts["neighbours"], parts["seen"] = grid.sampled(view.expected, np.isfinite(view.expected))
    return _stacked(image, mask, ~known & ~mask, parts, polar=True)


def _stacked(image, mask, blind, parts, polar=False):
    fills = first_fills(image, mask, blind, *(parts.pop(name, None) for name in _SCALES), polar=polar)
    nothing = np.zeros(mask.shape)
    parts = {name: parts.get(name, nothing) for name in PLANES}
    parts |= fills | {"mask": mask, "blind": blind}
    parts["noise"] = np.maximum(parts["noise"], NOISELESS)
    return np.stack([parts[name] for name in PLANES])
