"""Where the disk is in an HMI Map, and how bright the quiet Sun is there."""

import numpy as np

import astropy.units as u

__all__ = ["LIMB_MU", "heliocentric_mu", "limb_darkening", "quiet_sun"]

LIMB_MU = 0.3
"""Closer to the limb than this mu, granulation is foreshortened beyond what the networks were trained on."""

_SPOT = 0.9
"""Below this share of the quiet Sun a pixel counts as a spot; granulation at HMI's resolution stays above."""


def heliocentric_mu(smap):
    """
    Cosine of the heliocentric angle of each pixel.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        In helioprojective coordinates. Distances on the sky are taken in the tangent plane: at the limb that is
        0.01 arcsec off.

    Returns
    -------
    `numpy.ndarray` of `numpy.float32`
        Shape of the Map; 0 off the disk.
    """
    axes = smap.spatial_units
    scale = [unit.to(u.arcsec) for unit in axes]
    matrix = smap.rotation_matrix * [
        [smap.scale[0].to_value(axes[0] / u.pix)],
        [smap.scale[1].to_value(axes[1] / u.pix)],
    ]
    ny, nx = smap.data.shape
    x = np.arange(nx, dtype=np.float32) - np.float32(smap.reference_pixel.x.value)
    y = np.arange(ny, dtype=np.float32) - np.float32(smap.reference_pixel.y.value)
    radius2 = np.zeros((ny, nx), dtype=np.float32)
    for row, reference, unit in zip(matrix, smap.wcs.wcs.crval, scale, strict=True):
        # The WCS of a Map is in its own unit (mostly deg), the matrix in that of the axes
        offset = (np.float32(row[0] * unit) * x)[None, :] + (np.float32(row[1] * unit) * y)[:, None]
        offset += np.float32(reference * u.Unit(smap.wcs.wcs.cunit[0]).to(u.arcsec))
        radius2 += offset**2
    radius2 /= np.float32(smap.rsun_obs.to_value(u.arcsec)) ** 2
    return np.sqrt(np.clip(1 - radius2, 0, None))


def limb_darkening(mu):
    """
    Continuum intensity at 6173 Angstrom relative to the centre of the disk.

    Parameters
    ----------
    mu : `numpy.ndarray`
        Cosine of the heliocentric angle.

    References
    ----------
    * Neckel 2005, Solar Physics 229, 13, https://doi.org/10.1007/s11207-005-4081-z, for 422 to 1100 nm
    """
    wavelength = 0.6173  # micrometres
    inverse, fifth = 1 / wavelength, wavelength**-5
    coefficients = (
        0.75267 - 0.265577 * inverse,
        0.93874 + 0.265577 * inverse - 0.004095 * fifth,
        -1.89287 + 0.012582 * fifth,
        2.42234 - 0.017117 * fifth,
        -1.71150 + 0.011977 * fifth,
        0.49062 - 0.003347 * fifth,
    )
    result = np.zeros_like(mu)
    for coefficient in reversed(coefficients):
        result = result * mu + mu.dtype.type(coefficient)
    return result


def quiet_sun(image, mu):
    """
    Level of the quiet Sun, and the law by which it falls towards the limb.

    Parameters
    ----------
    image : `numpy.ndarray`
        Continuum intensity; not finite where there are no data.
    mu : `numpy.ndarray`
        Of the same shape.

    Returns
    -------
    level : `float`
        Intensity of the quiet Sun at the centre of the disk.
    darkening : callable
        ``darkening(mu)`` relative to it: `limb_darkening`, or constant for images from which it was removed.

    Raises
    ------
    ValueError
        There is no quiet Sun in the image.
    """
    usable = np.isfinite(image) & (mu > LIMB_MU)
    if not usable.any():
        usable = np.isfinite(image) & (mu > 0)
    if not usable.any():
        raise ValueError("Found no valid pixel on the solar disk, expected some. Check the pointing in the header.")
    step = max(1, int(np.sqrt(usable.sum() / 1e6)))
    values, angles = image[::step, ::step][usable[::step, ::step]], mu[::step, ::step][usable[::step, ::step]]
    if not values.size:
        values, angles = image[usable], mu[usable]
    fits = []
    for darkening in (limb_darkening, np.ones_like):
        flat = values / darkening(angles)
        level = _quiet_level(flat)
        fits.append((_spread(flat, angles), level, darkening))
    # In a small field both laws fit; the Sun's own is then taken
    darkened, removed = fits
    _, level, darkening = removed if removed[0] < 0.5 * darkened[0] and np.ptp(angles) > 0.2 else darkened
    if not level > 0:
        raise ValueError(
            f"Found a quiet-Sun intensity of {level:.4g}, expected a positive one. enhance() takes continuum "
            f"intensity, "
            "not differences or normalised contrasts around zero."
        )
    return float(level), darkening


def _quiet_level(values):
    """Median of the quiet Sun: everything but spots, found from the bright end."""
    level = np.percentile(values, 95) / 1.06
    for _ in range(8):
        quiet = values[values > _SPOT * level]
        if not quiet.size:
            return np.median(values)
        level = np.median(quiet)
    return level


def _spread(values, angles):
    """Relative scatter of the quiet level over rings of equal mu."""
    edges = np.quantile(angles, np.linspace(0, 1, 9))
    rings = np.digitize(angles, edges[1:-1])
    levels = [_quiet_level(values[rings == ring]) for ring in range(8) if (rings == ring).sum() > 50]
    return np.std(levels) / np.mean(levels) if len(levels) > 1 and np.mean(levels) > 0 else 0.0
