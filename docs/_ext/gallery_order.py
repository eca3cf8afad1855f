"""
Order of the pages of the gallery: the functions first, then what is done with their results.

A file that is not listed is an error, so that a new example gets a place.
"""

from pathlib import Path

__all__ = ["ORDER", "position"]

ORDER = (
    "plot_desaturate.py",
    "plot_inpaint.py",
    "plot_enhance.py",
    "plot_backproj_to_clean.py",
    "plot_synthesize_granulation.py",
    "plot_methods.py",
    "plot_trust.py",
    "plot_sequence.py",
    "plot_archive.py",
    "plot_train.py",
    "plot_sixth_task.py",
    "plot_aia_on_hmi.py",
    "plot_calibrate_lasco.py",
    "plot_deconvolve_aia.py",
    "plot_stix_on_aia.py",
)


def position(filename):
    """
    Position of an example in the gallery.

    Parameters
    ----------
    filename : `str` or path-like
        File in ``examples``.

    Returns
    -------
    `int`

    Raises
    ------
    ValueError
        The file is not in `ORDER`.
    """
    name = Path(filename).name
    if name not in ORDER:
        raise ValueError(f"Found the example {name}; expected one of those in ORDER of gallery_order.py. Add it there.")
    return ORDER.index(name)
