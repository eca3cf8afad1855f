"""
High-resolution images of the Sun, and training pairs that are generated from them.

A source is an image with fine pixels, or an image that represents the target telescope directly (Wald's protocol).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from sunpy_restore.enhancement.optics.psf import HMI_PIXEL
from sunpy_restore.enhancement.optics.telescope import HMI

__all__ = ["Source", "lane_field", "quiet_level", "seen", "view"]

_MARGIN = 13
"""Pixels around a view that the point spread functions need."""


@dataclass(frozen=True)
class Source:
    """
    High-resolution images from which training pairs are generated.

    Parameters
    ----------
    name : `str`
        Name in logs and model cards.
    images : sequence of `numpy.ndarray`
        Continuum images in units of the quiet-Sun intensity, or magnetograms in kG.
    pixel_scale : `float` or `None`
        Pixel size in arcsec; `None` for images that are used as images of the target telescope, with its pixels.
    weight : `float`
        Fraction of the training pairs.
    gain : pair of `float`
        Range of the factors by which deviations from ``level`` are multiplied.
    level : `float`
        Mean level: 1 for continuum images, 0 for magnetograms.
    gamma : pair of `float`
        Range of ``gamma`` in ``1 + (I**gamma - 1) / gamma``, which changes the skewness of granulation but, to first
        order, not its contrast.
    stray : `float`
        Largest fraction of stray light in the observation. It comes from beyond the truncation radius of the point
        spread function, where the mean is ``level``.
    """

    name: str
    images: Sequence
    pixel_scale: float | None
    weight: float
    gain: tuple[float, float] = (1.0, 1.0)
    level: float = 0.0
    gamma: tuple[float, float] = (1.0, 1.0)
    stray: float = 0.0


def quiet_level(image):
    """
    Quiet-Sun intensity of an image, the median outside of sunspots.

    Parameters
    ----------
    image : `numpy.ndarray`
        Intensity, shape ``(ny, nx)``.

    Returns
    -------
    `float`
    """
    return np.median(image[image > 0.9 * np.median(image)])


def lane_field(intensity, pixel_scale, rng, weak=0.06):
    """
    Synthesize a line-of-sight field with flux in intergranular lanes, and with patches of either polarity.

    Parameters
    ----------
    intensity : `numpy.ndarray`
        Intensity relative to its mean, shape ``(ny, nx)``.
    pixel_scale : `float`
        Pixel size in arcsec.
    rng : `numpy.random.Generator`
        Random number generator.
    weak : `float`
        Strength in kG of the weak field with both polarities within 0.5 arcsec, which is everywhere.

    Returns
    -------
    `numpy.ndarray`
        In kG, shape ``(ny, nx)``.
    """
    smooth = ndimage.gaussian_filter(intensity, 0.12 / pixel_scale)
    lanes = np.clip((1.0 - smooth) / 0.25, 0, None)

    def noise(arcsec):
        field = ndimage.gaussian_filter(rng.standard_normal(intensity.shape), arcsec / pixel_scale, mode="mirror")
        return field / field.std()

    patches = np.clip(np.abs(noise(2.5)) - 0.6, 0, None) * np.clip(noise(0.5) + 0.3, 0, None)
    network = np.sign(noise(4.0)) * patches * lanes**1.5
    field = 1.2 * network + weak * noise(0.25) * (0.3 + lanes)
    return 1.8 * np.tanh(field / 1.8)


def view(source, rng, size, telescope=HMI):
    """
    Generate a pair of noise-free images: an observation and the image of the target telescope.

    Parameters
    ----------
    source : `Source`
        Source of the scene. A random region is rotated, mirrored, deformed and rescaled before the optics are applied.
    rng : `numpy.random.Generator`
        Random number generator.
    size : `int`
        Side in pixels of the observation.
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        The telescope.

    Returns
    -------
    observed, truth : `numpy.ndarray`
        Shapes ``(size, size)`` and ``(2 * size, 2 * size)``.
    """
    image = source.images[rng.integers(len(source.images))]
    side = 2 * (size + 2 * _MARGIN)
    if source.pixel_scale is None:
        truth = _altered(source, _sampled_square(image, side, rng), rng)
        observed = telescope.reconvolve(truth)
    else:
        observed, truth = _seen_by_both(source, image, side, rng, telescope)
    observed = observed[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    if source.stray:
        share = rng.uniform(0, source.stray)
        observed = (1 - share) * observed + share * source.level
    return observed.astype(np.float32), truth[2 * _MARGIN : -2 * _MARGIN, 2 * _MARGIN : -2 * _MARGIN].astype(np.float32)


def seen(image, pixel_scale, telescope=HMI):
    """
    Simulate noise-free images of a whole scene.

    Parameters
    ----------
    image : `numpy.ndarray`
        The scene, shape ``(ny, nx)``.
    pixel_scale : `float` or `None`
        Its pixel size in arcsec; `None` for an image of the target telescope.
    telescope : `~sunpy_restore.enhancement.optics.telescope.Telescope`
        The telescope.

    Returns
    -------
    observed, truth : `numpy.ndarray`
        Images of the telescope and of its target telescope, which has twice as many rows and columns.
    """
    if pixel_scale is None:
        truth = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        return telescope.reconvolve(truth), truth
    if pixel_scale > telescope.target_pixel / 2:
        image, pixel_scale = ndimage.zoom(image, 2, order=3, mode="mirror", grid_mode=True), pixel_scale / 2
    observed = telescope.observe(image, pixel_scale)
    truth = telescope.observe_target(image, pixel_scale)
    return observed, truth[: 2 * observed.shape[0], : 2 * observed.shape[1]]


def _altered(source, image, rng):
    """Change the contrast and the skewness at random."""
    gamma = rng.uniform(*source.gamma)
    if gamma != 1:
        image = 1 + (np.maximum(image, 0.05) ** gamma - 1) / gamma
    return source.level + rng.uniform(*source.gain) * (image - source.level)


def _seen_by_both(source, image, side, rng, telescope):
    """Images of a random square, which was rotated before, by both telescopes."""
    fine = 4
    step = telescope.target_pixel / fine
    square = _altered(source, _deformed_square(image, side * fine, step / source.pixel_scale, rng), rng)
    seen, airy = (
        signal.oaconvolve(square, kernel(step), mode="same") for kernel in (telescope.psf.sampled, telescope.target_psf)
    )
    observed = seen.reshape(side // 2, 2 * fine, side // 2, 2 * fine).mean(axis=(1, 3))
    return observed, airy.reshape(side, fine, side, fine).mean(axis=(1, 3))


def _centre(shape, half_side, rng):
    """Random centre of a square inside of the image; if the image is too small, its centre."""
    return [rng.uniform(min(half_side, n / 2), max(n - half_side, n / 2)) for n in shape]


def _sampled_square(image, side, rng):
    """Random square of ``side`` pixels in one of eight orientations; the image is continued by reflection."""
    top, left = (int(centre - side / 2) for centre in _centre(image.shape, side / 2, rng))
    rows, cols = np.meshgrid(np.arange(top, top + side), np.arange(left, left + side), indexing="ij")
    square = ndimage.map_coordinates(image, [rows, cols], order=0, mode="reflect")
    square = np.rot90(square, rng.integers(4))
    return square[:, ::-1] if rng.integers(2) else square


def _deformed_square(image, side, step, rng):
    """Random square of ``side`` samples ``step`` pixels apart, which is rotated, stretched and slightly warped."""
    angle, axis_angle = rng.uniform(0, 2 * np.pi, size=2)
    stretch = np.exp(rng.uniform(-0.14, 0.14) + np.array([1, -1]) * rng.uniform(0, 0.12))
    turn, tilt = (np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in (angle, axis_angle))
    matrix = step * tilt @ np.diag(stretch) @ tilt.T @ turn @ np.diag([1, rng.choice([-1, 1])])
    axis = np.arange(side) - (side - 1) / 2
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"))
    # Smooth displacements: 0.4 arcsec, about half a granule, on a grid of 4 arcsec
    knots = rng.normal(0, 0.4 / (HMI_PIXEL / 8), size=(2, side // 64 + 4, side // 64 + 4))
    warp = np.stack([ndimage.zoom(k, side / (k.shape[0] - 3), order=3)[32 : 32 + side, 32 : 32 + side] for k in knots])
    places = np.tensordot(matrix, grid + warp, axes=1)
    centre = np.array(_centre(image.shape, step * side / 2, rng))
    return ndimage.map_coordinates(image, places + centre[:, None, None], order=3, mode="reflect")
