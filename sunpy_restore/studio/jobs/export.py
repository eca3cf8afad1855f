"""Exports: Python code, and jobs that write pictures, movies and JPEG 2000 files."""

import re
from pathlib import Path

import numpy as np

__all__ = ["as_python", "picture", "write_jp2", "write_movie", "write_picture"]

_WIDEST_FRAME = 1024  # pixels, of a movie
_XML_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def as_python(opened, result, functions):
    """
    The lines of Python that do what the page did.

    Parameters
    ----------
    opened : `~sunpy_restore.studio.state.restoration.Opened`
        The file.
    result : `~sunpy_restore.studio.state.restoration.Result`
        The result.
    functions : mapping
        Name to `~sunpy_restore.core.task.MapFunction`.

    Returns
    -------
    `str`
        Five lines, and one more for each option that Python has to read.
    """
    asked, name = result.options, result.options["function"]
    arguments = ["observed", f"method={asked['method']!r}"]
    if asked["weights"]:
        arguments.append(f"weights={asked['weights']!r}")
    if asked["uncertainty"]:
        arguments.append("uncertainty=True")
    imports, known = [], {option.name: option for option in functions[name].options}
    for key, value in (asked["options"] or {}).items():
        option = known[key]
        if option.flag or option.read == "builtins:str":
            arguments.append(f"{key}={value!r}")
        else:
            module, _, reader = option.read.partition(":")
            imports.append(f"from {module} import {reader}")
            arguments.append(f"{key}={reader}({value!r})")
    stem = opened.name.split(".")[0]
    lines = [
        *imports, f"from sunpy_restore import {name}, load, report, save", f"observed = load({opened.name!r})",
        f"restored = {name}({', '.join(arguments)})", f'save(restored, "{stem}_{name}.fits")',
        "print(report(restored, observed))",
    ]  # fmt: skip
    return "\n".join(lines)


def picture(smap, limits=None):
    """
    A Map as the colours of its colour map.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The image.
    limits : pair of `float`, optional
        Values of the first and the last colour; by default percentiles of the image.

    Returns
    -------
    `numpy.ndarray` of ``uint8``
        Shape ``(ny, nx, 3)``, the first row at the top; pixels that are not valid are grey.
    """
    import matplotlib

    layer, scaled = _scaled(smap, limits)
    cmap = matplotlib.colormaps[layer.cmap].with_extremes(bad="#8c8c8c")
    return np.ascontiguousarray(np.round(255 * cmap(scaled)[::-1, :, :3]).astype(np.uint8))


def _scaled(smap, limits):
    """The layer of a Map, and its values from 0 to 1 in the stretch of the Map; those that are not valid are masked."""
    from sunpy_restore.studio.display.view import Layer

    layer = Layer.of_map("", smap)
    norm = layer.stretch()
    if limits is not None:
        norm.vmin, norm.vmax = limits
    return layer, norm(np.ma.masked_invalid(np.asarray(layer.data, dtype=float)), clip=True)


def write_picture(path, out, reference=None):
    """
    Job: write an image as PNG, one pixel for each of its pixels.

    Parameters
    ----------
    path, out : `str`
        FITS file and PNG file.
    reference : `str`, optional
        File whose display range is used, so that the pictures can be compared.

    Returns
    -------
    `str`
        ``out``.
    """
    from PIL import Image

    smap = _read(path)
    Image.fromarray(picture(smap, _limits(_read_reference(reference), smap))).save(Path(out))
    return out


def write_jp2(path, out, reference=None):
    """
    Job: write an image as JPEG 2000 with 256 grey levels, and its header as XML in the form of Helioviewer.

    Parameters
    ----------
    path, out, reference
        See `write_picture`. The stretch is that of the Map.

    Returns
    -------
    `str`
        ``out``.

    Raises
    ------
    ImportError
        glymur is not installed.
    """
    try:
        import glymur
        from lxml import etree
    except ImportError as error:
        raise ImportError(f'JPEG 2000 needs more packages ({error}). Run: pip install "sunpy[jpeg2000]"') from error

    smap = _read(path)
    _, scaled = _scaled(smap, _limits(_read_reference(reference), smap))
    meta = etree.Element("meta")
    cards = etree.SubElement(meta, "fits")
    for key, value in smap.fits_header.items():
        if _XML_NAME.fullmatch(key):
            etree.SubElement(cards, key).text = _as_text(value)
    levels = np.round(255 * np.ma.filled(scaled, 0)).astype(np.uint8)
    # The first row of the file is at the top
    file = glymur.Jp2k(out, data=levels[::-1])
    file.append(glymur.jp2box.XMLBox(xml=etree.ElementTree(meta)))
    return out


def _as_text(value):
    """A value of a header as text that XML can express."""
    return str(int(value)) if isinstance(value, bool) else re.sub(r"[^\x20-\x7e]+", " ", str(value))


def write_movie(paths, out, reference=None, rate=2.0):
    """
    Job: write images as an MP4 file, one frame each, at most 1024 pixels wide.

    Parameters
    ----------
    paths : `list` of `str`
        FITS files. All frames have the size of the first one.
    out : `str`
        MP4 file.
    reference : `str`, optional
        File whose display range is used for all images of its unit, by default the first one.
    rate : `float`
        Frames per second.

    Returns
    -------
    `str`
        ``out``.

    Raises
    ------
    ImportError
        imageio with ffmpeg is not installed.
    """
    try:
        import imageio.v2 as imageio
        import imageio_ffmpeg  # noqa: F401
    except ImportError as error:
        raise ImportError('MP4 files need imageio and ffmpeg. Run: pip install "imageio[ffmpeg]"') from error
    from PIL import Image
    from tqdm import tqdm

    size, other = None, _read_reference(reference or paths[0])
    with imageio.get_writer(out, fps=rate, macro_block_size=1) as writer:
        for path in tqdm(paths, desc="Movie"):
            smap = _read(path)
            frame = Image.fromarray(picture(smap, _limits(other, smap)))
            if size is None:
                scale = min(1.0, _WIDEST_FRAME / max(frame.size))
                # The codec needs even numbers
                size = tuple(max(2, 2 * round(scale * length / 2)) for length in frame.size)
            writer.append_data(np.asarray(frame.resize(size, Image.Resampling.BILINEAR)))
    return out


def _read(path):
    from sunpy_restore.core.fits.inputs import read_map

    return read_map(path)


def _read_reference(path):
    """Unit and display range of a file; `None` if there is none."""
    from sunpy_restore.studio.display.view import Layer

    if path is None:
        return None
    smap = _read(path)
    return smap.unit, Layer.of_map("", smap).limits()


def _limits(reference, smap):
    """Display range of a reference, if it has the same unit."""
    return reference[1] if reference is not None and reference[0] == smap.unit else None
