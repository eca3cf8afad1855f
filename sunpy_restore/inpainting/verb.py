"""The verb `inpaint`."""

import warnings
from itertools import repeat

import numpy as np

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.filling import checked_hole
from sunpy_restore.core.maps import as_maps, masks_for, restored_map, with_data
from sunpy_restore.core.restorer import load_restorer
from sunpy_restore.inpainting.lasco.flat_field import detector_pattern
from sunpy_restore.inpainting.lasco.geometry import unobserved_pixels, empty_pixels, obscured
from sunpy_restore.inpainting.lasco.header import check_lasco
from sunpy_restore.inpainting.lasco.missing_blocks import find_missing_blocks, mostly_lost
from sunpy_restore.inpainting.observation import Frame
from sunpy_restore.inpainting.restore import fill
from sunpy_restore.inpainting.task import INPAINT
from sunpy_restore.inpainting.temporal.neighbours import expected_from_neighbours
from sunpy_restore.inpainting.texture import with_texture

__all__ = ["inpaint"]


def inpaint(
    image,
    *,
    mask=None,
    neighbours=None,
    texture=False,
    method="network",
    weights=None,
    device=None,
    progress=False,
):
    """
    Fill the blocks of telemetry that images of SOHO/LASCO have lost.

    Lost pixels get the brightness that is to be expected from what is around them and, where they are given, from
    frames taken before and after; every other pixel stays as it is, bit by bit.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        Images of LASCO C2 or C3, level 0.5 or 1, full or cut out, in any linear unit, shape ``(ny, nx)``. It is not
        changed.
    mask : `numpy.ndarray` of `bool`, or `list` of them, optional
        True for the pixels to fill, shape ``(ny, nx)``; for several images one for all, or one each. Values under it
        are not looked at. By default the lost blocks are found, see `~sunpy_restore.inpainting.lasco.missing_blocks.find_missing_blocks`.
    neighbours : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, optional
        Frames of the same detector, filter and polariser that were taken before and after, of any exposure and roll,
        see `~sunpy_restore.inpainting.temporal.neighbours.expected_from_neighbours`. They are brought to the image's pixels and
        brightness, and may have lost blocks themselves. For one image only.
    texture : `bool`
        Whether to add noise to the fill like that of its surroundings, for looking at; the same in every run. The
        expected value has none.
    method : ``"network"``, ``"harmonic"``, ``"biharmonic"``, ``"radial"`` or ``"temporal"``
        Network; the solution of Laplace's or of the biharmonic equation; Laplace's equation for the ratio to the radial
        profile; or the neighbours, made continuous with the surroundings.
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
        the input was masked. A Map that has lost nothing comes back as it is.

    Raises
    ------
    TypeError
        No Map, another instrument, or a mask that is not boolean.
    ValueError
        Another coronagraph or level; all is lost; a mask of another shape, or one that leaves no valid pixel; an 8-bit
        image without a mask; a Map that was inpainted already; neighbours that don't belong to the image, or are
        missing for ``method="temporal"``.
    ~sunpy_restore.core.exceptions.WeightsError
        Weights can't be found or read.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Nothing is lost; or around some filled pixels more is lost than kept, so that they are little more than a guess.

    Notes
    -----
    Header keywords: statistics of the pixel values (``DATAMAX``, ``DATAP50``, ...) are dropped; ``RESTORED``,
    ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``, ``RSTSHA``, ``RSTVERS`` and a ``HISTORY`` line are added; also ``RSTGUESS``,
    the number of filled pixels around which more was lost than kept.

    Pixels under a mask that the instrument zeroes on board get the value that the others of these have.

    References
    ----------
    * Liu et al. 2018, https://doi.org/10.1007/978-3-030-01252-6_6
    * Brueckner et al. 1995, Solar Physics 162, 357, https://doi.org/10.1007/BF00733434

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore import inpaint
    >>> from sunpy_restore.data import sample_path
    >>> whole = sunpy.map.Map(sample_path("lasco_c3_cme"))
    >>> lost = whole.data.copy()
    >>> lost[640:704, 384:448] = 0
    >>> filled = inpaint(sunpy.map.Map(lost, whole.meta), method="harmonic")
    >>> int(filled.mask.sum()), bool((filled.data == lost)[~filled.mask].all())
    (4096, True)
    """
    maps, rebuild = as_maps(image)
    masks = masks_for(maps, mask)
    looked_at = list(map(_without_masked, maps, masks))
    instruments = [check_lasco(smap) for smap in looked_at]
    if neighbours is not None and len(maps) > 1:
        raise ValueError(f"Found neighbours for {len(maps)} images, expected them for one. Inpaint each by itself.")
    if neighbours is None and method == "temporal":
        raise ValueError("Found no neighbours for the method 'temporal', expected neighbours=[before, after].")
    losses = [_lost(*parts) for parts in zip(looked_at, instruments, masks, strict=True)]
    restorer = load_restorer(INPAINT, method, weights=weights, device=device, progress=progress)
    same = map(repeat, (neighbours, restorer, texture, progress))
    # No comprehension, which some versions of Python count as one more level of a warning
    return rebuild(list(map(_inpaint, maps, looked_at, instruments, losses, *same)))


