"""What tells how large the error of each pixel of an enhanced image is."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics.pixels import repeated
from sunpy_restore.core.uncertainty.evidence import Evidence
from sunpy_restore.enhancement.deconvolution.classical import bicubic
from sunpy_restore.enhancement.deconvolution.linear import apply_filter, wiener_filter
from sunpy_restore.enhancement.optics.forward import reconvolve

__all__ = ["STRATA", "UNKNOWN", "evidence", "evidence_in_strips"]

STRATA = ("umbra", "penumbra", "bright granule", "dark lane", "field-free", "network and plage", "strong field")
"""Kinds of pixels: the first four in continuum images, the others in magnetograms."""

UNKNOWN = "off the disk, close to the limb, masked, or filled in"
"""What nothing is known of."""

_UMBRA, _SPOT = 0.5, 0.9
"""Intensities relative to the quiet Sun below which a pixel belongs to an umbra, and to a sunspot."""
_FREE, _STRONG = 3.0, 0.6
"""Local field below which a magnetogram is field-free, in units of its noise, and above which it is strong, in kG."""
_KIND, _AROUND = 1.5, 3.0
"""Widths in HMI pixels of the Gaussians by which the kind of a pixel and the mean of its surroundings are found."""
_FILTERS = {"continuum": (0.003, 1.0), "magnetogram": (0.01, 1.0)}
"""Parameters of the linear filters whose results the enhanced images are compared with."""
_ROWS, _MARGIN = 256, 48
"""Rows of the observation that are described together, and those around them that are needed."""
_FEWEST_ROWS, _PIXELS = 96, 2**19
"""Fewer rows of wide images are described together: as many as have so many pixels, but not fewer than the margins."""
_LEAST = 1e-5  # quiet-Sun intensities or kG
_DIFFERENCE = np.array([1.0, -2.0, 1.0]) / np.sqrt(6)


def evidence(observation, restored, method):
    """
    Describe the pixels of an enhanced image.

    Parameters
    ----------
    observation : `~sunpy_restore.enhancement.observation.Observation`
        The observation, shape ``(ny, nx)``.
    restored : `~sunpy_restore.core.restoration.methods.Restored`
        The enhanced image, shape ``(2 * ny, 2 * nx)``, in the unit of the observation.
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method that enhanced it.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.evidence.Evidence`
        Of all pixels that have a value. Those whose values should not be trusted (off the disk, closer to the limb than
        mu = 0.3, masked, or outliers) have an infinite uncertainty.
    """
    parts = [part for _, part in evidence_in_strips(observation, restored, method)]
    return Evidence(
        where=np.concatenate([part.where for part in parts]),
        features={name: np.concatenate([part.features[name] for part in parts]) for name in parts[0].features},
        scale=np.concatenate([part.scale for part in parts]),
        stratum=np.concatenate([part.stratum for part in parts]),
        unknown=np.concatenate([part.unknown for part in parts]),
    )


def evidence_in_strips(observation, restored, method):
    """
    Describe the pixels of an enhanced image, some rows at a time, because all features of a full disk need 4 GB.

    Parameters
    ----------
    observation, restored, method
        See `evidence`.

    Yields
    ------
    rows : `slice`
        Rows of the enhanced image.
    evidence : `~sunpy_restore.core.uncertainty.evidence.Evidence`
        Of these rows.
    """
    noise = observation.assumed_noise
    observed, ny = observation.normalised().astype(np.float32), len(observation.data)
    step = min(_ROWS, max(_FEWEST_ROWS, _PIXELS // observed.shape[1]))
    for first in range(0, ny, step):
        last = min(first + step, ny)
        around = slice(max(first - _MARGIN, 0), min(last + _MARGIN, ny))
        level = (observation.level * repeated(observation.limb_darkening[around], 2)).astype(np.float32)
        part = restored.data[2 * around.start : 2 * around.stop] / level
        image = np.where(np.isfinite(part), part, repeated(observed[around], 2)).astype(np.float32)
        edges = (around.start == 0, around.stop == ny)
        features, scale, stratum = _described(observation, image, observed[around], around, noise, edges)
        inner = slice(2 * (first - around.start), 2 * (last - around.start))
        rows = slice(2 * first, 2 * last)
        where = np.isfinite(restored.data[rows])
        untrusted = observation.untrusted
        unknown = np.zeros_like(where) if untrusted is None else repeated(untrusted[first:last], 2)
        yield (
            rows,
            Evidence(
                where=where,
                features={
                    name: np.broadcast_to(values, image.shape)[inner][where] for name, values in features.items()
                },
                scale=(scale * level)[inner][where],
                stratum=stratum[inner][where],
                unknown=unknown[where],
            ),
        )


def _described(observation, image, observed, around, noise, edges):
    """Features, scale and kind of the pixels of some rows."""
    telescope = observation.telescope
    magnetogram = observation.noise is not None
    product = "magnetogram" if magnetogram else "continuum"
    linear = apply_filter(observed, wiener_filter(*_FILTERS[product], telescope=telescope))
    interpolated = bicubic(observed)
    coarse = _smooth(interpolated, 6)
    scale = np.hypot(_rms(image - _smooth(image, 6), 6), noise).astype(np.float32)
    rough = ndimage.convolve1d(ndimage.convolve1d(observed, _DIFFERENCE, axis=0), _DIFFERENCE, axis=1)
    residual = observed - reconvolve(image, telescope.transfer_kernel())
    denoised = _smooth(observed, 1)
    fine, middle = image - _smooth(image, 1.2), _smooth(image, 1.2) - _smooth(image, 4)
    sign = np.sign(_smooth(image, 2)) if magnetogram else 1
    gy, gx = np.gradient(interpolated)
    features = {
        "structure": _ratio(_rms(interpolated - coarse, 2), scale),
        "gradient": _ratio(np.hypot(gx, gy), scale),
        "curvature": _ratio(_rms(ndimage.laplace(interpolated), 0.7), scale),
        "deviation": sign * (interpolated - coarse) / scale,
        "detail": _ratio(_rms(fine, 4), scale),
        "correction": _ratio(_rms(image - interpolated, 4), scale),
        "linear correction": _ratio(_rms(linear - interpolated, 1.2), scale),
        "disagreement": _ratio(_rms(image - linear, 4), scale),
        "residual": _ratio(repeated(_rms(residual, 2), 2), scale),
        "noise": _ratio(noise, scale),
        "roughness": _ratio(repeated(_rms(rough, 5), 2), scale),
        "signal": _ratio(repeated(_rms(denoised - _smooth(denoised, 4), 8), 2), noise),
        "level": np.log(scale),
        "value": np.log(np.hypot(_smooth(interpolated, 2), noise)) if magnetogram else _smooth(interpolated, 2),
        "surroundings": _ratio(_rms(image - _smooth(image, 6), 16), scale),
        "sharpness": _ratio(_rms(fine, 12), _rms(middle, 12)),
        "missing": repeated(_missing(observation, around, edges), 2),
    }
    return features, scale, _kinds(observation, observed, image, _smooth(image, 6), noise)


def _kinds(observation, observed, image, mean, noise):
    if observation.noise is not None:
        local = np.sqrt(repeated(_smooth(observed**2, _KIND), 2))
        return np.where(local > _STRONG, 6, np.where(local > _FREE * noise, 5, 4))
    smooth = repeated(_smooth(observed, _KIND), 2)
    quiet = np.where(_smooth(image, 0.7) > mean, 2, 3)
    return np.where(smooth <= _UMBRA, 0, np.where(smooth <= _SPOT, 1, quiet))


def _missing(observation, around, edges):
    """Share of the surroundings that was not observed, also beyond the edges of the image."""
    gone = ~(observation.valid & observation.on_disk)[around]
    padded = np.pad(gone.astype(np.float32), 1, constant_values=0)
    padded[0], padded[-1] = edges
    padded[:, 0] = padded[:, -1] = 1
    return ndimage.gaussian_filter(padded, 2, mode="nearest", truncate=3)[1:-1, 1:-1]


def _smooth(image, width):
    return ndimage.gaussian_filter(image, width, mode="reflect", truncate=3)


def _rms(image, width):
    return np.sqrt(np.maximum(_smooth(image**2, width), _LEAST**2))


def _ratio(values, scale):
    return np.log(np.maximum(values, _LEAST) / np.maximum(scale, _LEAST))
