"""The verbs of the command line. What an option needs is imported when it is given."""

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["VERBS", "Option", "Verb"]


class Option(NamedTuple):
    """An option of some verbs alone; the function has a keyword of its name."""

    name: str
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    read: Callable[[str], Any] = str


class Verb(NamedTuple):
    """
    A restoration of files, by the function of that name.

    That is ``function(map, *, method, weights, device, progress)``, with a keyword for each option.
    """

    name: str
    help: str
    options: tuple[Option, ...] = ()

    def given(self, args):
        """Keywords of the options that are in the arguments."""
        values = ((option, getattr(args, option.name)) for option in self.options)
        return {option.name: option.read(value) for option, value in values if value is not None}


def _read_mask(path):
    from sunpy_restore.cli.files import read_mask

    return read_mask(path)


def _read_maps(paths):
    from sunpy_restore.cli.files import read_map

    return [read_map(path) for path in paths.split(",")]


_MASK = Option(
    "mask", "pixels to fill, where it is not zero: FITS image or .npy (default: found)", "FILE", read=_read_mask
)
_CONSISTENCY = Option(
    "consistency",
    "correct the fill with the fringes of the core, or not (default: with method network, where they are known)",
    choices=("diffraction", "none"),
)


def _read_numbers(text):
    return [int(number) for number in text.split(",")]


def _open_visibilities(path):
    from sunpy_restore.backprojection.measured import open_visibilities

    return open_visibilities(path)


_NEIGHBOURS = Option("neighbours", "frames taken before and after, separated by commas", "FILES", read=_read_maps)
_TEXTURE = Option("texture", "add noise to the fill, for looking at", choices=("yes", "no"), read="yes".__eq__)
_STIX = (
    Option("visibilities", "FITS file with the table VISIBILITIES to agree with", "FILE", read=_open_visibilities),
    Option("subcollimators", "numbers of those used, separated by commas (default: 3-10)", "N,N", read=_read_numbers),
    Option("weighting", "weights of the back-projection (default: natural)", choices=("natural", "uniform")),
    Option("instrument", "what a file shows whose header names no instrument", choices=("STIX",)),
)

VERBS = (
    Verb("enhance", "deconvolve images and magnetograms of SDO/HMI and double their sampling"),
    Verb("desaturate", "recover the saturated cores of flares in images of SDO/AIA", (_MASK, _CONSISTENCY)),
    Verb("inpaint", "fill the blocks of telemetry that images of SOHO/LASCO lost", (_MASK, _NEIGHBOURS, _TEXTURE)),
    Verb("backproj_to_clean", "take the dirty beam out of back-projections of STIX", _STIX),
)
