"""Images of a list as sources of training pairs, such as those of the package, ``recipe/data/*.toml``."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from astropy.io import fits

from sunpy_restore.core.datasets.imagelist import find_list, read_list
from sunpy_restore.core.datasets.imax import deconvolve, match_spectrum
from sunpy_restore.core.datasets.listrules import positive
from sunpy_restore.enhancement.deconvolution.linear import significance
from sunpy_restore.enhancement.detector.noise import estimate_noise
from sunpy_restore.enhancement.recipe.truth import Source, lane_field, quiet_level

__all__ = ["LISTS", "OPTIONS", "arrays_of", "sources_of"]

LISTS = Path(__file__).with_name("data")
"""Folder with the lists of the package."""

_LEVELS = {"mean": np.mean, "median": np.median, "quiet": quiet_level}


def _not_negative(value):
    return positive(value) or value == 0


def _whole(value, least=0):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _pair(value):
    return isinstance(value, list) and len(value) == 2 and all(map(positive, value)) and value[0] <= value[1]


_SWITCH = (lambda value: isinstance(value, bool), "true or false")
_TEXT = (lambda value: isinstance(value, str), "a text")
_NUMBER = (positive, "a positive number")
_LIMITS = (_pair, "the smallest and the largest factor")

OPTIONS = {
    "array": _TEXT,
    "contrast": _NUMBER,
    "denoised": _SWITCH,
    "floor": _NUMBER,
    "gain": _LIMITS,
    "gamma": _LIMITS,
    "lanes": (lambda value: isinstance(value, list) and value and all(map(_whole, value)), "a list of seeds"),
    "normalise": (lambda value: value in _LEVELS, f"one of {', '.join(_LEVELS)}"),
    "power": _NUMBER,
    "smoothing": _NUMBER,
    "spectrum_of": _TEXT,
    "stokes": (_whole, "an index of the second axis"),
    "stray": (lambda value: positive(value) and value < 1, "a number between 0 and 1"),
    "strongest": _NUMBER,
    "wald": _SWITCH,
    "weak": (lambda value: isinstance(value, list) and all(map(_not_negative, value)), "a list of fields in kG"),
    "zoom": (lambda value: _whole(value, 1), "an integer of at least 1"),
}
"""
Options of the entries of a list.

