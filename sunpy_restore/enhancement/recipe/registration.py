"""Alignment of an image of another telescope with an HMI image: shift, rotation and scale to a fraction of a pixel."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage, optimize
from skimage.feature import match_template

from sunpy_restore.enhancement.optics.forward import blurred
from sunpy_restore.enhancement.optics.psf import HMI_PIXEL, hmi_psf
from sunpy_restore.enhancement.recipe.own import inside

__all__ = ["Affine", "Alignment", "Fine", "align", "prepared"]

_FINEST = HMI_PIXEL / 8
"""Pixel size in arcsec to which finer images are binned."""
_COARSEST = HMI_PIXEL / 4
"""Pixel size in arcsec from which an image is interpolated, because the forward model needs smaller pixels."""
_ROTATIONS = np.arange(-5, 6)
"""Rotations in degrees that are tried if the headers alone do not give a good agreement."""
_SCALES = np.arange(0.97, 1.035, 0.01)
"""Scales that are tried then, with the best of the rotations."""
_GOOD = 0.85
"""Correlation from which rotation and scale of the headers are good enough to begin with."""
_LARGEST_TEMPLATE = 128
"""Largest side in HMI pixels of the part that is searched for; a larger one is more sensitive to the rotation."""
_LEAST_TEMPLATE = 16
_BORDER = 3.0
"""Width in HMI pixels of the border of the other image where its degraded version is not known well."""
_ROUNDS = 3
_FINE_WIDTH = 3.0
"""Standard deviation in HMI pixels of the Gaussian beyond which structure is not small."""


class Affine(NamedTuple):
    """
    Positions in one image as a linear function of those in another one.

    Parameters
    ----------
    matrix : `numpy.ndarray`
        Shape ``(2, 2)``.
    offset : `numpy.ndarray`
        Shape ``(2,)``; ``matrix @ (x, y) + offset`` is the position of the pixel ``(x, y)``, counted from 0.
    """

    matrix: np.ndarray
    offset: np.ndarray

    def __call__(self, x, y):
        """Positions x and y, in the shape of those given."""
        return tuple(row[0] * x + row[1] * y + start for row, start in zip(self.matrix, self.offset, strict=True))

    def then(self, other):
        """The function that applies this one and then another one."""
        return Affine(other.matrix @ self.matrix, other.matrix @ self.offset + other.offset)


class Fine(NamedTuple):
    """
    An image of another telescope, on pixels that the forward model of HMI can use.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image.
    degraded, sharp : `numpy.ndarray`
        What HMI pixels around each of its pixels would record, with and without the point spread function of HMI, in
        the same shape.
    pixel_scale : `float`
        Pixel size in arcsec.
    """

    image: np.ndarray
    degraded: np.ndarray
    sharp: np.ndarray
    pixel_scale: float


class Alignment(NamedTuple):
    """
    Result of `align`.

    Parameters
    ----------
    place : `Affine`
        Position in the other image of each HMI pixel.
    shift : pair of `float`
        By how many HMI pixels along x and y the content of the other image lies further than its header says, at the
        middle of the part that both images have.
    rotation : `float`
        By how many degrees it is turned counterclockwise, in the pixels of HMI.
    scale : `float`
        By which factor it is larger.
    correlation, fine_correlation : `float`
        Correlation of the HMI image with the other one as HMI would see it; and the same without structure that is
        larger than about 4 arcsec, as a spot is, which agrees with many others.
    mask : `numpy.ndarray` of `bool`
        HMI pixels that both images have.
    """

    place: Affine
    shift: tuple[float, float]
    rotation: float
    scale: float
    correlation: float
    fine_correlation: float
    mask: np.ndarray


def prepared(image, pixel_scale, place):
    """
    Bin or interpolate an image of another telescope, and degrade it to HMI.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image, finite.
    pixel_scale : `float`
        Pixel size in arcsec.
    place : `Affine`
        Position in the image of each HMI pixel.

    Returns
    -------
    fine : `Fine`
        The image.
    place : `Affine`
        Position in it of each HMI pixel.
    """
    factor = max(int(_FINEST / pixel_scale), 1)
    if factor > 1:
        ny, nx = (n // factor for n in image.shape)
        image = image[: ny * factor, : nx * factor].reshape(ny, factor, nx, factor).mean(axis=(1, 3))
    elif pixel_scale > _COARSEST:
        factor = 1 / 2
        image = ndimage.zoom(image, 2, order=3, mode="mirror", grid_mode=True)
    pixel_scale = pixel_scale * factor
    degraded, sharp = (
        blurred(image, pixel_scale, kernel, HMI_PIXEL) for kernel in (hmi_psf(pixel_scale), np.ones((1, 1)))
    )
    resampled = Affine(np.eye(2) / factor, np.full(2, 0.5 / factor - 0.5))
    return Fine(image, degraded, sharp, pixel_scale), place.then(resampled)


def align(observed, fine, place):
    """
    Fit shift, rotation and scale of an image of another telescope to an HMI image.

    The headers tell the position roughly. The part of the other image in the middle is found in the HMI image by
    normalised cross-correlation, with several rotations and scales if need be; then the four parameters are fitted by
    least squares to the other image degraded to HMI.

    Parameters
    ----------
    observed : `numpy.ndarray`
        HMI image, shape ``(ny, nx)``. Its part beyond the other image limits the shift that can be found.
    fine : `Fine`
        The other image, see `prepared`.
    place : `Affine`
        Position in it of each HMI pixel, as the headers tell.

    Returns
    -------
    `Alignment`

    Raises
    ------
    ValueError
        The images have too few pixels in common.
    """
    center = _middle(_common(observed, fine, place))
    spline, sharp = (ndimage.spline_filter(image, order=3) for image in (fine.degraded, fine.sharp))
    start = _found(observed, spline, fine, place)
    for _ in range(_ROUNDS):
        mask = _common(observed, fine, _moved(place, center, start))
        if mask.sum() < _LEAST_TEMPLATE**2:
            raise ValueError(
                f"Found {mask.sum()} HMI pixels that both images have; expected at least {_LEAST_TEMPLATE**2}, as on "
                "images of the same region."
            )
        start = _fitted(observed, (spline, sharp), place, center, start, mask)
    moved = _moved(place, center, start)
    rows, columns = np.nonzero(mask)
    seen = observed.copy()
    seen[mask] = _sampled(spline, moved, columns, rows)
    pairs = [(image, image - ndimage.gaussian_filter(image, _FINE_WIDTH)) for image in (seen, observed)]
    correlations = (float(np.corrcoef(*(image[mask] for image in both))[0, 1]) for both in zip(*pairs, strict=True))
    x, y, angle, stretch = start
    # The parameters move HMI pixels, and the content of the other image moves against them
    rotation, scale = -np.degrees(angle), float(np.exp(-stretch))
    turn = np.linalg.inv(_turn(angle, stretch))
    shift = tuple(float(value) for value in -turn @ [x, y])
    return Alignment(moved, shift, float(rotation), scale, *correlations, mask)


def _turn(angle, stretch):
    cosine, sine = np.exp(stretch) * np.cos(angle), np.exp(stretch) * np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _moved(place, center, parameters):
    """Positions after HMI pixels are turned and scaled around a centre, and moved."""
    x, y, angle, stretch = parameters
    turn = _turn(angle, stretch)
    return Affine(turn, np.array([x, y]) + center - turn @ center).then(place)


def _sampled(spline, place, x, y):
    columns, rows = place(x, y)
    return ndimage.map_coordinates(spline, [rows, columns], order=3, mode="nearest", prefilter=False)


def _common(observed, fine, place):
    """HMI pixels that lie in the other image, without its border."""
    rows, columns = np.indices(observed.shape)
    x, y = place(columns, rows)
    border = _BORDER * HMI_PIXEL / fine.pixel_scale
    ny, nx = fine.image.shape
    return (x >= border) & (x <= nx - 1 - border) & (y >= border) & (y <= ny - 1 - border)


def _middle(mask):
    if not mask.any():
        raise ValueError("Found no HMI pixel that both images have; expected images of the same region.")
    return np.argwhere(mask).mean(axis=0)[::-1]


def _found(observed, spline, fine, place):
    """Shift, rotation in radian and logarithm of the scale of the best match of the middle of the other image."""
    mask = _common(observed, fine, place)
    rows, columns = _template(mask)
    center, middle = _middle(mask), np.array([columns.start + columns.stop - 1, rows.start + rows.stop - 1]) / 2
    y, x = np.mgrid[rows, columns]
    trials = {}

    def tried(angle, stretch):
        """Correlation of the part with its best match, and the parameters, around the centre of all common pixels."""
        # Around the middle of the part, whose shift is then independent of them
        template = _sampled(spline, _moved(place, middle, (0, 0, angle, stretch)), x, y)
        if template.std() == 0:
            raise ValueError("Found an image without structure; expected one of the Sun.")
        match = match_template(observed, template)
        peak = np.unravel_index(match.argmax(), match.shape)
        turn = _turn(angle, stretch)
        step = turn @ (np.array([columns.start, rows.start]) - peak[::-1]) + (turn - np.eye(2)) @ (center - middle)
        trials[angle, stretch] = match[peak], np.array([*step, angle, stretch])

    tried(0.0, 0.0)
    if trials[0.0, 0.0][0] < _GOOD:
        for angle in np.radians(_ROTATIONS):
            tried(angle, 0.0)
        angle, _ = max(trials, key=lambda key: trials[key][0])
        for stretch in np.log(_SCALES):
            tried(angle, stretch)
    return max(trials.values(), key=lambda trial: trial[0])[1]


def _template(mask):
    """Rows and columns of a part in the middle of the pixels that both images have, with room to move it."""
    rows, columns = inside(mask)
    slices = []
    for part, length in zip((rows, columns), mask.shape, strict=True):
        side = min(part.stop - part.start, _LARGEST_TEMPLATE, length - length // 4)
        first = min(max((part.start + part.stop - side) // 2, 0), length - side)
        slices.append(slice(first, first + side))
    if min(part.stop - part.start for part in slices) < _LEAST_TEMPLATE:
        raise ValueError(
            f"Found {mask.sum()} HMI pixels that both images have; expected at least {_LEAST_TEMPLATE} along each axis."
        )
    return slices


def _fitted(observed, splines, place, center, start, mask):
    """
    Parameters that minimise the squared difference of the two images.

    The other image is a combination of its versions with and without the point spread function of HMI. If it is blurred
    by the atmosphere, the former alone is too wide, and a spot in it would seem too large.
    """
    rows, columns = np.nonzero(mask)
    wanted = observed[mask] - observed[mask].mean()
    wanted = wanted / max(wanted.std(), np.finfo(float).tiny)
    radius = max(np.hypot(columns - center[0], rows - center[1]).max(), 1.0)
    # A unit of each parameter moves the outermost pixel by one
    units = np.array([1.0, 1.0, 1 / radius, 1 / radius])

    def difference(parameters):
        moved = _moved(place, center, parameters * units)
        parts = [_sampled(spline, moved, columns, rows) for spline in splines]
        design = np.stack([part - part.mean() for part in parts], axis=1)
        return design @ np.linalg.lstsq(design, wanted, rcond=None)[0] - wanted

    found = optimize.least_squares(difference, start / units, diff_step=1e-3, xtol=1e-6, ftol=1e-8)
    return found.x * units
