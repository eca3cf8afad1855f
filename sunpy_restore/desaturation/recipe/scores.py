"""Scores of desaturated images: over-exposed 8-bit crops as in the paper, and flares injected into level-1 images."""

import numpy as np

from astropy.io import fits

from sunpy_restore.core.datasets.manifest import has_manifest
from sunpy_restore.core.numerics.metrics import flux_error, psnr, ssim
from sunpy_restore.desaturation.forward import FULL_WELL
from sunpy_restore.desaturation.observation import Observation
from sunpy_restore.desaturation.recipe import own
from sunpy_restore.desaturation.recipe.families import FAMILIES, LEVEL_1_FAMILIES, family_masks, tiles
from sunpy_restore.desaturation.recipe.pairs import injected, paper_crops
from sunpy_restore.desaturation.recipe.scenes import EIGHT_BIT, read_disks, read_images

__all__ = ["evaluation_pairs", "level_1_exposures", "measure"]

_SIDE = 400  # pixels
_FLARES = 5  # for each channel
_PEAKS = (1.3, 12.0)  # full wells
_TILES = 24  # of each family
_MASKED_CHANNELS = (94, 171, 193, 304)
_MASKS = 4  # for each level-1 image and family
_PAPER_THRESHOLD = 0.8  # as in `~sunpy_restore.desaturation.forward.paper_damage`
_CROPS = "8-bit crops"
_TOLD = "8-bit crops, level told"
_INJECTED = "injected flares"


def evaluation_pairs(directory):
    """
    Saturated images that are kept back from training, with their truth.

    Parameters
    ----------
    directory : path-like
        Folder with a manifest, or with the files of the list of training images.

    Yields
    ------
    source : `str`
        Name of the source: 8-bit crops over-exposed as in the paper, also with their saturation level; 8-bit crops
        with the masks of a family; level-1 images with masks, in units of their 99.9th percentile; or flares injected
        into level-1 images.
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The saturated image.
    truth : `numpy.ndarray`
        The unsaturated image, shape ``(ny, nx)``.
    """
    owned = has_manifest(directory)
    disks = [full for full in read_disks(directory, "validation") if not owned or full.group == own.EIGHT_BIT]
    for image, mask in paper_crops(disks):
        yield _CROPS, Observation(image=np.where(mask, 1, image), mask=mask), image
    for image, mask in paper_crops(disks):
        full = image > _PAPER_THRESHOLD
        told = {"saturated": full, "primary": full, "level": _PAPER_THRESHOLD}
        yield _TOLD, Observation(image=np.where(mask, 1, image), mask=mask, **told), image
    for name, (_, bright) in FAMILIES.items() if disks else ():
        for image, mask in family_masks(name, tiles(disks, _TILES, bright=bright)):
            yield name, Observation(image=np.where(mask, 1, image), mask=mask), image
    images = [(channel, image[:_SIDE, :_SIDE]) for channel, image in level_1_exposures(directory, _SIDE)]
    for name in LEVEL_1_FAMILIES:
        crops = [_normalized(image) for channel, image in images if owned or channel in _MASKED_CHANNELS]
        for image, mask in family_masks(name, crops * _MASKS):
            yield f"level 1, {name}", Observation(image=np.where(mask, 1, image), mask=mask), image
    for channel, image in images:
        for flare in range(_FLARES):
            rng = np.random.default_rng([channel, flare])
            peak = np.exp(rng.uniform(*np.log(_PEAKS)))
            observed, truth = injected(image, channel, rng, peak)
            yield _INJECTED, Observation.from_exposure(observed, channel), truth


def level_1_exposures(directory, side=1024):
    """
    Unsaturated level-1 images that are kept back from training.

    Parameters
    ----------
    directory : path-like
        See `evaluation_pairs`.
    side : `int`
        Largest side in pixels of own images.

    Yields
    ------
    channel : `int`
        Wavelength in angstrom; an image may come with several, for channels of which there is none.
    image : `numpy.ndarray`
        In DN, shape ``(ny, nx)``.
    """
    if has_manifest(directory):
        yield from own.own_exposures(directory, side)
        return
    images = read_images(directory)
    for entry in images.split("validation"):
        if entry.unit == EIGHT_BIT:
            continue
        for path in images.paths(entry, directory):
            with fits.open(path) as hdus:
                image = hdus[-1].data.astype(float)
            for channel in entry.options["channels"]:
                yield channel, image


def _normalized(image):
    return image / np.quantile(image, 0.999)


def measure(observation, restored, truth):
    """
    Scores of one restored image.

    Parameters
    ----------
    observation : `~sunpy_restore.desaturation.observation.Observation`
        The saturated image.
    restored, truth : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `dict`
        On a display scale:

        ``psnr``, ``ssim``
            In the mask, for the 8-bit range or the 99.9th percentile. ``psnr`` is `None` where the result is exact.
        ``psnr_whole``, ``ssim_whole``
            Over the whole crop, as in the paper.
        ``flux_error``, ``median_flux_error``
            Relative error of the sum over the mask; `None` for a mask without flux, as in the black sky of 8-bit
            images.

        For injected flares:

        ``median_hidden_flux_error``
            Relative error of the flux above the full well, in pixels whose true value exceeds it.
        ``flux_error``
            As above.
        ``median_peak_distance``
            Distance in pixels of the brightest pixels of the result and of the truth.
        ``log_error``
            Root mean square of the natural logarithm of the result divided by the truth, in the mask.
    """
    mask = observation.mask
    if observation.channel is None:
        return {
            "psnr": _finite(psnr(truth, restored, 1.0, mask)),
            "psnr_whole": _finite(psnr(truth, restored, 1.0)),
            "ssim": ssim(truth, restored, 1.0, mask),
            "ssim_whole": ssim(truth, restored, 1.0),
            "flux_error": _flux_error(truth[mask], restored[mask]),
            "median_flux_error": _flux_error(truth[mask], restored[mask]),
        }
    lit = truth >= FULL_WELL
    hidden = (truth[lit] - FULL_WELL).sum()
    places = [np.unravel_index(np.argmax(np.where(mask, image, -np.inf)), mask.shape) for image in (restored, truth)]
    return {
        "median_hidden_flux_error": float((restored[lit] - FULL_WELL).sum() / hidden - 1),
        "flux_error": _flux_error(truth[mask], restored[mask]),
        "median_peak_distance": float(np.hypot(*np.subtract(*places))),
        "log_error": float(np.sqrt(np.mean(np.log(np.maximum(restored[mask], 1) / truth[mask]) ** 2))),
    }


def _flux_error(truth, restored):
    return flux_error(truth, restored) if truth.sum() else None


def _finite(score):
    """A score that is not infinite, as it is for black pixels that are restored as black ones."""
    return score if np.isfinite(score) else None
