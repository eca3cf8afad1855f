"""Classical methods: bicubic interpolation and Richardson-Lucy deconvolution."""

import numpy as np
from scipy import ndimage, signal

from sunpy_restore.core.numerics.pixels import repeated
from sunpy_restore.enhancement.optics.forward import transfer_kernel

__all__ = ["bicubic", "richardson_lucy", "richardson_lucy_signed"]


def bicubic(image):
    """
    Interpolate an image to pixels of half the size by cubic convolution.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``. The image is continued by its edge pixels.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * ny, 2 * nx)``. Each pixel of ``image`` is divided into four.

    References
    ----------
    * Keys 1981, IEEE Trans. Acoust. Speech Signal Process. 29, 1153, https://doi.org/10.1109/TASSP.1981.1163711
    """
    # Kernel of Keys (1981) with a = -1/2 at the distances 1.25, 0.25, 0.75 and 1.75 pixels
    taps = np.array([-9, 111, 29, -3]) / 128
    result = np.asarray(image)
    result = result if result.dtype.kind == "f" else result.astype(float)
    for axis in (0, 1):
        doubled = np.repeat(result, 2, axis=axis)
        lower, upper = ((slice(None),) * axis + (slice(sub, None, 2),) for sub in (0, 1))
        # The window starts two pixels (lower half) or one pixel (upper half) before the centre
        doubled[lower] = ndimage.correlate1d(result, taps[::-1], axis=axis, mode="nearest", origin=0)
        doubled[upper] = ndimage.correlate1d(result, taps, axis=axis, mode="nearest", origin=-1)
        result = doubled
    return result


def richardson_lucy(image, iterations=60, kernel=None):
    """
    Deconvolve an image by the Richardson-Lucy algorithm, onto pixels of half the size.

    Nesterov momentum accelerates the iteration: 60 iterations are equivalent to 600 without it. At the noise of HMI
    this number minimises the error of granulation.

    Parameters
    ----------
    image : `numpy.ndarray`
        Non-negative image of shape ``(ny, nx)``; negative values are set to zero.
    iterations : `int`
        Number of iterations.
    kernel : `numpy.ndarray`, optional
        Kernel that relates the restored to the observed image, by default
        `~sunpy_restore.enhancement.optics.forward.transfer_kernel`.

    Returns
    -------
    `numpy.ndarray`
        Shape ``(2 * ny, 2 * nx)``.

    References
    ----------
    * Richardson 1972, JOSA 62, 55, https://doi.org/10.1364/JOSA.62.000055
    * Lucy 1974, AJ 79, 745, https://doi.org/10.1086/111605
    """
    kernel = transfer_kernel() if kernel is None else kernel
    half = kernel.shape[0] // 2
    # The image is extended by reflection before the iteration, which keeps artefacts of the edges outside
    observed = np.clip(np.pad(image, half // 2 + 1, mode="symmetric"), 0, None).astype(np.float32)
    restored = repeated(observed, 2)
    floor = np.float32(1e-6 * max(float(observed.max()), 1e-30))
    kernel = kernel.astype(np.float32)

    def convolve(array, taps):
        return signal.oaconvolve(np.pad(array, half, mode="symmetric"), taps, mode="valid")

    previous = restored
    for step in range(iterations):
        start = np.maximum(restored + max(step - 1, 0) / (step + 2) * (restored - previous), floor)
        model = convolve(start, kernel)
        model = model.reshape(observed.shape[0], 2, observed.shape[1], 2).mean(axis=(1, 3))
        ratio = repeated(observed / np.maximum(model, floor), 2)
        previous, restored = restored, start * np.maximum(convolve(ratio, kernel[::-1, ::-1]), 0)
    edge = 2 * (half // 2 + 1)
    return restored[edge:-edge, edge:-edge]


def richardson_lucy_signed(field, iterations=8, offset=8.0, kernel=None):
    """
    Deconvolve a magnetogram by the Richardson-Lucy algorithm, which requires positive images.

    The images ``offset + B`` and ``offset - B``, similar to the circularly polarised images that an instrument records,
    are deconvolved separately; the result is half their difference. Deconvolving the two polarities separately would
    amplify the noise of field-free regions into fields of both signs.

    Parameters
    ----------
    field : `numpy.ndarray`
        Magnetogram in kG, shape ``(ny, nx)``.
    iterations : `int`
        Number of iterations. At the noise of HMI magnetograms the error is smallest after 5 to 10.
    offset : `float`
        Constant in kG, larger than the strongest field.
    kernel : `numpy.ndarray`, optional
        As for `richardson_lucy`.

    Returns
    -------
    `numpy.ndarray`
        Magnetogram in kG, shape ``(2 * ny, 2 * nx)``.
    """
    plus, minus = (richardson_lucy(offset + sign * field, iterations, kernel) for sign in (1, -1))
    return (plus - minus) / 2
