"""
Order and thumbnails of the pages of the gallery.

An example that is not listed is an error, so that a new one gets a place.
"""

from pathlib import Path

from PIL import Image

__all__ = ["PAGES", "position", "setup"]

# Figure of the thumbnail, and its left, top, right and bottom edges in the figure, as fractions
PAGES = {
    "plot_desaturate.py": (1, (0.565, 0.0, 0.915, 0.815)),
    "plot_inpaint.py": (2, (0.275, 0.0, 0.7, 0.49)),
    "plot_enhance.py": (1, (0.0, 0.0, 0.62, 1.0)),
    "plot_backproj_to_clean.py": (3, (0.545, 0.0, 1.0, 0.38)),
    "plot_synthesize_granulation.py": (1, (0.0, 0.0, 0.87, 1.0)),
    "plot_methods.py": (1, (0.0, 0.0, 0.78, 0.98)),
    "plot_trust.py": (2, (0.0, 0.0, 1.0, 1.0)),
    "plot_sequence.py": (1, (0.0, 0.0, 0.29, 0.9)),
    "plot_archive.py": (1, (0.0, 0.0, 1.0, 1.0)),
    "plot_train.py": (2, (0.0, 0.08, 0.45, 0.9)),
    "plot_sixth_task.py": (1, (0.0, 0.0, 0.88, 1.0)),
    "plot_aia_on_hmi.py": (1, (0.5, 0.0, 1.0, 1.0)),
    "plot_calibrate_lasco.py": (1, (0.0, 0.05, 0.64, 0.92)),
    "plot_deconvolve_aia.py": (1, (0.485, 0.05, 1.0, 0.9)),
    "plot_stix_on_aia.py": (1, (0.36, 0.0, 1.0, 0.82)),
}


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
        The file is not in `PAGES`.
    """
    name = Path(filename).name
    if name not in PAGES:
        raise ValueError(f"Found the example {name}; expected one of those in PAGES of gallery_pages.py. Add it there.")
    return list(PAGES).index(name)


def crop_thumbnails(app):
    """
    Replace the thumbnails, which show whole figures, by the parts that matter.

    Parameters
    ----------
    app : `~sphinx.application.Sphinx`
        The application. Pages that were not executed keep their thumbnails.
    """
    folder = Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"] / "images"
    size = app.config.sphinx_gallery_conf.get("thumbnail_size", (400, 280))
    for name, (number, box) in PAGES.items():
        stem = f"sphx_glr_{Path(name).stem}"
        figure = folder / f"{stem}_{number:03}.png"
        if not figure.is_file():
            continue
        with Image.open(figure) as image:
            edges = [round(edge * length) for edge, length in zip(box, 2 * image.size, strict=True)]
            part = image.convert("RGB").crop(edges)
        part.thumbnail(size, Image.Resampling.LANCZOS)
        thumbnail = Image.new("RGB", size, "white")
        thumbnail.paste(part, [(whole - length) // 2 for whole, length in zip(size, part.size, strict=True)])
        thumbnail.save(folder / "thumb" / f"{stem}_thumb.png")


def setup(app):
    """
    Register the extension.

    Parameters
    ----------
    app : `~sphinx.application.Sphinx`
        The application.

    Returns
    -------
    `dict`
        Metadata for Sphinx.
    """
    # After sphinx-gallery, which makes the figures at the same event with the default priority of 500
    app.connect("builder-inited", crop_thumbnails, priority=600)
    return {"parallel_read_safe": True}
