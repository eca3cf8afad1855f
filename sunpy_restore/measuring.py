"""Measurements in restored images, with the errors that the restoration brings."""

from functools import partial

import numpy as np

import astropy.units as u

from sunpy.map import GenericMap

from sunpy_restore.core.images.filled import FILLED_KEYWORD, filled
from sunpy_restore.core.images.maps import valid_pixels
from sunpy_restore.core.images.prepared import in_memory
from sunpy_restore.core.numerics import correlation as correlations
from sunpy_restore.core.numerics.masks import array_of, refuse_masked
from sunpy_restore.core.uncertainty.evidence import recorded_sums
from sunpy_restore.core.uncertainty.measurement import Measurement
from sunpy_restore.core.uncertainty.predicted import CORRELATION_KEYWORD
from sunpy_restore.core.uncertainty.stated import StatedErrors
from sunpy_restore.core.uncertainty.waves import WaveErrors, recorded_waves

__all__ = ["measure"]


def measure(result, region=None):
    """
    Measure flux, mean and centroid of a region of a restored image, with their errors.

    The errors include the correlation of the errors of neighbouring pixels, as it was found in the calibration of the
    uncertainty; the error of a sum is much larger than that of independent pixels. Where `sunpy_restore.desaturate` has
    conserved the charge in bloomed columns, the sum over a column is known to 1 %, and its errors cancel. In images of
    `sunpy_restore.backproj_to_clean`, errors cancel as the visibilities demand. The errors hold for what the
    restoration changes, and not for the calibration of the instrument.

    Parameters
    ----------
    result : `~sunpy.map.GenericMap`
        Result of a function of the package with ``uncertainty=True``, also after `sunpy_restore.save` and
        `sunpy_restore.load`, of shape ``(ny, nx)``. It is not changed.
    region : `numpy.ndarray` of `bool`, `~sunpy.map.GenericMap` or ``regions.Region``, optional
        True for the pixels to measure, shape ``(ny, nx)``; a Map with the values 0 and 1; or a region of the package
        ``regions`` in pixels or on the sky. By default the whole image. Masked pixels are left out.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.measurement.Measurement`
        ``flux``, ``mean`` and ``centroid`` with ``flux_error``, ``mean_error`` and ``centroid_error``, all 1 sigma, in
        the unit of the Map, that times square arcsec if it is per solid angle, and the coordinate frame of the Map.

    Raises
    ------
    TypeError
        Not a Map, or a region of another type.
    ValueError
        The Map has no uncertainty of this package, or was resampled since; the region has another shape, or no pixel
        with a value.

    Notes
    -----
    Header keywords that are read: ``RSTCORR``, ``RSTSUMS``, ``RSTWAVES`` and ``RSTFILL``. Pixels that were observed
    and not restored count with the uncertainty of the input, if it had one, and as exact otherwise; ``unstated`` is
    their number. If no pixel has an uncertainty, the errors are NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import sunpy.map
    >>> from sunpy_restore import enhance, measure
    >>> from sunpy_restore.data import sample_path
    >>> observed = sunpy.map.Map(sample_path("hmi_continuum_quiet"))
    >>> result = enhance(observed, method="richardson-lucy", uncertainty=True)
    >>> region = np.zeros(result.data.shape, dtype=bool)
    >>> region[40:60, 40:60] = True
    >>> measured = measure(result, region)
    >>> bool(0 < measured.mean_error < 0.02 * measured.mean)
    True
    """
    if not isinstance(result, GenericMap):
        raise TypeError(
            f"Found {type(result).__name__}; expected a sunpy Map. Measure the images of several one by one."
        )
    _refuse_uncertain(result)
    result = in_memory(result)
    inside = _inside(result, region) & valid_pixels(result)
    if not inside.any():
        raise ValueError(
            "Found no pixel with a value in the region; expected at least one. Masked pixels do not count."
        )
    waves = recorded_waves(result)
    # Components that were measured are those of the whole image
    window = _window(inside) if waves is None else tuple(slice(0, length) for length in inside.shape)
    sigma = np.asarray(result.uncertainty.array, dtype=float)
    restored = filled(result) if FILLED_KEYWORD in result.meta else np.ones(inside.shape, bool)
    unknown = int(np.count_nonzero(np.isinf(sigma[inside])))
    sums = recorded_sums(result).within(window, inside)
    values, inside, restored = result.data.astype(float)[window], inside[window], restored[window]
    if waves is None:
        stated = StatedErrors(values, sigma[window], correlations.from_text(result.meta[CORRELATION_KEYWORD]), sums)
        variance = partial(stated.variance, restored=restored)
    else:
        variance = WaveErrors(sigma, waves).variance
    total, position, derivatives = _moments(values, inside)
    # Along the axes of the frame, which can be rotated with respect to the pixels
    derivatives[1:] = np.tensordot(_pixel_matrix(result), derivatives[1:], axes=1)
    errors = np.sqrt([variance(part) for part in derivatives])
    unstated = int(np.count_nonzero(np.isnan(sigma[window]) & inside))
    if unknown:
        errors[:] = np.inf
    elif unstated == np.count_nonzero(inside):
        errors[:] = np.nan
    number = int(np.count_nonzero(inside))
    unit = result.unit or u.dimensionless_unscaled
    area = _pixel_area(result) if _is_per_solid_angle(unit) else 1
    return Measurement(
        flux=total * unit * area, flux_error=errors[0] * unit * area,
        mean=total / number * unit, mean_error=errors[0] / number * unit,
        centroid=result.wcs.pixel_to_world(position[0] + window[1].start, position[1] + window[0].start),
        centroid_error=errors[1:] * u.arcsec,
        pixels=number, restored=float(restored[inside].mean()), unknown=unknown,
        unstated=unstated,
    )  # fmt: skip


