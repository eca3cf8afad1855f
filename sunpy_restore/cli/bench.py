"""How fast the functions are on this machine, side by side with other programs that are installed."""

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from sunpy_restore.backprojection.verb import backproj_to_clean
from sunpy_restore.backprojection.visibilities.measured import open_visibilities
from sunpy_restore.core.fits.inputs import read_map
from sunpy_restore.core.images.maps import new_map
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.verb import desaturate
from sunpy_restore.enhancement.verb import enhance
from sunpy_restore.inpainting.verb import inpaint

__all__ = ["Comparison", "bench", "tiled_sample"]

_SIDE = 400  # pixels of the enhanced image
_ITERATIONS = 100  # of CLEAN
_DECONVOLUTIONS = 25  # iterations of Richardson-Lucy, the default of aiapy


@dataclass(frozen=True)
class Comparison:
    """
    A function and another program for the same or a similar purpose.

    Parameters
    ----------
    name, peer : `str`
        What is measured.
    package : `str`
        Module that the other program needs.
    prepare : callable
        Returns two functions without arguments: ours and the other one.
    """

    name: str
    peer: str
    package: str
    prepare: Callable


def bench(*, repeat=3, comparisons=None):
    """
    Measure the functions and other programs alternately.

    Parameters
    ----------
    repeat : `int`
        How often each is run; the shortest time counts. A first run, in which networks are loaded, does not count.
    comparisons : iterable of `Comparison`, optional
        By default those of all functions.

    Yields
    ------
    `str`
        Lines of a table.
    """
    if repeat < 1:
        raise ValueError(f"Found repeat={repeat}; expected at least 1.")
    yield f"{'function':<34}  {'time [s]':>9}  {'beside':<44}  {'time [s]':>9}  {'ratio':>6}"
    for comparison in COMPARISONS if comparisons is None else comparisons:
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")
            installed = importlib.util.find_spec(comparison.package) is not None
            ours, other = comparison.prepare(Path(folder), installed)
            times = _alternately([ours] + [other] * installed, repeat)
        line = f"{comparison.name:<34}  {times[0]:>9.3f}  {comparison.peer:<44}  "
        yield line + (f"{times[1]:>9.3f}  {times[0] / times[1]:>6.2f}" if installed else f"{'not installed':>9}")


def tiled_sample(name, side):
    """
    Repeat a sample of the package, and cut it to a square.

    Parameters
    ----------
    name : `str`
        Name of the sample.
    side : `int`
        Rows and columns of the result.

    Returns
    -------
    `~sunpy.map.GenericMap`
    """
    smap = read_map(sample_path(name))
    ny, nx = smap.data.shape
    return new_map(np.tile(smap.data, (-(-side // ny), -(-side // nx)))[:side, :side].copy(), smap.meta)


def _alternately(functions, repeat):
    """Shortest time of each function."""
    best = [np.inf] * len(functions)
    for turn in range(repeat + 1):
        for index, function in enumerate(functions):
            start = perf_counter()
            function()
            if turn:
                best[index] = min(best[index], perf_counter() - start)
    return best


def _enhancement(folder, installed):
    image = tiled_sample("hmi_continuum_spot", _SIDE)

    def ours():
        return enhance(image)

    return ours, _onnx(folder) if installed else None


def _onnx(folder):
    """The network of the paper in ONNX Runtime, without what its authors do before and after it."""
    import onnxruntime
    import torch

    from sunpy_restore.networks.papers.enhance import Enhance
    from sunpy_restore.training.onnxfile import write_onnx

    path = folder / "enhance.onnx"
    write_onnx(Enhance().eval(), path, lambda side: torch.rand(1, 1, side, side))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).random((1, 1, _SIDE, _SIDE), dtype=np.float32)
    return lambda: session.run(None, {"input": image})


def _cleaning(folder, installed):
    dirty = read_map(sample_path("stix_flare"))

    def ours():
        return backproj_to_clean(dirty)

    if not installed:
        return ours, None
    import logging

    from xrayvision.clean import vis_clean
    from xrayvision.visibility import Visibilities

    import astropy.units as u

    logging.getLogger("xrayvision.clean").setLevel("WARNING")
    measured = open_visibilities(sample_path("stix_flare"))
    visibilities = Visibilities(measured.visibilities, measured.u, measured.v)
    pixel = np.abs([axis.value for axis in dirty.scale]) * u.arcsec / u.pixel

    def other():
        return vis_clean(
            visibilities, shape=dirty.data.shape * u.pixel, pixel_size=pixel, clean_beam_width=14.6 * u.arcsec,
            niter=_ITERATIONS,
        )  # fmt: skip

    return ours, other


def _filling(function, name, box):
    def prepare(folder, installed):
        observed = read_map(sample_path(name))
        mask = np.zeros(observed.data.shape, bool)
        mask[box] = True

        def ours():
            return function(observed, mask=mask)

        if not installed:
            return ours, None
        from skimage.restoration import inpaint_biharmonic

        image = observed.data.astype(float)
        return ours, lambda: inpaint_biharmonic(image, mask)

    return prepare


def _deconvolution(folder, installed):
    flare = read_map(sample_path("aia_193_flare"))

    def ours():
        return desaturate(flare)

    if not installed:
        return ours, None
    from aiapy.psf import deconvolve

    from sunpy_restore.desaturation.fringes.psf import mesh_psf

    # Of even size, as aiapy takes it
    half = len(flare.data) // 2
    psf = mesh_psf(int(flare.wavelength.value), half)[:-1, :-1]
    return ours, lambda: deconvolve(flare, psf=psf / psf.sum(), iterations=_DECONVOLUTIONS)


COMPARISONS = (
    Comparison("enhance, 400 x 400", "ONNX Runtime, network of the paper alone", "onnxruntime", _enhancement),
    Comparison("backproj_to_clean, 129 x 129", "xrayvision, CLEAN with 100 iterations", "xrayvision", _cleaning),
    Comparison(
        "inpaint, one block of 32 x 32", "scikit-image, inpaint_biharmonic", "skimage",
        _filling(inpaint, "lasco_c3_cme", np.s_[640:672, 384:416]),
    ),
    Comparison(
        "desaturate, 20 x 20 pixels", "scikit-image, inpaint_biharmonic", "skimage",
        _filling(desaturate, "aia_171_quiet", np.s_[40:60, 40:60]),
    ),
    Comparison("desaturate, flare, 200 x 200", "aiapy, psf.deconvolve with 25 iterations", "aiapy", _deconvolution),
)  # fmt: skip
"""What `bench` compares by default."""
