"""What `sunpy_restore.synthesize_granulation` is asked for: shape, seed, pixel size and stitching of a texture."""

from dataclasses import dataclass, field
from numbers import Integral

import numpy as np

import astropy.units as u

from sunpy_restore.core.messages import shown
from sunpy_restore.granulation.task import STITCHINGS
from sunpy_restore.granulation.tiling import Tiling

__all__ = ["KM_PER_ARCSEC", "Request"]

KM_PER_ARCSEC = float(u.arcsec.to(u.rad) * u.au.to(u.km))
"""Length on the Sun at disk centre, seen from 1 au."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """
    A texture to generate; the counterpart of an observation for a function without input image.

    Parameters
    ----------
    shape : `tuple` of `int`
        Pixels ``(ny, nx)``.
    seed : `int`
        Seed of the random numbers, not negative.
    pixel : `float`, optional
        Side of a pixel on the Sun in km, by default that of the generator.
    stitching : `str`
        One of `~sunpy_restore.granulation.task.STITCHINGS`. Only generators of tiles use it.
    refine_worst : `int`
        Number of positions with poorly matching tiles at which better tiles are searched. Only generators of tiles use
        it.
    tiles : `~sunpy_restore.granulation.tiling.Tiling`
        Overlap, pool and search of tiles. Only generators of tiles use it.
    """

    shape: tuple[int, int]
    seed: int
    pixel: float | None = None
    stitching: str = STITCHINGS[0]
    refine_worst: int = 0
    tiles: Tiling = field(default_factory=Tiling)

    @classmethod
    def from_arguments(cls, shape, *, seed=None, scale=None, stitching=None, refine_worst=0, **tiling):
        """
        Check the arguments of `sunpy_restore.synthesize_granulation`.

        Parameters
        ----------
        shape, seed, scale, stitching, refine_worst, **tiling
            See `sunpy_restore.synthesize_granulation`. A seed is drawn if none is given.

        Returns
        -------
        Request

        Raises
        ------
        TypeError
            The shape is not a pair of integers, the seed not an integer, or the scale not a
            `~astropy.units.Quantity` of length or angle.
        ValueError
            A value is out of range, or the stitching is unknown.
        """
        if stitching is not None and stitching not in STITCHINGS:
            raise ValueError(f"Unknown stitching {stitching!r}; expected one of {', '.join(STITCHINGS)}.")
        if not _is_integer(refine_worst) or refine_worst < 0:
            raise ValueError(f"Found refine_worst={refine_worst!r}; expected a number of tiles, 0 or more.")
        return cls(
            shape=_checked_shape(shape),
            seed=_checked_seed(seed),
            pixel=_pixel_in_km(scale),
            stitching=stitching or STITCHINGS[0],
            refine_worst=int(refine_worst),
            tiles=Tiling.from_arguments(**tiling),
        )


def _is_integer(value):
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def _checked_shape(shape):
    try:
        ny, nx = shape
    except (TypeError, ValueError):
        raise TypeError(f"Found the shape {shown(shape)}; expected two numbers of pixels (ny, nx).") from None
    for length in (ny, nx):
        if not _is_integer(length):
            raise TypeError(f"Found the shape {shown(shape)}; expected two integers (ny, nx).")
        if length < 1:
            raise ValueError(f"Found the shape {shown(shape)}; expected at least one pixel along each axis.")
    return int(ny), int(nx)


def _checked_seed(seed):
    if seed is None:
        return int(np.random.default_rng().integers(2**31))
    if not _is_integer(seed):
        raise TypeError(f"Found the seed {shown(seed)}; expected an integer.")
    if not 0 <= seed < 2**63:
        raise ValueError(f"Found the seed {seed}; expected an integer from 0 to {2**63 - 1}.")
    return int(seed)


def _pixel_in_km(scale):
    """Side of a pixel on the Sun in km, `None` if no scale is given."""
    if scale is None:
        return None
    if not isinstance(scale, u.Quantity) or not scale.isscalar:
        raise TypeError(f"Found the scale {shown(scale)}; expected a Quantity such as 48 * u.km or 0.1 * u.arcsec.")
    unit = scale.unit * u.pix if u.pix in scale.unit.bases else scale.unit
    value = u.Quantity(scale.value, unit)
    if unit.is_equivalent(u.km):
        return float(value.to_value(u.km))
    if unit.is_equivalent(u.arcsec):
        return float(value.to_value(u.arcsec)) * KM_PER_ARCSEC
    raise TypeError(f"Found the scale {scale}; expected a length on the Sun or an angle, such as 48 km or 0.1 arcsec.")
