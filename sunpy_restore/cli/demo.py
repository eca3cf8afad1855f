"""The demonstration: the samples of the package restored by several methods, and synthetic granulation."""

import copy
from pathlib import Path

import numpy as np
from scipy import ndimage

import sunpy.map

from sunpy_restore.backprojection.verb import backproj_to_clean
from sunpy_restore.backprojection.visibilities.measured import open_visibilities
from sunpy_restore.core.fits.io import save
from sunpy_restore.core.images.filled import filled
from sunpy_restore.core.numerics.metrics import contrast, flux_error, residual_fraction
from sunpy_restore.data import SAMPLES, sample_path
from sunpy_restore.desaturation.detection.saturation import find_saturation
from sunpy_restore.desaturation.fringes.report import fringe_residual, fringe_strength
from sunpy_restore.desaturation.verb import desaturate
from sunpy_restore.enhancement.optics.forward import reconvolve
from sunpy_restore.enhancement.verb import enhance
from sunpy_restore.granulation.statistics.reference import reference_statistics
from sunpy_restore.granulation.verb import synthesize_granulation
from sunpy_restore.inpainting.corona.background import find_background
from sunpy_restore.inpainting.forward import draw_losses
from sunpy_restore.inpainting.lasco.flat_field import flat_field
from sunpy_restore.inpainting.lasco.header import check_lasco
from sunpy_restore.inpainting.verb import inpaint

__all__ = ["demo"]

_TEXTURE = (400, 400)  # pixels of the synthetic granulation
_FRINGES = (
    "The core causes diffraction fringes around it. Their observed strength should be the predicted one (ratio 1).",
    "They explain a small share of the differences between pixels; the rest is corona. Compare rows: more is better.",
)