def _without_masked(smap, mask):
    """The Map with zeros under a given mask; one that is none is refused later."""
    if mask is None or np.shape(mask) != smap.data.shape or np.asarray(mask).dtype != bool:
        return smap
    return with_data(smap, np.where(mask, 0, smap.data).astype(smap.data.dtype))


def _lost(smap, lasco, mask):
    """What is to be filled, what shows nothing, and what of the former the instrument never sends."""
    if mask is None:
        damage = find_missing_blocks(smap)
        return damage.mask, damage.blind, np.zeros_like(damage.mask)
    valid = np.isfinite(smap.data) & ~empty_pixels(smap.data, lasco)
    if smap.mask is not None:
        valid &= ~np.broadcast_to(smap.mask, valid.shape)
    mask = checked_hole(np.where(valid, smap.data, np.nan), mask)
    never = _never_sent(smap.data, lasco)
    return mask, ~valid & ~mask, never & mask if (never & ~mask & ~valid).any() else np.zeros_like(mask)


def _never_sent(data, lasco):
    """Pixels that are hidden or zeroed in all images of the kind, and without value in this one."""
    empty = empty_pixels(data, lasco)
    return empty & obscured(data.shape, lasco) if lasco.level >= 1 else unobserved_pixels(data, lasco, empty)


def _inpaint(smap, looked_at, lasco, lost, neighbours, restorer, texture, progress):
    """One Map, of which the values under a given mask are not looked at."""
    mask, blind, never = lost
    if not mask.any():
        warnings.warn(
            "Nothing in the image is lost, it comes back unchanged. If you see otherwise, give a mask.",
            RestoreWarning,
            stacklevel=3,
        )
        return smap
    guessed = int(np.count_nonzero(mostly_lost(mask & ~never, blind)))
    if guessed:
        warnings.warn(
            f"Around {guessed} of {np.count_nonzero(mask)} filled pixels more is lost than kept: they are little more "
            "than a guess. sunpy_restore.inpainting.lasco.missing_blocks.mostly_lost tells which.",
            RestoreWarning,
            stacklevel=3,
        )
    frame = _frame(looked_at, lasco, mask & ~never, blind | never, neighbours)
    filled = fill(frame, restorer, progress=progress)
    if texture:
        filled = with_texture(filled, frame)
    result = smap.data.astype(np.result_type(smap.data.dtype, np.float32).newbyteorder("="))
    result[frame.mask] = filled[frame.mask]
    result[never] = _usual(smap.data[blind & ~mask])
    shown = mask if smap.mask is None else mask | smap.mask
    restored = restored_map(smap, result, mask=shown, provenance=restorer.provenance)
    restored.meta["rstguess"] = guessed
    return restored


def _frame(smap, lasco, mask, blind, neighbours):
    """The array side of a Map."""
    expected = None
    if neighbours is not None:
        expected = expected_from_neighbours(smap, neighbours, valid=~(mask | blind))
    return Frame(
        image=np.where(mask | blind, 0, smap.data).astype(float),
        mask=mask,
        blind=blind,
        center=lasco.center,
        detector=lasco.detector,
        level=lasco.level,
        bias=lasco.bias,
        pattern=detector_pattern(smap.data.shape, lasco, empty_pixels(smap.data, lasco)),
        neighbours=expected,
    )


def _usual(values):
    """The value that most of them have, NaN if none is a number."""
    found, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    return found[counts.argmax()] if found.size else np.nan
