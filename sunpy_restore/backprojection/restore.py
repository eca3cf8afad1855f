"""The verb `sunpy_restore.backproj_to_clean`."""

import numpy as np
from scipy import ndimage

import astropy.units as u

from sunpy_restore.backprojection.agreement import chi_squared, modelled, reconciled
from sunpy_restore.backprojection.channels import BEAM, PIXEL, planes_of
from sunpy_restore.backprojection.clean import beam_area, clean_visibilities
from sunpy_restore.backprojection.fourier import Grid, back_projection, shifted, weights_of
from sunpy_restore.backprojection.measured import belonging, read_visibilities
from sunpy_restore.backprojection.observation import (
    check_backprojection,
    made_by_idl,
    read_backprojection,
    scale_matrix,
    without_unused,
)
from sunpy_restore.backprojection.task import BACKPROJ
from sunpy_restore.backprojection.uvplane import SUBCOLLIMATORS, stix_uv
from sunpy_restore.core.maps import as_maps, restored_map
from sunpy_restore.core.restorer import load_restorer

__all__ = ["backproj_to_clean", "brightness"]

_IDL_UNIT = u.count / (u.s * u.keV * u.cm**2)
_STEP = 16  # pixels; sides of the field that a network sees are multiples of it
_SIDES = (48, 96)  # pixels; the smallest and the largest of these fields


def backproj_to_clean(
    image,
    *,
    visibilities=None,
    subcollimators=None,
    weighting="natural",
    instrument=None,
    method="network",
    weights=None,
    device=None,
    progress=False,
):
    """
    Take the dirty beam out of back-projections of STIX.

    What comes back is the brightness seen with a round Gaussian beam of 14.6 arcsec, the resolution of the
    sub-collimators 3: what CLEAN aims at. A back-projection is nothing but its visibilities, which are found in it
    exactly; the network sees those of each sub-collimator by themselves, and compares its image with them.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        Back-projections of STIX by xrayvision, stixpy or the IDL software, of any pixel size, orientation and shape
        ``(ny, nx)``, also cut out. Values are in the unit of the visibilities, counts / (s keV cm2) for instance: a
        point source has its flux as its maximum. It is not changed.
    visibilities : ``xrayvision.visibility.Visibilities``, or `list` of them, one for each image, optional
        What the image is the back-projection of. The result is made to agree with them within their errors, and is
        nowhere negative. With ``method="clean"`` they may be those of another Fourier imager, such as RHESSI.
    subcollimators : iterable of `int`, optional
        Numbers from 1 to 10 of the sub-collimators that the back-projection was made of, where the visibilities are
        not given. By default 3 to 10, or those of them that a file of the IDL software has something of.
    weighting : ``"natural"`` or ``"uniform"``
        Weights with which it was made. Both methods use natural ones, whatever these are.
    instrument : ``"STIX"``, optional
        Needed for Maps whose header names no instrument, such as those of xrayvision.
    method : ``"network"`` or ``"clean"``
        Network, or Hogbom's CLEAN with 100 iterations and a gain of 0.1.
    weights : `str` or path-like, optional
        Name of weights in the registry, or a ``.safetensors`` file. By default those that come with the package.
    device : `str`, optional
        PyTorch device. By default CUDA, then MPS, then the CPU.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    Same kind as ``image``
        Maps of the same class, shape and coordinates, ``float64``, per square arcsec. Of images larger than 6.4
        arcmin the network sees that part about the maximum; its result is 0 elsewhere.

    Raises
    ------
    TypeError
        No Map, one of another instrument, or no visibilities.
    ValueError
        No back-projection of these (u, v) points, or not of these visibilities; no pixel above zero; a field of less
        than an arcmin; a Map that was restored already; points of another instrument for the network; no such
        sub-collimator, weighting or method.
    ~sunpy_restore.core.exceptions.WeightsError
        Weights can't be found or read.

    Notes
    -----
    Header keywords: ``BUNIT`` is per square arcsec; ``BMAJ``, ``BMIN`` and ``BPA`` are the axes of the clean beam, full
    width at half maximum, and its position angle, in degrees as the FITS convention has it; statistics of the pixel
    values are dropped; ``RESTORED``, ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``, ``RSTSHA``, ``RSTVERS`` and a ``HISTORY``
    line are added. With visibilities that have errors also ``RSTCHI0`` and ``RSTCHI2``, the reduced chi square of the
    image, its beam taken out, before and after it was made to agree.

    References
    ----------
    * Massa et al. 2023, Solar Physics 298, 114, https://doi.org/10.1007/s11207-023-02205-7
    * Isola et al. 2017, https://doi.org/10.1109/CVPR.2017.632

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore import backproj_to_clean
    >>> from sunpy_restore.data import sample_path
    >>> dirty = sunpy.map.Map(sample_path("stix_flare"))
    >>> cleaned = backproj_to_clean(dirty, method="clean")
    >>> cleaned.data.shape == dirty.data.shape, cleaned.meta["rstmeth"]
    (True, 'clean')
    """
    maps, rebuild = as_maps(image)
    given = _given(visibilities, len(maps))
    for smap, measured in zip(maps, given, strict=True):
        check_backprojection(smap, instrument, named=measured is None)
    restorer = load_restorer(BACKPROJ, method, weights=weights, device=device, progress=progress)
    backs = [_read(*pair, subcollimators, weighting) for pair in zip(maps, given, strict=True)]
    return rebuild([_cleaned(*parts, restorer) for parts in zip(maps, given, backs, strict=True)])


