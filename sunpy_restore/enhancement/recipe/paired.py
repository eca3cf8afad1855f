"""Own pairs of an HMI image and an image of another telescope as training data of `sunpy_restore.enhance`."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.datasets.samples import Pairing, Sample, Splitting
from sunpy_restore.enhancement.hmi.photosphere import LIMB_MU, heliocentric_mu
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics.forward import blurred
from sunpy_restore.enhancement.optics.psf import HMI_PIXEL, airy_psf
from sunpy_restore.enhancement.recipe.own import check_quality, fine_image, inside
from sunpy_restore.enhancement.recipe.registration import Affine, align, prepared
from sunpy_restore.enhancement.task import MAGNETOGRAM

__all__ = ["PAIRING", "check_pair", "pair_of", "role_of"]

PAIRING = Pairing(
    "HMI image", "image of another telescope", Splitting(gap=2.0, margin=2.0), tolerance=360.0, one_to_one=False
)
"""How pairs are found: within half the averaging time of the 720 s products of HMI."""

_LEAST = 16  # HMI pixels along each axis
_SEARCH = 60.0  # arcsec around the other image, in which it is searched for
_MOST_WITHOUT = 0.01  # of the HMI pixels, without a value
_LEAST_CORRELATION, _LEAST_FINE_CORRELATION = 0.8, 0.5
_GAINS = (0.3, 3.0)
"""Smallest and largest ratio of the contrasts of the two images at the resolution of HMI."""


def role_of(task, candidate):
    """
    Whether an image is one of HMI or of another telescope.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    candidate : `~sunpy_restore.core.datasets.samples.Candidate`
        The image.

    Returns
    -------
    ``"observed"`` or ``"truth"``

    Raises
    ------
    TypeError, ValueError
        The image shows something else, is marked as doubtful or restored, has too large pixels or no coordinates; see
        `~sunpy_restore.enhancement.recipe.own.sample_of`.
    """
    if candidate.header.get("RESTORED"):
        raise ValueError("Found RESTORED = True: the image is no observation; expected an original one.")
    check_quality(candidate.header)
    smap = candidate.map()
    if str(candidate.header.get("INSTRUME", "")).strip().upper().startswith("HMI"):
        if Observation.check(smap) != task.name:
            raise TypeError(f"Found CONTENT = {candidate.header.get('CONTENT')!r}; expected an image for {task.name}.")
        return "observed"
    fine_image(task, candidate)
    kinds = [kind[:4].upper() for kind in smap.coordinate_system]
    if kinds != ["HPLN", "HPLT"]:
        raise ValueError(
            f"Found the coordinates {', '.join(smap.coordinate_system)}; expected HPLN, HPLT, to find the place in the "
            "HMI image. Add CTYPE, CRVAL and CRPIX to the header or in a TOML file."
        )
    return "truth"


def check_pair(observed, truth):
    """
    Refuse images without a common field of view.

    Parameters
    ----------
    observed, truth : `~sunpy_restore.core.datasets.samples.Candidate`
        An HMI image and one of another telescope; their data are not used.

    Raises
    ------
    ValueError
        The fields of view overlap by less than 8 arcsec.
    """
    _field(observed.map(), truth.map(), 0.0)


def _place(smap, other):
    """Position in another Map of each pixel of a Map; both are tangent planes that nearly coincide."""
    ny, nx = smap.data.shape
    corners = np.array([[0, 0], [nx - 1, 0], [0, ny - 1]], dtype=float)
    found = other.wcs.wcs_world2pix(smap.wcs.wcs_pix2world(corners, 0), 0)
    matrix = ((found[1:] - found[0]) / [[nx - 1], [ny - 1]]).T
    return Affine(matrix, found[0])


def _field(smap, other, around):
    """Rows and columns of an HMI Map that show the field of view of another one, and so many arcsec around it."""
    ny, nx = other.data.shape
    place, room = _place(smap, other), around / HMI_PIXEL
    corners = np.array([[0, nx - 1, 0, nx - 1], [0, 0, ny - 1, ny - 1]])
    columns, rows = np.linalg.solve(place.matrix, corners - place.offset[:, np.newaxis])
    slices = []
    for along, length in zip((rows, columns), smap.data.shape, strict=True):
        first, last = max(along.min() - room, 0), min(along.max() + room + 1, length)
        if not last - first >= _LEAST:
            raise ValueError("Found images of different regions of the Sun; expected a common field of view.")
        slices.append(slice(int(first), int(last)))
    return tuple(slices)


def pair_of(task, observed, truth):
    """
    Align an image of another telescope with an HMI image, and bring it to the pixels and the scale of the target.

    Shift, rotation and scale are fitted, see `~sunpy_restore.enhancement.recipe.registration.align`. The result is the
    image as the target telescope of the task would see it, with pixels of half the size of those of HMI. Wavelengths,
    spectral lines and calibrations differ; its values are therefore changed by the linear function with which its
    degraded version agrees best with the HMI image, for magnetograms by a factor.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    observed, truth : `~sunpy_restore.core.datasets.samples.Candidate`
        The two images.

    Returns
    -------
    `~sunpy_restore.core.datasets.samples.Sample`
        The common part of the two images, in units of the quiet Sun or kG. Its values are ``shift`` (HMI pixels),
        ``rotation`` (degrees), ``scale``, ``correlation``, ``fine_correlation``, ``gain``, ``offset``, ``corner``, the
        row and the column of the first pixel in the HMI image, and for magnetograms ``noise``.

    Raises
    ------
    TypeError, ValueError
        An image cannot be used, their correlation is below 0.8 after the fit or below 0.5 in small structure, their
        contrasts differ by more than a factor of 3, or they have less than 8 arcsec in common away from the limb.
    """
    smap, other = observed.map(), truth.map()
    image, group, scale = fine_image(task, truth)
    rows, columns = _field(smap, other, _SEARCH)
    hmi, inner, valid, noise = _part(smap, rows, columns)
    place = Affine(np.eye(2), np.array([columns.start, rows.start])).then(_place(smap, other))
    fine, place = prepared(image, scale, place)
    found = align(hmi, fine, place)
    if not (found.correlation >= _LEAST_CORRELATION and found.fine_correlation >= _LEAST_FINE_CORRELATION):
        raise ValueError(
            f"Found a correlation of {found.correlation:.2f} with the HMI image after the alignment, and of "
            f"{found.fine_correlation:.2f} in structure below 4 arcsec; expected at least {_LEAST_CORRELATION} and "
            f"{_LEAST_FINE_CORRELATION}, as for images of the same region and time."
        )
    gain, offset = _calibrated(task, hmi, fine, found)
    top, left = _common(found.mask & inner, valid)
    target = blurred(fine.image, fine.pixel_scale, airy_psf(fine.pixel_scale), HMI_PIXEL / 2)
    restored = gain * _resampled(target, found.place, top, left, 2) + offset
    values = {name: getattr(found, name) for name in ("shift", "rotation", "scale", "correlation", "fine_correlation")}
    values["corner"] = [rows.start + top.start, columns.start + left.start]
    values |= {"gain": gain, "offset": offset, "noise": noise}
    unit = "kG" if task is MAGNETOGRAM else "quiet-Sun intensity"
    return Sample(
        hmi[top, left], f"HMI with {group}", unit, observed.pixel_scale, (_LEAST, _LEAST), values, truth=restored
    )


def _part(smap, rows, columns):
    """Part of an HMI image in units of the quiet Sun or kG, which pixels are on the disk and valid, and the noise."""
    observation = Observation.from_map(smap)
    inner = heliocentric_mu(smap)[rows, columns] >= LIMB_MU
    image = observation.normalised()[rows, columns].astype(float)
    return image, inner, observation.valid[rows, columns], observation.noise


def _common(mask, valid):
    """Rows and columns of the largest part that both images have, away from the limb."""
    top, left = inside(mask)
    if min(part.stop - part.start for part in (top, left)) < _LEAST:
        raise ValueError(
            f"Found a common part of fewer than {_LEAST} HMI pixels along an axis where mu >= {LIMB_MU}; expected at "
            "least as many."
        )
    missing = 1 - valid[top, left].mean()
    if missing > _MOST_WITHOUT:
        raise ValueError(f"Found {missing:.0%} of the pixels without a value; expected at most {_MOST_WITHOUT:.0%}.")
    return top, left


def _calibrated(task, hmi, fine, found):
    """Factor and constant with which the degraded image agrees best with that of HMI."""
    rows, columns = np.nonzero(found.mask)
    seen, wanted = _at(fine.degraded, found.place, rows, columns), hmi[found.mask]
    if task is MAGNETOGRAM:
        gain, offset = float(seen @ wanted / (seen @ seen)), 0.0
    else:
        gain, offset = (float(value) for value in np.polyfit(seen, wanted, 1))
    if not _GAINS[0] <= gain <= _GAINS[1]:
        raise ValueError(
            f"Found {gain:.2f} as the ratio of the contrast of the HMI image to that of the other one; expected "
            f"{_GAINS[0]:g} to {_GAINS[1]:g}. Check the unit and the wavelength."
        )
    return gain, offset


def _resampled(image, place, rows, columns, factor):
    """An image at the pixels of a part of the HMI image, each of which is divided into ``factor`` along each axis."""
    y, x = ((np.arange(factor * part.start, factor * part.stop) + 0.5) / factor - 0.5 for part in (rows, columns))
    return _at(image, place, *np.meshgrid(y, x, indexing="ij"))


def _at(image, place, rows, columns):
    x, y = place(columns, rows)
    return ndimage.map_coordinates(image, [y, x], order=3, mode="nearest")
