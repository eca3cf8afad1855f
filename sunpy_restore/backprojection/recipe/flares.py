"""Scores of restored images of real flares, whose truth is not known."""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from astropy.io import fits

from sunpy.map import GenericMap

from sunpy_restore.backprojection.fitting.noise import errors_of
from sunpy_restore.backprojection.imaging.agreement import chi_squared, model_visibilities
from sunpy_restore.backprojection.imaging.field import restrict
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.recipe.maxima import find_sources
from sunpy_restore.backprojection.visibilities.measured import open_visibilities, read_visibilities
from sunpy_restore.core.fits.io import load
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.system.filenames import is_fits

__all__ = ["FlareObservation", "compare_images", "good_flares", "open_flares"]

_PIXEL = 2.0
"""Pixel size in arcsec of the images that are compared."""
_BRIGHT = 0.1
"""Brightness from which pixels are compared, relative to the maximum."""
_COARSE = 6
"""Number of the lowest spatial frequencies whose amplitudes are compared with the total flux: two sub-collimators."""


@dataclass(frozen=True, kw_only=True)
class FlareObservation(Observation):
    """
    Observation of a flare, with the errors that the reduced chi squared is computed with.

    Parameters
    ----------
    visibilities, points, matrix, shape, unit, errors
        See `~sunpy_restore.backprojection.observation.Observation`.
    noise : `numpy.ndarray`
        Standard deviations of the real and of the imaginary part of the visibilities, shape ``(n,)``: those measured,
        or estimated ones.
    """

    noise: np.ndarray


def open_flares(directory):
    """
    Read the STIX back-projections in a folder and its subfolders.

    Parameters
    ----------
    directory : path-like
        Folder with FITS files: back-projections as `sunpy_restore.backproj_to_clean` accepts them, which may have a
        table ``VISIBILITIES``, see `~sunpy_restore.backprojection.visibilities.measured.open_visibilities`.

    Yields
    ------
    source : `str`
        Path of the file in the folder, without its ending.
    observation : `FlareObservation`
        The observation on pixels of 2 arcsec, of at most 6.4 arcmin around the maximum.

    Raises
    ------
    FileNotFoundError
        The folder contains no FITS file.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        A file is left out because it is not a back-projection, such as pixel data.
    """
    for source, observation in good_flares(directory):
        yield source, _on_fine_pixels(observation)


def good_flares(directory):
    """
    Read the STIX back-projections in a folder and its subfolders, on their own pixels.

    Parameters
    ----------
    directory : path-like
        See `open_flares`.

    Yields
    ------
    source : `str`
        Path of the file in the folder, without its ending.
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation.

    Raises
    ------
    FileNotFoundError
        The folder contains no FITS file.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        See `open_flares`.
    """
    directory = Path(directory)
    paths = sorted(path for path in directory.rglob("*") if is_fits(path.name))
    if not paths:
        raise FileNotFoundError(f"Found no FITS file in {directory}; expected STIX back-projections.")
    for path in paths:
        try:
            observation = _opened(path)
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            warn_user(f"{path.name} is left out: {error}")
            continue
        yield path.relative_to(directory).as_posix().removesuffix(".gz").rpartition(".")[0], observation


def _opened(path):
    with warnings.catch_warnings():
        # About keywords of other programs
        warnings.simplefilter("ignore")
        smap = load(path)
    if not isinstance(smap, GenericMap):
        raise ValueError("Found several images; expected one back-projection. Save each in a file of its own.")
    with fits.open(path) as file:
        has_visibilities = "VISIBILITIES" in file
    visibilities = read_visibilities(open_visibilities(path)) if has_visibilities else None
    Observation.check(smap, visibilities=visibilities, instrument="STIX")
    return Observation.from_map(smap, visibilities=visibilities, instrument="STIX")


def _on_fine_pixels(observation):
    """The same visibilities with an image of small pixels around the maximum."""
    points, grid = observation.own_axes()
    field = restrict(observation.visibilities, points, grid)
    axes = observation.matrix / np.linalg.norm(observation.matrix, axis=0)
    shape = tuple(round(n * size / _PIXEL) for n, size in zip(field.grid.shape, field.grid.pixel, strict=True))
    fine = FlareObservation(
        visibilities=field.visibilities, points=observation.points, matrix=_PIXEL * axes, shape=shape,
        unit=observation.unit, errors=observation.errors, noise=np.ones(len(field.visibilities)),
    )  # fmt: skip
    return replace(fine, noise=errors_of(fine))


def compare_images(observation, images):
    """
    Scores of the images of a flare by several methods.

    Parameters
    ----------
    observation : `FlareObservation`
        The observation.
    images : mapping of `str` to `numpy.ndarray`
        Name of the method to flux per square arcsec, in the shape of the observation.

    Returns
    -------
    `dict`
        Name of the method to its scores. ``flux``: total flux relative to the mean amplitude of the two coarsest
        sub-collimators, somewhat above 1 for a flare that is much smaller than their periods; ``chi_squared``: reduced
        chi squared; ``spread``: RMS difference from the median of all images, relative to its maximum, over the pixels
        in which one of both exceeds 10 % of the maximum; ``sources``: number of sources.
    """
    points, grid = observation.own_axes()
    median = np.median(list(images.values()), axis=0)
    highest = max(median.max(), np.finfo(float).tiny)
    amplitude = np.abs(observation.visibilities[np.argsort(points.frequency)[:_COARSE]]).mean()
    scores = {}
    for name, image in images.items():
        bright = np.maximum(image, median) > _BRIGHT * highest
        model = model_visibilities(image, points, grid)
        scores[name] = {
            "flux": float(image.sum() * grid.area / amplitude),
            "chi_squared": chi_squared(model, observation.visibilities, observation.noise),
            "spread": float(np.sqrt(np.mean(np.square(image - median), where=bright)) / highest if bright.any() else 0),
            "sources": len(find_sources(image, grid)),
        }
    return scores
