"""How to cite the package."""

from sunpy_restore.version import __version__

__all__ = ["REPOSITORY", "YEAR", "__citation__"]

# Both are set by tools/prepare_release.py.
REPOSITORY = "https://github.com/OWNER/sunpy_restore"
"""Address of the source repository."""

YEAR = 2026
"""Year of the release."""

__citation__ = f"""@software{{sunpy_restore,
  author  = {{{{The sunpy_restore developers}}}},
  title   = {{sunpy_restore: restoration of solar images}},
  year    = {{{YEAR}}},
  version = {{{__version__}}},
  url     = {{{REPOSITORY}}},
}}"""
"""BibTeX entry of the installed version. Cite the paper of the method as well; the documentation lists them."""
