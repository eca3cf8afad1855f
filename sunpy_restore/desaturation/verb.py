"""The function `sunpy_restore.desaturate`."""

from sunpy_restore.core.restoration.verb import run
from sunpy_restore.core.system.threads import in_one_blas_thread
from sunpy_restore.desaturation.task import DESATURATE

__all__ = ["desaturate"]


@in_one_blas_thread
def desaturate(
    image,
    *,
    mask=None,
    saturated=None,
    exposure=None,
    excess=None,
    method="network",
    consistency=None,
    weights=None,
    device=None,
    uncertainty=False,
    samples=None,
    progress=False,
):
    """
    Recover the saturated cores of flares in SDO/AIA images.

    Saturated pixels, and pixels that charge of their column bloomed into, get the value that a camera with a larger
    full well would have recorded. All other pixels keep their values, bit by bit. A network makes the initial fill,
    which is then corrected: the diffraction pattern of the filled core has to reproduce the fringes observed around it,
    and the light in a bloomed column the charge observed there.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        AIA images of level 1 or 1.5, in DN (or ct) per exposure or in DN/s, full disk or cutouts, shape ``(ny, nx)``.
        They are not changed.
    mask : `numpy.ndarray` of `bool` or `~sunpy.map.GenericMap`, or `list` of them, optional
        True for the pixels to fill, shape ``(ny, nx)``; for several images one mask for all, or one for each. The
        values of masked pixels are not used, nothing is assumed about them, and the result is proportional to the
        image. By default the saturated pixels are found from the full well of 16383 DN, see
        `~sunpy_restore.desaturation.detection.saturation.find_saturation`.
    saturated : `float` or `~astropy.units.Quantity`, optional
        Value that saturated pixels show; a number is in the unit of the Map. Masked pixels with this value or a larger
        one, or NaN, are then known to be saturated; without ``mask`` all such pixels are filled, and a margin of 2
        pixels. By default it is found from the full well, and not assumed with ``mask``.
    exposure : `~astropy.units.Quantity` or `float`, or `list` of them, optional
        Exposure time of images in DN/s, in seconds; for several images one for all, or one for each. By default
        ``EXPTIME`` in the header. It is required if this was set to 1 when the image was divided by the exposure time,
        and not used with ``mask`` or ``saturated``.
    excess : ``"bloomed"`` or ``"clipped"``, optional
        What happened to the charge above the full well: it bloomed along the column, so that the sum over the column is
        conserved, or it was clipped and is lost. By default the light above and below the saturated pixels decides.
        It cannot be given with ``mask`` alone.
    method : ``"network"``, ``"biharmonic"`` or ``"diffraction"``
        Network; biharmonic continuation of the surroundings; or inverse diffraction without a network.
    consistency : ``"diffraction"`` or ``"none"``, optional
        Whether to correct the fill with the fringes and the charge. By default the fill of the network is corrected
        where the diffraction pattern is known: in the seven channels from 94 to 335 angstrom, but not in 8-bit images
        and not in images that are rotated with respect to the detector. With ``mask`` alone, only regions around which
        fringes of a bright core are evident are corrected.
    weights : `str` or path-like, optional
        Name of weights in the registry, or a ``.safetensors`` file. By default those that come with the package.
    device : `str`, optional
        PyTorch device. By default CUDA, then MPS, then the CPU.
    uncertainty : `bool` or `float`
        Put the calibrated 1-sigma uncertainty on the result, a `~astropy.nddata.StdDevUncertainty` of the filled
        pixels; others keep their uncertainty, or have none (NaN). It is infinite where nothing can be known. That of
        the flux of bloomed cores assumes that no charge was lost. With 0.68 or 0.95, the interval of 1 or 1.96 sigma
        contains this share of the truth. True is a compromise between both where the errors are not normally
        distributed.
    samples : `int`, optional
        Draw as many plausible restorations from the uncertainty, the same ones in every run; NaN where it is infinite.
        Of several images, the first item of the result has the first sample of each, the second item the second.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    Same kind as ``image``, or a `list` of as many as ``samples``
        Maps of the same class, unit and shape, in floating point. `sunpy_restore.filled` tells which pixels were
        filled. The mask is that of the input, without filled pixels. A Map without saturated pixels is returned
        unchanged.

    Raises
    ------
    TypeError
        No Map, another instrument, a mask that is not boolean, or a saturation level that is not a number.
    ValueError
        Wrong unit, processing level, pixel scale or channel; an image in DN/s without a credible exposure time; more
        than two values, other than overshoots of interpolation, more than 8 % above the full well, or more than 1 % of
        them below zero by more than noise and a few DN; a mask of another shape or position, or without valid pixels
        outside of it; a saturation level that is not positive, has another unit or that no masked pixel has; an 8-bit
        image without a mask or a saturation level; a Map that was desaturated already; an image without valid pixels
        or of fewer than 4 pixels along an axis; or a consistency that needs a diffraction pattern where this is not
        known.
    ~sunpy_restore.core.exceptions.WeightsError
        Weights can't be found or read.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        No pixel is saturated; or ``mask`` covers saturated pixels and ``saturated`` is not given, or leaves hardly any
        valid pixels; or most pixels that look saturated are fainter than ``saturated``; or it is not clear whether the
        charge of saturated pixels bloomed or was clipped; or the fringes show that charge was lost; or pixels in or
        next to saturated ones have no value; or the image is rotated with respect to the detector; or the
        image is unlike those that it is compared with; or the uncertainty of some pixels is
        infinite.

    Notes
    -----
    Header keywords: statistics of the pixel values (``DATAMAX``, ``NSATPIX``, ...) are dropped; ``RESTORED``,
    ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``, ``RSTSHA``, ``RSTVERS`` and a ``HISTORY`` line are added.

    ``RSTMETH`` is ``network+diffraction`` if at least one region was corrected, and ``network`` if none was.

    ``RSTLIKE`` is how far the image is from those that it is compared with; more than 1 is unusual.
    With an uncertainty, ``RSTCORR`` describes the correlation of the errors of neighbouring pixels, ``RSTSUMS`` the
    columns whose sum is known from their charge, and ``RSTUNKN`` is the number of pixels where it is infinite;
    ``RSTCOVER`` is the share of the truth that was asked for.

    Pixels that were saturated by incident light are never filled with less than the full well.

    References
    ----------
    * Zhao et al. 2019, Advances in Astronomy 2019, 5343254, https://doi.org/10.1155/2019/5343254
    * Schwartz et al. 2015, Astronomy and Computing 13, 117, https://doi.org/10.1016/j.ascom.2015.10.006
    * Guastavino et al. 2019, ApJ 882, 109, https://doi.org/10.3847/1538-4357/ab35d8

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore import desaturate, filled
    >>> from sunpy_restore.data import sample_path
    >>> observed = sunpy.map.Map(sample_path("aia_193_flare"))
    >>> desaturated = desaturate(observed, method="biharmonic")
    >>> bool((desaturated.data == observed.data)[~filled(desaturated)].all())
    True
    """
    return run(
        DESATURATE,
        image,
        method=method,
        weights=weights,
        device=device,
        progress=progress,
        uncertainty=uncertainty,
        samples=samples,
        observing={"mask": mask, "saturated": saturated, "exposure": exposure, "excess": excess},
        restoring={"consistency": consistency},
    )
