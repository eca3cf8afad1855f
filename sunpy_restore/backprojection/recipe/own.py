"""Own pairs of back-projections and CLEAN images as training data of `sunpy_restore.backproj_to_clean`."""

import numpy as np

import astropy.units as u

from sunpy.time import parse_time

from sunpy_restore.backprojection.imaging.agreement import beam_transfer, model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.task import TASK
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection
from sunpy_restore.core.datasets.samples import Pairing, Sample, Splitting
from sunpy_restore.core.images.maps import new_map

__all__ = ["PAIRING", "PAIRS", "check_pair", "crop_pair", "pair_of", "role_of"]

# Flares last for minutes to an hour; sources that lie at the edge of a region would not be a test of anything
PAIRING = Pairing("back-projection", "CLEAN image", Splitting(gap=1.0, regions=False), tolerance=60.0)
"""How pairs are found."""

PAIRS = f"{TASK.name}, pairs"
"""What the pairs are for, in manifests."""

_DIRTY = ("BPROJ", "BACK-PROJ", "BACKPROJ", "BACK PROJ", "DIRTY")
_CLEAN = "CLEAN"
_BEGIN, _END = ("DATE-BEG", "DATE_BEG", "DATE-OBS", "DATE_OBS"), ("DATE-END", "DATE_END")
_EXPOSURE = ("EXPTIME", "XPOSURE", "EXPOSURE")
_SECONDS = 1.0  # by which the times of the two images may differ
_KEV = 0.01
_PIXEL = 0.01  # by which the grids of the two images may differ
_MOST_NEGATIVE = 0.3
"""Largest sum of the negative values of a CLEAN image with its residual, relative to that of the positive ones."""
_MOST_ZEROS = 0.9
"""Largest share of pixels that are exactly 0; more have maps of the components of CLEAN."""
_LEAST_AGREEMENT = 0.6
"""Least correlation of the visibilities of the two images; 0.69 for a CLEAN image of a faint flare, up to 0.99 else."""
_LEAST_RATIO = 0.98
"""Least ratio of that correlation to the largest one after a shift; 0.99 for real pairs, 0.93 at 20 arcsec."""
_SHIFTS = Grid((121, 121), (1.0, 1.0))
"""Shifts that are tried."""


def role_of(candidate):
    """
    Whether an image is a back-projection or a CLEAN image.

    The algorithm in the header tells it: ``RSTMETH`` of images by `sunpy_restore.backproj_to_clean`, ``ALG_USED`` of
    the STIX software, or ``CONTENT``. Without them, an image that consists of the spatial frequencies of STIX is a
    back-projection, and one of mostly positive values a CLEAN image.

    Parameters
    ----------
    candidate : `~sunpy_restore.core.datasets.samples.Candidate`
        The image.

    Returns
    -------
    ``"observed"`` or ``"truth"``

    Raises
    ------
    TypeError, ValueError
        It is neither, or not of STIX.
    """
    header = candidate.header
    if "STIX" not in candidate.instrument.upper():
        raise TypeError(f"Found an image of {candidate.instrument or 'an unnamed instrument'}; expected one of STIX.")
    if not np.isfinite(candidate.data).all() or not (candidate.data > 0).any():
        raise ValueError("Found pixels without a value, or none above 0; expected an image of a source.")
    name = next((str(header[key]) for key in ("RSTMETH", "ALG_USED", "CONTENT") if header.get(key)), "")
    if not name:
        return _role_by_pixels(candidate)
    if any(word in name.upper() for word in _DIRTY):
        return "observed"
    if _CLEAN in name.upper():
        return "truth"
    raise ValueError(f"Found an image by {name!r}; expected a back-projection or a CLEAN image.")


def _role_by_pixels(candidate):
    data, smap = candidate.data, candidate.map()
    try:
        Observation.check(smap, instrument="STIX")
        Observation.from_map(smap, instrument="STIX")
    except ValueError:
        negative = -data[data < 0].sum() / data[data > 0].sum()
        if negative > _MOST_NEGATIVE or np.mean(data == 0) > _MOST_ZEROS:
            raise ValueError(
                "Found an image that is neither a back-projection nor a CLEAN image by its pixels; expected one of "
                "both, or ALG_USED in the header."
            ) from None
        return "truth"
    return "observed"