def _given(visibilities, count):
    """Measured visibilities for each image, or `None`."""
    several = isinstance(visibilities, (list, tuple)) and not hasattr(visibilities, "visibilities")
    if several and len(visibilities) != count:
        raise ValueError(f"Found {len(visibilities)} sets of visibilities for {count} images, expected one each.")
    if visibilities is None:
        return [None] * count
    if not several and count > 1:
        raise ValueError(f"Found one set of visibilities for {count} images, expected a list with one each.")
    return [read_visibilities(part) for part in (visibilities if several else [visibilities])]


def _read(smap, measured, subcollimators, weighting):
    """The visibilities in a Map, or those that were given for it."""
    if measured is not None:
        back = read_backprojection(smap, measured.plane, weighting)
        return back._replace(found=belonging(measured, back, _middle(smap)))
    back = read_backprojection(smap, stix_uv(SUBCOLLIMATORS if subcollimators is None else subcollimators), weighting)
    found_out = subcollimators is None and weighting == "natural" and made_by_idl(smap)
    return without_unused(back) if found_out else back


def _cleaned(smap, measured, back, restorer):
    by = brightness if restorer.provenance.method == "network" else _by_clean
    density = by(back, restorer) / beam_area()
    header = {"bmaj": BEAM / 3600, "bmin": BEAM / 3600, "bpa": 0.0}
    if measured is not None and measured.errors is not None:
        density, before, after = _reconciled(density, back, measured.errors)
        header |= {"rstchi0": before, "rstchi2": after}
    unit = _IDL_UNIT if made_by_idl(smap) else smap.unit or u.dimensionless_unscaled
    restored = restored_map(smap, density, provenance=restorer.provenance)
    restored.meta.update({"bunit": (unit / u.arcsec**2).to_string("fits")} | header)
    return restored


def _middle(smap):
    """Middle of a Map in its coordinates, as (x, y) in arcsec, in the plane of the image."""
    away = [(n - 1) / 2 - place.value for n, place in zip(smap.data.shape[::-1], smap.reference_pixel, strict=True)]
    reference = [
        (smap.meta.get(f"crval{axis}", 0.0) * unit).to_value(u.arcsec)
        for axis, unit in zip((1, 2), smap.spatial_units, strict=True)
    ]
    return tuple(reference + scale_matrix(smap) @ away)


def brightness(back, restorer):
    """
    The image that the network makes of visibilities.

    Parameters
    ----------
    back : `~sunpy_restore.backprojection.observation.Backprojection`
        Visibilities, and the pixels wanted.
    restorer : `~sunpy_restore.core.restorer.Restorer`
        The network.

    Returns
    -------
    `numpy.ndarray`
        Flux per clean beam at these pixels, between which and those of the network a spline interpolates.

    Raises
    ------
    ValueError
        A visibility is at no point of STIX.
    """
    unknown = [label for label in back.plane.labels if label.startswith("#")]
    if unknown:
        raise ValueError(
            f"{len(unknown)} of {len(back.plane.labels)} visibilities are at no (u, v) point of STIX, the instrument "
            "that the network was trained for. Use method='clean'."
        )
    x, y = back.offsets()
    middle, grid = _field(back, x, y)
    planes, unit = planes_of(shifted(back.found, back.plane, *middle), back.plane, grid)
    image = unit * restorer(planes).astype(float)
    places = [
        (along - center) / PIXEL + (n - 1) / 2
        for along, center, n in zip((y, x), middle[::-1], grid.shape, strict=True)
    ]
    return np.maximum(ndimage.map_coordinates(image, places, order=3, mode="constant"), 0)


def _field(back, x, y):
    """
    Middle in arcsec and pixels of what the network sees.

    That is all of the image, or, where that is larger than anything visibilities can tell from sidelobes, the
    surroundings of its maximum.
    """
    sides = [int(_STEP * np.ceil((np.ptp(along) / PIXEL + 1) / _STEP)) for along in (y, x)]
    middle = (0.0, 0.0)
    if max(sides) > _SIDES[1]:
        whole = Grid(tuple(sides), (PIXEL, PIXEL))
        dirty = back_projection(back.found, back.plane, whole, weights_of(back.plane))
        row, column = np.unravel_index(np.argmax(dirty), dirty.shape)
        middle = tuple(
            center if side > _SIDES[1] else 0.0
            for center, side in zip((whole.x[column], whole.y[row]), sides[::-1], strict=True)
        )
    return middle, Grid(tuple(int(np.clip(side, *_SIDES)) for side in sides), (PIXEL, PIXEL))


def _by_clean(back, restorer):
    """Flux per beam by CLEAN, on the pixels of a Map."""
    return beam_area() * clean_visibilities(back.found, *back.own_axes()).image


def _reconciled(density, back, errors):
    """An image that agrees with its visibilities, and the reduced chi square before and after."""
    plane, grid = back.own_axes()
    agreeing = reconciled(density, plane, grid, back.found, errors)
    before, after = (
        float(chi_squared(modelled(image, plane, grid), back.found, errors)) for image in (density, agreeing)
    )
    return agreeing, before, after
