"""The telescope of a training: HMI, or what the options of the configuration say."""

from dataclasses import replace
from numbers import Real
from pathlib import Path

import numpy as np

import astropy.units as u
from astropy.io import fits
from astropy.table import Table

from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.system.filenames import is_fits
from sunpy_restore.enhancement.optics.psf import ImagePSF, PointSpreadFunction, RadialPSF
from sunpy_restore.enhancement.optics.telescope import HMI, Telescope

__all__ = ["OPTIONS", "read_psf", "telescope_of"]

OPTIONS = ("psf", "aperture", "pixel_scale", "wavelength")
"""Options of a configuration that describe another telescope than HMI."""

_LARGEST = 257  # pixels; larger images make the metadata of weights too long
_MOST_BEYOND = 0.1  # of the light, beyond the radius at which point spread functions are truncated
_DIGITS = 7


def telescope_of(options):
    """
    Read the telescope of a configuration.

    Parameters
    ----------
    options : mapping
        ``psf`` is a file, see `read_psf`, by default the formula of
        `~sunpy_restore.enhancement.optics.psf.PointSpreadFunction` for the aperture; ``aperture`` is in m,
        ``pixel_scale`` in arcsec and ``wavelength`` in angstrom, by default those of HMI.

    Returns
    -------
    `~sunpy_restore.enhancement.optics.telescope.Telescope`

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        A value is not positive, or the file is no point spread function.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Much of the light lies beyond the radius at which point spread functions are truncated.
    """
    telescope = Telescope(
        None,
        pixel_scale=_positive(options, "pixel_scale", HMI.pixel_scale),
        aperture=_positive(options, "aperture", HMI.aperture),
        wavelength=_positive(options, "wavelength", HMI.wavelength, unit=1e-10),
    )
    if "psf" in options:
        psf = read_psf(options["psf"], telescope)
    else:
        psf = PointSpreadFunction(
            radius=telescope.radius, diameter=telescope.aperture, wavelength=telescope.wavelength
        )  # fmt: skip
    return replace(telescope, psf=psf)


def _positive(options, name, default, unit=1.0):
    value = options.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, Real) or not (np.isfinite(value) and value > 0):
        raise ValueError(f"Found {name} = {value!r}; expected a positive number.")
    return float(value) * unit


def read_psf(path, telescope):
    """
    Read a point spread function.

    Parameters
    ----------
    path : path-like
        A FITS image, whose ``CDELT1`` is its pixel size in the unit ``CUNIT1``; or a table of two columns, angle and
        value, in FITS, ECSV or another text format. Angles are in arcsec unless the column has a unit.
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        Its pixels and the radius at which the function is truncated.

    Returns
    -------
    `~sunpy_restore.enhancement.optics.psf.ImagePSF` or `~sunpy_restore.enhancement.optics.psf.RadialPSF`

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is no point spread function, or its pixels are larger than half of those of the telescope.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        More than 10 % of the light lies beyond the radius.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Found no file {path}; expected a point spread function, a FITS image or a table.")
    try:
        image, header = _image(path)
        table = None if image is not None else Table.read(path) if is_fits(path.name) else _text_table(path)
    # Readers of files fail in many ways
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as a point spread function ({error}); expected a FITS image, or a table of angle "
            "and value."
        ) from error
    if image is not None:
        return _image_psf(path, image, header, telescope)
    return _radial_psf(path, table, telescope)


def _text_table(path):
    if path.suffix.lower() == ".ecsv":
        return Table.read(path)
    values = np.loadtxt(path, delimiter="," if path.suffix.lower() == ".csv" else None, ndmin=2, comments="#")
    return Table(values)


def _image(path):
    if not is_fits(path.name):
        return None, None
    with fits.open(path) as hdus:
        for hdu in hdus:
            if hdu.is_image and hdu.data is not None:
                return np.asarray(hdu.data, dtype=float), hdu.header
    return None, None


def _image_psf(path, image, header, telescope):
    if image.ndim != 2 or not np.isfinite(image).all() or not image.sum() > 0:
        raise ValueError(f"{path}: found {image.shape} values; expected a finite image with a positive sum.")
    if "CDELT1" not in header or "CUNIT1" not in header:
        raise ValueError(f"{path}: found no CDELT1 or no CUNIT1; expected the pixel size, such as 0.1 and 'arcsec'.")
    sides = [
        abs(u.Quantity(header[f"CDELT{axis}"], header.get(f"CUNIT{axis}", header["CUNIT1"])).to_value(u.arcsec))
        for axis in (1, 2)
    ]
    if not np.isclose(*sides, rtol=1e-3) or not 0 < sides[0] <= telescope.pixel_scale / 2:
        raise ValueError(
            f"{path}: found pixels of {sides[0]:.4g} x {sides[1]:.4g} arcsec; expected square ones of at most "
            f"{telescope.pixel_scale / 2:.4g} arcsec, half of those of the telescope. Interpolate the image."
        )
    _warn_of_light_beyond(path, *_curve_of_growth(image, sides[0]), telescope)
    half = int(np.ceil(telescope.radius / sides[0])) + 2
    middle = np.round(np.array(np.unravel_index(np.argmax(image), image.shape))).astype(int)
    image = image[tuple(slice(max(centre - half, 0), centre + half + 1) for centre in middle)]
    if max(image.shape) > _LARGEST:
        raise ValueError(
            f"{path}: found {image.shape} pixels within {telescope.radius:.3g} arcsec; expected at most {_LARGEST} "
            "along each axis. Bin the image."
        )
    image = image / image.max()
    rows = tuple(tuple(float(f"{value:.{_DIGITS}g}") for value in row) for row in image)
    return ImagePSF(rows, sides[0], telescope.radius)


def _curve_of_growth(image, pixel):
    row, column = np.unravel_index(np.argmax(image), image.shape)
    y, x = np.indices(image.shape)
    return (np.hypot(y - row, x - column) * pixel).ravel(), image.ravel()


def _radial_psf(path, table, telescope):
    if len(table.columns) != 2 or len(table) < 2:
        raise ValueError(f"{path}: found {len(table.columns)} columns and {len(table)} rows; expected angle and value.")
    angle, value = (table[name] for name in table.colnames)
    unit = u.arcsec if angle.unit is None else angle.unit
    angles, values = np.asarray(angle, dtype=float) * unit.to(u.arcsec), np.asarray(value, dtype=float)
    if not (np.isfinite(angles).all() and np.isfinite(values).all()) or not (np.diff(angles) > 0).all():
        raise ValueError(f"{path}: found angles that do not increase, or values that are not finite. Sort the table.")
    if angles[0] < 0 or angles[0] > telescope.pixel_scale / 4 or not values[0] > 0:
        raise ValueError(f"{path}: found {angles[0]:.4g} arcsec first; expected 0, and a positive value there.")
    widths = np.gradient(angles)
    _warn_of_light_beyond(path, angles, values * angles * widths, telescope)
    kept = angles <= telescope.radius + 2 * widths.max()
    return RadialPSF(
        tuple(float(f"{one:.{_DIGITS}g}") for one in angles[kept]),
        tuple(float(f"{one:.{_DIGITS}g}") for one in values[kept] / values[0]),
        telescope.radius,
    )


def _warn_of_light_beyond(path, distance, light, telescope):
    share = light[distance > telescope.radius].sum() / light.sum()
    if share > _MOST_BEYOND:
        warn_user(
            f"{path}: {share:.0%} of the light lies beyond {telescope.radius:.3g} arcsec, where the point spread "
            "function is truncated. This light is not corrected."
        )
