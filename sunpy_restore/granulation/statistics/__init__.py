"""
Statistics of textures: whether they agree with granulation, and whether they are new, seamless and not periodic.

Images are arrays of intensity with shape ``(ny, nx)``; every measure divides them by their mean. Pixel sizes are in km.
Two finite images of the same process differ by chance. Measures with a known sampling error return it.
"""

from sunpy_restore.core.numerics.metrics import contrast
from sunpy_restore.granulation.statistics.granules import granule_areas, granule_distance
from sunpy_restore.granulation.statistics.intensities import histogram_distance
from sunpy_restore.granulation.statistics.lags import autocorrelation, largest_repetition, repetition
from sunpy_restore.granulation.statistics.patches import diversity, novelty
from sunpy_restore.granulation.statistics.reference import (
    ReferenceStatistics,
    measure_reference,
    reference_statistics,
)
from sunpy_restore.granulation.statistics.seams import seam_ratio
from sunpy_restore.granulation.statistics.spectrum import power_spectrum, spectrum_distance
from sunpy_restore.granulation.statistics.summary import compare

__all__ = [
    "ReferenceStatistics",
    "autocorrelation",
    "compare",
    "contrast",
    "diversity",
    "granule_areas",
    "granule_distance",
    "histogram_distance",
    "largest_repetition",
    "measure_reference",
    "novelty",
    "power_spectrum",
    "reference_statistics",
    "repetition",
    "seam_ratio",
    "spectrum_distance",
]