def demo(folder, *, device=None):
    """
    Restore the samples, synthesize granulation, and compare the methods.

    Parameters
    ----------
    folder : path-like
        Folder for FITS files and figures; files of an earlier demonstration are replaced.
    device : `str`, optional
        See `sunpy_restore.enhance`.

    Yields
    ------
    `str`
        Lines that report what was done.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shows = (
        (_enhance, "hmi_continuum_spot"),
        (_enhance, "hmi_magnetogram"),
        (_desaturate, "aia_193_flare"),
        (_inpaint, "lasco_c3_cme"),
        (_clean, "stix_flare"),
    )
    for show, name in shows:
        yield f"{SAMPLES[name]}:"
        yield from show(name, sunpy.map.Map(sample_path(name)), folder, device)
    yield from _granulation(folder, device)


def _enhance(name, observed, folder, device):
    """An HMI image. Degraded by HMI again, the result should reproduce the observation and keep intensity and flux."""
    restored = {method: enhance(observed, method=method, device=device) for method in ("richardson-lucy", "network")}
    for method, smap in restored.items():
        residual = 100 * residual_fraction(reconvolve(smap.data), observed.data)
        path = _saved(smap, folder / f"{name}_{method}.fits")
        yield f"  {method:<15}  residual {residual:5.2f} %  {_kept(observed.data, smap.data)}  {path}"
    shown = restored["network"].data
    high = np.percentile(np.abs(shown), 99.7)
    low = -high if observed.data.min() < 0 else np.percentile(shown, 0.1)
    box = _liveliest(observed.data, min(observed.data.shape) // 3)
    figure = _figure(SAMPLES[name], {"before": observed, **restored}, box, cmap="gray", vmin=low, vmax=high)
    yield _drawn(figure, restored, folder / f"{name}.png")


def _kept(observed, restored):
    flux = 100 * flux_error(observed, restored)
    if observed.min() >= 0:
        return f"mean {flux:+.2f} %"
    return f"net flux {flux:+.2f} %  unsigned {100 * flux_error(observed, restored, unsigned=True):+.2f} %"


def _desaturate(name, observed, folder, device):
    """An AIA image. The filled core should predict the diffraction fringes that are observed around it."""
    from matplotlib.colors import LogNorm

    methods = ("biharmonic", "diffraction", "network")
    restored = {method: desaturate(observed, method=method, device=device) for method in methods}
    mask, channel = filled(restored["network"]), int(observed.wavelength.value)
    yield from (f"  {line}" for line in _FRINGES)
    for method, smap in {"before": observed, **restored}.items():
        path = _saved(smap, folder / f"{name}_{method}.fits") if method in restored else ""
        line = (
            f"  {method:<15}  fringes observed / predicted {fringe_strength(smap.data, mask, channel):.2f}, "
            f"explain {100 * (1 - fringe_residual(smap.data, mask, channel)):.2f} %  "
            f"flux in the core {1e-6 * smap.data[mask].sum():.2f} million DN  {path}"
        )
        yield line.rstrip()
    norm = LogNorm(np.percentile(observed.data, 1), max(smap.data.max() for smap in restored.values()))
    figure = _figure(SAMPLES[name], {"before": observed, **restored}, _around(mask, 12), cmap=observed.cmap, norm=norm)
    _outline(figure.axes[len(restored) + 1], find_saturation(observed))
    yield _drawn(figure, restored, folder / f"{name}.png")


def _inpaint(name, observed, folder, device):
    """A complete LASCO image from which blocks are removed, filled by several methods."""
    mask = draw_losses(observed.data.shape, np.random.default_rng(14), 0.1) & (observed.data > 0)
    lost = copy.deepcopy(observed)
    lost.data[mask] = 0
    restored = {method: inpaint(lost, method=method, device=device) for method in ("harmonic", "radial", "network")}
    typical = np.median(observed.data[observed.data > 0]) - check_lasco(observed).bias
    for method, smap in restored.items():
        error = (smap.data - observed.data)[mask] / typical
        path = _saved(smap, folder / f"{name}_{method}.fits")
        yield f"  {method:<15}  error in the holes {100 * np.sqrt(np.mean(error**2)):5.2f} % of the corona  {path}"
    yield _drawn(_coronas({"lost": lost, **restored, "truth": observed}), restored, folder / f"{name}.png")


def _clean(name, observed, folder, device):
    """A STIX back-projection. Restored images should reproduce the measured visibilities."""
    measured = open_visibilities(sample_path(name))
    restored = {}
    for method in ("clean", "mem", "forward-fit", "network"):
        smap = backproj_to_clean(observed, method=method, visibilities=measured, device=device)
        restored[method] = smap
        flux = smap.data.sum() * smap.scale.axis1.value * smap.scale.axis2.value
        path = _saved(smap, folder / f"{name}_{method}.fits")
        yield f"  {method:<15}  chi square {smap.meta['rstchi2']:6.2f}  flux {flux:5.1f} counts / (s keV cm2)  {path}"
    yield _drawn(_sources(observed, restored), restored, folder / f"{name}.png")


def _granulation(folder, device):
    """Synthetic granulation, which should have the contrast and the intensity distribution of a simulation."""
    name, seed, textures, reference = "granulation", 1, {}, reference_statistics()
    yield f"Synthetic granulation, {' x '.join(map(str, _TEXTURE))} pixels, and statistics of a {reference.source}:"
    for method in ("spectrum", "convolutional"):
        path = folder / f"{name}_{method}.fits"
        path.unlink(missing_ok=True)
        smap = synthesize_granulation(_TEXTURE, method=method, seed=seed, device=device, out=path)
        found, expected = (f"{100 * value:5.2f} %" for value in (contrast(smap.data), reference.contrast))
        distance = reference.histogram_distance(smap.data)
        yield (
            f"  {method:<15}  contrast {found} (simulation {expected})  histogram KS {distance:.3f}  "
            f"seed {seed}  {path}"
        )
        textures[method] = smap
    figure, path = _textures(textures, reference), folder / f"{name}.png"
    figure.savefig(path, dpi=150)
    yield f"  {', '.join(textures)}, intensities: {path}"


def _textures(images, reference):
    """Intensities in one stretch, on axes in Mm, and their distributions with that of the simulation."""
    from matplotlib.figure import Figure

    ny, nx = (1e-3 * reference.pixel * length for length in _TEXTURE)
    figure = Figure(figsize=(5 * (len(images) + 1), 5), layout="constrained")
    *panels, last = figure.subplots(1, len(images) + 1)
    for axes, (name, smap) in zip(panels, images.items(), strict=True):
        image = axes.imshow(smap.data, origin="lower", cmap="gray", vmin=0.6, vmax=1.5, extent=[0, nx, 0, ny])
        axes.set(title=name, xlabel="x [Mm]", ylabel="y [Mm]")
        last.ecdf(smap.data.ravel() / smap.data.mean(), label=name)
    figure.colorbar(image, ax=panels, label="intensity / mean", shrink=0.7)
    levels = np.linspace(0, 1, len(reference.intensities))
    last.plot(reference.intensities, levels, color="black", linestyle="--", label="simulation")
    last.set(xlabel="intensity / mean", ylabel="fraction of the pixels below", xlim=(0.5, 1.6))
    last.legend()
    return figure


def _sources(observed, restored):
    """A back-projection, and the restored images in one stretch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * (1 + len(restored)), 3.9), layout="constrained")
    energies = "-".join(f"{observed.meta[key]:.0f}" for key in ("energy_l", "energy_h"))
    figure.suptitle(f"STIX, {energies} keV, {observed.date.strftime('%Y-%m-%d %H:%M:%S')}")
    first, *others = figure.subplots(1, 1 + len(restored))
    high = max(smap.data.max() for smap in restored.values())

    def show(axes, name, smap, **limits):
        half = smap.data.shape[0] / 2 * smap.scale.axis1.value
        axes.set(title=name, xlabel="x of STIX [arcsec]")
        return axes.imshow(smap.data, origin="lower", cmap="inferno", extent=[-half, half, -half, half], **limits)

    figure.colorbar(show(first, "back-projection", observed), ax=first, label=f"{observed.unit:unicode}", shrink=0.8)
    for axes, (name, smap) in zip(others, restored.items(), strict=True):
        image = show(axes, name, smap, vmin=0, vmax=high)
    figure.colorbar(image, ax=others, label=f"{smap.unit:unicode}", shrink=0.8)
    return figure


