"""The verb `desaturate`."""

import warnings
from dataclasses import replace
from itertools import repeat

import numpy as np

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.filling import checked_hole
from sunpy_restore.core.inference import fill_invalid
from sunpy_restore.core.maps import as_maps, masks_for, restored_map
from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.desaturation.filling import Exposure, fill
from sunpy_restore.desaturation.psf import CHANNELS
from sunpy_restore.desaturation.saturation import check_aia, find_saturation
from sunpy_restore.desaturation.task import DESATURATE

__all__ = ["desaturate"]

_DISPLAY_VALUES = 256
"""An image with no more different values has the scale of a display, on which light does not add up."""


def desaturate(image, *, mask=None, method="network", consistency=None, weights=None, device=None, progress=False):
    """
    Recover the saturated cores of flares in images of SDO/AIA.

    Saturated pixels, and those that the charge of their column spilled into, get the value that a camera with deeper
    wells would have shown; every other pixel stays as it is, bit by bit. A network makes the first fill. It is then
    corrected until the diffraction pattern of the filled core agrees with the fringes that are seen around it, and the
    light in a column with the charge that was found there.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        Images of AIA, level 1 or 1.5, in DN (or ct) of an exposure or in DN/s, full disk or cut out, shape ``(ny,
        nx)``. It is not changed.
    mask : `numpy.ndarray` of `bool`, or `list` of them, optional
        True for the pixels to fill, shape ``(ny, nx)``; for several images one for all, or one each. Values under it
        are not looked at, and the result is proportional to the image. By default the saturated pixels are found from
        the full well of 16383 DN, see `~sunpy_restore.desaturation.saturation.find_saturation`.
    method : ``"network"``, ``"biharmonic"`` or ``"diffraction"``
        Network; smooth continuation of the surroundings; or inverse diffraction alone, without a network.
    consistency : ``"diffraction"`` or ``"none"``, optional
        Whether to correct the fill with the fringes and the charge. By default the network's fill is corrected where
        the diffraction pattern is known: in the seven channels from 94 to 335 angstrom, but not in 8-bit images.
    weights : `str` or path-like, optional
        Name of weights in the registry, or a ``.safetensors`` file. By default those that come with the package.
    device : `str`, optional
        PyTorch device. By default CUDA, then MPS, then the CPU.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    Same kind as ``image``
        Maps of the same class, unit and shape, floating point. Their mask is True where a pixel was filled, and where
        the input was masked. A Map without saturated pixels comes back as it is.

    Raises
    ------
    TypeError
        No Map, another instrument, or a mask that is not boolean.
    ValueError
        Wrong unit, level or channel; a mask of another shape, or one that leaves no valid pixel; an 8-bit image without
        a mask; a Map that was desaturated already; consistency where the diffraction pattern is not known.
    ~sunpy_restore.core.exceptions.WeightsError
        Weights can't be found or read.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Nothing is saturated.

    Notes
    -----
    Header keywords: statistics of the pixel values (``DATAMAX``, ``NSATPIX``, ...) are dropped; ``RESTORED``,
    ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``, ``RSTSHA``, ``RSTVERS`` and a ``HISTORY`` line are added.

    Pixels that light has saturated are never filled with less than the full well.

    References
    ----------
    * Zhao et al. 2019, Advances in Astronomy 2019, 5343254, https://doi.org/10.1155/2019/5343254
    * Schwartz et al. 2015, Astronomy and Computing 13, 117, https://doi.org/10.1016/j.ascom.2015.10.006
    * Guastavino et al. 2019, ApJ 882, 109, https://doi.org/10.3847/1538-4357/ab35d8

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore import desaturate
    >>> from sunpy_restore.data import sample_path
    >>> observed = sunpy.map.Map(sample_path("aia_193_flare"))
    >>> desaturated = desaturate(observed, method="biharmonic")
    >>> bool((desaturated.data == observed.data)[~desaturated.mask].all())
    True
    """
    maps, rebuild = as_maps(image)
    channels = [check_aia(smap) for smap in maps]
    masks = masks_for(maps, mask)
    exposures = [_exposure(smap, hole, channel) for smap, hole, channel in zip(maps, masks, channels, strict=True)]
    agree = [_agrees(exposure, method, consistency) for exposure in exposures]
    restorer = load_restorer(DESATURATE, method, weights=weights, device=device, progress=progress)
    return rebuild(list(map(_desaturate, maps, exposures, repeat(restorer), agree, repeat(progress))))


def _exposure(smap, mask, channel):
    """The array side of a Map: what is to be filled, and what is known of it."""
    known = {}
    if mask is None:
        saturation = find_saturation(smap)
        mask = saturation.mask
        known = {"full": saturation.full, "primary": saturation.primary, "level": saturation.level}
    valid = np.isfinite(smap.data)
    if smap.mask is not None:
        valid &= ~np.broadcast_to(smap.mask, valid.shape)
    mask = checked_hole(np.where(valid, smap.data, np.nan), mask)
    data = smap.data
    if not (valid | mask).all():
        data = np.where(mask & valid, data, fill_invalid(data, valid & ~mask)[0])
    # A full well says that the scale is that of the camera
    linear = bool(known) or not _is_display(smap.data, valid & ~mask)
    channel = channel if linear and channel in CHANNELS else None
    return Exposure(image=data, mask=mask, channel=channel, **known)


def _is_display(data, valid):
    """Whether an image has no more different values than an 8-bit one, whatever its data type and scale."""
    sample = data[valid].ravel()
    for part in (sample[:: max(len(sample) // 4096, 1)], sample):
        if len(np.unique(part)) > _DISPLAY_VALUES:
            return False
    return True


def _agrees(exposure, method, consistency):
    """Whether the fill is corrected with fringes and charge."""
    if consistency not in (None, "diffraction", "none"):
        raise ValueError(f"Found the consistency {consistency!r}, expected 'diffraction', 'none' or None.")
    if method == "diffraction" and consistency == "none":
        raise ValueError("Found consistency='none' with method='diffraction', which is nothing else. Leave it out.")
    wanted = consistency == "diffraction" or method == "diffraction"
    if wanted and exposure.channel is None:
        raise ValueError(
            "Found an image whose diffraction pattern is not known, expected one of the channels "
            f"{', '.join(map(str, CHANNELS))} angstrom with a linear scale, not an 8-bit one. "
            "Use consistency='none' with another method."
        )
    return wanted or (consistency is None and method == "network" and exposure.channel is not None)


def _desaturate(smap, exposure, restorer, corrected, progress):
    """One Map."""
    if not exposure.mask.any():
        warnings.warn(
            "Nothing in the image is saturated, it comes back unchanged. If you see otherwise, give a mask.",
            RestoreWarning,
            stacklevel=3,
        )
        return smap
    filled = fill(exposure, restorer, correct=corrected, progress=progress)
    result = smap.data.astype(np.result_type(smap.data.dtype, np.float32).newbyteorder("="))
    result[exposure.mask] = filled[exposure.mask]
    mask = exposure.mask if smap.mask is None else exposure.mask | smap.mask
    provenance = restorer.provenance
    if corrected and provenance.method != "diffraction":
        provenance = replace(provenance, method=f"{provenance.method}+diffraction")
    return restored_map(smap, result, mask=mask, provenance=provenance)
