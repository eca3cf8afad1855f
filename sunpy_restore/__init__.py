"""
Restoration of solar images with deep learning and the physics of the instrument.

One verb per problem: a `~sunpy.map.GenericMap` goes in, a Map of the same class comes out.
"""

from sunpy_restore.cleaning.restore import backproj_to_clean
from sunpy_restore.desaturation.restore import desaturate
from sunpy_restore.enhancement.restore import enhance
from sunpy_restore.granulation.synthesize import synthesize_granulation
from sunpy_restore.inpainting.restore import inpaint
from sunpy_restore.version import __version__

__all__ = ["__version__", "backproj_to_clean", "desaturate", "enhance", "inpaint", "synthesize_granulation"]
