"""The function `sunpy_restore.enhance`."""

from sunpy_restore.core.verb import run
from sunpy_restore.enhancement.task import ENHANCE

__all__ = ["enhance"]


def enhance(image, *, method="network", weights=None, device=None, progress=False):
    """
    Undo the optics and the pixel of SDO/HMI: deconvolution and x2 super-resolution.

    The result is the image of a telescope of 0.28 m aperture with pixels of 0.252 arcsec. Seen again through HMI it
    gives the input back.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        Continuum intensity (any unit) or line-of-sight magnetogram (any unit of magnetic field) of HMI with its own
        pixels of 0.504 arcsec, full disk or cut out, shape ``(ny, nx)``. It is not changed.
    method : ``"network"``, ``"bicubic"`` or ``"richardson-lucy"``
        Network, interpolation, or classical deconvolution with the same point spread function.
    weights : `str` or path-like, optional
        Name of weights in the registry, or a ``.safetensors`` file. By default those that come with the package.
    device : `str`, optional
        PyTorch device. By default CUDA, then MPS, then the CPU.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    Same kind as ``image``
        Maps of the same class and unit, shape ``(2 * ny, 2 * nx)``. The mask is True where the result is no trusted
        restoration: closer to the limb than mu = 0.3, off the disk (interpolated), where the input has no value
        (NaN as in the input), and where it was masked.

    Raises
    ------
    TypeError
        No Map, another instrument, or another product (vector components, Dopplergrams, ...).
    ValueError
        Wrong pixel scale, unit or coordinates, a Map that was enhanced already, or one without any valid pixel.
    ~sunpy_restore.core.exceptions.WeightsError
        Weights can't be found or read.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Part of the image lies closer to the limb than mu = 0.3.

    Notes
    -----
    Header keywords that change: ``CRPIX`` (by ``2 * (CRPIX - 0.5) + 0.5``), ``CDELT`` or ``CD`` (halved), ``NAXIS``
    (doubled); statistics of the pixel values are dropped. Added: ``RESTORED``, ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``,
    ``RSTSHA``, ``RSTVERS`` and a ``HISTORY`` line.

    The continuum is normalised by the quiet Sun of the image, spots and limb darkening left out, so that the result is
    proportional to the input.

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
    return run(ENHANCE, image, method=method, weights=weights, device=device, progress=progress)
