"""The demonstration: real HMI images that come with the package, enhanced and compared."""

from pathlib import Path

import numpy as np
from scipy import ndimage

import sunpy.map

from sunpy_restore.core.metrics import flux_error, residual_fraction
from sunpy_restore.data import SAMPLES, sample_path
from sunpy_restore.enhancement.forward import reconvolve
from sunpy_restore.enhancement.restore import enhance

__all__ = ["demo"]

_SHOWN = ("hmi_continuum_spot", "hmi_magnetogram")
_METHODS = ("richardson-lucy", "network")


def demo(folder, *, device=None):
    """
    Enhance the samples and compare the methods.

    Parameters
    ----------
    folder : path-like
        Where FITS files and figures go; files of an earlier demonstration there are replaced.
    device : `str`, optional
        See `sunpy_restore.enhance`.

    Yields
    ------
    `str`
        What was done, line by line.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in _SHOWN:
        observed = sunpy.map.Map(sample_path(name))
        yield f"{SAMPLES[name]}:"
        restored = {method: enhance(observed, method=method, device=device) for method in _METHODS}
        for method, smap in restored.items():
            path = folder / f"{name}_{method}.fits"
            smap.save(path, overwrite=True)
            yield f"  {method:<15}  {_score(observed.data, smap.data)}  {path}"
        path = folder / f"{name}.png"
        _figure(observed, restored).savefig(path, dpi=150)
        yield f"  before, {', '.join(restored)}: {path}"


def _score(observed, restored):
    """What can be said without a truth: does it explain the observation, and did it keep the light or the flux?"""
    residual = f"residual {100 * residual_fraction(reconvolve(restored), observed):5.2f} %"
    flux = 100 * flux_error(observed, restored)
    if observed.min() >= 0:
        return f"{residual}  mean {flux:+.2f} %"
    return f"{residual}  net flux {flux:+.2f} %  unsigned {100 * flux_error(observed, restored, unsigned=True):+.2f} %"


def _figure(observed, restored):
    """Whole field above, the liveliest part below, all in one stretch."""
    # Without pyplot, which would choose a backend for the whole process
    from matplotlib.figure import Figure

    images = {"before": observed, **restored}
    signed = observed.data.min() < 0
    shown = restored["network"].data
    high = np.percentile(np.abs(shown), 99.7)
    low = -high if signed else np.percentile(shown, 0.1)
    box = _liveliest(observed.data, min(observed.data.shape) // 3)
    # Not a constrained layout, which these axes don't get along with
    figure = Figure(figsize=(4.2 * len(images) + 1.2, 8.8))
    figure.suptitle(f"HMI {observed.measurement}, {observed.date.strftime('%Y-%m-%d %H:%M:%S')}")
    widths = [*[1] * len(images), 0.05]
    edges = {"left": 0.07, "right": 0.93, "bottom": 0.07, "top": 0.91, "wspace": 0.08, "hspace": 0.12}
    grid = figure.add_gridspec(2, len(widths), width_ratios=widths, **edges)
    whole = [(0, n) for n in observed.data.shape]
    for row, part in enumerate((whole, box)):
        for column, (name, smap) in enumerate(images.items()):
            axes = figure.add_subplot(grid[row, column], projection=smap)
            image = _panel(axes, smap, part, smap.data.shape[0] // observed.data.shape[0], low, high)
            axes.set_title("" if row else name)
            _label(axes, left=column == 0, bottom=row == 1)
    figure.colorbar(image, cax=figure.add_subplot(grid[:, -1]), label=f"{observed.measurement} [{observed.unit}]")
    return figure


def _panel(axes, smap, part, scale, low, high):
    """One image in grey, solar north up, cut to rows and columns given in pixels of the observation."""
    image = axes.imshow(smap.data, cmap="gray", vmin=low, vmax=high, interpolation="nearest", origin="lower")
    (bottom, top), (left, right) = ((scale * first - 0.5, scale * last - 0.5) for first, last in part)
    matrix = smap.rotation_matrix
    # HMI is mounted upside down; turning the axes leaves every pixel what it is
    axes.set_xlim(*((left, right) if matrix[0, 0] > 0 else (right, left)))
    axes.set_ylim(*((bottom, top) if matrix[1, 1] > 0 else (top, bottom)))
    return image


def _label(axes, *, left, bottom):
    for coordinate, name, labelled in zip(axes.coords, ("x", "y"), (bottom, left), strict=True):
        coordinate.set_format_unit("arcsec", decimal=True)
        coordinate.set_axislabel(f"solar {name} [arcsec]" if labelled else " ")
    axes.coords[1].set_ticklabel_visible(left)


def _liveliest(image, side):
    """Rows and columns of the square box with the largest variance."""
    mean, square = (ndimage.uniform_filter(power, side) for power in (image, np.square(image, dtype=float)))
    variance = square - mean**2
    half = side // 2
    inner = variance[half : image.shape[0] - half, half : image.shape[1] - half]
    row, column = np.unravel_index(np.argmax(inner), inner.shape)
    return [(row, row + side), (column, column + side)]