def _refuse_uncertain(result):
    """Refuse a Map that has no uncertainty of this package, and tell why."""
    if result.meta.get("synthetic"):
        raise ValueError(
            "Found a synthetic Map; expected a restored one. It has no uncertainty, because nothing was observed."
        )
    if CORRELATION_KEYWORD not in result.meta:
        raise ValueError(
            "Found a Map without the uncertainty of this package; expected a result with uncertainty=True. Arithmetic, "
            "resample and rotate of sunpy drop it: measure the whole result, with a region."
        )
    if result.uncertainty is None and "rstdraw" in result.meta:
        raise ValueError(
            f"Found sample {result.meta['rstdraw']} of samples=, which has no uncertainty; expected a result with "
            "uncertainty=True. Compute a quantity in each sample: its scatter is the error."
        )
    if result.uncertainty is None:
        raise ValueError(
            "Found a restored Map whose uncertainty is lost; expected one that has it. The save, submap and arithmetic "
            "of sunpy drop it. Save with sunpy_restore.save, and measure the whole result, with a region."
        )


def _inside(smap, region):
    """The region as an array."""
    shape = smap.data.shape
    if _are_regions(region):
        raise TypeError(
            f"Found {len(region)} regions ({type(region).__name__}); expected one. Measure them one by one: "
            "[measure(result, one) for one in regions]."
        )
    if region is None:
        return np.ones(shape, bool)
    if isinstance(region, GenericMap):
        return np.asarray(array_of(region, smap), bool)
    if hasattr(region, "to_pixel"):
        region = region.to_pixel(smap.wcs)
    if hasattr(region, "to_mask"):
        # Pixels whose centres are inside
        drawn = region.to_mask(mode="center").to_image(shape)
        return np.zeros(shape, bool) if drawn is None else drawn > 0
    refuse_masked(region)
    array = np.asarray(region)
    if array.dtype != bool:
        numbers = " For an array of 0 and 1, pass region == 1." if array.dtype.kind in "iuf" else ""
        raise TypeError(
            f"Found a region of type {type(region).__name__} ({array.dtype}); expected a boolean array, a Map with the "
            f"values 0 and 1, or a region of the package regions.{numbers}"
        )
    if array.shape != shape:
        raise ValueError(f"Found a region of shape {array.shape}; expected {shape}, that of the image.")
    return array


def _window(inside):
    """Slices around a region."""
    rows, columns = np.nonzero(inside)
    return np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _are_regions(region):
    several = isinstance(region, list | tuple) or hasattr(region, "regions")
    return several and len(region) > 0 and all(hasattr(one, "contains") for one in region)


def _moments(values, inside):
    """Sum, mean position (x, y) weighted with the absolute values, and the derivatives of all three by each value."""
    y, x = np.indices(values.shape, dtype=float)
    values = np.where(inside, values, 0.0)
    weights = np.abs(values)
    if not weights.any():
        weights = inside.astype(float)
    total = weights.sum()
    position = [float((weights * axis).sum() / total) for axis in (x, y)]
    sign = np.where(values < 0, -1.0, 1.0) * inside
    derivatives = [inside.astype(float)]
    derivatives += [sign * (axis - mean) / total for axis, mean in zip((x, y), position, strict=True)]
    return float(values.sum()), position, np.array(derivatives)


def _pixel_matrix(smap):
    """Arcsec along the axes of the frame per pixel."""
    units = [axis.to_value(u.arcsec / u.pix) for axis in smap.scale]
    return np.diag(units) @ smap.rotation_matrix


def _pixel_area(smap):
    return abs(np.linalg.det(_pixel_matrix(smap))) * u.arcsec**2


def _is_per_solid_angle(unit):
    return any(base.is_equivalent(u.rad) and power < 0 for base, power in zip(unit.bases, unit.powers, strict=True))
