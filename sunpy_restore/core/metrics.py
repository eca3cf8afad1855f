"""How good a restoration is: against a truth, against the observation, and by itself."""

import numpy as np

import astropy.units as u
from astropy.nddata import block_reduce

__all__ = ["contrast", "flux_error", "psnr", "radial_power_spectrum", "residual_fraction", "ssim"]


def psnr(truth, image, data_range=None, mask=None):
    r"""
    Peak signal-to-noise ratio, :math:`10 \log_{10} (R^2 / \langle (truth - image)^2 \rangle)`.

    Of an image that is exact outside a mask, the value over the whole is that in the mask plus
    ``10 log10(all pixels / pixels in the mask)``: say which one a number is.

    Parameters
    ----------
    truth, image : `~numpy.ndarray`
        Images of one shape. Pixels where the truth is not finite do not count.
    data_range : `float`, optional
        The range R. By default that of the whole truth, also with a mask.
    mask : `~numpy.ndarray` of `bool`, optional
        True where pixels are scored. By default everywhere.

    Returns
    -------
    `float`
        In dB; infinite for equal images, NaN if ``image`` has a scored pixel that is not finite and the truth has not.

    Raises
    ------
    ValueError
        If shapes differ, nothing is left to score, or the range is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from sunpy_restore.core.metrics import psnr
    >>> truth = np.array([[0.0, 1.0]])
    >>> psnr(truth, truth + 0.1)
    20.0
    """
    truth, image = _pair(truth, image)
    data_range = _data_range(truth, data_range)
    scored = _scored(truth, mask)
    error = np.mean((truth[scored] - image[scored]) ** 2)
    if error == 0:
        return float("inf")
    return float(10 * np.log10(data_range**2 / error))


def ssim(truth, image, data_range=None, mask=None):
    """
    Structural similarity (Wang et al. 2004): Gaussian window of 1.5 pixels, K1 = 0.01, K2 = 0.03.

    Parameters
    ----------
    truth, image : `~numpy.ndarray`
        Images of one shape, at least 11 pixels along each axis and finite.
    data_range : `float`, optional
        Range of the values. By default that of the truth.
    mask : `~numpy.ndarray` of `bool`, optional
        True where the map of similarities is averaged. By default away from the edges, where the window is whole.

    Returns
    -------
    `float`
        At most 1, which equal images have.

    Raises
    ------
    ValueError
        If shapes differ, images are smaller than the window or have non-finite pixels, or nothing is left to score.
    """
    from skimage.metrics import structural_similarity

    truth, image = _pair(truth, image)
    window = 11
    if truth.ndim != 2 or min(truth.shape) < window:
        raise ValueError(f"expected images of at least {window} x {window} pixels, found shape {truth.shape}")
    if not (np.isfinite(truth).all() and np.isfinite(image).all()):
        raise ValueError("expected finite images, found NaN or infinite pixels: fill them or cut them off")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "full": True}
    mean, similarity = structural_similarity(truth, image, data_range=_data_range(truth, data_range), **options)
    return float(mean if mask is None else similarity[_scored(truth, mask)].mean())


def contrast(image):
    """
    Root-mean-square contrast: standard deviation over mean.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Intensity. Pixels that are not finite do not count.

    Returns
    -------
    `float`
        A fraction.

    Raises
    ------
    ValueError
        If no pixel is finite or the mean is not positive.

    Examples
    --------
    >>> from sunpy_restore.core.metrics import contrast
    >>> contrast([[0.9, 1.1]])
    0.1
    """
    image = np.asarray(image, dtype=float)
    image = image[_scored(image, None)]
    mean = image.mean()
    if mean <= 0:
        raise ValueError(f"expected an image of positive mean, found {mean}: contrast is one of intensity")
    return float(image.std() / mean)