def check_pair(observed, truth):
    """
    Refuse images of different times, energies or positions.

    Parameters
    ----------
    observed, truth : `~sunpy_restore.core.datasets.samples.Candidate`
        A back-projection and a CLEAN image; their data are not used.

    Raises
    ------
    ValueError
        The headers do not agree.
    """
    (begin, end), (other_begin, other_end) = (_times(candidate.header) for candidate in (observed, truth))
    ends = [] if None in (end, other_end) else [(end, other_end)]
    if any(abs((one - other).to_value(u.s)) > _SECONDS for one, other in [(begin, other_begin), *ends]):
        raise ValueError(
            f"Found a back-projection of {_interval(begin, end)} and a CLEAN image of "
            f"{_interval(other_begin, other_end)}; expected the same time."
        )
    energies, others = _energies(observed.header), _energies(truth.header)
    if (energies is None) != (others is None):
        raise ValueError("Found ENERGY_L and ENERGY_H in one of the two headers only; expected them in both.")
    if energies is not None and np.abs(np.subtract(energies, others)).max() > _KEV:
        raise ValueError(
            "Found a back-projection of {:g}-{:g} keV and a CLEAN image of {:g}-{:g} keV; expected the same "
            "energies.".format(*energies, *others)
        )
    _common(observed.map(), truth.map())


def _times(header):
    begin = parse_time(next(str(header[key]) for key in _BEGIN if header.get(key)))
    end = next((parse_time(str(header[key])) for key in _END if header.get(key)), None)
    exposure = next((header[key] for key in _EXPOSURE if header.get(key)), None)
    return begin, begin + float(exposure) * u.s if end is None and exposure is not None else end


def _interval(begin, end):
    return begin.isot if end is None else f"{begin.isot} to {end.isot}"


def _energies(header):
    """Lowest and highest energy in keV, `None` if the header does not have them."""
    try:
        return tuple(float(header[key]) for key in ("ENERGY_L", "ENERGY_H"))
    except KeyError:
        return None


def crop_pair(dirty, cleaned):
    """
    Cut two Maps to an even number of the rows and columns that they have in common.

    Programs make images with an odd number of pixels, because CLEAN needs a central one; networks halve the image
    several times. The last row or column is cut off, such as from 257 to 256 pixels, so that ``CRPIXj`` and the
    coordinates of all pixels do not change. If one of the images is larger, it is cut on the other sides, too, and
    ``CRPIXj`` changes by as many pixels.

    Parameters
    ----------
    dirty, cleaned : `~sunpy.map.GenericMap`
        Maps with the same pixel grid.

    Returns
    -------
    dirty, cleaned : `~sunpy.map.GenericMap`
        Maps of the same shape.

    Raises
    ------
    ValueError
        The pixel grids differ in scale, rotation or by part of a pixel, or have no pixels in common.
    """
    x, y = _common(dirty, cleaned)
    # First columns and rows, and the numbers of those in common
    starts = [(max(0, shift), max(0, -shift)) for shift in (x, y)]
    shapes = zip(dirty.data.shape[::-1], cleaned.data.shape[::-1], strict=True)
    sizes = [
        min(n - start for n, start in zip(lengths, first, strict=True)) // 2 * 2
        for lengths, first in zip(shapes, starts, strict=True)
    ]
    return tuple(_cut(smap, [start[index] for start in starts], sizes) for index, smap in enumerate((dirty, cleaned)))


def _common(dirty, cleaned):
    """Columns and rows from the first pixel of one Map to that of the other one; 0 if CRPIX is the same."""
    nx, ny = cleaned.data.shape[::-1]
    corners = np.array([[0, 0], [nx - 1, 0], [0, ny - 1]])
    found = dirty.wcs.wcs_world2pix(cleaned.wcs.wcs_pix2world(corners, 0), 0)
    shifts = found - corners
    shift = np.round(shifts[0]).astype(int)
    if not np.abs(shifts - shift).max() <= _PIXEL:
        raise ValueError(
            f"Found pixel grids that differ by {np.array2string(shifts[0], precision=2)} pixels in one corner and "
            f"{np.array2string(shifts[1], precision=2)} in another; expected the same position, scale and rotation, or "
            "a shift by whole pixels."
        )
    if any(step >= n or -step >= m for step, n, m in zip(shift, dirty.data.shape[::-1], (nx, ny), strict=True)):
        raise ValueError("Found images of different places; expected the same position.")
    return tuple(int(step) for step in shift)