def _coronas(images):
    """Deviations from a smooth corona, in one stretch."""
    from matplotlib.figure import Figure

    truth = images["truth"]
    lasco = check_lasco(truth)
    shown = truth.data > 0
    response = flat_field(truth.data.shape, lasco)
    level = find_background(truth.data - lasco.bias, shown, lasco.center, response).level
    figure = Figure(figsize=(4 * len(images), 4.6), layout="constrained")
    figure.suptitle(f"{truth.instrument} {lasco.detector}, {truth.date.strftime('%Y-%m-%d %H:%M:%S')}")
    for axes, (name, smap) in zip(figure.subplots(1, len(images)), images.items(), strict=True):
        deviation = np.where(smap.data > 0, (smap.data - lasco.bias) / level - 1, np.nan)
        image = axes.imshow(100 * deviation, origin="lower", cmap="gray", vmin=-10, vmax=10, interpolation="nearest")
        axes.set(title=name, xticks=[], yticks=[], facecolor="tab:blue")
    figure.colorbar(image, ax=figure.axes, label="deviation from a smooth corona [%]", shrink=0.8)
    return figure


def _outline(axes, saturation):
    """Outline pixels that are saturated by light and by charge."""
    from matplotlib.lines import Line2D

    kinds = {"by charge": ("tab:green", saturation.blooming), "by light": ("tab:blue", saturation.primary)}
    for colour, pixels in kinds.values():
        axes.contour(pixels, levels=[0.5], colors=[colour])
    handles = [Line2D([], [], color=colour, label=kind) for kind, (colour, _) in kinds.items()]
    axes.legend(handles=handles, title="saturated", loc="lower right", fontsize="small")


def _saved(smap, path):
    save(smap, path, overwrite=True)
    return path


def _drawn(figure, restored, path):
    figure.savefig(path, dpi=150)
    return f"  before, {', '.join(restored)}: {path}"


def _figure(title, images, box, **stretch):
    """The whole field above, a part of it below, in one stretch; the first image is the observation."""
    # pyplot would choose a backend for the whole process
    from matplotlib.figure import Figure

    observed = next(iter(images.values()))
    kind = f"{observed.measurement} [{observed.unit}]"
    # WCS axes do not work with a constrained layout
    figure = Figure(figsize=(4.2 * len(images) + 1.2, 8.8))
    # The date in the header may be nominal, and the instrument a camera; the description has what is known
    figure.suptitle(title)
    widths = [*[1] * len(images), 0.05]
    edges = {"left": 0.07, "right": 0.93, "bottom": 0.07, "top": 0.91, "wspace": 0.08, "hspace": 0.12}
    grid = figure.add_gridspec(2, len(widths), width_ratios=widths, **edges)
    whole = [(0, n) for n in observed.data.shape]
    for row, part in enumerate((whole, box)):
        for column, (name, smap) in enumerate(images.items()):
            axes = figure.add_subplot(grid[row, column], projection=smap)
            image = _panel(axes, smap, part, smap.data.shape[0] // observed.data.shape[0], stretch)
            axes.set_title("" if row else name)
            _label(axes, left=column == 0, bottom=row == 1)
    figure.colorbar(image, cax=figure.add_subplot(grid[:, -1]), label=kind)
    return figure


def _panel(axes, smap, part, scale, stretch):
    """One image, solar north up, cut to rows and columns in pixels of the observation."""
    image = axes.imshow(smap.data, interpolation="nearest", origin="lower", **stretch)
    (bottom, top), (left, right) = ((scale * first - 0.5, scale * last - 0.5) for first, last in part)
    matrix = smap.rotation_matrix
    # HMI is mounted upside down: the axes are turned, not the pixels
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


def _around(mask, margin):
    """Rows and columns of the square box around the largest connected part of a mask."""
    patches, _ = ndimage.label(mask, np.ones((3, 3)))
    largest = np.argwhere(patches == np.argmax(np.bincount(patches[mask])))
    side = np.ptp(largest, axis=0).max() + 2 * margin
    starts = np.clip((largest.min(axis=0) + largest.max(axis=0) - side) // 2, 0, np.array(mask.shape) - side)
    return [(start, start + side) for start in starts]
