"""
Diffraction pattern of the AIA filter meshes.

The pattern is that of `aiapy.psf.psf` (Grigis et al. 2012), which evaluates 1200 Gaussian spots on all 4096 x 4096
pixels of the detector. Here each spot is evaluated on the few pixels around it, and the result is cut out.
"""

import csv
from functools import cache
from importlib.resources import files

import numpy as np
from scipy import signal

__all__ = ["EUV_CHANNELS", "RADIUS", "fringe_kernel", "mesh_psf"]

EUV_CHANNELS = (94, 131, 171, 193, 211, 304, 335)
"""AIA channels in angstrom whose filters are carried by meshes, and which therefore have a diffraction pattern."""

RADIUS = 256
"""Distance in pixels to which fringes are computed: the first 10 to 30 orders, which are brighter than the corona."""

_DETECTOR = 4096  # pixels
_ORDERS = np.arange(-100, 101)
_OPEN_AREA = 0.82  # share of each of the two meshes
_FOCAL_ANGLES = (45.0, -45.0)  # degrees
_FOCAL_RADIUS = 100  # pixels
_SPOT = 4  # pixels; radius on which a spot is evaluated
_PITCH, _WIRE = 363.0, 34.0  # micrometres; period of the meshes and width of their wires (Grigis et al. 2012)
_STEEPNESS = 4.5  # 1 / pixel^2; a spot is exp(-steepness * r^2)


@cache
def mesh_psf(channel, radius=RADIUS):
    """
    Point spread function of the meshes of a channel.

    Parameters
    ----------
    channel : `int`
        Wavelength in angstrom, one of `EUV_CHANNELS`.
    radius : `int`
        Pixels on each side of the centre.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * radius + 1, 2 * radius + 1)``, read-only; a cutout of the point spread function whose sum over the
        whole detector is 1. The core contains two thirds of the light in two pixels, because the blur of the optics is
        not included.

    Raises
    ------
    ValueError
        Another channel.

    References
    ----------
    * Grigis, Su & Weber 2012, AIA PSF characterization and image deconvolution,
      https://sohoftp.nascom.nasa.gov/solarsoft/sdo/aia/idl/psf/DOC/psfreport.pdf
    """
    if channel not in EUV_CHANNELS:
        known = ", ".join(map(str, EUV_CHANNELS))
        raise ValueError(f"Found the channel {channel!r}; expected one of {known} angstrom: others have no mesh.")
    angles, entrance_spacing, focal_spacing = _meshes()[channel]
    entrance = _spots(angles, entrance_spacing, radius + _FOCAL_RADIUS)
    focal = _spots(_FOCAL_ANGLES, focal_spacing, _FOCAL_RADIUS)
    inner = slice(_FOCAL_RADIUS, -_FOCAL_RADIUS)
    kernel = signal.fftconvolve(entrance, focal, mode="same")[inner, inner]
    kernel = np.clip(kernel, 0, None)
    kernel.flags.writeable = False
    return kernel


@cache
def _meshes():
    """By channel: directions of the spots in degrees, and spacings of the entrance and of the focal-plane filter."""
    text = (files("sunpy_restore.data") / "calibration" / "aia_meshes.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {
        int(row["channel"]): (
            [float(row[f"angle_{arm}"]) for arm in range(1, 5)],
            float(row["entrance"]),
            float(row["focal_plane"]),
        )
        for row in rows
    }


def _spots(angles, spacing, radius):
    """The diffraction spots and the core of one mesh, normalised over the whole detector and cut out."""
    image = np.zeros((2 * radius + 1, 2 * radius + 1))
    total = 0.0
    half = _DETECTOR // 2
    for angle in np.deg2rad(angles):
        for order in _ORDERS[_ORDERS != 0]:
            place = order * spacing * np.array([np.sin(angle), np.cos(angle)])
            nearest = np.round(place).astype(int)
            if np.abs(nearest).max() > half + _SPOT:
                continue
            offsets = nearest[:, None] + np.arange(-_SPOT, _SPOT + 1)
            profile = np.exp(-_STEEPNESS * (offsets - place[:, None]) ** 2)
            profile[(offsets < -half) | (offsets >= half)] = 0
            stamp = np.sinc(order * _WIRE / _PITCH) ** 2 * np.outer(*profile)
            total += stamp.sum()
            y, x = offsets + radius
            inside = np.ix_((y >= 0) & (y < len(image)), (x >= 0) & (x < len(image)))
            image[np.ix_(y[inside[0].ravel()], x[inside[1].ravel()])] += stamp[inside]
    profile = np.exp(-_STEEPNESS * np.arange(-_SPOT, _SPOT + 1) ** 2)
    core = np.outer(profile, profile)
    image *= (1 - _OPEN_AREA) / total
    middle = slice(radius - _SPOT, radius + _SPOT + 1)
    image[middle, middle] += _OPEN_AREA * core / core.sum()
    return image


@cache
def fringe_kernel(channel, radius=RADIUS, core=1):
    """
    Fringes of a point source, relative to the light in its core.

    An image in which a source has the value 1 in one pixel has these values around it: `mesh_psf` without its core,
    divided by the light in the core.

    Parameters
    ----------
    channel, radius
        See `mesh_psf`.
    core : `int`
        Pixels on each side of the centre whose light counts as that of the source.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * radius + 1, 2 * radius + 1)``, read-only, zero in the core.
    """
    kernel = mesh_psf(channel, radius).copy()
    middle = (slice(radius - core, radius + core + 1),) * 2
    inside = kernel[middle].sum()
    kernel[middle] = 0
    kernel /= inside
    kernel.flags.writeable = False
    return kernel
