"""Exports: Python code, and jobs that write pictures, movies and JPEG 2000 files."""

from pathlib import Path

import numpy as np

__all__ = ["as_python", "picture", "write_picture"]


def as_python(opened, result, functions):
    """
    The lines of Python that do what the page did.

    Parameters
    ----------
    opened : `~sunpy_restore.studio.restoration.Opened`
        The file.
    result : `~sunpy_restore.studio.restoration.Result`
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

    from sunpy_restore.studio.view import Layer

    layer = Layer.of_map("", smap)
    norm = layer.stretch()
    if limits is not None:
        norm.vmin, norm.vmax = limits
    scaled = norm(np.ma.masked_invalid(np.asarray(layer.data, dtype=float)), clip=True)
    cmap = matplotlib.colormaps[layer.cmap].with_extremes(bad="#8c8c8c")
    return np.ascontiguousarray(np.round(255 * cmap(scaled)[::-1, :, :3]).astype(np.uint8))


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
    Image.fromarray(picture(smap, _limits(reference, smap))).save(Path(out))
    return out


def _read(path):
    from sunpy_restore.core.inputs import read_map

    return read_map(path)


def _limits(reference, smap):
    """Display range of another file, if it has the same unit."""
    from sunpy_restore.studio.view import Layer

    if reference is None:
        return None
    other = _read(reference)
    return Layer.of_map("", other).limits() if other.unit == smap.unit else None
