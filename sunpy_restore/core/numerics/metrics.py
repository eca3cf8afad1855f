"""Metrics of restored images."""

import numpy as np

import astropy.units as u
from astropy.nddata import block_reduce

__all__ = ["contrast", "flux_error", "psnr", "radial_power_spectrum", "residual_fraction", "ssim"]


def psnr(truth, image, data_range=None, mask=None):
    r"""
    Peak signal-to-noise ratio, :math:`10 \log_{10} (R^2 / \langle (truth - image)^2 \rangle)`.

    If an image is exact outside of a mask, the value for the whole image is that in the mask plus
    ``10 log10(all pixels / pixels in the mask)``. A published number should say which of both it is.

    Parameters
    ----------
    truth, image : `~numpy.ndarray`
        Images of the same shape. Pixels where the truth is not finite are ignored.
    data_range : `float`, optional
        Range R of the values. By default that of the whole truth, also with a mask.
    mask : `~numpy.ndarray` of `bool`, optional
        True where pixels are scored. By default all pixels are.

    Returns
    -------
    `float`
        Ratio in dB. It is infinite for equal images, and NaN if ``image`` is not finite in a scored pixel.

    Raises
    ------
    ValueError
        The shapes differ, no pixel is left to score, or the range is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.numerics.metrics import psnr
    >>> truth = np.array([[0.0, 1.0]])
    >>> psnr(truth, truth + 0.1)
    20.0
    """
    from skimage.metrics import peak_signal_noise_ratio

    truth, image = _pair(truth, image)
    data_range = _data_range(truth, data_range)
    scored = _scored(truth, mask)
    truth, image = truth[scored], image[scored]
    if np.array_equal(truth, image):
        return float("inf")
    return float(peak_signal_noise_ratio(truth, image, data_range=data_range))


def ssim(truth, image, data_range=None, mask=None):
    """
    Structural similarity with a Gaussian window of 1.5 pixels, K1 = 0.01 and K2 = 0.03.

    Parameters
    ----------
    truth, image : `~numpy.ndarray`
        Finite images of the same shape, at least 11 x 11 pixels.
    data_range : `float`, optional
        Range of the values. By default that of the truth.
    mask : `~numpy.ndarray` of `bool`, optional
        True where the local similarity is averaged. By default all pixels whose window lies inside of the image.

    Returns
    -------
    `float`
        Similarity, which is 1 for equal images and smaller for all others.

    Raises
    ------
    ValueError
        The shapes differ, the images are too small or not finite, or no pixel is left to score.

    References
    ----------
    * Wang et al. 2004, IEEE Transactions on Image Processing 13, 600, https://doi.org/10.1109/TIP.2003.819861
    """
    from skimage.metrics import structural_similarity

    truth, image = _pair(truth, image)
    window = 11
    if truth.ndim != 2 or min(truth.shape) < window:
        raise ValueError(f"Found images of shape {truth.shape}; expected at least {window} x {window} pixels.")
    if not (np.isfinite(truth).all() and np.isfinite(image).all()):
        raise ValueError("Found NaN or infinite pixels; expected finite images. Fill these pixels or cut them off.")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "full": True}
    mean, similarity = structural_similarity(truth, image, data_range=_data_range(truth, data_range), **options)
    return float(mean if mask is None else similarity[_scored(truth, mask)].mean())


def contrast(image):
    """
    Root-mean-square contrast: standard deviation over mean.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity. Pixels that are not finite are ignored.

    Returns
    -------
    `float`
        Contrast as a fraction.

    Raises
    ------
    ValueError
        No pixel is finite, or the mean is not positive.

    Examples
    --------
    >>> from sunpy_restore.core.numerics.metrics import contrast
    >>> contrast([[0.9, 1.1]])
    0.1
    """
    image = np.asarray(image, dtype=float)
    image = image[_scored(image, None)]
    mean = image.mean()
    if mean <= 0:
        raise ValueError(f"Found an image of mean {mean}; expected a positive mean, as of an intensity.")
    return float(image.std() / mean)


def flux_error(truth, image, *, unsigned=False):
    """
    Relative error of the flux, ``sum(image) / sum(truth) - 1``.

    Parameters
    ----------
    truth : `~numpy.ndarray`
        Image of shape ``(ny, nx)``. Pixels where it is not finite are ignored.
    image : `~numpy.ndarray`
        Image of the same shape, or of an integer multiple, which is binned to the pixels of ``truth`` first because the
        unsigned flux depends on the resolution of opposite polarities.
    unsigned : `bool`
        Compare the unsigned flux, which is the sum of absolute values.

    Returns
    -------
    `float`
        Relative error as a fraction.

    Raises
    ------
    ValueError
        The shapes do not match, or the flux of the truth is 0.

    Examples
    --------
    >>> from sunpy_restore.core.numerics.metrics import flux_error
    >>> truth, image = [[300.0, -100.0]], [[310.0, -120.0]]
    >>> flux_error(truth, image)
    -0.05
    >>> flux_error(truth, image, unsigned=True)
    0.075
    """
    truth, image = np.asarray(truth, dtype=float), np.asarray(image, dtype=float)
    truth, image = _pair(truth, _binned(image, truth.shape))
    scored = _scored(truth, None)
    truth, image = truth[scored], image[scored]
    if unsigned:
        truth, image = np.abs(truth), np.abs(image)
    flux = truth.sum()
    if flux == 0:
        raise ValueError("Found a truth of flux 0; expected a flux that is not 0 for a relative error.")
    return float(image.sum() / flux - 1)


