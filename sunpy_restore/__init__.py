"""
Restoration of solar images with deep learning and the physics of the instrument.

One function per problem: a `~sunpy.map.GenericMap` goes in, a Map of the same class comes out.
"""

import lazy_loader as _lazy

from sunpy_restore.citation import __citation__
from sunpy_restore.tasks import FUNCTIONS as _FUNCTIONS
from sunpy_restore.version import __version__

# "import sunpy_restore" is fast: a function is imported, and sunpy with it, when it is first used
_attributes = {"core.exceptions": ["RestoreWarning", "WeightsError"], "core.images.filled": ["filled"]}
_attributes |= {"core.fits.io": ["load", "save"], "checking": ["report"], "measuring": ["measure"]}
_attributes |= {"archive.restore": ["restore_archive"], "studio.start": ["app"]}
_attributes |= {_function.module.removeprefix(f"{__name__}."): [_function.name] for _function in _FUNCTIONS}
__getattr__, __dir__, _names = _lazy.attach(__name__, submod_attrs=_attributes)
__all__ = ["__citation__", "__version__", *_names]  # noqa: PLE0604
