"""Simulated observations whose truth is known, with optics, noise, projection and gaps that vary."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from sunpy_restore.enhancement.detector.gaps import fill_gaps
from sunpy_restore.enhancement.detector.noise import estimated_share
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics.psf import HMI_DIAMETER, HMI_PIXEL, HMI_PSF, PointSpreadFunction, airy_psf
from sunpy_restore.enhancement.optics.telescope import HMI
from sunpy_restore.enhancement.recipe.truth import seen, view
from sunpy_restore.enhancement.task import MAGNETOGRAM

__all__ = [
    "CONTEXT", "NOISES", "VIEWS", "described", "near_spots", "seen_by_chance", "sharpened", "with_noise",
    "with_other_psf",
]  # fmt: skip

NOISES = {"enhance-continuum": (0.0003, 0.001, 0.003, 0.01), "enhance-magnetogram": (0.005, 0.01, 0.02)}
"""Noise in units of the quiet Sun, and in kG."""

CONTEXT = 26
"""Pixels around an HMI image from which light is scattered into it; they are in no truth."""

VIEWS = {True: 2, False: 5}
"""Number of the observations for each noise: of HMI images, and of finer ones."""

_PSFS = (
    (HMI_PSF, 0.5),
    (PointSpreadFunction(w=1.8, W=3.0), 0.2),
    (PointSpreadFunction(w=2.15), 0.15),
    (PointSpreadFunction(e=0.12), 0.15),
)
"""
Point spread functions, and how often they are used: that of the networks, the original one of Wachter et al. (2012), a
defocused one, and one with more stray light.
"""
_SIZE = 64
"""Side in pixels of the observations of fine images."""
_FORESHORTENED, _GAPPY = 0.4, 0.25
"""Shares of the observations that are foreshortened, and that have gaps."""
_CORRELATED = 0.1
_MOST_GAIN = 2.5
_SURROUNDINGS, _LEAST_FIELD, _LARGEST_INTENSITY = 5.0, 0.1, 0.97


def described(task, noise):
    """
    Name the group of the cases with some noise.

    Parameters
    ----------
    task : `str`
        Name of the task.
    noise : `float`
        Noise in units of the quiet Sun, or in kG.

    Returns
    -------
    `str`
    """
    return f"noise {1000 * noise:g} G" if task == MAGNETOGRAM.name else f"noise {100 * noise:g} %"


def with_noise(task, observed, truth, noise, rng, telescope=HMI):
    """
    Add noise to an image, and gaps to some.

    Parameters
    ----------
    task : `str`
        Name of the task.
    observed, truth : `numpy.ndarray`
        Images of the telescope and of the target telescope.
    noise : `float`
        Noise in units of the quiet Sun, or in kG.
    rng : `numpy.random.Generator`
        Random number generator.
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        The telescope.

    Returns
    -------
    observation : `~sunpy_restore.enhancement.observation.Observation`
        The observation.
    truth : `numpy.ndarray`
        As given.
    """
    image = rng.standard_normal(observed.shape)
    if task == MAGNETOGRAM.name:
        share = rng.uniform(0, _CORRELATED)
        taps = np.array([share, 1 - 2 * share, share])
        image = ndimage.convolve1d(ndimage.convolve1d(image, taps, axis=0), taps, axis=1) / estimated_share(taps)
    data = (observed + noise * image).astype(np.float32)
    observation = Observation.from_array(data, MAGNETOGRAM if task == MAGNETOGRAM.name else None, telescope)
    if rng.uniform() >= _GAPPY:
        return observation, truth
    valid = ~_gaps(data.shape, rng)
    data, valid = fill_gaps(data, valid)
    return replace(observation, data=data, valid=valid, on_disk=valid, untrusted=~valid), truth


def _gaps(shape, rng):
    """Single pixels, short tracks and a few rectangles without a value."""
    gone = rng.uniform(size=shape) < 0.002
    for _ in range(rng.integers(1, 4)):
        row, column = (rng.integers(length) for length in shape)
        height, width = rng.integers(1, 8, size=2)
        gone[row : row + height, column : column + width] = True
    return gone


def with_other_psf(telescope, rng):
    """
    A telescope whose point spread function is not always the one that the methods assume.

    Parameters
    ----------
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        The telescope. Other point spread functions than its own are known for HMI only.
    rng : `numpy.random.Generator`
        Random number generator.

    Returns
    -------
    `~sunpy_restore.enhancement.optics.telescope.Telescope`
    """
    if telescope != HMI:
        return telescope
    psfs, shares = zip(*_PSFS, strict=True)
    return replace(HMI, psf=psfs[rng.choice(len(psfs), p=shares)])


def seen_by_chance(source, rng, telescope=HMI):
    """
    Simulate noise-free images of a fine image, or of a part of a large one, which is foreshortened at random.

    Parameters
    ----------
    source : `~sunpy_restore.enhancement.recipe.truth.Source`
        With one image.
    rng, telescope
        See `with_other_psf`.

    Returns
    -------
    observed, truth : `numpy.ndarray`
        Images of the telescope and of the target telescope.
    """
    image, scale, level = source.images[0], source.pixel_scale, source.level
    if rng.uniform() < _FORESHORTENED:
        mu = rng.uniform(0.4, 1)
        image = ndimage.gaussian_filter1d(image, 0.4 / mu, axis=0)
        image = ndimage.zoom(image, (mu, 1), order=3, mode="mirror", grid_mode=True)
    if min(image.shape) * scale < _SIZE * telescope.pixel_scale:
        return seen(level + rng.uniform(*source.gain) * (image - level), scale, telescope)
    return view(replace(source, images=[image]), rng, _SIZE, telescope)


def near_spots(truth, task):
    """
    The truth in and around sunspots and plage.

    Parameters
    ----------
    truth : `numpy.ndarray`
        An HMI image that is used as the truth.
    task : `str`
        Name of the task.

    Returns
    -------
    `numpy.ndarray`
        NaN elsewhere, where HMI images are too smooth or too noisy.
    """
    if task == MAGNETOGRAM.name:
        near = ndimage.gaussian_filter(np.abs(truth), _SURROUNDINGS) > _LEAST_FIELD
    else:
        near = ndimage.gaussian_filter(truth, _SURROUNDINGS) < _LARGEST_INTENSITY
    return np.where(near, truth, np.nan)


def sharpened(image):
    """
    An HMI image as an ideal telescope of its aperture would record it, which stands for one of twice the size.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
    """
    half = 128
    step = HMI_PIXEL / 5
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(2 * n, HMI_PIXEL) for n in image.shape), indexing="ij"))
    known = np.arange(0, half) / (2 * half * step)
    ideal, real = (
        _radial_transfer(kernel, step, known) for kernel in (airy_psf(step, HMI_DIAMETER), HMI_PSF.sampled(step))
    )
    gain = np.clip(ideal / np.maximum(real, 1e-3), 0, _MOST_GAIN)
    mirrored = np.pad(image, [(0, n) for n in image.shape], mode="symmetric")
    filtered = np.fft.ifft2(np.fft.fft2(mirrored) * np.interp(frequency, known, gain)).real
    return filtered[: image.shape[0], : image.shape[1]]


def _radial_transfer(kernel, step, frequency):
    """Transfer function of a round kernel along an axis."""
    offsets = (np.arange(kernel.shape[1]) - kernel.shape[1] // 2) * step
    return np.cos(2 * np.pi * frequency[:, None] * offsets) @ kernel.sum(axis=0)
