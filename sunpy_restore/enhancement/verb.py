"""The function `sunpy_restore.enhance`."""

import os

from sunpy_restore.core.messages import shown
from sunpy_restore.core.restoration.verb import run
from sunpy_restore.enhancement.task import ENHANCE, PRODUCTS, TELESCOPE

__all__ = ["enhance"]


def enhance(
    image,
    *,
    product=None,
    noise=None,
    method="network",
    weights=None,
    device=None,
    uncertainty=False,
    samples=None,
    progress=False,
):
    """
    Deconvolve SDO/HMI images and double their sampling.

    The result is the image that a telescope with an aperture of 0.28 m would record with pixels of 0.252 arcsec.
    Degraded by HMI's point spread function and pixels again, it reproduces the input.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        HMI continuum intensity (any unit) or line-of-sight magnetogram (any unit of magnetic field) with the original
        pixels of 0.504 arcsec, full disk or cutout, shape ``(ny, nx)``. It is not changed.
    product : ``"continuum"`` or ``"magnetogram"``, optional
        What the images show, if ``CONTENT`` in their headers does not tell it, as in segments of SHARPs, where it is
        ``'HMI observable'``. By default the product that ``CONTENT`` names.
    noise : `~astropy.units.Quantity`, optional
        1-sigma noise of magnetograms, for example ``10 * u.G``. By default it is measured in each image, see
        `~sunpy_restore.enhancement.detector.noise.estimate_noise`. The network smooths the field where noise dominates.
    method : ``"network"``, ``"bicubic"``, ``"richardson-lucy"`` or ``"wiener"``
        Neural network, bicubic interpolation, or Richardson-Lucy deconvolution or, for continuum images only, a Wiener
        filter with the same point spread function.
    weights : `str` or path-like, optional
        Name of weights in the registry, or a ``.safetensors`` file. By default those that come with the package. With
        weights that were trained for another telescope, Maps of any class with its pixels are accepted, and ``product``
        is that of the weights.
    device : `str`, optional
        PyTorch device. By default CUDA, then MPS, then the CPU.
    uncertainty : `bool` or `float`
        Put the calibrated 1-sigma uncertainty on the result, a `~astropy.nddata.StdDevUncertainty` of all pixels. It is
        infinite where nothing can be known. With 0.68 or 0.95, the interval of 1 or 1.96 sigma contains this share of
        the truth. True is a compromise between both where the errors are not normally distributed.
    samples : `int`, optional
        Draw as many plausible restorations from the uncertainty, the same ones in every run; NaN where it is infinite.
        Of several images, the first item of the result has the first sample of each, the second item the second.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    Same kind as ``image``, or a `list` of as many as ``samples``
        Maps of the same class and unit, shape ``(2 * ny, 2 * nx)``. The mask is True where the result should not be
        trusted: closer to the limb than mu = 0.3, off the disk (interpolated), where the input has no value (NaN, as in
        the input), and where the input was masked or an outlier (interpolated). Values under the mask of the input are
        not used.

    Raises
    ------
    TypeError
        Not a Map, another instrument, or another product (vector components, Dopplergrams, ...), or one that
        ``CONTENT`` does not name.
    ValueError
        Wrong pixel scale, unit or coordinates, a product that contradicts ``CONTENT``, a continuum image with negative
        values, an 8-bit, logarithmic or unsigned magnetogram, a Map that was enhanced before, one without any valid
        pixel, or one of fewer than 4 pixels along an axis; or ``noise`` for a continuum image, or one that is not
        positive, or for another method than the network.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found or read.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Part of the image lies closer to the limb than mu = 0.3; some pixels are outliers, such as cosmic rays, whose
        values are not used; or the noise is not that of HMI magnetograms, 2 to 40 G; or the image is unlike those that
        it is compared with; or it was rotated or resampled; or the uncertainty of some pixels is
        infinite.

    Notes
    -----
    Header keywords that change: ``CRPIX`` (to ``2 * (CRPIX - 0.5) + 0.5``), ``CDELT`` or ``CD`` (halved) and ``NAXIS``
    (doubled). Statistics of the pixel values are removed. Added: ``RESTORED``, ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``,
    ``RSTSHA``, ``RSTVERS`` and a ``HISTORY`` line; ``RSTNOISE``, for magnetograms that a network enhances the noise in
    Gauss that was assumed, and for continuum images with more white noise than those of HMI the noise in per cent of
    the quiet-Sun intensity, with which they were filtered before.

    ``RSTLIKE`` is how far the image is from those that it is compared with; more than 1 is unusual.
    With an uncertainty, ``RSTCORR`` describes the correlation of the errors of neighbouring pixels, and ``RSTUNKN`` is
    the number of pixels where it is infinite; ``RSTCOVER`` is the share of the truth that was asked for.

    Continuum images are normalised by their own quiet-Sun level, from which sunspots and limb darkening are excluded.
    The result is therefore proportional to the input.

    References
    ----------
    * Diaz Baso & Asensio Ramos 2018, A&A 614, A5, https://doi.org/10.1051/0004-6361/201731344
    * Wachter et al. 2012, Solar Physics 275, 261, https://doi.org/10.1007/s11207-011-9709-6

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore import enhance
    >>> from sunpy_restore.data import sample_path
    >>> observed = sunpy.map.Map(sample_path("hmi_magnetogram"))
    >>> enhanced = enhance(observed, method="bicubic")
    >>> enhanced.dimensions.x / observed.dimensions.x
    <Quantity 2.>
    """
    observing = {"product": product, "noise": noise}
    if method == "network":
        observing |= _of_weights(weights, product)
    elif noise is not None:
        raise ValueError(
            f"Found noise={shown(noise)} for method={method!r}; expected none, because only method='network' uses it. "
            "Leave it out."
        )
    return run(
        ENHANCE, image, method=method, weights=weights, device=device, progress=progress,
        uncertainty=uncertainty, samples=samples, observing=observing,
    )  # fmt: skip


def _of_weights(weights, product):
    """Keywords for images of the telescope that the weights in a file were trained for, if this is not HMI."""
    if not isinstance(weights, str | os.PathLike) or not os.fspath(weights).endswith(".safetensors"):
        return {}
    from sunpy_restore.core.weights.weightsfile import read_metadata
    from sunpy_restore.enhancement.optics.telescope import Telescope

    metadata = read_metadata(weights)
    description = metadata["hyperparameters"].get(TELESCOPE)
    if description is None:
        return {}
    products = {task.name: name for name, task in PRODUCTS.items()}
    return {
        "telescope": Telescope.from_description(description),
        "product": product or products.get(metadata.get("task")),
    }
