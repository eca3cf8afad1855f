"""X-ray sources made of Gaussians, whose visibilities and images have closed forms."""

from typing import NamedTuple

import numpy as np

from astropy.stats import gaussian_sigma_to_fwhm

__all__ = ["Scene", "brightness_at", "ellipse", "image_of", "joined", "loop", "point", "visibilities_of_scene"]


class Scene(NamedTuple):
    """
    Elliptical Gaussian sources.

    Parameters
    ----------
    flux : `numpy.ndarray`
        Flux of each Gaussian, shape ``(n,)``.
    x, y : `numpy.ndarray`
        Positions in arcsec from the phase centre.
    major, minor : `numpy.ndarray`
        Standard deviations in arcsec along the major and the minor axis.
    angle : `numpy.ndarray`
        Angle from the x axis to the major axis in radian, counterclockwise.
    """

    flux: np.ndarray
    x: np.ndarray
    y: np.ndarray
    major: np.ndarray
    minor: np.ndarray
    angle: np.ndarray


def point(flux, x, y):
    """
    A point source.

    Parameters
    ----------
    flux : `float`
        Flux.
    x, y : `float`
        Position in arcsec.

    Returns
    -------
    `Scene`
    """
    return ellipse(flux, x, y, 0.0, 0.0, 0.0)


def ellipse(flux, x, y, major, minor, angle):
    """
    An elliptical Gaussian source.

    Parameters
    ----------
    flux : `float`
        Flux.
    x, y : `float`
        Position in arcsec.
    major, minor : `float`
        Full widths at half maximum along the axes in arcsec.
    angle : `float`
        Angle from the x axis to the major axis in radian, counterclockwise.

    Returns
    -------
    `Scene`
    """
    major, minor = major / gaussian_sigma_to_fwhm, minor / gaussian_sigma_to_fwhm
    return Scene(*(np.array([float(part)]) for part in (flux, x, y, major, minor, angle)))


def loop(flux, x, y, length, width, angle, bend, brightening=0.0, count=11):
    """
    A curved, elongated source.

    Parameters
    ----------
    flux : `float`
        Total flux.
    x, y : `float`
        Position of its centre in arcsec.
    length, width : `float`
        Length along the arc, and full width at half maximum across it, in arcsec.
    angle : `float`
        Direction of its chord in radian.
    bend : `float`
        Angle in radian that the arc subtends; 0 for a straight source.
    brightening : `float`
        Gradient of the brightness along the arc, from -1 to 1; 0 for a uniform source.
    count : `int`
        Number of Gaussians that it is made of.

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
    # Neighbouring Gaussians overlap, so that the arc is smooth
    step = max(length / (count - 1), 1e-6) / 1.5
    ones = np.ones(count)
    return Scene(
        flux * weight / weight.sum(), x + cosine * chord - sine * rise, y + sine * chord + cosine * rise,
        step * ones, width / gaussian_sigma_to_fwhm * ones, angle + bend * along,
    )  # fmt: skip


def joined(scenes):
    """
    Combine several scenes.

    Parameters
    ----------
    scenes : `list` of `Scene`
        The scenes to combine.

    Returns
    -------
    `Scene`
    """
    return Scene(*(np.concatenate(parts) for parts in zip(*scenes, strict=True)))


def visibilities_of_scene(scene, points):
    """
    Visibilities of a scene.

    Parameters
    ----------
    scene : `Scene`
        The sources.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Points of the (u, v) plane.

    Returns
    -------
    `numpy.ndarray` of ``complex128``
        Shape ``(n,)``, in the unit of the flux.
    """
    u, v = points.u[:, np.newaxis], points.v[:, np.newaxis]
    cosine, sine = np.cos(scene.angle), np.sin(scene.angle)
    along, across = cosine * u + sine * v, cosine * v - sine * u
    damping = np.exp(-2 * np.pi**2 * ((scene.major * along) ** 2 + (scene.minor * across) ** 2))
    return (scene.flux * damping * np.exp(2j * np.pi * (u * scene.x + v * scene.y))).sum(axis=1)


def image_of(scene, grid, beam):
    """
    Image of a scene convolved with a Gaussian beam.

    Parameters
    ----------
    scene : `Scene`
        The sources.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid of the image.
    beam : `float`
        Full width at half maximum of the beam in arcsec.

    Returns
    -------
    `numpy.ndarray`
        Flux per beam at the centres of the pixels, shape ``(ny, nx)``: the maximum of a point source is its flux.
    """
    return brightness_at(scene, grid.x, grid.y[:, np.newaxis], beam)


def brightness_at(scene, x, y, beam):
    """
    Brightness of a scene convolved with a Gaussian beam.

    Parameters
    ----------
    scene : `Scene`
        The sources.
    x, y : `numpy.ndarray`
        Positions in arcsec from the phase centre, of shapes that broadcast together.
    beam : `float`
        Full width at half maximum of the beam in arcsec.

    Returns
    -------
    `numpy.ndarray`
        Flux per beam.
    """
    sigma = beam / gaussian_sigma_to_fwhm
    cosine, sine = np.cos(scene.angle), np.sin(scene.angle)
    major, minor = scene.major**2 + sigma**2, scene.minor**2 + sigma**2
    # Inverse of the covariance
    xx, yy = cosine**2 / major + sine**2 / minor, sine**2 / major + cosine**2 / minor
    xy = cosine * sine * (1 / major - 1 / minor)
    image = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y)))
    for part, a, b, c in zip(zip(*scene, strict=True), xx, xy, yy, strict=True):
        dx, dy = x - part[1], y - part[2]
        height = part[0] * sigma**2 / np.sqrt((part[3] ** 2 + sigma**2) * (part[4] ** 2 + sigma**2))
        image += height * np.exp(-0.5 * (a * dx**2 + 2 * b * dx * dy + c * dy**2))
    return image
