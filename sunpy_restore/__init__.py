"""
Restoration of solar images with deep learning and the physics of the instrument.

One verb per problem: a `~sunpy.map.GenericMap` goes in, a Map of the same class comes out.
"""

from sunpy_restore.backprojection.restore import backproj_to_clean
from sunpy_restore.desaturation.verb import desaturate
from sunpy_restore.enhancement.verb import enhance
from sunpy_restore.granulation.verb import synthesize_granulation
from sunpy_restore.inpainting.verb import inpaint
from sunpy_restore.version import __version__

__all__ = ["__version__", "backproj_to_clean", "desaturate", "enhance", "inpaint", "synthesize_granulation"]
