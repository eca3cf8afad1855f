"""The product of an HMI Map, continuum intensity or magnetogram, from ``CONTENT``, the unit and the user's choice."""

import astropy.units as u

from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM, PRODUCTS

__all__ = ["check_unit", "task_of_product"]

_UNTOLD = ("", "HMI OBSERVABLE")
"""Values of ``CONTENT`` that do not tell the product."""

_OTHER_QUANTITIES = {
    "angle", "area", "frequency", "length", "magnetic flux", "magnetic flux density", "mass", "speed", "temperature",
    "time", "volume",
}  # fmt: skip
"""Physical types of units that no intensity has."""

_UNSUITABLE = (
    "Dopplergrams, components of the vector field and derived quantities are not linear in the observed intensity and "
    "cannot be deconvolved on their own."
)


def task_of_product(smap, product):
    """
    The task that enhances a Map of HMI.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.
    product : `str`, optional
        ``"continuum"`` or ``"magnetogram"``, for a Map whose ``CONTENT`` does not tell the product.

    Returns
    -------
    `~sunpy_restore.core.task.Restoration`

    Raises
    ------
    TypeError
        The Map is of another product, or neither ``CONTENT`` nor ``product`` tells it.
    ValueError
        ``product`` contradicts ``CONTENT``.
    """
    content = str(smap.meta.get("content", "")).strip().upper()
    named = [name for name in PRODUCTS if name.upper() in content]
    found = f"Found CONTENT = {smap.meta.get('content')!r}"
    if content in _UNTOLD:
        if product is None:
            raise TypeError(_untold(found, smap.unit))
        return PRODUCTS[product]
    if len(named) != 1:
        raise TypeError(f"{found}; expected 'CONTINUUM INTENSITY' or 'MAGNETOGRAM'. {_UNSUITABLE}")
    if product not in (None, *named):
        raise ValueError(
            f"{found} and product={product!r}; expected a Map of this product. Leave product out: the Map is a "
            f"{named[0]}{' image' if named == ['continuum'] else ''}."
        )
    return PRODUCTS[named[0]]


def _untold(found, unit):
    """The error for a Map whose ``CONTENT`` does not tell the product; the unit may."""
    known = f"{found}, which does not tell the product"
    if unit is None:
        choices = " or ".join(f"product={name!r}" for name in PRODUCTS)
        return f"{known}; expected 'CONTINUUM INTENSITY' or 'MAGNETOGRAM'. Pass {choices}."
    if unit.is_equivalent(u.G):
        return (
            f"{known}; expected 'CONTINUUM INTENSITY' or 'MAGNETOGRAM'. The unit is {unit}: pass product='magnetogram' "
            "if it is the line-of-sight field, not the strength or a component of the vector field."
        )
    if _is_other(unit):
        return (
            f"{known}, and the unit {unit} of {unit.physical_type}; expected a continuum image or a line-of-sight "
            f"magnetogram. {_UNSUITABLE}"
        )
    return (
        f"{known}; expected 'CONTINUUM INTENSITY' or 'MAGNETOGRAM'. The unit is {unit}: pass product='continuum' if it "
        "is the continuum intensity, not the depth of the line."
    )


def _is_other(unit):
    return not _OTHER_QUANTITIES.isdisjoint(unit.physical_type)


def check_unit(unit, task):
    """
    Refuse a Map whose unit is not one of its product.

    Parameters
    ----------
    unit : `~astropy.units.Unit`, optional
        Unit of the Map.
    task : `~sunpy_restore.core.task.Restoration`
        The task that enhances it.

    Raises
    ------
    ValueError
        A magnetogram has no unit of magnetic field, or a continuum image has the unit of another quantity.
    """
    if task is MAGNETOGRAM and not (unit is not None and unit.is_equivalent(u.G)):
        remedy = "Set BUNIT in the header."
        if unit is not None and _is_other(unit):
            remedy = f"If the unit is right, this is no magnetogram. {_UNSUITABLE}"
        raise ValueError(
            f"Found a magnetogram with the unit {unit}; expected a unit of magnetic field, such as Gauss. {remedy}"
        )
    if task is CONTINUUM and unit is not None and _is_other(unit):
        remedy = _UNSUITABLE
        if unit.is_equivalent(u.G):
            remedy = "A magnetogram has this unit: check CONTENT in the header, or pass product='magnetogram'."
        raise ValueError(
            f"Found a continuum image with the unit {unit}, which is one of {unit.physical_type}; expected one of "
            f"intensity, such as DN / s, or none. If the unit is right, this is no continuum image. {remedy}"
        )
