"""Classical methods: fills without a network."""

import numpy as np

from sunpy_restore.core.numerics import filling
from sunpy_restore.core.numerics.nearest import fill_invalid
from sunpy_restore.inpainting.filling.holes import fill_holes
from sunpy_restore.inpainting.filling.views import brightness_view, profile_view
from sunpy_restore.inpainting.task import NO_NEIGHBOURS
from sunpy_restore.inpainting.temporal.fill import fill_from_expected

__all__ = ["biharmonic", "harmonic", "radial", "temporal"]

_MARGIN = 16  # pixels around a hole


def harmonic(observation, *, progress=False):
    """
    Fill with the solution of Laplace's equation.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        The filled image, shape ``(ny, nx)``.
    """
    return _filled(observation, brightness_view(observation), _harmonic, progress)


def biharmonic(observation, *, progress=False):
    """
    Fill with the solution of the biharmonic equation. Unobserved pixels have the value of their nearest valid pixel.

    Parameters
    ----------
    observation, progress
        As for `harmonic`.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        The filled image, shape ``(ny, nx)``.
    """
    return _filled(observation, brightness_view(observation), _biharmonic, progress)


def radial(observation, *, progress=False):
    """
    Fill with the solution of Laplace's equation for the ratio to the radial profile.

    Parameters
    ----------
    observation, progress
        As for `harmonic`.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        The filled image, shape ``(ny, nx)``.
    """
    return _filled(observation, profile_view(observation), _harmonic, progress)


def temporal(observation, *, progress=False):
    """
    Fill with the prediction from neighbours in time, made continuous with the surroundings.

    Parameters
    ----------
    observation, progress
        As for `harmonic`.

    Returns
    -------
    `numpy.ndarray` of ``float64``
        The filled image, shape ``(ny, nx)``.

    Raises
    ------
    ValueError
        The observation has no neighbours.
    """
    if observation.neighbours is None:
        raise ValueError(NO_NEIGHBOURS)
    return _filled(observation, brightness_view(observation), _temporal, progress)


def _filled(observation, view, method, progress):
    """The image by a method, which takes the image in the view, holes, unobserved pixels and the prediction."""

    holes = observation.holes

    def fill(window, y, x):
        place = window.place
        mask = holes[place]
        unobserved = observation.unobserved[place] & ~mask
        expected = None if view.expected is None else view.expected[place]
        values = method(view.image[place], mask, unobserved, expected)
        # In single precision like the output of networks
        return view.back(values.astype(np.float32)[window.own], y, x)

    return fill_holes(observation, fill, margin=_MARGIN, progress=progress)


def _harmonic(image, mask, unobserved, expected=None):
    return image if (mask | unobserved).all() else filling.harmonic(image, mask, unobserved)


def _biharmonic(image, mask, unobserved, expected=None):
    if (mask | unobserved).all():
        return image
    return filling.biharmonic(fill_invalid(image.astype(np.float32), ~unobserved & ~mask)[0], mask)


def _temporal(image, mask, unobserved, expected):
    if (mask | unobserved).all():
        return image
    image, expected = np.where(unobserved, np.nan, image.astype(np.float32)), expected.astype(np.float32)
    return fill_from_expected(image, mask, expected)
