"""All measures at once."""

import numpy as np

from sunpy_restore.core.numerics.metrics import contrast
from sunpy_restore.granulation.statistics.granules import granule_distance
from sunpy_restore.granulation.statistics.intensities import histogram_distance
from sunpy_restore.granulation.statistics.lags import largest_repetition, repetition
from sunpy_restore.granulation.statistics.patches import novelty
from sunpy_restore.granulation.statistics.reference import ReferenceStatistics
from sunpy_restore.granulation.statistics.seams import seam_ratio
from sunpy_restore.granulation.statistics.spectrum import spectrum_distance

__all__ = ["compare"]

_CORRELATION_LENGTH = 1500  # km; granulation is uncorrelated at larger lags


def compare(image, reference, pixel, *, training=None, rows=(), columns=(), period=None):
    """
    Compute all measures of a texture.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity of the texture, shape ``(ny, nx)``.
    reference : `~numpy.ndarray` or `~sunpy_restore.granulation.statistics.ReferenceStatistics`
        Intensity of a simulation or an observation that was not used for training, shape ``(my, mx)``, or its
        statistics.
    pixel : `float`
        Side of the pixels of all images in km.
    training : `~numpy.ndarray`, optional
        Intensity that was used for training, shape ``(ly, lx)``. Novelty is measured only if it is given, and needs a
        reference image.
    rows, columns : iterable of `int`
        Positions of seams as for `~sunpy_restore.granulation.statistics.seam_ratio`, which needs them.
    period : `int` or pair of `int`, optional
        Period of the tiles in pixels. Repetition at this period is measured only if it is given.

    Returns
    -------
    `dict` of `float`
        Each group of values is described in the function in parentheses:

        ``contrast``, ``contrast_ratio``
            RMS contrast, and its ratio to that of the reference (`~sunpy_restore.core.numerics.metrics.contrast`).
        ``histogram_ks``
            `~sunpy_restore.granulation.statistics.histogram_distance`.
        ``spectrum_worst``, ``spectrum_median``, ``spectrum_chi2``, ``spectrum_significance``, ``spectrum_error``
            `~sunpy_restore.granulation.statistics.spectrum_distance`; the last one is
            the largest relative error of the ratios.
        ``granules_ks``, ``granules_chance``, ``granules_median``, ``granules_median_ratio``, ``granules_density_ratio``
            `~sunpy_restore.granulation.statistics.granule_distance`; requires sunkit-image.
        ``repetition``, ``repetition_level``
            ``peak`` and ``level`` of `~sunpy_restore.granulation.statistics.repetition`.
        ``repetition_anywhere``, ``repetition_anywhere_chance``
            ``value`` and ``chance`` of `~sunpy_restore.granulation.statistics.largest_repetition` at lags beyond
            1.5 Mm.
        ``seam_ratio``, ``seam_error``, ``seam_across``, ``seam_along``
            `~sunpy_restore.granulation.statistics.seam_ratio`.
        ``nearest_copy``, ``nearest_smallest``, ``nearest_median``, ``held_back_smallest``, ``held_back_median``
            ``ratio`` and distances of `~sunpy_restore.granulation.statistics.novelty`.

    Raises
    ------
    ImportError
        Sunkit-image is not installed.
    TypeError
        ``training`` is given, and the reference is no image.
    ValueError
        See the functions above; with statistics also if the pixels or the image are too small or too large for them.
    """
    distances = _distances_to_statistics if isinstance(reference, ReferenceStatistics) else _distances_to_image
    if training is not None and distances is _distances_to_statistics:
        raise TypeError(
            "Found statistics as the reference; expected an image, with whose patches training is compared."
        )
    expected, histogram, spectrum, granules = distances(image, reference, pixel)
    anywhere = largest_repetition(image, _CORRELATION_LENGTH / pixel)
    own = contrast(image)
    figures = {
        "contrast": own,
        "contrast_ratio": own / expected,
        "histogram_ks": histogram,
        "spectrum_worst": spectrum["worst"],
        "spectrum_median": spectrum["median"],
        "spectrum_chi2": spectrum["chi2"],
        "spectrum_significance": spectrum["significance"],
        "spectrum_error": spectrum["ratio_error"].max(),
        "granules_ks": granules["ks"],
        "granules_chance": granules["chance"],
        "granules_median": granules["median"],
        "granules_density_ratio": granules["density_ratio"],
        "granules_median_ratio": granules["median"] / granules["reference_median"],
        "repetition_anywhere": anywhere["value"],
        "repetition_anywhere_chance": anywhere["chance"],
    }
    if period is not None:
        found = repetition(image, period)
        figures |= {"repetition": found["peak"], "repetition_level": found["level"]}
    if np.size(rows) or np.size(columns):
        found = seam_ratio(image, rows, columns)
        figures |= {
            "seam_ratio": found["ratio"],
            "seam_error": found["error"],
            "seam_across": found["across"],
            "seam_along": found["along"],
        }
    if training is not None:
        found = novelty(image, training, reference)
        figures |= {
            "nearest_copy": found["ratio"],
            "nearest_smallest": found["smallest"],
            "nearest_median": found["median"],
            "held_back_smallest": found["held_back_smallest"],
            "held_back_median": found["held_back_median"],
        }
    return {name: float(figure) for name, figure in figures.items()}


def _distances_to_image(image, reference, pixel):
    """Contrast of the reference; distances of histograms, power spectra and granule areas."""
    return (
        contrast(reference),
        histogram_distance(image, reference),
        spectrum_distance(image, reference, pixel),
        granule_distance(image, reference, pixel),
    )


def _distances_to_statistics(image, reference, pixel):
    reference.check(image, pixel)
    return (
        reference.contrast,
        reference.histogram_distance(image),
        reference.spectrum_distance(image),
        reference.granule_distance(image),
    )
