"""The verb `enhance`."""

import warnings
from itertools import repeat

import numpy as np

import astropy.units as u

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.inference import fill_invalid
from sunpy_restore.core.maps import as_maps, restored_map
from sunpy_restore.core.pixels import repeated
from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.enhancement.classical import bicubic
from sunpy_restore.enhancement.observation import task_of
from sunpy_restore.enhancement.photosphere import LIMB_MU, heliocentric_mu, quiet_sun
from sunpy_restore.enhancement.task import CONTINUUM

__all__ = ["enhance"]

_ROWS = 512
"""Rows of the input that are put back at a time, which bounds the memory for temporaries."""


def enhance(image, *, method="network", weights=None, device=None, progress=False):
    """
    Undo the optics and the pixel of SDO/HMI: deconvolution and x2 super-resolution.

    The result is the image of a telescope of 0.28 m aperture with pixels of 0.252 arcsec. Seen again through HMI it
    gives the input back.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        Continuum intensity (any unit) or line-of-sight magnetogram (any unit of magnetic field) of HMI with its own
        pixels of 0.504 arcsec, full disk or cut out, shape ``(ny, nx)``. It is not changed.
    method : ``"network"``, ``"bicubic"`` or ``"richardson-lucy"``
        Network, interpolation, or classical deconvolution with the same point spread function.
    weights : `str` or path-like, optional
        Name of weights in the registry, or a ``.safetensors`` file. By default those that come with the package.
    device : `str`, optional
        PyTorch device. By default CUDA, then MPS, then the CPU.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    Same kind as ``image``
        Maps of the same class and unit, shape ``(2 * ny, 2 * nx)``. The mask is True where the result is no trusted
        restoration: closer to the limb than mu = 0.3, off the disk (interpolated), where the input has no value
        (NaN as in the input), and where it was masked.

    Raises
    ------
    TypeError
        No Map, another instrument, or another product (vector components, Dopplergrams, ...).
    ValueError
        Wrong pixel scale, unit or coordinates, a Map that was enhanced already, or one without any valid pixel.
    ~sunpy_restore.core.exceptions.WeightsError
        Weights can't be found or read.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Part of the image lies closer to the limb than mu = 0.3.

    Notes
    -----
    Header keywords that change: ``CRPIX`` (by ``2 * (CRPIX - 0.5) + 0.5``), ``CDELT`` or ``CD`` (halved), ``NAXIS``
    (doubled); statistics of the pixel values are dropped. Added: ``RESTORED``, ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``,
    ``RSTSHA``, ``RSTVERS`` and a ``HISTORY`` line.

    The continuum is normalised by the quiet Sun of the image, spots and limb darkening left out, so that the result is
    proportional to the input.

    References
    ----------
    * Diaz Baso & Asensio Ramos 2018, A&A 614, A5, https://doi.org/10.1051/0004-6361/201731344
    * Wachter et al. 2012, Solar Physics 275, 261, https://doi.org/10.1007/s11207-011-9709-6

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore import enhance
    >>> from sunpy_restore.data import sample_path
    >>> observed = sunpy.map.Map(sample_path("hmi_magnetogram"))
    >>> enhanced = enhance(observed, method="bicubic")
    >>> enhanced.dimensions.x / observed.dimensions.x
    <Quantity 2.>
    """
    maps, rebuild = as_maps(image)
    tasks = [task_of(smap) for smap in maps]
    restorers = {
        task.name: load_restorer(task, method, weights=weights, device=device, progress=progress)
        for task in {task.name: task for task in tasks}.values()
    }
    chosen = (restorers[task.name] for task in tasks)
    return rebuild(list(map(_enhance, maps, chosen, repeat(progress))))


def _enhance(smap, restorer, progress):
    """One Map."""
    mu = heliocentric_mu(smap)
    data, valid = fill_invalid(smap.data)
    on_disk = (mu > 0) & valid
    if not on_disk.any():
        raise ValueError("Found no valid pixel on the solar disk, expected some. Check the pointing in the header.")
    if restorer.task is CONTINUUM:
        level, darkening = quiet_sun(np.where(valid, data, np.nan), mu)
    else:
        level, darkening = smap.unit.to(u.kG) ** -1, np.ones_like
    # Off the disk the law of its edge holds on, so that the normalised limb is no jump
    relative = darkening(mu)
    normalised = data / (level * relative).astype(data.dtype)
    restored = restorer(normalised, active=on_disk, progress=progress)
    result = _put_back(restored, data, valid, on_disk, relative, level)
    untrusted = ~on_disk | (mu < LIMB_MU)
    if smap.mask is not None:
        untrusted |= np.broadcast_to(smap.mask, untrusted.shape)
    if np.any(on_disk & (mu < LIMB_MU)):
        warnings.warn(
            f"Part of the image lies closer to the limb than mu = {LIMB_MU}, where granulation is foreshortened "
            "beyond what the network was trained on. Those pixels are flagged in the mask.",
            RestoreWarning,
            stacklevel=3,
        )
    mask = repeated(untrusted, 2) if untrusted.any() else None
    return restored_map(smap, result, scale=2, mask=mask, provenance=restorer.provenance)


def _put_back(restored, data, valid, on_disk, relative, level):
    """Restored values in the unit of the data on the disk, interpolated ones elsewhere, NaN where nothing was known."""
    kind = np.result_type(data.dtype, np.float32)
    result = restored if restored.dtype == kind else restored.astype(kind)
    ny = data.shape[0]
    for first in range(0, ny, _ROWS):
        last = min(first + _ROWS, ny)
        rows, reach = slice(2 * first, 2 * last), slice(max(first - 4, 0), min(last + 4, ny))
        inner = slice(2 * (first - reach.start), 2 * (last - reach.start))
        on_here = repeated(on_disk[first:last], 2)
        here = result[rows] * (level * bicubic(relative[reach])[inner]).astype(kind)
        if not on_here.all():
            here = np.where(on_here, here, bicubic(data[reach])[inner])
            here[repeated(~valid[first:last], 2)] = np.nan
        result[rows] = here
    return result
