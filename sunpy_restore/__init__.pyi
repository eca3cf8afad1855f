# For editors and type checkers only: at run time the names come from sunpy_restore.tasks.FUNCTIONS.
from sunpy_restore.archive.restore import restore_archive as restore_archive
from sunpy_restore.backprojection.verb import backproj_to_clean as backproj_to_clean
from sunpy_restore.checking import report as report
from sunpy_restore.citation import __citation__ as __citation__
from sunpy_restore.core.exceptions import RestoreWarning as RestoreWarning
from sunpy_restore.core.exceptions import WeightsError as WeightsError
from sunpy_restore.core.fits.io import load as load
from sunpy_restore.core.fits.io import save as save
from sunpy_restore.core.images.filled import filled as filled
from sunpy_restore.desaturation.verb import desaturate as desaturate
from sunpy_restore.enhancement.verb import enhance as enhance
from sunpy_restore.granulation.verb import synthesize_granulation as synthesize_granulation
from sunpy_restore.inpainting.verb import inpaint as inpaint
from sunpy_restore.measuring import measure as measure
from sunpy_restore.studio.start import app as app
from sunpy_restore.version import __version__ as __version__
