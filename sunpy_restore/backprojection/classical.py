"""Classical methods on the pixels of the observation."""

from typing import NamedTuple

import numpy as np

from sunpy_restore.backprojection.fitting.noise import errors_of
from sunpy_restore.backprojection.fitting.scenes import image_of
from sunpy_restore.backprojection.fitting.sources import FittedSources, fit_sources
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area, convolve_with_beam
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.imaging.entropy import maximum_entropy
from sunpy_restore.backprojection.imaging.multiscale import multiscale_clean
from sunpy_restore.backprojection.imaging.variation import squared_variation

__all__ = [
    "FittedImage",
    "clean_observation",
    "forward_fit",
    "mem_observation",
    "multiscale_observation",
    "variation_observation",
]


class FittedImage(NamedTuple):
    """
    Image of sources that were fitted.

    Parameters
    ----------
    image : `numpy.ndarray`
        Flux per clean beam, shape ``(ny, nx)``.
    sources : `~sunpy_restore.backprojection.fitting.sources.FittedSources`
        The sources, along the axes of the image.
    """

    image: np.ndarray
    sources: FittedSources


def clean_observation(
    observation, *, residual=False, clean_weighting="natural", fwhm=BEAM, iterations=1000, progress=False
):
    """
    Restore an observation by Hogbom's CLEAN with a gain of 0.1, down to the noise.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation, of shape ``(ny, nx)``.
    residual : `bool`
        Whether to add the residual map.
    clean_weighting : ``"natural"`` or ``"uniform"``
        Weighting of the visibilities.
    fwhm : `float`
        Full width at half maximum of the clean beam in arcsec.
    iterations : `int`
        Largest number of iterations. CLEAN stops before when the reduced chi squared of the components is 1.
    progress : `bool`
        Not used.

    Returns
    -------
    `numpy.ndarray`
        Flux per clean beam, shape ``(ny, nx)``.
    """
    points, grid = observation.own_axes()
    cleaned = clean_visibilities(
        observation.visibilities, points, grid, iterations=iterations, weighting=clean_weighting,
        errors=errors_of(observation),
    )  # fmt: skip
    image = convolve_with_beam(cleaned.model, grid, fwhm)
    return beam_area() / beam_area(fwhm) * (image + cleaned.residual if residual else image)


def multiscale_observation(observation, *, progress=False):
    """
    Restore an observation by multi-scale CLEAN, see
    `~sunpy_restore.backprojection.imaging.multiscale.multiscale_clean`.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation, of shape ``(ny, nx)``. Unknown errors are estimated.
    progress : `bool`
        Not used.

    Returns
    -------
    `numpy.ndarray`
        Flux per clean beam, shape ``(ny, nx)``.
    """
    return _in_beams(multiscale_clean, observation)


def mem_observation(observation, *, progress=False):
    """
    Restore an observation by maximum entropy, see `~sunpy_restore.backprojection.imaging.entropy.maximum_entropy`.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation, of shape ``(ny, nx)``. Unknown errors are estimated.
    progress : `bool`
        Not used.

    Returns
    -------
    `numpy.ndarray`
        Flux per clean beam, shape ``(ny, nx)``.
    """
    return _in_beams(maximum_entropy, observation)


def variation_observation(observation, *, progress=False):
    """
    Restore an observation by total squared variation, see
    `~sunpy_restore.backprojection.imaging.variation.squared_variation`.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation, of shape ``(ny, nx)``. Unknown errors are estimated.
    progress : `bool`
        Not used.

    Returns
    -------
    `numpy.ndarray`
        Flux per clean beam, shape ``(ny, nx)``.
    """
    return _in_beams(squared_variation, observation)


def _in_beams(method, observation):
    """Image by a method that returns the flux per square arcsec, as flux per clean beam."""
    return beam_area() * method(observation.visibilities, errors_of(observation), *observation.own_axes())


def forward_fit(observation, *, progress=False):
    """
    Restore an observation by a fit of one to three Gaussian sources, see
    `sunpy_restore.backprojection.fitting.sources`.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation, of shape ``(ny, nx)``. Unknown errors are estimated.
    progress : `bool`
        Not used.

    Returns
    -------
    `FittedImage`

    Raises
    ------
    ValueError
        No Gaussian source inside the image explains the visibilities.
    """
    points, grid = observation.own_axes()
    sources = fit_sources(observation.visibilities, errors_of(observation), points, grid)
    if observation.visibilities.any() and not len(sources.scene.flux):
        raise ValueError(
            "Found no Gaussian source inside the image that explains the visibilities; expected one to three. Make an "
            "image that contains the source, or use method='mem'."
        )
    return FittedImage(image_of(sources.scene, grid, BEAM), sources)
