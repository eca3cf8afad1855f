"""Geometry of the solar disk, limb darkening and quiet-Sun intensity of HMI Maps."""

import numpy as np

import astropy.units as u

__all__ = ["LIMB_MU", "heliocentric_mu", "quiet_sun"]

LIMB_MU = 0.3
"""Cosine of the heliocentric angle below which foreshortening is stronger than in the training data."""

_SPOT = 0.9
"""Intensity, relative to the quiet Sun, below which a pixel counts as part of a sunspot."""

_LEAST_RING = 50  # pixels


def heliocentric_mu(smap):
    """
    Cosine of the heliocentric angle of each pixel.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        Map in helioprojective coordinates. Angular distances are computed in the tangent plane; the error at the limb
        is 0.01 arcsec.

    Returns
    -------
    `numpy.ndarray` of `numpy.float32`
        Shape ``(ny, nx)`` of the Map; 0 off the disk.
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
        # CRVAL is in the unit of the WCS (mostly deg), the matrix in that of the axes
        offset = (np.float32(row[0] * unit) * x)[None, :] + (np.float32(row[1] * unit) * y)[:, None]
        offset += np.float32(reference * u.Unit(smap.wcs.wcs.cunit[0]).to(u.arcsec))
        radius2 += offset**2
    radius2 /= np.float32(smap.rsun_obs.to_value(u.arcsec)) ** 2
    return np.sqrt(np.clip(1 - radius2, 0, None))


def limb_darkening(mu):
    """
    Continuum intensity at 6173 Angstrom relative to disk centre.

    Parameters
    ----------
    mu : `numpy.ndarray`
        Cosine of the heliocentric angle.

    Returns
    -------
    `numpy.ndarray`
        Shape and type of ``mu``.

    References
    ----------
    * Neckel 2005, Solar Physics 229, 13, https://doi.org/10.1007/s11207-005-4081-z (422 to 1100 nm)
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
    Measure the quiet-Sun intensity and its limb darkening.

    Parameters
    ----------
    image : `numpy.ndarray`
        Continuum intensity, shape ``(ny, nx)``; not finite where there are no data. At least one finite pixel lies on
        the disk.
    mu : `numpy.ndarray`
        Cosine of the heliocentric angle in the same shape, see `heliocentric_mu`.

    Returns
    -------
    level : `float`
        Quiet-Sun intensity at disk centre.
    darkening : callable
        ``darkening(mu)``, the quiet-Sun intensity relative to ``level``: the limb darkening at 6173 Angstrom, or 1 for
        images from which limb darkening was removed.

    Raises
    ------
    ValueError
        The quiet-Sun intensity is not positive.
    """
    usable = np.isfinite(image) & (mu > LIMB_MU)
    if not usable.any():
        usable = np.isfinite(image) & (mu > 0)
    step = max(1, int(np.sqrt(usable.sum() / 1e6)))
    values, angles = image[::step, ::step][usable[::step, ::step]], mu[::step, ::step][usable[::step, ::step]]
    if not values.size:
        values, angles = image[usable], mu[usable]
    fits = []
    for darkening in (limb_darkening, np.ones_like):
        flat = values / darkening(angles)
        level = _quiet_level(flat)
        fits.append((_spread(flat, angles), level, darkening))
    # In a small field of view both laws fit; assume limb darkening there
    darkened, removed = fits
    _, level, darkening = removed if removed[0] < 0.5 * darkened[0] and np.ptp(angles) > 0.2 else darkened
    if not level > 0:
        raise ValueError(
            f"Found a quiet-Sun intensity of {level:.4g}; expected a positive one. Use a continuum intensity, not a "
            "difference image or a contrast around zero."
        )
    return float(level), darkening


def _quiet_level(values):
    """Median intensity outside of sunspots, by iteration."""
    values = np.sort(values)
    # The 95th percentile of granulation at the resolution of HMI is about 6 % above its median
    level = np.percentile(values, 95) / 1.06
    for _ in range(8):
        quiet = values[np.searchsorted(values, _SPOT * level, side="right") :]
        previous, level = level, _middle(quiet if quiet.size else values)
        if not quiet.size or level == previous:
            break
    return level


def _middle(values):
    """Median of sorted values."""
    half = len(values) // 2
    return values[half] if len(values) % 2 else np.mean(values[half - 1 : half + 1])


def _spread(values, angles):
    """Relative standard deviation of the quiet-Sun intensity among rings of equal mu."""
    edges = np.quantile(angles, np.linspace(0, 1, 9))
    rings = np.digitize(angles, edges[1:-1])
    parts = (values[rings == ring] for ring in range(8))
    levels = [_quiet_level(part) for part in parts if part.size > _LEAST_RING]
    return np.std(levels) / np.mean(levels) if len(levels) > 1 and np.mean(levels) > 0 else 0.0