def flux_error(truth, image, *, unsigned=False):
    """
    Relative error of the flux, ``sum(image) / sum(truth) - 1``, which is that of the mean.

    Parameters
    ----------
    truth : `~numpy.ndarray`
        Image of shape (ny, nx), such as the observation. Pixels where it is not finite do not count.
    image : `~numpy.ndarray`
        Image of that shape, or of an integer multiple that is binned to the pixels of ``truth`` first: the unsigned
        flux depends on how far opposite polarities are resolved.
    unsigned : `bool`
        Whether to sum absolute values.

    Returns
    -------
    `float`
        A fraction.

    Raises
    ------
    ValueError
        If the shapes do not fit or the flux of the truth is 0.

    Examples
    --------
    >>> from sunpy_restore.core.metrics import flux_error
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
        raise ValueError("expected a truth of some flux, found 0, of which no error is a fraction")
    return float(image.sum() / flux - 1)


def residual_fraction(image, reference):
    """
    Sum of absolute differences over the sum of absolute values of the reference.

    Of a degraded restoration and the observation, it says how far the restoration contradicts what was observed.

    Parameters
    ----------
    image, reference : `~numpy.ndarray`
        Images of one shape. Pixels without a finite reference do not count.

    Returns
    -------
    `float`
        ``sum(|image - reference|) / sum(|reference|)``.

    Raises
    ------
    ValueError
        If shapes differ or the reference is 0 everywhere.
    """
    image, reference = _pair(image, reference)
    scored = _scored(reference, None)
    total = np.abs(reference[scored]).sum()
    if total == 0:
        raise ValueError("expected a reference that is not 0 everywhere")
    return float(np.abs(image[scored] - reference[scored]).sum() / total)


def radial_power_spectrum(image, scale, *, window="hann"):
    r"""
    Azimuthally averaged power spectral density.

    Normalised so that its integral over the plane of frequencies is the variance of the image: white noise of standard
    deviation :math:`\sigma` has the level :math:`\sigma^2 scale^2`, and spectra of one scene in different pixels can be
    plotted over each other.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Image of shape (ny, nx), finite. Its mean is taken out.
    scale : `float` or `~astropy.units.Quantity`
        Pixel size in arcsec (a Quantity: an angle, or an angle per pixel).
    window : ``"hann"`` or `None`
        Taper against the jump at the edges of an image that is not periodic.

    Returns
    -------
    frequency, power : `~numpy.ndarray`
        Mean frequency of each ring in cycles per arcsec, above 0 and up to ``1 / (2 scale)``, and mean power in it, in
        the squared unit of the image times arcsec squared.

    Raises
    ------
    ValueError
        If the image is not 2-D, smaller than 4 pixels or not finite, the scale not positive, or the window unknown.
    """
    image = np.asarray(image, dtype=float)
    if image.ndim != 2 or min(image.shape) < 4:
        raise ValueError(f"expected an image of at least 4 x 4 pixels, found shape {image.shape}")
    if not np.isfinite(image).all():
        raise ValueError("expected a finite image, found NaN or infinite pixels: fill them or cut them off")
    if window not in ("hann", None):
        raise ValueError(f"expected the window 'hann' or None, found {window!r}")
    scale = _arcsec(scale)
    weights = np.ones(image.shape)
    if window == "hann":
        # The periodic one, without the zero at the far end.
        weights = np.outer(*(np.hanning(length + 1)[:-1] for length in image.shape))
    mean = np.sum(weights * image) / np.sum(weights)
    density = np.abs(np.fft.fft2(weights * (image - mean))) ** 2 * scale**2 / np.sum(weights**2)
    ky, kx = (np.fft.fftfreq(length, scale) for length in image.shape)
    k = np.hypot(ky[:, None], kx)
    # Rings one step of the shorter side wide: narrower ones would be empty here and there.
    side = min(image.shape)
    ring = np.rint(k * side * scale).astype(int)
    inside = (ring > 0) & (ring <= side // 2) & (k <= 0.5 / scale)
    ring, k, density = ring[inside], k[inside], density[inside]
    number = np.bincount(ring)[1:]
    return np.bincount(ring, k)[1:] / number, np.bincount(ring, density)[1:] / number


def _arcsec(scale):
    if isinstance(scale, u.Quantity):
        # sunpy.map.GenericMap.scale is an angle per pixel.
        scale = (scale * u.pix if u.pix in scale.unit.bases else scale).to_value(u.arcsec)
    scale = float(scale)
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"expected a positive pixel size in arcsec, found {scale}")
    return scale


def _pair(first, second):
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape:
        raise ValueError(f"expected two images of one shape, found {first.shape} and {second.shape}")
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
            raise ValueError(f"expected a mask of shape {truth.shape}, that of the images, found {np.shape(mask)}")
        scored &= np.asarray(mask, dtype=bool)
    if not scored.any():
        raise ValueError("expected at least one finite pixel to score, found none")
    return scored


def _data_range(truth, data_range):
    if data_range is None:
        finite = truth[_scored(truth, None)]
        data_range = finite.max() - finite.min()
    if not data_range > 0:
        raise ValueError(f"expected a positive data range, found {data_range}: give data_range for a constant truth")
    return data_range
