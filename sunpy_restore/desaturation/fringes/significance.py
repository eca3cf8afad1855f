"""Whether masked pixels hide a bright core, according to the fringes around them."""

import numpy as np
from scipy import ndimage, signal

from sunpy_restore.core.tiles.windows import damaged_windows
from sunpy_restore.desaturation.fringes.correction import GAP, correct_fill, surroundings
from sunpy_restore.desaturation.fringes.differences import (
    BLUR,
    comparable,
    differences,
    differences_adjoint,
    local_variance,
)
from sunpy_restore.desaturation.fringes.diffraction import RADIUS, Fringes, outside, robust_weights

__all__ = ["evident_cores"]

_AROUND = 64  # pixels around a cluster, the places where the corona tells what is significant
_APART = 8  # pixels from the mask of the nearest of these places
_DEPTH = 2.0  # pixels to the border of a mask; lines and single pixels hide no core
_SOURCES = (1.0, 2.0, 4.0)  # standard deviations in pixels of the sources whose fringes are sought
_BRIGHT = 0.5  # of the largest significance, from which cores are taken as evident before the brightest is corrected
_ROUNDS = 3
_SIGNIFICANT = 5.5  # standard deviations; of 61 masks over unsaturated pixels, 3 of the brightest of an image exceed it


def evident_cores(observation, filled):
    """
    Find the masked regions that hide a bright core according to their fringes.

    The strength of the fringes of a small source is fitted at each place in the mask and around it. The places around
    it show how strong the structures of the corona are that resemble fringes.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The observation, of a channel whose diffraction pattern is known.
    filled : `numpy.ndarray`
        Filled image, shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray` of `bool`
        Pixels of such regions, and of regions less than `~sunpy_restore.desaturation.fringes.correction.GAP` pixels
        from one. Lines and single pixels are left out. Shape ``(ny, nx)``.
    """
    depth = ndimage.distance_transform_edt(np.pad(observation.mask, 1, mode="edge"))[1:-1, 1:-1]
    inner = depth >= _DEPTH
    regions = ndimage.label(observation.mask, structure=np.ones((3, 3)))[0]
    wide = np.isin(regions, np.setdiff1d(regions[inner], [0]))
    clusters = damaged_windows(observation.mask, 0, gap=GAP)
    clusters = [cluster for cluster in clusters if inner[cluster.place][cluster.own].any()]
    found, result = np.zeros_like(inner), filled
    # The fringes of a bright core are like those of a faint one elsewhere, and hide others, until it is corrected
    for _ in range(_ROUNDS):
        evidence = [_evidence(observation, result, cluster, inner[cluster.place] & cluster.own) for cluster in clusters]
        least = _BRIGHT * max(evidence, default=0.0)
        if least == 0:
            break
        others = []
        for cluster, strength in zip(clusters, evidence, strict=True):
            if strength >= least:
                found[cluster.place] |= cluster.own & wide[cluster.place]
            else:
                others.append(cluster)
        clusters = others
        if not clusters:
            break
        result = correct_fill(observation, filled, where=found, damping=False)
    return found


def _evidence(observation, result, cluster, own):
    """Largest significance of a source in ``own``; 0 if the fringes at other places around the mask are as strong."""
    masked = np.pad(cluster.own, _AROUND)
    # Beyond the edges of the image hardly any fringes can be compared
    places = np.ogrid[tuple(slice(part.start - _AROUND, part.stop + _AROUND) for part in cluster.place)]
    rows, columns = ((place >= 0) & (place < length) for place, length in zip(places, result.shape, strict=True))
    around = rows & columns & ~ndimage.binary_dilation(masked, iterations=_APART)
    if not around.any():
        return 0.0
    found = 0.0
    for significance in _significances(observation, result, cluster):
        elsewhere = significance[around]
        middle = np.median(elsewhere)
        spread = 1.48 * np.median(np.abs(elsewhere - middle))
        highest = significance[np.pad(own, _AROUND)].max()
        if highest > elsewhere.max() and highest - middle > _SIGNIFICANT * spread:
            found = max(found, float(highest))
    return found


def _significances(observation, result, cluster):
    """For each source, the strength of its fringes if it were at each place, divided by the formal error."""
    image, valid = surroundings(observation, result, cluster)
    base = np.where(cluster.own, observation.harmonic_fill[cluster.place], 0)
    shape = tuple(n + 2 * _AROUND for n in base.shape)
    model = Fringes(shape, observation.channel, RADIUS - _AROUND, BLUR)
    smoothed, pairs = comparable(image, outside(valid, cluster.own))
    residual = differences(smoothed - model.of(np.pad(base, _AROUND)))
    weights = robust_weights(residual, pairs, local_variance(residual, pairs))
    strength = model.adjoint(differences_adjoint(weights * residual))
    point = np.zeros(shape)
    middle = tuple(n // 2 for n in shape)
    point[middle] = 1
    window = tuple(slice(n - 1 - k, n - 1 - k + m) for n, k, m in zip(image.shape, middle, shape, strict=True))
    for source in _SOURCES:
        pattern = differences(model.of(ndimage.gaussian_filter(point, source)))
        information = sum(
            signal.correlate(weight, part**2, method="fft")[window]
            for weight, part in zip(weights, pattern, strict=True)
        )
        least = max(1e-9 * information.max(), np.finfo(float).tiny)
        yield ndimage.gaussian_filter(strength, source) / np.sqrt(np.maximum(information, least))