def residual_fraction(image, reference):
    """
    Sum of absolute differences over the sum of absolute values of the reference.

    It measures how well a restored image, degraded by the instrument again, reproduces the observation.

    Parameters
    ----------
    image, reference : `~numpy.ndarray`
        Images of the same shape. Pixels where the reference is not finite are ignored.

    Returns
    -------
    `float`
        ``sum(|image - reference|) / sum(|reference|)``.

    Raises
    ------
    ValueError
        The shapes differ, or the reference is 0 everywhere.
    """
    image, reference = _pair(image, reference)
    scored = _scored(reference, None)
    total = np.abs(reference[scored]).sum()
    if total == 0:
        raise ValueError("Found a reference that is 0 everywhere; expected values that are not 0.")
    return float(np.abs(image[scored] - reference[scored]).sum() / total)


def radial_power_spectrum(image, scale, *, window="hann"):
    r"""
    Azimuthally averaged power spectral density.

    The integral over the frequency plane is the variance of the image. White noise of standard deviation :math:`\sigma`
    therefore has the level :math:`\sigma^2 scale^2`, and the spectra of one scene at different pixel scales agree.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Finite image of shape ``(ny, nx)``. Its mean is subtracted.
    scale : `float` or `~astropy.units.Quantity`
        Pixel size in arcsec, or as an angle or an angle per pixel.
    window : ``"hann"`` or `None`
        Window that reduces leakage from the edges of an image that is not periodic.

    Returns
    -------
    frequency, power : `~numpy.ndarray`
        Mean frequency of each ring in cycles per arcsec, above 0 and up to ``1 / (2 * scale)``, and mean power in the
        ring, in the squared unit of the image times arcsec squared.

    Raises
    ------
    ValueError
        The image is not 2-D, smaller than 4 x 4 pixels or not finite, the scale is not positive, or the window unknown.
    """
    image = np.asarray(image, dtype=float)
    if image.ndim != 2 or min(image.shape) < 4:
        raise ValueError(f"Found an image of shape {image.shape}; expected at least 4 x 4 pixels.")
    if not np.isfinite(image).all():
        raise ValueError("Found NaN or infinite pixels; expected a finite image. Fill these pixels or cut them off.")
    if window not in ("hann", None):
        raise ValueError(f"Unknown window {window!r}; expected 'hann' or None.")
    scale = _arcsec(scale)
    weights = np.ones(image.shape)
    if window == "hann":
        # The periodic window, without the zero at the end
        weights = np.outer(*(np.hanning(length + 1)[:-1] for length in image.shape))
    mean = np.sum(weights * image) / np.sum(weights)
    density = np.abs(np.fft.fft2(weights * (image - mean))) ** 2 * scale**2 / np.sum(weights**2)
    ky, kx = (np.fft.fftfreq(length, scale) for length in image.shape)
    k = np.hypot(ky[:, None], kx)
    # The width of a ring is the frequency step of the shorter side; some narrower rings would be empty
    side = min(image.shape)
    ring = np.rint(k * side * scale).astype(int)
    inside = (ring > 0) & (ring <= side // 2) & (k <= 0.5 / scale)
    ring, k, density = ring[inside], k[inside], density[inside]
    number = np.bincount(ring)[1:]
    return np.bincount(ring, k)[1:] / number, np.bincount(ring, density)[1:] / number


def _arcsec(scale):
    if isinstance(scale, u.Quantity):
        # sunpy.map.GenericMap.scale is an angle per pixel
        scale = (scale * u.pix if u.pix in scale.unit.bases else scale).to_value(u.arcsec)
    scale = float(scale)
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"Found a pixel size of {scale} arcsec; expected a positive one.")
    return scale


def _pair(first, second):
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape:
        raise ValueError(f"Found images of shape {first.shape} and {second.shape}; expected one shape.")
    return first, second


def _binned(image, shape):
    if image.ndim != len(shape) or not image.size:
        return image
    factors = {length // base for length, base in zip(image.shape, shape, strict=True)}
    factor = factors.pop()
    if factors or factor < 2 or image.shape != tuple(factor * base for base in shape):
        return image
    return block_reduce(image, factor, func=np.mean)


def _scored(truth, mask):
    scored = np.isfinite(truth)
    if mask is not None:
        if np.shape(mask) != truth.shape:
            raise ValueError(f"Found a mask of shape {np.shape(mask)}; expected {truth.shape}, that of the images.")
        scored &= np.asarray(mask, dtype=bool)
    if not scored.any():
        raise ValueError("Found no finite pixel to score; expected at least one.")
    return scored


def _data_range(truth, data_range):
    if data_range is None:
        finite = truth[_scored(truth, None)]
        data_range = finite.max() - finite.min()
    if not data_range > 0:
        raise ValueError(
            f"Found a data range of {data_range}; expected a positive one. Pass data_range for a constant truth."
        )
    return data_range
