"""The generators of the verb, ready to draw."""

import numpy as np

from sunpy_restore.core.restorer import load_network
from sunpy_restore.granulation.fields import ConvolutionalField, SpectrumField
from sunpy_restore.granulation.task import STITCHINGS, generator_of

__all__ = ["load_generator", "load_texture", "measured_kernel"]

_PIXEL = 48.0  # km, of the measured spectrum
_SIDE = 256
_TAPS = 127


def measured_kernel():
    """
    What white noise is convolved with to have the power spectrum of granulation.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(127, 127)``, on pixels of 48 km. The squares of its numbers sum to the variance of the contrast.
    """
    from importlib.resources import files

    path = files("sunpy_restore.data") / "calibration" / "granulation_spectrum.txt"
    with path.open(encoding="utf-8") as lines:
        wavenumber, power = np.loadtxt(lines, unpack=True)
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, np.newaxis], np.fft.fftfreq(_SIDE)) / _PIXEL
    amplitude = np.sqrt(np.interp(frequency, wavenumber, power))
    kernel = np.fft.fftshift(np.fft.ifft2(amplitude).real)
    cut = slice(_SIDE // 2 - _TAPS // 2, _SIDE // 2 + _TAPS // 2 + 1)
    kernel = kernel[cut, cut]
    # What was cut off would be missing from the contrast
    return kernel * np.sqrt(np.mean(amplitude**2) / np.sum(kernel**2))


def load_generator(method, weights=None, *, progress=False):
    """
    A generator with its numbers.

    Parameters
    ----------
    method : `str`
        ``"convolutional"``, ``"gan"`` or ``"vae"``.
    weights
        See `sunpy_restore.synthesize_granulation`.
    progress : `bool`
        Show the download of weights.

    Returns
    -------
    network : `torch.nn.Module`
        With its `~sunpy_restore.networks.calibration.Calibration`.
    local : `~sunpy_restore.core.weights.LocalWeights`
        The file.
    """
    network, local = load_network(generator_of(method), weights, progress=progress)
    return network.eval(), local


def load_texture(method, seed, *, stitching=None, weights=None, device=None, refine_worst=0, progress=False):
    """
    What draws textures of a seed.

    Parameters
    ----------
    method, seed, stitching, weights, device, refine_worst, progress
        See `sunpy_restore.synthesize_granulation`.

    Returns
    -------
    draw : callable
        ``draw(shape)`` gives a texture of that shape in pixels, with ``window(rows, columns)``.
    pixel : `float`
        Side of its pixels in km.
    named : `dict`
        ``model`` and ``sha256`` of the weights, and ``method`` in full where tiles are stitched.
    """
    if method == "spectrum":
        kernel = measured_kernel()
        return lambda shape: SpectrumField(kernel, shape, seed), _PIXEL, {}
    network, local = load_generator(method, weights, progress=progress)
    pixel, named = float(network.calibration.pixel), {"model": local.name, "sha256": local.sha256}
    if method == "convolutional":
        return _convolutional(network, seed, device), pixel, named
    from sunpy_restore.granulation.tiles import mosaic_of

    stitching = stitching or STITCHINGS[0]
    options = {"stitching": stitching, "seed": seed, "refine_worst": refine_worst, "progress": progress}
    return (
        lambda shape: mosaic_of(network, shape, device=device, **options),
        pixel,
        named | {"method": f"{method}, {stitching}"},
    )


def _convolutional(network, seed, device):
    from sunpy_restore.core.inference import network_function
    from sunpy_restore.networks.calibration import Calibrated

    whole = Calibrated(network)
    function = network_function(whole, device)
    return lambda shape: ConvolutionalField(function, shape, seed, latent=network.latent, receptive_radius=whole.receptive_radius)
