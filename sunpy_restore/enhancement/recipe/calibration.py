"""Observations whose truth is known, from images that no network was trained with: errors are learned from them."""

import re
import tomllib
import zlib
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
from scipy import ndimage

from sunpy_restore.core.datasets.imagelist import ImageList
from sunpy_restore.core.datasets.listentry import Entry
from sunpy_restore.core.uncertainty.evidence import Case
from sunpy_restore.enhancement.gaps import fill_gaps
from sunpy_restore.enhancement.noise import estimated_share
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics import HMI_DIAMETER, HMI_PIXEL, HMI_PSF, PointSpreadFunction, airy_psf
from sunpy_restore.enhancement.recipe.listed import LISTS, arrays_of
from sunpy_restore.enhancement.recipe.truth import Source, lane_field, seen, view
from sunpy_restore.enhancement.task import MAGNETOGRAM
from sunpy_restore.enhancement.telescope import HMI

__all__ = ["cases", "read_scenes"]

_FOLDER = LISTS / "calibration"
_NOISES = {"enhance-continuum": (0.001, 0.003, 0.01), "enhance-magnetogram": (0.005, 0.01, 0.02)}
"""Noise in units of the quiet Sun, and in kG."""
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
_VIEWS = {True: 2, False: 5}
"""Number of the observations for each noise: of HMI images, and of finer ones."""
_REGION = re.compile(r"IMaX \d+|MURaM|[^,]+")
"""The part of the name of an image that is the region of the Sun, or the simulation."""
_CONTEXT = 26
"""Pixels around an HMI image from which light is scattered into it; they are in no truth."""
_FORESHORTENED, _GAPPY = 0.4, 0.25
"""Shares of the observations that are foreshortened, and that have gaps."""
_CORRELATED = 0.1
_MOST_GAIN = 2.5
_SURROUNDINGS, _LEAST_FIELD, _LARGEST_INTENSITY = 5.0, 0.1, 0.97
_SPOT_FIELD, _SPOT, _SPOT_WIDTH = 3.0, 0.95, 0.7


@lru_cache
def read_scenes(task):
    """
    Read the list of the images.

    Parameters
    ----------
    task : `str`
        Name of the task.

    Returns
    -------
    `~sunpy_restore.core.datasets.imagelist.ImageList`
        The ``split`` of its entries is the part that they belong to; regions of the Sun are in one part only.
    """
    path = _FOLDER / f"{task}.toml"
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    entries = [Entry(split=scene.pop("part"), **scene) for scene in content["scene"]]
    return ImageList(path, entries, content["sha256"])


def cases(task, directory):
    """
    Simulated HMI observations with their truth.

    The truth is the image of the target telescope. The point spread function of the observation is not always the one
    that the methods assume. Some observations are foreshortened, or have gaps.

    Parameters
    ----------
    task : `str`
        Name of the task.
    directory : path-like
        Folder of the data.

    Returns
    -------
    `list` of `~sunpy_restore.core.uncertainty.evidence.Case`
    """
    return [
        Case(
            name=f"{entry.name}, {number}, {_described(task, noise)}",
            part=entry.split,
            make=partial(_observed, task, str(directory), entry.name, number, noise),
            group=_described(task, noise),
            source=_REGION.match(entry.name).group(),
        )
        for entry in read_scenes(task).entries
        for number in range(_VIEWS[_is_coarse(entry)])
        for noise in _NOISES[task]
    ]


def _is_coarse(entry):
    """Whether the images are those of HMI, which are used as the truth with pixels of half the size."""
    return entry.options.get("sharpened", False)


def _described(task, noise):
    return f"noise {1000 * noise:g} G" if task == MAGNETOGRAM.name else f"noise {100 * noise:g} %"


def _observed(task, directory, name, number, noise):
    """An observation and its truth."""
    rng = _random(task, name, number, noise)
    observed, truth = _pair(task, directory, name, number)
    image = rng.standard_normal(observed.shape)
    if task == MAGNETOGRAM.name:
        share = rng.uniform(0, _CORRELATED)
        taps = np.array([share, 1 - 2 * share, share])
        image = ndimage.convolve1d(ndimage.convolve1d(image, taps, axis=0), taps, axis=1) / estimated_share(taps)
    data = (observed + noise * image).astype(np.float32)
    observation = Observation.from_array(data, MAGNETOGRAM if task == MAGNETOGRAM.name else None)
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


