"""The function `sunpy_restore.inpaint`."""

from sunpy_restore.core.restoration.verb import run
from sunpy_restore.core.system.threads import in_one_blas_thread
from sunpy_restore.inpainting.task import INPAINT, NO_NEIGHBOURS

__all__ = ["inpaint"]


@in_one_blas_thread
def inpaint(
    image,
    *,
    mask=None,
    neighbours=None,
    texture=False,
    method="network",
    weights=None,
    device=None,
    uncertainty=False,
    samples=None,
    progress=False,
):
    """
    Fill the missing telemetry blocks of SOHO/LASCO images.

    Missing pixels get their expected brightness given the surroundings and, optionally, images taken before and after.
    Stars, planets and their blooming trails, comet heads, cosmic rays and hot pixels around the holes are not used. All
    other pixels stay bit-identical.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        LASCO C2 or C3 images of level 0.5 or 1, full frames or cutouts, in any linear unit, shape ``(ny, nx)``. They
        are not changed.
    mask : `numpy.ndarray` of `bool` or `~sunpy.map.GenericMap`, or `list` of them, optional
        True for the pixels to fill, shape ``(ny, nx)``; for several images one mask for all, or one each. Values under
        the mask are ignored, except that they show whether blocks that are often set to zero on board were sent. By
        default the missing blocks are found, see
        `~sunpy_restore.inpainting.lasco.missing_blocks.find_missing_blocks`.
    neighbours : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, or ``"sequence"``, optional
        Images of the same detector, filter and polariser that were taken before and after, with any exposure time and
        roll angle, see `~sunpy_restore.inpainting.temporal.neighbours.expected_from_neighbours`. They are aligned with
        the image and matched in brightness, and may have missing blocks themselves. For several images ``"sequence"``:
        each is filled with the last one before it and the first one after it of the same detector, filter and
        polariser.
    texture : `bool`
        Add noise to the filled pixels like that of their surroundings, for display; it is the same in every run.
        Without it, filled pixels have their expected brightness.
    method : ``"network"``, ``"harmonic"``, ``"biharmonic"``, ``"radial"``, ``"fuzzy"`` or ``"temporal"``
        Network; the solution of Laplace's or of the biharmonic equation; Laplace's equation for the ratio to the radial
        profile; fuzzy logic on the spectra of the surrounding blocks; or the prediction from the neighbours, made
        continuous with the surroundings.
    weights : `str` or path-like, optional
        Name of weights in the registry, or a ``.safetensors`` file. By default those that come with the package.
    device : `str`, optional
        PyTorch device. By default CUDA, then MPS, then the CPU.
    uncertainty : `bool` or `float`
        Put the calibrated 1-sigma uncertainty on the result, a `~astropy.nddata.StdDevUncertainty` of the filled
        pixels; others keep their uncertainty, or have none (NaN). It is infinite where nothing can be known. With 0.68
        or 0.95, the interval of 1 or 1.96 sigma contains this share of the truth. True is a compromise between both
        where the errors are not normally distributed.
    samples : `int`, optional
        Draw as many plausible restorations from the uncertainty, the same ones in every run; NaN where it is infinite.
        Of several images, the first item of the result has the first sample of each, the second item the second.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    Same kind as ``image``, or a `list` of as many as ``samples``
        Maps of the same class, unit and shape, floating point. `sunpy_restore.filled` tells which pixels were filled.
        The mask is that of the input, without filled pixels. A Map without missing pixels is returned unchanged.

    Raises
    ------
    TypeError
        No Map, another instrument, or a mask that is not boolean.
    ValueError
        Another coronagraph or level; no valid pixel; a mask of another shape, or one that leaves no valid pixel; an
        8-bit image, or one that was rotated or resampled, without a mask; a Map that was inpainted already; neighbours
        of another kind, or Maps as neighbours of several images; or none for ``method="temporal"``.
    ~sunpy_restore.core.exceptions.WeightsError
        Weights cannot be found or read.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The image has no missing pixels, or pixels without data that are no complete blocks, or was binned after it was
        sent; or some filled pixels are more than 160 pixels from the nearest valid pixel or have more missing than
        valid pixels around, so their values are little more than a guess; or a neighbour is a difference or a ratio of
        images and is left out, or the neighbours have no data in the missing pixels; or the image is unlike those that
        it is compared with; or the uncertainty of some pixels is infinite, or is a rough estimate
        because their hole is more than 8 telemetry blocks wide.

    Notes
    -----
    Header keywords: statistics of the pixel values (``DATAMAX``, ``DATAP50``, ...) are dropped; ``RESTORED``,
    ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``, ``RSTSHA``, ``RSTVERS`` and a ``HISTORY`` line are added; also ``RSTGUESS``,
    the number of filled pixels whose values are little more than a guess, see
    `~sunpy_restore.inpainting.lasco.missing_blocks.mostly_lost`.

    ``RSTLIKE`` is how far the image is from those that it is compared with; more than 1 is unusual.
    With an uncertainty, ``RSTCORR`` describes the correlation of the errors of neighbouring pixels, and ``RSTUNKN`` is
    the number of pixels where it is infinite; ``RSTCOVER`` is the share of the truth that was asked for.

    The instrument sets the blocks in the corners and behind the occulter to zero on board; those in the middle of the
    occulter are sent in most images. What the image shows decides: masked pixels in blocks without data keep the value
    of the other pixels of this kind, and those in blocks that were sent are filled.

    References
    ----------
    * Liu et al. 2018, https://doi.org/10.1007/978-3-030-01252-6_6
    * Brueckner et al. 1995, Solar Physics 162, 357, https://doi.org/10.1007/BF00733434

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore import filled, inpaint
    >>> from sunpy_restore.data import sample_path
    >>> complete = sunpy.map.Map(sample_path("lasco_c3_cme"))
    >>> data = complete.data.copy()
    >>> data[640:704, 384:448] = 0
    >>> result = inpaint(sunpy.map.Map(data, complete.meta), method="harmonic")
    >>> int(filled(result).sum()), bool((result.data == data)[~filled(result)].all())
    (4096, True)
    """
    if method == "temporal" and neighbours is None:
        raise ValueError(NO_NEIGHBOURS)
    return run(
        INPAINT, image, method=method, weights=weights, device=device, progress=progress,
        uncertainty=uncertainty, samples=samples,
        observing={"mask": mask, "neighbours": neighbours}, restoring={"texture": texture},
    )  # fmt: skip
