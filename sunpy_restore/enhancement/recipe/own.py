"""Own images as training data of `sunpy_restore.enhance`: which are accepted, and how pairs are generated from them."""

import numpy as np
from scipy import ndimage

import astropy.units as u

from sunpy_restore.core.datasets.manifest import Images, read_manifest
from sunpy_restore.core.datasets.samples import Sample
from sunpy_restore.enhancement.hmi.photosphere import LIMB_MU, heliocentric_mu
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics.psf import HMI_PIXEL
from sunpy_restore.enhancement.optics.telescope import HMI
from sunpy_restore.enhancement.recipe.truth import Source, quiet_level
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM

__all__ = ["check_quality", "fine_image", "inside", "own_sources", "sample_of"]

_LEAST = 8.0  # arcsec along each axis
_WAVELENGTHS = (400.0, 1700.0)  # nm, in which continuum images show the photosphere
_MOST_WITHOUT = 0.01  # of the pixels, without a value
_STRONGEST = 8.0  # kG
_HIGHEST = 4.0  # quiet-Sun intensities

_FINE = {CONTINUUM.name: {"gain": (0.9, 1.1), "stray": 0.05}, MAGNETOGRAM.name: {"gain": (0.7, 1.3)}}
_WALD = {"gain": (0.9, 1.2)}
"""Ranges of the alterations of images, see `~sunpy_restore.enhancement.recipe.truth.Source`."""


def sample_of(task, candidate):
    """
    Take an image for training, or refuse it.

    HMI images of the product of the task are taken, and are used as the truth with pixels of half the size (Wald's
    protocol): of them the largest rectangle away from the limb, divided by the limb darkening. Images of other
    instruments are taken if their pixels are at most half as large as those of HMI: magnetograms with a unit of
    magnetic field, and images of the photosphere without one, which are divided by their quiet-Sun intensity.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    candidate : `~sunpy_restore.core.datasets.samples.Candidate`
        The image.

    Returns
    -------
    `~sunpy_restore.core.datasets.samples.Sample`
        Its unit is the quiet-Sun intensity or kG.

    Raises
    ------
    TypeError, ValueError
        The image cannot be used.
    """
    check_quality(candidate.header)
    if str(candidate.header.get("INSTRUME", "")).strip().upper().startswith("HMI"):
        image, group, scale, hmi = *_hmi(task, candidate), True
    else:
        image, group, scale, hmi = *fine_image(task, candidate), False
    pixel = HMI_PIXEL if hmi else scale
    least = int(np.ceil(_LEAST / pixel))
    if min(image.shape) < least:
        raise ValueError(
            f"Found {image.shape[0]} x {image.shape[1]} usable pixels of {pixel:.3g} arcsec; expected at least "
            f"{_LEAST:g} arcsec along each axis."
        )
    unit = "kG" if task is MAGNETOGRAM else "quiet-Sun intensity"
    return Sample(image.astype(np.float32), group, unit, scale, (least, least), {"hmi": hmi})


def check_quality(header):
    """Refuse images that their pipeline has marked."""
    text = str(header.get("QUALITY", 0)).strip()
    try:
        value = int(text, 0) if text else 0
    except ValueError:
        value = 0  # of other instruments, in words
    if value:
        raise ValueError(f"Found QUALITY = {value:#x}; expected 0.")


def _hmi(task, candidate):
    """The part of an HMI image away from the limb, in units of the quiet Sun or kG."""
    if not str(candidate.header.get("CONTENT") or "").strip():
        raise ValueError(
            "Found an HMI image without CONTENT in its header; expected 'CONTINUUM INTENSITY' or 'MAGNETOGRAM' there, "
            "or as content in a TOML file of the same name, such as image.toml for image.fits."
        )
    smap = candidate.map()
    if Observation.check(smap) != task.name:
        raise TypeError(f"Found CONTENT = {candidate.header.get('CONTENT')!r}; expected an image for {task.name}.")
    observation = Observation.from_map(smap)
    place = inside(heliocentric_mu(smap) >= LIMB_MU)
    missing = 1 - observation.valid[place].mean() if observation.valid[place].size else 1.0
    if missing > _MOST_WITHOUT:
        raise ValueError(f"Found {missing:.0%} of the pixels without a value; expected at most {_MOST_WITHOUT:.0%}.")
    return observation.normalised()[place], "HMI", candidate.pixel_scale


