"""Statistics of an image that textures are compared with, without the image itself."""

from dataclasses import asdict, dataclass, fields

import numpy as np

from sunpy_restore.core.numerics.metrics import contrast
from sunpy_restore.core.weights.store import read_metadata, resolve
from sunpy_restore.granulation.statistics.granules import areas_distance, granule_areas, searched_area
from sunpy_restore.granulation.statistics.intensities import ks_to_quantiles, relative
from sunpy_restore.granulation.statistics.spectrum import power_distance, power_with_error

__all__ = ["ReferenceStatistics", "measure_reference", "reference_statistics"]

_QUANTILES = 201  # of the intensities; straight lines between them change a distance by less than 0.003
_DIGITS = 5  # significant digits that are stored
_PIXEL_TOLERANCE = 0.01  # relative


@dataclass(frozen=True, kw_only=True)
class ReferenceStatistics:
    """
    Statistics of a reference image, as the metadata of weights contain them under ``"reference"``.

    They take the place of the reference in `~sunpy_restore.granulation.statistics.compare`.

    Parameters
    ----------
    source : `str`
        The reference image.
    pixel : `float`
        Side of a pixel in km.
    contrast : `float`
        RMS contrast.
    intensities : `list` of `float`
        Relative intensity at equal steps of the cumulative distribution, from the smallest to the largest.
    side : `int`
        Side in pixels of the windows of the power spectrum, and of the pieces in which granules were segmented.
    wavelength, power, power_error : `list` of `float`
        Centres of the bins in Mm, power as in `~sunpy_restore.granulation.statistics.power_spectrum`, and its relative
        sampling error (1 sigma).
    areas : `list` of `int`
        Areas of the granules in pixels, in increasing order.
    searched : `float`
        Area in Mm^2 that was searched for granules.
    """

    source: str
    pixel: float
    contrast: float
    intensities: list[float]
    side: int
    wavelength: list[float]
    power: list[float]
    power_error: list[float]
    areas: list[int]
    searched: float

    def check(self, image, pixel):
        """
        Check that an image can be compared with the statistics.

        Parameters
        ----------
        image : `~numpy.ndarray`
            Intensity of shape ``(ny, nx)``.
        pixel : `float`
            Side of a pixel in km.

        Raises
        ------
        ValueError
            The pixels have another size than those of the reference, or the image is smaller than ``side``.
        """
        if not abs(pixel / self.pixel - 1) < _PIXEL_TOLERANCE:
            raise ValueError(
                f"Found the pixel size {pixel} km; expected {self.pixel} km, that of the reference. Resample the "
                "image, or compare it with a reference image."
            )
        if np.ndim(image) == 2 and min(np.shape(image)) < self.side:
            raise ValueError(f"Found an image of {np.shape(image)} pixels; expected at least {(self.side, self.side)}.")

    def histogram_distance(self, image):
        """As `~sunpy_restore.granulation.statistics.histogram_distance`, with the reference."""
        return ks_to_quantiles(relative(image), self.intensities)

    def spectrum_distance(self, image):
        """As `~sunpy_restore.granulation.statistics.spectrum_distance`, with the reference."""
        wavelength, power, error = power_with_error(image, self.pixel, self.side)
        return power_distance(wavelength, power, error, np.array(self.power), np.array(self.power_error))

    def granule_distance(self, image):
        """As `~sunpy_restore.granulation.statistics.granule_distance`, with the reference."""
        piece = (self.side, self.side)
        areas = granule_areas(image, self.pixel, piece=piece)
        searched = searched_area(np.shape(image), self.pixel, piece)
        return areas_distance(areas, searched, np.array(self.areas) * (self.pixel / 1000) ** 2, self.searched)

    def as_dict(self):
        """The statistics as a `dict` for JSON."""
        return asdict(self)


def measure_reference(image, pixel, source):
    """
    Measure the statistics of an image.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of shape ``(ny, nx)``.
    pixel : `float`
        Side of a pixel in km.
    source : `str`
        What the image is.

    Returns
    -------
    `ReferenceStatistics`
        Its ``side`` is the shorter side of the image, at most 500 pixels.

    Raises
    ------
    ImportError
        Sunkit-image is not installed.
    ValueError
        The image is not 2-D, not finite, or its mean is not positive; or ``pixel`` is not positive.
    """
    image = relative(image)
    side = min(*image.shape, 500)
    wavelength, power, error = power_with_error(image, pixel, side)
    piece = (side, side)
    areas = granule_areas(image, pixel, piece=piece)
    return ReferenceStatistics(
        source=source,
        pixel=float(pixel),
        contrast=_rounded(contrast(image)),
        intensities=_rounded(np.quantile(image, np.linspace(0, 1, _QUANTILES))),
        side=int(side),
        wavelength=_rounded(wavelength),
        power=_rounded(power),
        power_error=_rounded(error),
        areas=[round(area / (pixel / 1000) ** 2) for area in areas],
        searched=_rounded(searched_area(image.shape, pixel, piece)),
    )


def reference_statistics(weights=None, *, task="synthesize-convolutional"):
    """
    Read the statistics of the image that a generator is compared with: the part that was kept back from its training.

    Parameters
    ----------
    weights : `str` or path-like, optional
        See `sunpy_restore.synthesize_granulation`.
    task : `str`
        Name of the task of the generator.

    Returns
    -------
    `ReferenceStatistics`

    Raises
    ------
    ValueError
        The weights contain no such statistics, or are for another task.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found or read.

    Examples
    --------
    >>> from sunpy_restore.granulation.statistics import reference_statistics
    >>> reference = reference_statistics()
    >>> reference.pixel, round(reference.contrast, 3)
    (48.0, 0.162)
    """
    local = resolve(weights, task=task)
    stored = read_metadata(local).get("reference")
    if not isinstance(stored, dict) or stored.keys() != {field.name for field in fields(ReferenceStatistics)}:
        raise ValueError(
            f"Found no statistics of a reference in the metadata of {local.path}; expected weights that "
            "'sunpy-restore train' wrote. Compare textures with a reference image."
        )
    return ReferenceStatistics(**stored)


def _rounded(values):
    """Numbers with the digits that are stored, as Python numbers."""
    if np.ndim(values):
        return [_rounded(value) for value in values]
    return float(f"{values:.{_DIGITS}g}")
