"""Compare a restored Map with the Map that it was made from."""

import inspect
import warnings

import numpy as np

import astropy.units as u

from sunpy.time import parse_time

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.images.filled import FILLED_KEYWORD, filled
from sunpy_restore.core.images.maps import valid_pixels
from sunpy_restore.core.images.prepared import check_header, in_memory, without_masked_values
from sunpy_restore.core.numerics.pixels import repeated
from sunpy_restore.core.reports.likeness import LIKENESS_KEYWORD, score_of
from sunpy_restore.core.reports.report import Check, Comparison, Report
from sunpy_restore.core.task import Restoration, resolve
from sunpy_restore.core.uncertainty.predicted import UNKNOWN_KEYWORD

__all__ = ["compare"]

_SAME = ("telescop", "instrume", "detector", "wavelnth", "content", "date-obs", "date_obs", "time-obs", "t_obs")
"""Keywords that a restoration does not change."""

_SAME_TIME = 1e-2
"""Largest difference of two times in seconds, for headers that round them."""

_LARGEST_OFFSET = 0.05
"""Largest difference of the positions of pixels, in pixels; smaller ones are rounding errors of headers."""


def compare(function, restored, original, **options):
    """
    Check a restored Map against its original.

    Parameters
    ----------
    function : `~sunpy_restore.core.task.MapFunction`
        The function that has restored the Map.
    restored, original : `~sunpy.map.GenericMap`
        Restored Map; the Map that it was made from. They are not changed.
    **options
        Keywords of the function that its `~sunpy_restore.core.restoration.observation.Observation` takes.

    Returns
    -------
    `~sunpy_restore.core.reports.report.Report`

    Raises
    ------
    TypeError, ValueError
        The Maps do not belong together, see `sunpy_restore.report`.
    """
    task = next(task for task in function.tasks if task.name == restored.meta["rsttask"])
    scale = task.scale if isinstance(task, Restoration) else 1
    for smap in (restored, original):
        check_header(smap)
    restored, original = in_memory(restored), in_memory(original)
    _refuse_other_image(restored, original, scale)
    observing = resolve(function.observation)
    _refuse_unknown_options(observing, options)
    given = {key: in_memory(value) for key, value in options.items()}
    visible = without_masked_values(original)
    given |= {
        name: resolve(distribute)([visible], given[name])[0]
        for name, distribute in function.per_image.items()
        if name in given
    }
    flags = filled(restored)
    with warnings.catch_warnings():
        # They were emitted when the Map was restored
        warnings.simplefilter("ignore", RestoreWarning)
        observation = observing.from_pair(visible, flags, **given)
    comparison = Comparison(
        observation=observation, restored=restored.data.astype(float), unit=restored.unit, filled=flags,
        meta=restored.meta,
    )  # fmt: skip
    checks = [*_generic_checks(task, comparison, original, scale), *_trust_checks(task, comparison)]
    if task.checks is not None:
        checks += resolve(task.checks)(comparison)
    method = str(restored.meta.get("rstmeth", "unknown"))
    return Report(task=task.name, method=method, checks=tuple(checks), restored=restored, original=original)


def _refuse_unknown_options(observing, options):
    known = list(inspect.signature(observing.check).parameters)[1:]
    for name in options:
        if name not in known:
            expected = f"expected one of {', '.join(known)}" if known else "this function has none"
            raise TypeError(f"Unknown option {name!r}; {expected}. Give the keywords that concern the original.")


def _generic_checks(task, comparison, original, scale):
    """Checks of any restored image."""
    lost = repeated(valid_pixels(original), scale) & ~np.isfinite(comparison.restored)
    yield Check(
        name="Pixels without a value", value=float(np.count_nonzero(lost)), low=0, high=0, of_values=False,
        meaning="Valid pixels of the original that have no finite value in the restored image.",
    )  # fmt: skip
    if FILLED_KEYWORD in comparison.meta or "mask" in getattr(task, "channels", ()):
        kept, before = ~comparison.filled, original.data.astype(float)
        same = (comparison.restored == before) | (np.isnan(comparison.restored) & np.isnan(before))
        yield Check(
            name="Observed pixels changed", value=float(np.count_nonzero(kept & ~same)), low=0, high=0,
            of_values=False,
            meaning="Pixels that were not filled, but differ from the original; a restoration keeps all of them.",
        )  # fmt: skip


def _trust_checks(task, comparison):
    """Checks of how far the restoration of this image can be trusted."""
    if LIKENESS_KEYWORD in comparison.meta:
        score, reasons = score_of(task, comparison.observation)
        if score is not None:
            yield Check(
                name="Distance from good images", value=score, high=1, of_values=False,
                meaning="; ".join(reasons) or "All properties of the original are within the range of good images.",
            )  # fmt: skip
    if UNKNOWN_KEYWORD in comparison.meta:
        yield Check(
            name="Pixels of unknown error", value=float(comparison.meta[UNKNOWN_KEYWORD]), low=0, high=0,
            of_values=False,
            meaning="Restored pixels whose uncertainty is infinite; leave them out of measurements.",
        )  # fmt: skip


def _refuse_other_image(restored, original, scale):
    """Refuse Maps of different instruments, times or pixels."""
    for key in _SAME:
        one, other = (smap.meta.get(key) for smap in (restored, original))
        if one is not None and other is not None and not _is_same(one, other):
            raise ValueError(
                f"Found {key.upper()} = {one!r} in the restored Map and {other!r} in the original; expected the same. "
                "Give the Map that was restored."
            )
    expected = tuple(scale * length for length in original.data.shape)
    if restored.data.shape != expected:
        raise ValueError(
            f"Found a restored Map of shape {restored.data.shape} for an original of shape {original.data.shape}; "
            f"expected {expected}. Give the whole result and the whole original."
        )
    if restored.unit != original.unit and None not in (restored.unit, original.unit):
        if restored.unit.is_equivalent(original.unit):
            raise ValueError(
                f"Found a restored Map in {restored.unit} and an original in {original.unit}; expected one unit. "
                "Convert one of them."
            )
    ny, nx = original.data.shape
    corners = np.array([[0, 0], [nx - 1, 0], [0, ny - 1]], dtype=float)
    # The centre of an original pixel in the finer pixels
    moved = _positions(restored, scale * (corners + 0.5) - 0.5) - _positions(original, corners)
    pixel = min(abs(part.to_value(unit / u.pix)) for part, unit in zip(original.scale, original.spatial_units))
    if not np.abs(moved).max() <= _LARGEST_OFFSET * pixel:
        raise ValueError(
            f"Found a restored Map whose pixels are up to {np.abs(moved).max() / pixel:.3g} pixels away from those of "
            "the original; expected the same coordinates. Give the Map that was restored, with the same pointing."
        )


def _is_same(one, other):
    """Whether two values of a header are the same text, or the same time in another form."""
    if str(one).strip() == str(other).strip():
        return True
    try:
        return abs((parse_time(str(one)) - parse_time(str(other))).to_value("s")) < _SAME_TIME
    except ValueError:
        return False


def _positions(smap, pixels):
    """Coordinates of pixels in the tangent plane, in the units of the axes of the Map."""
    units = smap.spatial_units
    scale = [part.to_value(unit / u.pix) for part, unit in zip(smap.scale, units)]
    reference = [
        u.Quantity(value, wcs_unit).to_value(unit)
        for value, wcs_unit, unit in zip(smap.wcs.wcs.crval, smap.wcs.wcs.cunit, units)
    ]
    away = pixels - [part.value for part in smap.reference_pixel]
    return away @ (np.diag(scale) @ smap.rotation_matrix).T + reference