def inside(wanted):
    """A large rectangle of wanted pixels, as slices: the side with most others is removed until there are none."""
    sums = np.pad((~wanted).astype(np.int64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    top, left, bottom, right = 0, 0, *wanted.shape

    def count(rows, columns):
        (a, b), (c, d) = rows, columns
        return (sums[b, d] - sums[a, d] - sums[b, c] + sums[a, c]) / max((b - a) * (d - c), 1)

    while top < bottom and left < right and count((top, bottom), (left, right)):
        shares = (
            count((top, top + 1), (left, right)), count((bottom - 1, bottom), (left, right)),
            count((top, bottom), (left, left + 1)), count((top, bottom), (right - 1, right)),
        )  # fmt: skip
        side = int(np.argmax(shares))
        top, bottom, left, right = top + (side == 0), bottom - (side == 1), left + (side == 2), right - (side == 3)
    return slice(top, bottom), slice(left, right)


def fine_image(task, candidate):
    """
    An image of another instrument, or an error that says why it is of no use.

    Parameters
    ----------
    task, candidate
        See `sample_of`.

    Returns
    -------
    image : `numpy.ndarray`
        In units of the quiet Sun or kG, shape ``(ny, nx)``.
    group : `str`
        Name of the instrument.
    pixel_scale : `float`
        Pixel size in arcsec.
    """
    scale, unit = candidate.pixel_scale, candidate.unit
    if scale > HMI_PIXEL / 2:
        raise ValueError(
            f"Found pixels of {scale:.3g} arcsec; expected at most {HMI_PIXEL / 2} arcsec, or an HMI image."
        )
    image = np.asarray(candidate.data, dtype=float)
    missing = 1 - np.isfinite(image).mean()
    if missing:
        raise ValueError(f"Found {missing:.2%} of the pixels without a value; expected none. Cut the image out.")
    magnetic = unit is not None and unit.is_equivalent(u.G)
    if task is MAGNETOGRAM:
        if not magnetic:
            raise ValueError(f"Found the unit {unit}; expected a unit of magnetic field.")
        image = image * unit.to(u.kG)
        if np.abs(image).max() > _STRONGEST or image.min() == image.max():
            raise ValueError(f"Found up to {np.abs(image).max():.3g} kG; expected at most {_STRONGEST:g} kG.")
        return image, candidate.instrument or "other magnetograms", scale
    low, high = _WAVELENGTHS
    if magnetic or (candidate.wavelength is not None and not low <= candidate.wavelength <= high):
        found = f"the unit {unit}" if magnetic else f"a wavelength of {candidate.wavelength:.4g} nm"
        raise ValueError(f"Found {found}; expected intensities of the photosphere at {low:g} to {high:g} nm.")
    if not np.median(image) > 0 or np.mean(image < 0) > _MOST_WITHOUT or image.min() == image.max():
        raise ValueError(f"Found values from {image.min():.3g} to {image.max():.3g}; expected positive intensities.")
    image = np.maximum(image, 0) / quiet_level(image)
    if image.max() > _HIGHEST:
        raise ValueError(f"Found {image.max():.3g} times the quiet-Sun intensity; expected at most {_HIGHEST:g}.")
    return image, candidate.instrument or "other images", scale


def own_sources(task, directory, split, telescope=HMI):
    """
    Sources of a folder with a manifest: one for each instrument, which is drawn as often as the others.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    directory : path-like
        The folder.
    split : ``"train"`` or ``"validation"``
        The split.
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        The telescope whose observations are simulated. HMI images are used as images of its target telescope.

    Returns
    -------
    `list` of `~sunpy_restore.enhancement.recipe.truth.Source`
        Of images whose pixel sizes differ, each size is a source.

    Raises
    ------
    ValueError
        See `~sunpy_restore.core.datasets.manifest.read_manifest`.
    """
    manifest = read_manifest(directory, task.name)
    items, level = manifest.split(split), 1.0 if task is CONTINUUM else 0.0
    groups = {item.group for item in items}
    sources = {}
    for item in items:
        scale = None if item.values["hmi"] else round(item.pixel_scale / _refinement(item, telescope), 5)
        sources.setdefault((item.group, scale), []).append(item)
    sizes = {group: sum(len(own) for key, own in sources.items() if key[0] == group) for group in groups}
    result = []
    for (group, scale), own in sorted(sources.items(), key=str):
        name = group if sum(key[0] == group for key in sources) == 1 else f"{group}, {scale:g} arcsec"
        altered = _WALD if scale is None else _FINE[task.name]
        prepare = None if scale is None or _refinement(own[0], telescope) == 1 else _refined
        weight = len(own) / sizes[group] / len(groups)
        result.append(Source(name, Images(manifest, own, prepare), scale, weight, level=level, **altered))
    return result


def _refinement(item, telescope):
    """Factor by which an image must be interpolated for the forward model of the target telescope."""
    return 1 if item.pixel_scale <= telescope.target_pixel / 2 else 2


def _refined(image):
    return ndimage.zoom(image, 2, order=3, mode="mirror", grid_mode=True)
