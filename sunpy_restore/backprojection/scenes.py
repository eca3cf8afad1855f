"""Sources of X-rays made of Gaussians, whose visibilities and images are known exactly."""

from typing import NamedTuple

import numpy as np

__all__ = ["FWHM", "Scene", "ellipse", "image_of", "joined", "loop", "point", "visibilities_of_scene"]

FWHM = np.sqrt(8 * np.log(2))
"""Full width at half maximum of a Gaussian of standard deviation 1."""


class Scene(NamedTuple):
    """
    Elliptical Gaussians.

    Parameters
    ----------
    flux : `numpy.ndarray`
        Flux of each, shape ``(n,)``.
    x, y : `numpy.ndarray`
        Places in arcsec from the phase centre.
    major, minor : `numpy.ndarray`
        Standard deviations in arcsec along their axes.
    angle : `numpy.ndarray`
        From the x axis to the major axis in radian, counterclockwise.
    """

    flux: np.ndarray
    x: np.ndarray
    y: np.ndarray
    major: np.ndarray
    minor: np.ndarray
    angle: np.ndarray


def point(flux, x, y):
    """A point source."""
    return ellipse(flux, x, y, 0.0, 0.0, 0.0)


def ellipse(flux, x, y, major, minor, angle):
    """An elliptical Gaussian, whose axes are given as full widths at half maximum in arcsec."""
    return Scene(*(np.array([float(part)]) for part in (flux, x, y, major / FWHM, minor / FWHM, angle)))


def loop(flux, x, y, length, width, angle, bend, brightening=0.0, count=11):
    """
    A bent, elongated source.

    Parameters
    ----------
    flux : `float`
        Flux of all of it.
    x, y : `float`
        Its middle in arcsec.
    length, width : `float`
        Along the arc and across, full width at half maximum, in arcsec.
    angle : `float`
        Direction of its chord in radian.
    bend : `float`
        Angle in radian that the arc turns through; 0 is straight.
    brightening : `float`
        From -1 to 1: how much brighter one end is.
    count : `int`
        Number of Gaussians it is made of.

    Returns
    -------
    `Scene`
    """
    along = np.linspace(-0.5, 0.5, count)
    bend = bend if abs(bend) > 1e-3 else 1e-3
    radius = length / bend
    chord, rise = radius * np.sin(bend * along), radius * (1 - np.cos(bend * along))
    rise = rise - rise.mean()
    cosine, sine = np.cos(angle), np.sin(angle)
    weight = 1 + brightening * 2 * along
    # Wide enough for the arc to be smooth
    step = max(length / (count - 1), 1e-6) / 1.5
    ones = np.ones(count)
    return Scene(
        flux * weight / weight.sum(), x + cosine * chord - sine * rise, y + sine * chord + cosine * rise,
        step * ones, width / FWHM * ones, angle + bend * along,
    )  # fmt: skip


def joined(scenes):
    """
    Several scenes as one.

    Parameters
    ----------
    scenes : `list` of `Scene`
        The scenes.

    Returns
    -------
    `Scene`
    """
    return Scene(*(np.concatenate(parts) for parts in zip(*scenes, strict=True)))


def visibilities_of_scene(scene, plane):
    """
    Visibilities of a scene.

    Parameters
    ----------
    scene : `Scene`
        The scene.
    plane : `~sunpy_restore.backprojection.uvplane.UVPlane`
        Where they are wanted.

    Returns
    -------
    `numpy.ndarray` of ``complex128``
        Shape ``(n,)``, in the unit of the flux.
    """
    u, v = plane.u[:, np.newaxis], plane.v[:, np.newaxis]
    cosine, sine = np.cos(scene.angle), np.sin(scene.angle)
    along, across = cosine * u + sine * v, cosine * v - sine * u
    damping = np.exp(-2 * np.pi**2 * ((scene.major * along) ** 2 + (scene.minor * across) ** 2))
    return (scene.flux * damping * np.exp(2j * np.pi * (u * scene.x + v * scene.y))).sum(axis=1)


def image_of(scene, grid, beam):
    """
    The image of a scene, seen with a Gaussian beam.

    Parameters
    ----------
    scene : `Scene`
        The scene.
    grid : `~sunpy_restore.backprojection.fourier.Grid`
        Pixels wanted.
    beam : `float`
        Full width at half maximum of the beam in arcsec.

    Returns
    -------
    `numpy.ndarray`
        Flux per beam, shape ``(ny, nx)``: a point source has its flux as its maximum. The values are those at the
        middles of the pixels.
    """
    sigma = beam / FWHM
    cosine, sine = np.cos(scene.angle), np.sin(scene.angle)
    major, minor = scene.major**2 + sigma**2, scene.minor**2 + sigma**2
    # Inverse of the covariance
    xx, yy = cosine**2 / major + sine**2 / minor, sine**2 / major + cosine**2 / minor
    xy = cosine * sine * (1 / major - 1 / minor)
    image = np.zeros(grid.shape)
    for part, a, b, c in zip(zip(*scene, strict=True), xx, xy, yy, strict=True):
        dx, dy = grid.x - part[1], (grid.y - part[2])[:, np.newaxis]
        height = part[0] * sigma**2 / np.sqrt((part[3] ** 2 + sigma**2) * (part[4] ** 2 + sigma**2))
        image += height * np.exp(-0.5 * (a * dx**2 + 2 * b * dx * dy + c * dy**2))
    return image
