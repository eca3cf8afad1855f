"""SVG files that are the same in each run, without the trailing spaces of matplotlib."""

import matplotlib as mpl

__all__ = ["save_svg"]


def save_svg(figure, path, **options):
    """
    Write a figure.

    Parameters
    ----------
    figure : `matplotlib.figure.Figure`
        The figure.
    path : `pathlib.Path`
        The file.
    **options
        Keywords of ``figure.savefig``; ``metadata`` is added to that without a date.
    """
    # The date and random names would change the file each time
    metadata = {"Date": None} | options.pop("metadata", {})
    with mpl.rc_context({"svg.hashsalt": path.name}):
        figure.savefig(path, metadata=metadata, **options)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{line.rstrip()}\n" for line in lines), encoding="utf-8", newline="\n")
