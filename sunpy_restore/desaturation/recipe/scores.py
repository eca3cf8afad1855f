"""How well a saturated core is recovered: over-exposed crops as in the paper, and flares in level-1 images."""

from pathlib import Path

import numpy as np

from astropy.io import fits

from sunpy_restore.core.metrics import flux_error, psnr, ssim
from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.desaturation.blooming import separate_blooming
from sunpy_restore.desaturation.filling import Exposure, fill
from sunpy_restore.desaturation.forward import FULL_WELL
from sunpy_restore.desaturation.recipe.pairs import injected, paper_crops
from sunpy_restore.desaturation.recipe.scenes import read_disks
from sunpy_restore.desaturation.saturation import margin, plateau
from sunpy_restore.desaturation.task import DESATURATE

__all__ = ["evaluation_pairs", "measure", "restorers"]

_LEVEL_1 = {
    94: "aia.lev1_euv_12s.2010-11-03T121518Z.94.image",
    131: "aia_171_cutout_20130310",
    171: "aia_171_cutout_20130310",
    193: "aia.lev1_euv_12s.2010-11-03T121518Z.193.image",
    211: "aia.lev1_euv_12s.2010-11-03T121518Z.193.image",
    304: "AIA20220402_131341_0304",
}
"""Unsaturated level-1 images by channel; 131 and 211 have none, and take 171 and 193 with their own diffraction."""

_SIDE = 400
_FLARES = 5
_PEAKS = (1.3, 12.0)
_CROPS = "8-bit crops"
_INJECTED = "injected flares"


def evaluation_pairs(task, directory):
    """
    The images kept back: 8-bit crops over-exposed as in the paper, and flares in level-1 images.

    Parameters
    ----------
    task : `str`
        Name of the task.
    directory : path-like
        Holds ``aia/`` and ``aia/jp2/``.

    Yields
    ------
    source : `str`
        Name of the source.
    observed : `~sunpy_restore.desaturation.filling.Exposure`
        The saturated image.
    truth : `numpy.ndarray`
        Shape ``(ny, nx)``.
    """
    for image, mask in paper_crops(read_disks(directory, "validation")):
        yield _CROPS, Exposure(image=np.where(mask, 1, image), mask=mask), image
    for channel, name in _LEVEL_1.items():
        with fits.open(Path(directory) / "aia" / f"{name}.fits.gz") as hdus:
            image = hdus[-1].data.astype(float)[:_SIDE, :_SIDE]
        for flare in range(_FLARES):
            rng = np.random.default_rng([channel, flare])
            peak = np.exp(rng.uniform(*np.log(_PEAKS)))
            observed, truth = injected(image, channel, rng, peak)
            yield _INJECTED, saturated(observed, channel), truth


def saturated(image, channel):
    """
    An exposure in DN whose saturation is found from its own values.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, in DN of one exposure.
    channel : `int`
        Wavelength in angstrom.

    Returns
    -------
    `~sunpy_restore.desaturation.filling.Exposure`
    """
    full, level = plateau(image)
    primary = separate_blooming(full, image, level)
    return Exposure(image=image, mask=margin(full), full=full, primary=primary, level=level, channel=channel)


def restorers(task, methods, *, weights, device):
    """
    The methods of the task on exposures.

    Parameters
    ----------
    task : `str`
        Name of the task.
    methods : `list` of `str` or `None`
        Some of ``network``, ``network+diffraction``, ``biharmonic`` and ``diffraction``; `None`: all.
    weights, device
        Of the network, see `sunpy_restore.desaturate`.

    Returns
    -------
    `dict`
        Name to a function of an `~sunpy_restore.desaturation.filling.Exposure`, which gives the filled image, or
        `None` where the method needs a diffraction pattern and there is none.
    """
    known = {"network": False, "network+diffraction": True, "biharmonic": False, "diffraction": True}
    unknown = set(methods or ()) - set(known)
    if unknown:
        raise ValueError(f"Found the method {min(unknown)!r}, expected some of {', '.join(known)}.")
    result = {}
    for name in methods or known:
        base = name.partition("+")[0]
        restorer = load_restorer(DESATURATE, base, weights=weights if base == "network" else None, device=device)
        result[name] = _filling(restorer, agree=known[name])
    return result


def _filling(restorer, *, agree):
    def restored(exposure):
        if agree and exposure.channel is None:
            return None
        return fill(exposure, restorer, correct=agree)

    return restored


def measure(task, observed, restored, truth):
    """
    Scores of one restored image.

    Parameters
    ----------
    task : `str`
        Name of the task.
    observed : `~sunpy_restore.desaturation.filling.Exposure`
        The saturated image.
    restored, truth : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `dict`
        Of 8-bit crops, which have no full well:

        ``psnr``, ``ssim``
            Under the mask, for the range of 8 bit.
        ``psnr_whole``, ``ssim_whole``
            Over the whole crop, as in the paper.
        ``flux_error``
            Relative error of the sum under the mask.

        Of flares:

        ``median_hidden_flux_error``
            Relative error of the light above the full well, over the pixels that light has saturated.
        ``flux_error``
            As above.
        ``median_peak_distance``
            Pixels between the brightest pixels of result and truth.
        ``log_error``
            Root mean square of the natural logarithm of result over truth, under the mask.
    """
    mask = observed.mask
    if observed.level is None:
        return {
            "psnr": psnr(truth, restored, 1.0, mask),
            "psnr_whole": psnr(truth, restored, 1.0),
            "ssim": ssim(truth, restored, 1.0, mask),
            "ssim_whole": ssim(truth, restored, 1.0),
            "flux_error": flux_error(truth[mask], restored[mask]),
        }
    lit = truth >= FULL_WELL
    hidden = (truth[lit] - FULL_WELL).sum()
    places = [np.unravel_index(np.argmax(np.where(mask, image, -np.inf)), mask.shape) for image in (restored, truth)]
    return {
        "median_hidden_flux_error": float((restored[lit] - FULL_WELL).sum() / hidden - 1),
        "flux_error": flux_error(truth[mask], restored[mask]),
        "median_peak_distance": float(np.hypot(*np.subtract(*places))),
        "log_error": float(np.sqrt(np.mean(np.log(np.maximum(restored[mask], 1) / truth[mask]) ** 2))),
    }
