"""
Input channels of the networks, see `sunpy_restore.inpainting.task.CHANNELS`.

``image``
    The image in the units of a `~sunpy_restore.inpainting.filling.views.View`, with the harmonic fill under the mask.
``mask``
    1 where a pixel is to be filled.
``unobserved``
    1 in other pixels without an observation, where ``image`` is 0.
``flat_field``
    Logarithm of the response of the detector to a smooth corona, 0 where it is unknown.
``noise``
    Logarithm of the noise in the units of the view, 0 where it is unknown.
``neighbours``
    Prediction from images taken before and after, in the units of ``image``; 0 where it is unknown.
``seen``
    1 where ``neighbours`` is known.
``plain``
    As ``image``, with the harmonic fill of the brightness instead of that of the values of the view.
``radial``
    As ``image``, with the harmonic fill of the ratio to the radial profile.
``plate``, ``radial_plate``
    As ``plain`` and ``radial``, with a thin-plate fill: approximately the solution of the biharmonic equation.
``rings``, ``rays``
    As ``plain`` and ``radial``, with a harmonic fill of larger tension along the azimuth, the direction of fronts and
    of the edge of the occulter, or along the radius, the direction of streamers. On a log-polar grid only; elsewhere
    equal to ``plain`` and ``radial``.
``edge_enhancing_diffusion``
    As ``image``, with the fill of `~sunpy_restore.core.numerics.diffusion.edge_enhancing_diffusion`. On a log-polar
    grid only; elsewhere equal to ``image``.
``coherence``
    1 where the lines around a hole have one direction, 0 where there are none or on other grids.
"""

from typing import NamedTuple

import numpy as np

from sunpy_restore.inpainting.filling.fills import first_fills
from sunpy_restore.inpainting.task import CHANNELS

__all__ = ["LEAST_NOISE", "PolarPart", "pixel_channels", "polar_channels", "polar_part"]

LEAST_NOISE = -6.0
"""Smallest logarithm of the noise; smaller ones are replaced by it."""

_SCALES = ("unit", "contrast", "profile")  # of a view of deviations
_SMOOTH = ("noise", *_SCALES)  # attributes of such a view that are as smooth as the background


def pixel_channels(observation, view, place):
    """
    Channels of a part of an image, on its own pixels.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation.
    view : `~sunpy_restore.inpainting.filling.views.View`
        Its view.
    place : pair of `slice`
        Rows and columns.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(len(CHANNELS), rows, columns)``.
    """
    parts, mask = {}, observation.holes[place]
    if observation.flat_field is not None:
        parts["flat_field"] = np.nan_to_num(observation.flat_field[place])
    if view.expected is not None:
        seen = np.isfinite(view.expected[place])
        parts |= {"neighbours": np.where(seen, view.expected[place], 0), "seen": seen}
    if view.noise is not None:
        parts |= {name: getattr(view, name)[place] for name in _SMOOTH}
    return _stacked(view.image[place], mask, observation.unobserved[place] & ~mask, parts)


class PolarPart(NamedTuple):
    """
    A part of an image on a log-polar grid.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image in the units of a view, in the shape of the grid; 0 where it is unknown.
    known : `numpy.ndarray` of `bool`
        Where it is known.
    mask : `numpy.ndarray` of `bool`
        Where it is to be filled.
    smooth : `dict`
        Other channels and scales of the view by their names.
    """

    image: np.ndarray
    known: np.ndarray
    mask: np.ndarray
    smooth: dict

    def channels(self, lost=None):
        """
        Channels of the part.

        Parameters
        ----------
        lost : `numpy.ndarray` of `bool`, optional
            Known values that are to be filled as well.

        Returns
        -------
        `numpy.ndarray` of ``float64``
            Shape ``(len(CHANNELS), *grid.shape)``.
        """
        image, known, mask = self.image, self.known, self.mask
        if lost is not None:
            mask, known = mask | (lost & known), known & ~lost
            image = np.where(known, image, 0)
        return _stacked(image, mask, ~known & ~mask, dict(self.smooth), polar=True)


def polar_part(observation, view, grid):
    """
    Sample a part of an image on a log-polar grid.

    Parameters
    ----------
    observation, view
        As for `pixel_channels`.
    grid : `~sunpy_restore.inpainting.filling.polar.PolarGrid`
        The grid.

    Returns
    -------
    `PolarPart`
    """
    image, known = grid.sampled(view.image, view.valid)
    smooth = {"mask": observation.holes}
    if observation.flat_field is not None:
        smooth["flat_field"] = np.nan_to_num(observation.flat_field)
    if view.noise is not None:
        smooth |= {name: getattr(view, name) for name in _SMOOTH}
    parts = dict(zip(smooth, grid.interpolated(*smooth.values()), strict=True))
    mask = ~known & (parts.pop("mask") > 0)
    if view.expected is not None:
        parts["neighbours"], parts["seen"] = grid.sampled(view.expected, np.isfinite(view.expected))
    return PolarPart(image, known, mask, parts)


def polar_channels(observation, view, grid):
    """
    Channels of a part of an image, on a log-polar grid.

    Parameters
    ----------
    observation, view, grid
        As for `polar_part`.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        Shape ``(len(CHANNELS), *grid.shape)``.
    """
    return polar_part(observation, view, grid).channels()


def _stacked(image, mask, unobserved, parts, polar=False):
    fills = first_fills(image, mask, unobserved, *(parts.pop(name, None) for name in _SCALES), polar=polar)
    nothing = np.zeros(mask.shape)
    parts = {name: parts.get(name, nothing) for name in CHANNELS}
    parts |= fills | {"mask": mask, "unobserved": unobserved}
    parts["noise"] = np.maximum(parts["noise"], LEAST_NOISE)
    return np.stack([parts[name] for name in CHANNELS])
