"""
Measures of whether a texture is statistically like granulation, and whether it is new, seamless and without period.

Images are arrays of intensity, shape (ny, nx), of which all measures take out the mean; pixel sizes are in km. The
difference of two finite images of one process is not 0, so that a measure comes with its sampling error wherever it
has one that can be told.
"""

from sunpy_restore.core.metrics import contrast
from sunpy_restore.granulation.statistics.granules import granule_areas, granule_distance
from sunpy_restore.granulation.statistics.intensities import histogram_distance, relative
from sunpy_restore.granulation.statistics.lags import autocorrelation, largest_repetition, repetition
from sunpy_restore.granulation.statistics.patches import diversity, novelty
from sunpy_restore.granulation.statistics.seams import seam_ratio
from sunpy_restore.granulation.statistics.spectrum import power_spectrum, spectrum_distance
from sunpy_restore.granulation.statistics.summary import compare

__all__ = [
    "autocorrelation",
    "compare",
    "contrast",
    "diversity",
    "granule_areas",
    "granule_distance",
    "histogram_distance",
    "largest_repetition",
    "novelty",
    "power_spectrum",
    "relative",
    "repetition",
    "seam_ratio",
    "spectrum_distance",
]