@lru_cache(8)
def _pair(task, directory, name, number):
    """Noise-free images of HMI and of the target telescope."""
    entry, rng = _entry(task, name), _random(task, name, number)
    arrays = _arrays(task, directory, name)
    image = arrays[number % len(arrays)]
    psfs, shares = zip(*_PSFS, strict=True)
    telescope = replace(HMI, psf=psfs[rng.choice(len(psfs), p=shares)])
    level = 0.0 if task == MAGNETOGRAM.name else 1.0
    if _is_coarse(entry):
        image = level + rng.uniform(*entry.options["gain"]) * (image - level)
        observed = telescope.reconvolve(image)[_CONTEXT // 2 : -_CONTEXT // 2, _CONTEXT // 2 : -_CONTEXT // 2]
        return observed, _near_spots(image[_CONTEXT:-_CONTEXT, _CONTEXT:-_CONTEXT], task)
    if rng.uniform() < _FORESHORTENED:
        mu = rng.uniform(0.4, 1)
        image = ndimage.gaussian_filter1d(image, 0.4 / mu, axis=0)
        image = ndimage.zoom(image, (mu, 1), order=3, mode="mirror", grid_mode=True)
    source = Source(
        name, [image], entry.pixel_scale, 1.0, gain=tuple(entry.options["gain"]), level=level,
        stray=entry.options.get("stray", 0.0),
    )  # fmt: skip
    if min(image.shape) * entry.pixel_scale < _SIZE * HMI_PIXEL:
        return seen(level + rng.uniform(*source.gain) * (image - level), entry.pixel_scale, telescope)
    return view(source, rng, _SIZE, telescope)


def _near_spots(truth, task):
    """The truth in and around sunspots and plage; NaN elsewhere, where HMI images are too smooth or too noisy."""
    if task == MAGNETOGRAM.name:
        near = ndimage.gaussian_filter(np.abs(truth), _SURROUNDINGS) > _LEAST_FIELD
    else:
        near = ndimage.gaussian_filter(truth, _SURROUNDINGS) < _LARGEST_INTENSITY
    return np.where(near, truth, np.nan)


def _random(*names):
    return np.random.default_rng(zlib.crc32(" ".join(map(str, names)).encode()))


def _entry(task, name):
    return next(entry for entry in read_scenes(task).entries if entry.name == name)


@lru_cache(4)
def _arrays(task, directory, name):
    entry = _entry(task, name)
    options = dict(entry.options)
    coarse, spot = options.pop("sharpened", False), options.pop("spot", False)
    entry = replace(entry, options=options)
    if coarse:
        sides = ([first - _CONTEXT, last + _CONTEXT] for first, last in (entry.rows, entry.columns))
        entry = replace(entry, **dict(zip(("rows", "columns"), sides, strict=True)))
    continuum = spot or task != MAGNETOGRAM.name
    paths = read_scenes(task).paths(entry, directory)
    arrays = [array for path in paths for array in arrays_of(entry, path, continuum)]
    if coarse:
        arrays = [_sharpened(array) for array in arrays]
    return [_spot_field(array, _random(name)) for array in arrays] if spot else arrays


def _sharpened(image):
    """An HMI image as an ideal telescope of its aperture would record it, which stands for one of twice the size."""
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


def _spot_field(intensity, rng):
    """Line-of-sight field of a sunspot, which increases with its darkness, within plage and network."""
    dark = np.clip(_SPOT - intensity, 0, None) / _SPOT
    spot = rng.choice([-1, 1]) * _SPOT_FIELD * ndimage.gaussian_filter(dark**0.8, _SPOT_WIDTH)
    return spot + 0.5 * lane_field(1 + 3 * (np.maximum(intensity, _SPOT) - 1), HMI_PIXEL / 2, rng, rng.uniform(0, 0.04))
