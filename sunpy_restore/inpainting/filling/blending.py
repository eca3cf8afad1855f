"""
Average of the fill of a network and the first fills of a hole.

The errors of the fills are measured in trial holes: holes of the same shape and at the same distance from the Sun, but
at another position angle, where the image is known.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from sunpy_restore.inpainting.filling.channels import polar_part
from sunpy_restore.inpainting.filling.fills import FILLS
from sunpy_restore.inpainting.filling.polar import STEPS
from sunpy_restore.inpainting.task import CHANNELS

__all__ = ["Trial", "blended", "shares", "spread", "trial"]

_FIRST_FILLS = [CHANNELS.index(name) for name in FILLS]
_MASK, _NOISE = CHANNELS.index("mask"), CHANNELS.index("noise")

_LARGEST = 8000  # cells of the grid; trials of larger holes gained nothing in training images
_GAP = 24  # columns between a hole and the nearest trial, and between trials
_LEAST_KNOWN = 0.6  # share of a trial hole
_PRIOR_WEIGHT = 3.0  # of the errors in training images, in trials
_DISSIMILARITY = 1.0  # e-folds between the spreads of the fills, at which a trial counts less
_LEAST_SPREAD = 0.02  # squares of the noise
_RIDGE = 1e-6  # of the mean squared error
_SUM_WEIGHT = 1e3  # of the condition that the shares sum to 1, in root mean squared errors


class Trial(NamedTuple):
    """
    Errors of the fills of a hole whose true values are known.

    Parameters
    ----------
    products : `numpy.ndarray`
        Mean products of the errors of the fills, over the geometric mean of their squares, shape ``(n, n)``.
    spread : `numpy.ndarray`
        See `~sunpy_restore.inpainting.filling.blending.spread`.
    """

    products: np.ndarray
    spread: np.ndarray


def trial(part, lost, network):
    """
    Fill known values of an image and measure the errors.

    Parameters
    ----------
    part : `~sunpy_restore.inpainting.filling.channels.PolarPart`
        The image.
    lost : `numpy.ndarray` of `bool`
        Values to fill.
    network : callable
        ``network(channels)`` returns its fill.

    Returns
    -------
    `Trial` or `None`
        `None` if too few of the values are known.
    """
    known = lost & part.known
    if not known.any() or known.sum() < _LEAST_KNOWN * lost.sum():
        return None
    channels = part.channels(known)
    fills = _fills(channels, network(channels), known)
    unit = part.smooth["unit"][known].astype(float)
    errors = unit * (fills - part.image[known])
    products = errors @ errors.T / len(unit)
    typical = np.exp(np.mean(np.log(np.maximum(np.diag(products), np.finfo(float).tiny))))
    return Trial(products / typical, spread(fills, unit, channels[_NOISE][known]))


def spread(fills, unit, noise):
    """
    Logarithm of the mean squared difference of each first fill from the fill of the network, in units of the noise.

    Parameters
    ----------
    fills : `numpy.ndarray`
        The fill of the network and the first fills of n values, shape ``(1 + len(FILLS), n)``.
    unit : `numpy.ndarray`
        Brightness of 1 in the unit of the fills, shape ``(n,)``.
    noise : `numpy.ndarray`
        Logarithm of the noise in the unit of the fills, shape ``(n,)``.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(len(FILLS),)``.
    """
    apart = np.mean((unit * (fills[1:] - fills[0])) ** 2, axis=1)
    return np.log(apart / np.mean((unit * np.exp(noise)) ** 2) + _LEAST_SPREAD)


def shares(trials, spread, prior):
    """
    Weights of fills that minimise the expected squared error of their average.

    The products of the errors are the weighted sum of those in trial holes and of the prior. A trial counts less if the
    fills differ by more or less in it than in the hole, because it does not show the same kind of structure.

    Parameters
    ----------
    trials : `list` of `Trial`
        Trials.
    spread : `numpy.ndarray`
        See `~sunpy_restore.inpainting.filling.blending.spread`, for the hole.
    prior : `numpy.ndarray`
        As ``products`` of a `Trial`, in holes of training images.

    Returns
    -------
    `numpy.ndarray`
        Not negative, with the sum 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.inpainting.filling.blending import shares
    >>> shares([], np.zeros(1), np.array([[1.0, 0.0], [0.0, 1.0]])).round(3).tolist()
    [0.5, 0.5]
    >>> shares([], np.zeros(1), np.array([[1.0, 1.0], [1.0, 4.0]])).round(3).tolist()
    [1.0, 0.0]
    """
    products = _PRIOR_WEIGHT * prior.astype(float)
    for found in trials:
        unlike = np.mean((found.spread - spread) ** 2) / _DISSIMILARITY**2
        products = products + np.exp(-unlike / 2) * found.products
    count = len(products)
    products = products * count / np.trace(products) + _RIDGE * np.eye(count)
    # The squared error is that of least squares with the Cholesky factor
    rows = np.vstack([np.linalg.cholesky(products).T, np.full(count, _SUM_WEIGHT)])
    found = nnls(rows, np.append(np.zeros(count), _SUM_WEIGHT))[0]
    return found / found.sum()


def blended(observation, view, grid, channels, restored, own, network, prior):
    """
    Average the fill of a network and the first fills by their errors in trial holes.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation.
    view : `~sunpy_restore.inpainting.filling.views.View`
        Its view.
    grid : `~sunpy_restore.inpainting.filling.polar.PolarGrid`
        The log-polar grid around the hole.
    channels : `numpy.ndarray`
        Channels on the grid, see `~sunpy_restore.inpainting.filling.channels.PolarPart.channels`.
    restored : `numpy.ndarray`
        Fill of the network, in the shape of the grid.
    own : `numpy.ndarray` of `bool`
        Pixels of the hole, in the shape of the image.
    network : callable
        ``network(channels)`` returns the fill of the network.
    prior : `numpy.ndarray`
        See `shares`.

    Returns
    -------
    `numpy.ndarray`
        In the shape of the grid; values outside of the mask are those of ``restored``.
    """
    mask = channels[_MASK] > 0
    hole = mask & (grid.interpolated(own)[0] > 0)
    if not hole.any():
        return restored
    trials = _trials(observation, view, grid, hole, network)
    unit = grid.interpolated(view.unit)[0][hole].astype(float)
    found = shares(trials, spread(_fills(channels, restored, hole), unit, channels[_NOISE][hole]), prior)
    return np.where(mask, np.tensordot(found, _fills(channels, restored, np.s_[:]), 1), restored)


def _trials(observation, view, grid, hole, network):
    """A trial at another position angle, if there is a place: the nearest one, on the side with more known values."""
    width = np.ptp(np.nonzero(hole.any(axis=0))[0]) + 1
    if hole.sum() > _LARGEST:
        return []
    for shift in (width + _GAP, 2 * (width + _GAP)):
        if shift + width > STEPS - width:
            break
        sides = [
            polar_part(observation, view, replace(grid, columns=_moved(grid.columns, step))) for step in (shift, -shift)
        ]
        found = trial(max(sides, key=lambda part: np.count_nonzero(hole & part.known)), hole, network)
        if found is not None:
            return [found]
    return []


def _moved(columns, step):
    return slice(columns.start + step, columns.stop + step)


def _fills(channels, restored, place):
    """The fill of the network and the first fills."""
    return np.stack([restored[place], *(channels[index][place] for index in _FIRST_FILLS)]).astype(float)
