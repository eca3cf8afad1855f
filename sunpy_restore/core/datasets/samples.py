"""Images from which a training data set is built: how they are found in a file, and how a recipe keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

import astropy.units as u
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

from sunpy.time import parse_time

from sunpy_restore.core.datasets.fields import coordinates_in
from sunpy_restore.core.images.maps import new_map

__all__ = ["KM_PER_ARCSEC", "Candidate", "Pairing", "Sample", "Splitting"]

KM_PER_ARCSEC = 725.2709
"""Kilometres on the Sun that an arcsecond spans from a distance of 1 au."""

_TIMES = ("DATE-OBS", "DATE_OBS", "DATE-BEG", "DATE-AVG", "T_OBS")
_HOURS = ("TIME-OBS", "TIME_OBS")  # of headers whose date has no hours
_MOST_OBLONG = 1.05
_DAY = 10  # characters of a date without hours


class Splitting(NamedTuple):
    """
    How the images of a task are split into those for training and those for validation.

    Parameters
    ----------
    gap : `float`
        Hours after which the Sun has changed so much that two images are independent.
    share : `float`
        Share of the images, or of the columns of an image, that is kept back.
    regions : `bool`
        Whether an image without an independent one may be split into columns for training and for validation.
    margin : `float`
        Width in arcsec of the columns between the two regions, which are not used.
    """

    gap: float
    share: float = 0.2
    regions: bool = True
    margin: float = 2.0


class Pairing(NamedTuple):
    """
    How pairs of real images are found.

    Parameters
    ----------
    observed, truth : `str`
        What the two images of a pair are, for messages.
    splitting : `Splitting`
        How the pairs are split.
    tolerance : `float`
        Largest difference between the times of the two images in seconds.
    one_to_one : `bool`
        Whether an observed image belongs to one other image only.
    """

    observed: str
    truth: str
    splitting: Splitting
    tolerance: float
    one_to_one: bool = True


@dataclass(frozen=True)
class Sample:
    """
    An image of a training data set.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``, as the recipe will read it.
    group : `str`
        Images of one group are split together; each group has its own validation, such as a detector.
    unit : `str`
        Unit of the image.
    pixel_scale : `float`
        Pixel size in arcsec.
    least : pair of `int`
        Smallest number of columns of a region for training and of one for validation.
    values : mapping
        What else the recipe needs, as JSON can hold it.
    truth : `numpy.ndarray`, optional
        Of a pair of real images, what the image is to be restored to; its shape is an integer multiple of that of the
        image.
    """

    image: np.ndarray
    group: str
    unit: str
    pixel_scale: float
    least: tuple = (32, 32)
    values: Mapping[str, Any] = field(default_factory=dict)
    truth: np.ndarray | None = None


@dataclass(frozen=True)
class Candidate:
    """
    An image in a file, of which a recipe decides whether it can be used.

    Parameters
    ----------
    data : `numpy.ndarray`
        Shape ``(ny, nx)``.
    header : mapping
        FITS keywords in capitals.
    """

    data: np.ndarray
    header: Mapping[str, Any]

    def map(self):
        """
        Make a Map of the image.

        Returns
        -------
        `~sunpy.map.GenericMap`

        Raises
        ------
        ValueError
            The header is not one of a solar image.
        """
        try:
            return new_map(self.data, self.header)
        # sunpy and astropy raise errors of many kinds for headers without coordinates
        except Exception as error:  # noqa: BLE001
            raise ValueError(f"Found a header that opens as no Map ({error}); expected one of a solar image.") from None

    @property
    def instrument(self):
        """Telescope and instrument as one text, empty if they are not known."""
        words = (str(self.header.get(key) or "").strip() for key in ("TELESCOP", "INSTRUME"))
        return " ".join(dict.fromkeys(filter(None, words)))

    @cached_property
    def time(self):
        """Time of the observation in UTC as ISO 8601 text, `None` if it is not known."""
        text = next((str(self.header[key]).strip() for key in _TIMES if str(self.header.get(key) or "").strip()), None)
        if text is None:
            return None
        hours = next((str(self.header[key]).strip() for key in _HOURS if self.header.get(key)), "")
        text = f"{text} {hours}" if len(text) <= _DAY and hours else text
        try:
            return parse_time(text).utc.isot
        except ValueError:
            return None

    @cached_property
    def unit(self):
        """Unit of the image, `None` if the header has none, an unrecognised unit if it cannot be read."""
        text = str(self.header.get("BUNIT") or "").strip()
        known = {"gauss": u.G, "mx/cm^2": u.Mx / u.cm**2}
        return known.get(text.lower(), u.Unit(text, parse_strict="silent")) if text else None

    @cached_property
    def pixel_scale(self):
        """
        Pixel size in arcsec, the geometric mean of both axes.

        Raises
        ------
        ValueError
            The header has no pixel size in a unit of angle, or the pixels are not square.
        """
        if not {"CDELT1", "CD1_1"} & self.header.keys():
            raise ValueError(
                "Found no pixel size; expected CDELT1 in the header, or pixel_scale in a "
                "TOML file of the same name, such as image.toml for image.npy, image.fits or image.fits.fz."
            )
        try:
            wcs = WCS(coordinates_in(self.header), naxis=2)
            scales = proj_plane_pixel_scales(wcs)
            sizes = [abs(s) * u.Unit(unit).to(u.arcsec) for s, unit in zip(scales, wcs.wcs.cunit, strict=True)]
        # astropy raises errors of many kinds for headers without coordinates
        except Exception:  # noqa: BLE001
            raise ValueError(
                f"Found CDELT1 = {self.header.get('CDELT1')!r} and CUNIT1 = {self.header.get('CUNIT1')!r}; expected a "
                "pixel size in a unit of angle. Add pixel_scale in arcsec in a TOML file of the same name."
            ) from None
        size = float(np.sqrt(sizes[0] * sizes[1]))
        if not (np.isfinite(size) and size > 0):
            raise ValueError(f"Found pixels of {size} arcsec; expected a positive size.")
        if max(sizes) > _MOST_OBLONG * min(sizes):
            raise ValueError(f"Found pixels of {sizes[0]:.3g} x {sizes[1]:.3g} arcsec; expected square ones.")
        return size

    @cached_property
    def wavelength(self):
        """Wavelength in nanometres, `None` if the header does not tell it with its unit."""
        value, unit = (self.header.get(key) for key in ("WAVELNTH", "WAVEUNIT"))
        try:
            if isinstance(unit, int) or str(unit or "").strip().lstrip("-").isdigit():
                return float(value) * 10.0 ** (int(unit) + 9)  # the exponent of ten of metres (SOLARNET)
            if unit:
                return float((float(value) * u.Unit(str(unit).strip().lower())).to_value(u.nm))
            # No solar telescope observes at more than 2000 nm in an image
            return float(value) / 10 if float(value) > 2000 else None
        except (TypeError, ValueError):
            return None