``array`` and ``stokes`` select an array of a ``.npz`` file and an index of its second axis. Intensities are divided by
their ``normalise`` (``"quiet"``, ``"mean"`` or ``"median"``), then interpolated ``zoom`` times, limited to ``floor``
from below and raised to ``power``. ``contrast``, to which they are deconvolved, and ``spectrum_of`` (the name of
another entry) are for granulation of IMaX, see `sunpy_restore.core.datasets.imax`. ``lanes`` are the seeds of synthetic
magnetograms that are made from intensities, and ``weak`` the strengths of their weak field, see
`~sunpy_restore.enhancement.recipe.truth.lane_field`. ``denoised`` is true for magnetograms whose field is reduced where
their own noise dominates it. ``strongest`` is the field in kG at the 99.9th percentile of the circular polarisation,
and ``smoothing`` the width in pixels of a Gaussian. ``wald`` is true for images of HMI that are used as the truth with
pixels of half the size; ``gain``, ``gamma`` and ``stray`` are those of
`~sunpy_restore.enhancement.recipe.truth.Source`.
"""

_UNITS = ("G", "kG")  # of magnetograms
_GAUSS = 1e3  # per kG
_PERCENTILE = 99.9
_WEAK = 0.06  # kG


def sources_of(name, directory, split="train"):
    """
    Read the images of a list of `sunpy_restore.enhance`.

    The lists ``enhance-continuum-clean`` and ``enhance-magnetogram-clean`` have only images whose terms of use are
    clear, which leaves out those of MURaM. Granulation is that of SUNRISE/IMaX alone, which is not deconvolved in the
    folder; each part is deconvolved by `~sunpy_restore.core.datasets.imax.deconvolve`.

    Parameters
    ----------
    name : ``"enhance-continuum"``, ``"enhance-magnetogram"`` or one of these with ``"-clean"``
        The list.
    directory : path-like
        Folder of the data. A list of that name in it replaces that of the package.
    split : ``"train"`` or ``"validation"``
        The two splits are disjoint regions of an image or times of a series.

    Returns
    -------
    `list` of `~sunpy_restore.enhancement.recipe.truth.Source`

    Raises
    ------
    FileNotFoundError
        A file is missing.
    ValueError
        The list is invalid, see `~sunpy_restore.core.datasets.imagelist.read_list`; a file is not that of the list, or
        smaller than the part that is used.
    """
    images = read_list(find_list(name, LISTS, directory), OPTIONS)
    continuum = name.startswith("enhance-continuum")
    level = 1.0 if continuum else 0.0
    result = []
    for entry in images.split(split):
        options = entry.options
        if entry.pixel_scale is None:
            raise ValueError(f"Found no pixel_scale of {entry.name!r} in {images.path}; expected it in arcsec.")
        if not continuum and entry.unit not in _UNITS and not {"lanes", "strongest"} & options.keys():
            raise ValueError(
                f"Found the unit {entry.unit!r} of {entry.name!r} in {images.path}; expected {' or '.join(_UNITS)}, or "
                "one of the options lanes and strongest."
            )
        altered = {key: tuple(options[key]) for key in ("gain", "gamma") if key in options}
        # Images for validation are not altered, and have no level
        altered |= {"stray": options.get("stray", 0.0), "level": level if split == "train" else 0.0}
        scale = None if options.get("wald") else entry.pixel_scale / options.get("zoom", 1)
        arrays = [array for path in images.paths(entry, directory) for array in arrays_of(entry, path, continuum)]
        if "spectrum_of" in options:
            model, model_scale = _model(images, options["spectrum_of"], directory)
            arrays = [match_spectrum(array - 1, model, model_scale) for array in arrays]
        result.append(Source(entry.name, arrays, scale, entry.weight, **altered))
    return result


def _model(images, name, directory):
    """The first training image of another entry, and its pixel size."""
    entry = next((entry for entry in images.split("train") if entry.name == name), None)
    if entry is None:
        known = ", ".join(entry.name for entry in images.split("train"))
        raise ValueError(f"Unknown entry {name!r} (spectrum_of) in {images.path}; expected one of {known}.")
    return arrays_of(entry, images.paths(entry, directory)[0], continuum=True)[0], entry.pixel_scale


def arrays_of(entry, path, continuum):
    """
    Read the images of a file as an entry has them.

    Parameters
    ----------
    entry : `~sunpy_restore.core.datasets.listentry.Entry`
        The entry.
    path : `pathlib.Path`
        The file: FITS, ``.npy``, ``.npz``, PNG or JPEG 2000.
    continuum : `bool`
        Whether they are continuum images.

    Returns
    -------
    `list` of `numpy.ndarray`
        In units of the quiet-Sun intensity, or in kG.
    """
    options, image = entry.options, entry.trimmed(_read(path, entry.options))
    if "strongest" in options:
        image = ndimage.gaussian_filter(_magnetic(image, options["strongest"]), options.get("smoothing", 0))
    elif entry.unit == "G":
        image = image / _GAUSS
    elif continuum or "lanes" in options:
        level = _LEVELS[options.get("normalise", "mean" if "lanes" in options else "quiet")]
        image = np.stack([frame / level(frame) for frame in image]) if image.ndim == 3 else image / level(image)
    part = entry.part(image)
    arrays = [_filtered(frame, options) for frame in (part if part.ndim == 3 else [part])]
    if "lanes" not in options:
        return arrays
    seeds = options["lanes"]
    strengths = options.get("weak", [_WEAK] * len(seeds))
    if len(strengths) != len(seeds):
        raise ValueError(
            f"Found {len(seeds)} seeds (lanes) and {len(strengths)} strengths (weak) of {entry.name!r}; expected one "
            "strength for each seed."
        )
    return [
        lane_field(array, entry.pixel_scale, np.random.default_rng(seed), weak)
        for seed, weak in zip(seeds, strengths, strict=True)
        for array in arrays
    ]


def _magnetic(polarisation, strongest):
    """Circular polarisation, scaled to the field in kG of its strongest pixels."""
    return polarisation / np.percentile(np.abs(polarisation), _PERCENTILE) * strongest


def _filtered(image, options):
    if "contrast" in options:
        image = deconvolve(image - 1, options["contrast"])
    if options.get("zoom", 1) != 1:
        image = ndimage.zoom(image, options["zoom"], order=3, mode="mirror", grid_mode=True)
    if options.get("denoised"):
        image = image * significance(image, estimate_noise(image))
    if "floor" in options:
        image = np.clip(image, options["floor"], None)
    return image ** options["power"] if "power" in options else image


def _read(path, options):
    if path.suffix == ".npy":
        return np.load(path).astype(float)
    if path.suffix == ".npz":
        with np.load(path) as file:
            array = file[options.get("array", file.files[0])]
        return (array[:, options["stokes"], :] if "stokes" in options else array).astype(float)
    if path.suffix in (".jp2", ".png"):
        with Image.open(path) as image:
            return np.asarray(image.convert("L"), dtype=float)
    with fits.open(path) as hdus:
        return np.asarray(next(hdu.data for hdu in hdus if hdu.data is not None), dtype=float)
