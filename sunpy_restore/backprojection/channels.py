"""
Input channels of the networks of `sunpy_restore.backproj_to_clean`.

Their names are in `sunpy_restore.backprojection.task.CHANNELS`:

``image``
    Back-projection of all visibilities with natural weights, divided by its maximum.
``subcollimator1``, ``subcollimator2``, ... ``subcollimator10``
    Back-projection of the visibilities of one sub-collimator, the mean over its orientations, in the same unit; 0 where
    the sub-collimator is not used. The networks know three orientations: one that is missing is that of the fitted
    sources or of the image by maximum entropy, as in ``forward-fit``.
``pixel``
    Pixel size in arcsec, the same everywhere.
``mem``, ``forward-fit``
    Images by maximum entropy and of one to four fitted Gaussian sources, per clean beam in the same unit. Three or more
    sources that touch in a row are mostly a loop, which the fit cuts into pieces: then both are the image by maximum
    entropy, unless the sources are round and compact, unlike the pieces of most loops.
``noise``
    Mean standard deviation of the real part of a visibility in the same unit, the same everywhere.
"""

import numpy as np

from sunpy_restore.backprojection.fitting.average import average_sources, relative_noise, trust_in
from sunpy_restore.backprojection.fitting.scenes import image_of, visibilities_of_scene
from sunpy_restore.backprojection.imaging.agreement import model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.entropy import maximum_entropy
from sunpy_restore.backprojection.task import CHANNELS
from sunpy_restore.backprojection.visibilities.fourier import back_projection
from sunpy_restore.backprojection.visibilities.uvplane import UVPoints, stix_uv

__all__ = ["PIXEL", "channels_of", "separate_sources", "without_models"]

PIXEL = 4.0
"""Pixel size of the networks' images in arcsec: a third of the shortest period that the clean beam transmits."""

_LEAST_TRUST = 0.5
"""Trust in fitted sources from which they are used."""
_SUBCOLLIMATORS = np.array([int(name.removeprefix("subcollimator")) for name in CHANNELS if name.startswith("sub")])


def separate_sources(visibilities, points, grid, errors):
    """
    Fit sources, unless they appear to be the pieces into which a fit cuts another shape.

    Parameters
    ----------
    visibilities, points, grid, errors
        See `channels_of`.

    Returns
    -------
    `~sunpy_restore.backprojection.fitting.average.WeightedSources`
        Without models if none explains the visibilities, or if the trust that the best one guides the network is less
        than a half, see `~sunpy_restore.backprojection.fitting.average.trust_in`.
    """
    sources = average_sources(visibilities, errors, points, grid)
    if trust_in(sources, relative_noise(visibilities, errors)).guided < _LEAST_TRUST:
        return without_models(sources)
    return sources


def without_models(sources):
    """
    The result of a fit without its models.

    Parameters
    ----------
    sources : `~sunpy_restore.backprojection.fitting.average.WeightedSources`
        The result of a fit.

    Returns
    -------
    `~sunpy_restore.backprojection.fitting.average.WeightedSources`
    """
    return sources._replace(scenes=[], weights=np.zeros(0))


def channels_of(visibilities, points, grid, errors=None, sources=None):
    """
    Make the input channels of a network from visibilities.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane, with the labels of STIX.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the channels.
    errors : `numpy.ndarray`, optional
        Standard deviation of the real part and of the imaginary part of each visibility, shape ``(n,)``. Without them
        the channels that need them are 0.
    sources : `~sunpy_restore.backprojection.fitting.average.WeightedSources`, optional
        Sources that guide the network, by default those of `separate_sources`.

    Returns
    -------
    channels : `numpy.ndarray` of ``float32``
        Shape ``(len(CHANNELS), ny, nx)``.
    unit : `float`
        Maximum of the back-projection in the unit of the visibilities, which is the unit of the channels.
    """
    guides = np.zeros((3, *grid.shape))
    if errors is not None:
        sources = separate_sources(visibilities, points, grid, errors) if sources is None else sources
        best = sources.scenes[0] if sources.scenes else None
        smooth = maximum_entropy(visibilities, errors, points, grid)
        guides[0] = beam_area() * smooth
        guides[1] = guides[0] if best is None else image_of(best, grid, BEAM)
        guides[2] = np.mean(errors)
        missing = _missing(points)
        if missing.labels:
            of_model = (
                model_visibilities(smooth, missing, grid) if best is None else visibilities_of_scene(best, missing)
            )
            visibilities, points = np.concatenate([visibilities, of_model]), _joined(points, missing)
    count = len(points.labels)
    own = points.subcollimators[:, np.newaxis] == _SUBCOLLIMATORS
    # A row of weights for each channel: the mean of its own visibilities
    weights = np.concatenate([np.ones((1, count)), own.T])
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    images = back_projection(visibilities * weights, points, grid, np.ones(count))
    unit = images[CHANNELS.index("image")].max()
    constant = np.ones((1, *grid.shape))
    size = np.sqrt(grid.area) * constant
    return np.concatenate([images / unit, size, guides / unit]).astype(np.float32), unit


def _missing(points):
    """Points of STIX that are missing in sub-collimators of which others are there."""
    complete = stix_uv(sorted(set(points.subcollimators.tolist())))
    return complete.only(np.array([label not in points.labels for label in complete.labels]))


def _joined(points, others):
    return UVPoints(
        np.concatenate([points.u, others.u]), np.concatenate([points.v, others.v]), points.labels + others.labels
    )
