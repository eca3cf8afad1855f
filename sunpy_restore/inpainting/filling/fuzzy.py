"""Fill of missing blocks by fuzzy logic on the spectra of the blocks around them, as in the LASCO pipeline."""

import numpy as np
from scipy import fft, ndimage

from sunpy_restore.inpainting.filling.holes import fill_holes
from sunpy_restore.inpainting.filling.views import VIEWS
from sunpy_restore.inpainting.lasco.geometry import BLOCK

__all__ = ["combined", "fuzzy"]

_MARGIN = BLOCK  # pixels around a hole
_LEAST_KNOWN = 0.75  # share of the pixels of a block that is used
_LOW, _HIGH = 4.0, 0.9 * BLOCK  # cosine frequencies; limits of the low and the high ones
_WEDGE = np.pi / 12  # radian; half the angle of the parts for horizontal and vertical structure
_CONFIDENCE = {1: 0.7, 2: 0.5}  # in a block next to a side and next to a corner, by the squared distance in blocks
_FILLED = 0.5  # factor of the confidence in a block that was filled


def fuzzy(observation, *, progress=False):
    """
    Fill each block from the spectra of the blocks around it by fuzzy logic.

    The smooth background is subtracted, see `~sunpy_restore.inpainting.corona.background.find_background`, and the
    cosine transform of each block is divided into the mean, low and high frequencies, and horizontal, vertical and
    diagonal structure. Each coefficient of a missing block is a fuzzy number: an interval between the smallest and the
    largest coefficient of the blocks around it, which each of these narrows towards its own, see `combined`. The mean
    and the low frequencies come from all blocks around, the other ones from those with the most frequent direction, for
    this direction only. Blocks with more known blocks around are filled first, and then used for the others.

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

    Notes
    -----
    This follows the description of the method of the LASCO pipeline for C3 and not its code. Blocks are those of the
    grid that begins at the upper left corner of a hole. Borders of blocks are visible in the result.

    References
    ----------
    * Morrill et al. 2006, Solar Physics 233, 331
    """
    view = VIEWS["pixel"](observation)

    def fill(window, y, x):
        place = window.place
        values = _by_blocks(view.image[place], view.valid[place], window.own)
        return view.back(values.astype(np.float32)[window.own], y, x)

    return fill_holes(observation, fill, margin=_MARGIN, progress=progress)


def combined(values, confidences):
    """
    Combine fuzzy numbers.

    A value is an interval that extends from the smallest to the largest of the values if its confidence is 0, and that
    is the value itself if its confidence is 1. The result is the middle of the intersection.

    Parameters
    ----------
    values : `numpy.ndarray`
        Shape ``(n, ...)``.
    confidences : `numpy.ndarray`
        Confidence in each of them, from 0 to 1, shape ``(n,)``.

    Returns
    -------
    `numpy.ndarray`
        Shape of one of the values.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.inpainting.filling.fuzzy import combined
    >>> float(combined(np.array([0.0, 4.0]), np.array([0.5, 0.5])))
    2.0
    >>> float(combined(np.array([0.0, 4.0]), np.array([1.0, 0.5])))
    1.0
    """
    confidences = confidences.reshape(-1, *[1] * (values.ndim - 1))
    lowest, highest = values.min(axis=0), values.max(axis=0)
    lower = (lowest + confidences * (values - lowest)).max(axis=0)
    upper = (highest - confidences * (highest - values)).min(axis=0)
    return (lower + upper) / 2


def _parts():
    """Which coefficients of a block are mean or low frequencies, and which are structure of each direction."""
    row, column = np.indices((BLOCK, BLOCK))
    radius, angle = np.hypot(row, column), np.arctan2(row, column)
    middle = (radius >= _LOW) & (radius <= _HIGH)
    vertical, horizontal = angle < _WEDGE, angle > np.pi / 2 - _WEDGE
    return radius < _LOW, np.stack([part & middle for part in (vertical, horizontal, ~(vertical | horizontal))])


_SMOOTH, _DIRECTIONS = _parts()


def _by_blocks(image, valid, own):
    """A window with its own pixels filled."""
    first = [int(places.min()) % BLOCK for places in np.nonzero(own)]
    pads = [((BLOCK - start) % BLOCK, (start - length) % BLOCK) for start, length in zip(first, own.shape, strict=True)]
    image, valid, own = (np.pad(part, pads) for part in (np.where(valid, image, 0), valid, own))
    blocks, known, wanted = map(_split, (image.astype(float), valid, own))
    share = known.mean(axis=(2, 3))
    means = blocks.sum(axis=(2, 3)) / np.maximum(known.sum(axis=(2, 3)), 1)
    blocks = np.where(known, blocks, means[..., np.newaxis, np.newaxis])
    missing = wanted.any(axis=(2, 3))
    trust = np.where(share >= _LEAST_KNOWN, 1.0, 0.0)
    spectra = fft.dctn(blocks, axes=(2, 3), norm="ortho")
    while missing.any():
        count = ndimage.convolve((trust > 0).astype(int), np.ones((3, 3), dtype=int), mode="constant") - (trust > 0)
        chosen = missing & (count == count[missing].max())
        found = {place: _estimated(spectra, trust, *place) for place in map(tuple, np.argwhere(chosen))}
        for place, spectrum in found.items():
            spectra[place] = spectrum
            trust[place] = max(trust[place], _FILLED)
            blocks[place] = fft.idctn(spectrum, norm="ortho")
        missing &= ~chosen
    filled = blocks.swapaxes(1, 2).reshape(image.shape)
    return filled[pads[0][0] : image.shape[0] - pads[0][1], pads[1][0] : image.shape[1] - pads[1][1]]


def _split(image):
    rows, columns = (length // BLOCK for length in image.shape)
    return image.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)


def _estimated(spectra, trust, row, column):
    """The spectrum of a block from those around it; zero, which is the background, without any."""
    around, confidences = [], []
    for other in np.ndindex(trust.shape):
        distance = (other[0] - row) ** 2 + (other[1] - column) ** 2
        if distance in _CONFIDENCE and trust[other] > 0:
            around.append(spectra[other])
            confidences.append(trust[other] * _CONFIDENCE[distance])
    result = np.zeros((BLOCK, BLOCK))
    if not around:
        return result
    around, confidences = np.array(around), np.array(confidences)
    result[_SMOOTH] = combined(around[:, _SMOOTH], confidences)
    energy = np.stack([(around[:, part] ** 2).mean(axis=1) for part in _DIRECTIONS], axis=1)
    directions = energy.argmax(axis=1)
    common = np.bincount(directions, confidences).argmax()
    same, part = directions == common, _DIRECTIONS[common]
    result[part] = combined(around[same][:, part], confidences[same])
    return result
