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
from sunpy_restore.enhancement.optics.psf import HMI_PIXEL
from sunpy_restore.enhancement.optics.telescope import HMI
from sunpy_restore.enhancement.recipe.degradation import (
    CONTEXT,
    NOISES,
    VIEWS,
    described,
    near_spots,
    seen_by_chance,
    sharpened,
    with_noise,
    with_other_psf,
)
from sunpy_restore.enhancement.recipe.listed import LISTS, arrays_of
from sunpy_restore.enhancement.recipe.truth import Source, lane_field
from sunpy_restore.enhancement.task import MAGNETOGRAM

__all__ = ["cases", "read_scenes"]

_FOLDER = LISTS / "calibration"
_REGION = re.compile(r"IMaX \d+|MURaM|[^,]+")
"""The part of the name of an image that is the region of the Sun, or the simulation."""
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
            name=f"{entry.name}, {number}, {described(task, noise)}",
            part=entry.split,
            make=partial(_observed, task, str(directory), entry.name, number, noise),
            group=described(task, noise),
            source=_REGION.match(entry.name).group(),
        )
        for entry in read_scenes(task).entries
        for number in range(VIEWS[_is_coarse(entry)])
        for noise in NOISES[task]
    ]


def _is_coarse(entry):
    """Whether the images are those of HMI, which are used as the truth with pixels of half the size."""
    return entry.options.get("sharpened", False)


def _observed(task, directory, name, number, noise):
    """An observation and its truth."""
    rng = _random(task, name, number, noise)
    return with_noise(task, *_pair(task, directory, name, number), noise, rng)


@lru_cache(8)
def _pair(task, directory, name, number):
    """Noise-free images of HMI and of the target telescope."""
    entry, rng = _entry(task, name), _random(task, name, number)
    arrays = _arrays(task, directory, name)
    image = arrays[number % len(arrays)]
    telescope = with_other_psf(HMI, rng)
    level = 0.0 if task == MAGNETOGRAM.name else 1.0
    if _is_coarse(entry):
        image = level + rng.uniform(*entry.options["gain"]) * (image - level)
        observed = telescope.reconvolve(image)[CONTEXT // 2 : -CONTEXT // 2, CONTEXT // 2 : -CONTEXT // 2]
        return observed, near_spots(image[CONTEXT:-CONTEXT, CONTEXT:-CONTEXT], task)
    source = Source(
        name, [image], entry.pixel_scale, 1.0, gain=tuple(entry.options["gain"]), level=level,
        stray=entry.options.get("stray", 0.0),
    )  # fmt: skip
    return seen_by_chance(source, rng, telescope)


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
        sides = ([first - CONTEXT, last + CONTEXT] for first, last in (entry.rows, entry.columns))
        entry = replace(entry, **dict(zip(("rows", "columns"), sides, strict=True)))
    continuum = spot or task != MAGNETOGRAM.name
    paths = read_scenes(task).paths(entry, directory)
    arrays = [array for path in paths for array in arrays_of(entry, path, continuum)]
    if coarse:
        arrays = [sharpened(array) for array in arrays]
    return [_spot_field(array, _random(name)) for array in arrays] if spot else arrays


def _spot_field(intensity, rng):
    """Line-of-sight field of a sunspot, which increases with its darkness, within plage and network."""
    dark = np.clip(_SPOT - intensity, 0, None) / _SPOT
    spot = rng.choice([-1, 1]) * _SPOT_FIELD * ndimage.gaussian_filter(dark**0.8, _SPOT_WIDTH)
    return spot + 0.5 * lane_field(1 + 3 * (np.maximum(intensity, _SPOT) - 1), HMI_PIXEL / 2, rng, rng.uniform(0, 0.04))
