"""Magnetograms whose values are no field strengths: 8-bit, logarithmic and unsigned images for display."""

import numpy as np

__all__ = ["raise_incredible", "refuse_display_scale"]

_WEAK = 10.0  # G; the noise of HMI, 6 to 10 G, makes both stronger and weaker pixels of both signs
_LEAST_PIXELS = 400
"""Least number of pixels whose distribution of values is known well enough."""
_LEAST_WEAK = 100
_GRAY_LEVELS = 256
_LARGEST_STEP = 1.5  # G; larger than any rounding of a field strength
_LEAST_CLIPPED = 0.01
"""Least share of the pixels at the lowest and at the highest value of a clipped image."""
_REMEDY = "Use the magnetogram itself in Gauss, as it is in the FITS file, and not an image of it for display."


def refuse_display_scale(field):
    """
    Refuse values that are no line-of-sight fields of HMI.

    Parameters
    ----------
    field : `numpy.ndarray`
        Values of the valid pixels on the disk in Gauss, shape ``(n,)``.

    Raises
    ------
    ValueError
        The values have 256 levels with a range or steps of an 8-bit image, are as small as logarithms, or are all of
        one sign, or 0, where they are weaker than the noise. Fewer than 400 values are not checked.
    """
    if field.size < _LEAST_PIXELS:
        return
    strongest = np.abs(field).max()
    if strongest < _WEAK:
        raise ValueError(
            f"Found no field stronger than {strongest:.3g} G in {field.size} pixels; expected more than {_WEAK:g} G, "
            f"because the noise of HMI is 6 to 10 G: the values may be logarithms, or of another unit. {_REMEDY}"
        )
    levels, counts = np.unique(field, return_counts=True)
    found = _gray_levels(levels, counts / field.size) if levels.size <= _GRAY_LEVELS else ""
    if found:
        raise ValueError(f"Found {found}; expected a field in Gauss with its noise, not an 8-bit image. {_REMEDY}")
    weak = field[np.abs(field) < _WEAK]
    if weak.size >= _LEAST_WEAK and not (weak.min() < 0 < weak.max()):
        both = field.min() < 0 < field.max() and not weak.any()
        found = "all of them 0" if both else f"none of them {'negative' if weak.min() >= 0 else 'positive'}"
        reason = "the values may be rounded, or weak ones replaced by 0" if both else "the values may be absolute ones"
        raise ValueError(
            f"Found {weak.size} pixels with a field weaker than {_WEAK:g} G, {found}; expected both signs, because of "
            f"the noise: {reason}. {_REMEDY}"
        )


def _gray_levels(levels, shares):
    """What makes few distinct values an 8-bit image, empty if they are rounded field strengths."""
    low, high = levels[0], levels[-1]
    if low >= 0 and high < _GRAY_LEVELS and not np.any(levels % 1):
        return f"only integers from {low:.0f} to {high:.0f}"
    if min(shares[0], shares[-1]) >= _LEAST_CLIPPED:
        return f"{levels.size} different values, clipped at {low:.4g} and {high:.4g} G"
    steps = np.diff(levels)
    step = steps.min() if steps.size else 0.0
    if step > _LARGEST_STEP and np.allclose(steps / step, np.round(steps / step), atol=0.01):
        return f"only multiples of {step:.3g} G"
    return ""


def raise_incredible(values, limits, smap):
    """
    Raise an error for an image without a credible value.

    Parameters
    ----------
    values : `numpy.ndarray`
        Its values on the disk, in the unit of the Map.
    limits : pair of `float`
        Smallest and largest credible value in this unit.
    smap : `~sunpy.map.GenericMap`
        The Map.

    Raises
    ------
    ValueError
        Always.
    """
    unit = f" {smap.unit}" if smap.unit is not None else ""
    low, high = limits
    content = smap.meta.get("content")
    raise ValueError(
        f"Found no credible value on the disk, but {values.min():.4g} to {values.max():.4g}{unit}; expected values "
        f"between {low:.4g} and {high:.4g}{unit}. Check the unit (BUNIT) and the product (CONTENT = {content!r}) in "
        "the header."
    )
