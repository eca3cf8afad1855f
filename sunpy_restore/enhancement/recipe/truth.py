"""
High-resolution images of the Sun, and training pairs that are generated from them.

A source is an image with fine pixels, or an image that represents the target telescope directly (Wald's protocol).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage, signal

from astropy.io import fits

from sunpy_restore.enhancement.optics import HMI_PIXEL
from sunpy_restore.enhancement.recipe.imax import IMAX_SCALE, deconvolve, match_spectrum
from sunpy_restore.enhancement.telescope import HMI

__all__ = [
    "Source",
    "clean_continuum_sources",
    "continuum_sources",
    "magnetogram_sources",
    "quiet_level",
    "seen",
    "view",
]

MURAM_SCALE = 0.0662  # arcsec
MURAM_SPLIT = 544
"""First column of the MURaM snapshot that is held out from training."""

_IMAX_SPLIT = 0.8  # of the columns; the others are held out where there is no MURaM

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


def _read(path):
    with fits.open(path) as hdus:
        return np.asarray(hdus[0].data, dtype=float)


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


def _sst(directory, day):
    """SST/CRISP wide-band image without its edges."""
    found = sorted((directory / "photosphere").glob(f"camXX_{day}*"))
    if not found:
        raise FileNotFoundError(
            f"Found no file camXX_{day}* in {directory / 'photosphere'}; expected the SST/CRISP wide-band image of "
            "that day. Add it to the folder of the training data."
        )
    return _read(found[0])[40:-40, 40:-40]


def _imax(directory):
    """Contrast of the SUNRISE/IMaX image without its edges."""
    image = _read(directory / "photosphere" / "imax_focus.fits.gz")[90:-90, 90:-90]
    return image / image.mean() - 1


def _muram(directory):
    image = np.load(directory / "photosphere" / "muram_intensity_48km.npy").astype(float)
    return image / image.mean()


def continuum_sources(directory, split="train"):
    """
    Read the continuum images.

    Parameters
    ----------
    directory : path-like
        Folder with ``photosphere/`` (``muram_intensity_48km.npy``, ``imax_focus.fits.gz``, ``hinode_sp_scan.npz``,
        ``camXX_2020-07-27*``, ``camXX_2019-08-01*``) and ``hmi/`` (``hmi_continuum_sunspot_series.fits.gz``).
    split : ``"train"`` or ``"validation"``
        The two splits are disjoint regions of an image or times of a series.

    Returns
    -------
    `list` of `Source`

    Raises
    ------
    FileNotFoundError
        A file is missing.
    """
    directory = Path(directory)
    muram, series = _muram(directory), _series(directory)
    if split == "validation":
        return [
            Source("MURaM", [muram[:, MURAM_SPLIT:]], MURAM_SCALE, 1.0),
            Source("HMI spot series", series[27:], None, 1.0),
        ]
    return [
        Source("MURaM", [muram[:, :MURAM_SPLIT]], MURAM_SCALE, 0.4, (0.85, 1.1), 1.0, (0.7, 1.4), 0.05),
        Source(
            "IMaX",
            [match_spectrum(_imax(directory), muram[:, :MURAM_SPLIT], MURAM_SCALE)],
            IMAX_SCALE,
            0.22,
            (0.85, 1.1),
            1.0,
            (0.7, 1.4),
            0.05,
        ),
        *_observed_sources(directory, series),
    ]


def _observed_sources(directory, series):
    """Spots and plage; their weights are shares of the compact configuration."""
    sp = np.load(directory / "photosphere" / "hinode_sp_scan.npz")["data"][:, 0, :].astype(float)
    sp = ndimage.zoom(sp / quiet_level(sp), 2, order=3, mode="mirror", grid_mode=True)
    spot, plage = (_sst(directory, day) for day in ("2020-07-27", "2019-08-01"))
    return [
        Source("Hinode/SP spot", [np.clip(sp, 0.02, None)], 0.08, 0.11, (0.9, 1.1), 1.0),
        # The contrast of the wide band at 8542 A is lower than at 6173 A
        Source("SST spot", [np.clip(spot / quiet_level(spot), 0.02, None) ** 1.3], 0.059, 0.1, (0.9, 1.1), 1.0),
        Source("SST plage", [plage / np.median(plage)], 0.059, 0.07, (1.5, 2.5), 1.0),
        Source("HMI spot series", series[:20:4], None, 0.1, (0.9, 1.2), 1.0),
    ]


def _series(directory):
    series = _read(directory / "hmi" / "hmi_continuum_sunspot_series.fits.gz")
    return [frame / quiet_level(frame) for frame in series]


def clean_continuum_sources(directory, split="train"):
    """
    Read the continuum images whose terms of use are clear: those of `continuum_sources` without MURaM.

    Granulation is that of SUNRISE/IMaX alone, which is not deconvolved in the folder. Each part is deconvolved to the
    contrast of 0.144 that simulated granulation has in this continuum (Danilovic et al. 2008), by a filter that
    increases exponentially with the spatial frequency, at most by a factor of 6. The form of the filter is an
    assumption.

    Parameters
    ----------
    directory : path-like
        Folder with ``photosphere/`` and ``hmi/``, as for `continuum_sources` without ``muram_intensity_48km.npy``.
    split : ``"train"`` or ``"validation"``
        As for `continuum_sources`.

    Returns
    -------
    `list` of `Source`

    Raises
    ------
    FileNotFoundError
        A file is missing.
    """
    directory = Path(directory)
    image, series = _imax(directory), _series(directory)
    cut = round(_IMAX_SPLIT * image.shape[1])
    if split == "validation":
        return [
            Source("IMaX", [deconvolve(image[:, cut:])], IMAX_SCALE, 1.0),
            Source("HMI spot series", series[27:], None, 1.0),
        ]
    return [
        Source("IMaX", [deconvolve(image[:, :cut])], IMAX_SCALE, 0.62, (0.85, 1.15), 1.0, (0.7, 1.4), 0.05),
        *_observed_sources(directory, series),
    ]


def _lane_field(intensity, pixel_scale, rng):
    """Synthetic line-of-sight field in kG: flux in intergranular lanes, with patches of either polarity."""
    smooth = ndimage.gaussian_filter(intensity, 0.12 / pixel_scale)
    lanes = np.clip((1.0 - smooth) / 0.25, 0, None)

    def noise(arcsec):
        field = ndimage.gaussian_filter(rng.standard_normal(intensity.shape), arcsec / pixel_scale, mode="mirror")
        return field / field.std()

    patches = np.clip(np.abs(noise(2.5)) - 0.6, 0, None) * np.clip(noise(0.5) + 0.3, 0, None)
    network = np.sign(noise(4.0)) * patches * lanes**1.5
    field = 1.2 * network + 0.06 * noise(0.25) * (0.3 + lanes)
    return 1.8 * np.tanh(field / 1.8)


def magnetogram_sources(directory, split="train"):
    """
    Read the magnetograms.

    Parameters
    ----------
    directory : path-like
        Folder with ``photosphere/`` (``muram_intensity_48km.npy``, ``hinode_sot_nfi_magnetogram_20110214.fits.gz``) and
        ``hmi/`` (``hmi_blos_20110214_203412.fits.gz``).
    split : ``"train"`` or ``"validation"``
        As for `continuum_sources`.

    Returns
    -------
    `list` of `Source`

    Raises
    ------
    FileNotFoundError
        A file is missing.
    """
    directory = Path(directory)
    muram = _muram(directory)
    hmi = _read(directory / "hmi" / "hmi_blos_20110214_203412.fits.gz") / 1e3
    if split == "validation":
        field = _lane_field(muram[:, MURAM_SPLIT:], MURAM_SCALE, np.random.default_rng(99))
        return [Source("MURaM lanes", [field], MURAM_SCALE, 1.0), Source("HMI NOAA 11158", [hmi[:, 420:]], None, 1.0)]
    lanes = [_lane_field(muram[:, :MURAM_SPLIT], MURAM_SCALE, np.random.default_rng(seed)) for seed in range(8)]
    sot = _read(directory / "photosphere" / "hinode_sot_nfi_magnetogram_20110214.fits.gz")
    # V/I, scaled so that the 99.9th percentile is the strong field of an active region
    sot = ndimage.gaussian_filter(sot / np.percentile(np.abs(sot), 99.9) * 2.2, 0.6)
    sot = ndimage.zoom(sot, 2, order=3, mode="mirror", grid_mode=True)
    return [
        Source("MURaM lanes", lanes, MURAM_SCALE, 0.35, (0.6, 1.4)),
        Source("Hinode/SOT NFI", [sot], 0.08, 0.35, (0.6, 1.2)),
        Source("HMI NOAA 11158", [hmi[:, :400]], None, 0.3, (0.8, 1.3)),
    ]


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
    telescope : `~sunpy_restore.enhancement.telescope.Telescope`
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
    telescope : `~sunpy_restore.enhancement.telescope.Telescope`
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