def _cut(smap, start, size):
    header = dict(smap.meta)
    for axis, (first, length, reference) in enumerate(zip(start, size, smap.reference_pixel, strict=True), 1):
        header |= {f"crpix{axis}": reference.value + 1 - first, f"naxis{axis}": length}
    return new_map(smap.data[start[1] : start[1] + size[1], start[0] : start[0] + size[0]], header)


def pair_of(observed, truth):
    """
    Cut a back-projection and a CLEAN image to the same pixels, and bring them to the same scale.

    The exposures and the units of programs differ, and some are wrong. The CLEAN image is therefore multiplied by the
    factor with which its visibilities agree best with those of the back-projection, unless it was made by this package.
    CLEAN leaves flux in its residual, which the factor gives back: for seven flares on pixels of 8 arcsec that this
    package cleaned it would be 1.1 to 2.1.

    Parameters
    ----------
    observed, truth : `~sunpy_restore.core.datasets.samples.Candidate`
        The two images.

    Returns
    -------
    `~sunpy_restore.core.datasets.samples.Sample`
        The CLEAN image is in the unit of the back-projection per square arcsec. Among its values are the visibilities
        of the back-projection, ``agreement``, their correlation with those of the CLEAN image, and ``scale``, the
        factor.

    Raises
    ------
    TypeError, ValueError
        The first image is no back-projection, the pixel grids differ, or the correlation is below 0.6 or increases by
        more than 2 % after a shift.
    """
    dirty, cleaned = crop_pair(observed.map(), truth.map())
    Observation.check(dirty, instrument="STIX")
    observation = Observation.from_map(dirty, instrument="STIX")
    points, grid = observation.own_axes()
    image = np.asarray(cleaned.data, dtype=float)
    model = model_visibilities(image, points, grid, fwhm=0)
    measured = observation.visibilities * beam_transfer(points, _beam(truth.header))
    agreement = _agreement(model, measured, points)
    scale = float((model.conj() * measured).real.sum() / np.square(np.abs(model)).sum())
    if truth.header.get("RSTMETH"):
        # This package keeps the unit, and CLEAN leaves flux in its residual
        scale = 1.0
    values = {
        "visibilities": [[float(one.real), float(one.imag)] for one in observation.visibilities],
        "labels": list(points.labels), "matrix": observation.matrix.tolist(), "world": observation.world.tolist(),
        "center": list(observation.center), "crpix": [pixel.value + 1 for pixel in dirty.reference_pixel],
        "scale": scale, "agreement": agreement, "energies": _energies(observed.header),
    }  # fmt: skip
    return Sample(
        dirty.data, "STIX", observation.unit.to_string("fits"), observed.pixel_scale, dirty.data.shape, values,
        truth=scale * image,
    )  # fmt: skip


def _agreement(model, measured, points):
    """Correlation of the visibilities of both images, which must hardly be larger after any shift."""
    product = model.conj() * measured
    size = np.sqrt(np.square(np.abs(model)).sum() * np.square(np.abs(measured)).sum())
    size = max(size, np.finfo(float).tiny)
    agreement = float(product.real.sum() / size)
    shifted = back_projection(product, points, _SHIFTS, np.ones(len(product))) / size
    row, column = np.unravel_index(shifted.argmax(), shifted.shape)
    if not agreement >= max(_LEAST_AGREEMENT, _LEAST_RATIO * shifted.max()):
        distance = np.hypot(_SHIFTS.y[row], _SHIFTS.x[column])
        raise ValueError(
            f"Found a correlation of {agreement:.2f} between the visibilities of the back-projection and of the CLEAN "
            f"image, and of {shifted.max():.2f} after a shift by {distance:.0f} arcsec; expected at least "
            f"{_LEAST_AGREEMENT}, and hardly more after a shift, as for images of the same source and orientation."
        )
    return agreement


def _beam(header):
    """Full width at half maximum of the clean beam in arcsec; by default that of the package."""
    try:
        return float(np.sqrt(header["BMAJ"] * header["BMIN"])) * 3600 or BEAM
    except (KeyError, TypeError):
        return BEAM
