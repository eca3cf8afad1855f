"""The function `sunpy_restore.backproj_to_clean`."""

from sunpy_restore.backprojection.task import BACKPROJ_TO_CLEAN
from sunpy_restore.backprojection.visibilities.uvplane import subcollimator_numbers
from sunpy_restore.core.restoration.verb import run
from sunpy_restore.core.system.threads import in_one_blas_thread

__all__ = ["backproj_to_clean"]


@in_one_blas_thread
def backproj_to_clean(
    image,
    *,
    visibilities=None,
    subcollimators=None,
    weighting=None,
    instrument=None,
    residual=False,
    clean_weighting="natural",
    method="network",
    weights=None,
    device=None,
    uncertainty=False,
    samples=None,
    progress=False,
):
    """
    Remove the dirty beam from STIX back-projections.

    The result is the brightness convolved with a circular Gaussian beam of 14.6 arcsec, the resolution of
    sub-collimator 3, which is also what CLEAN aims at. A back-projection is a linear transform of a few visibilities,
    which can be recovered from it exactly. The network takes the back-projection of each sub-collimator separately and
    compares its image with the visibilities.

    Parameters
    ----------
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        STIX back-projections by xrayvision, stixpy or the IDL software, of any pixel size, orientation and shape ``(ny,
        nx)`` from 60 arcsec on a side, also cut out. Values are in the unit of the visibilities, such as counts / (s
        keV cm2): the maximum of a point source is its flux. The Maps are not changed.
    visibilities : ``xrayvision.visibility.Visibilities``, or `list` of them with one for each image, optional
        Visibilities that the image is the back-projection of. If they have errors, the result is fitted to them within
        these errors and is not negative; errors that are too small or far too large are scaled to the noise, and
        visibilities with an error of more than 100 times the median are left out. Their phase centre is moved to that
        of the image. With ``method="clean"`` they may be those of another Fourier imager, such as RHESSI.
    subcollimators : `int` or iterable of `int`, optional
        Sub-collimators from 1 to 10 that the back-projection was made from, if the visibilities are not given. By
        default those of 3 to 10, or else of 1 to 10, that explain the image; others than 3 to 10 cause a warning.
    weighting : ``"natural"`` or ``"uniform"``, optional
        Weighting of the visibilities in the back-projection. By default the one that fits the visibilities or, if they
        are not given, explains the image; if that is not natural or not certain, there is a warning. Others are not
        supported.
    instrument : ``"STIX"``, optional
        Instrument of Maps whose header names none, such as those by xrayvision.
    residual : `bool`
        Add the residual map to the image of ``method="clean"``, as CLEAN programs do by default. It contains sidelobes
        that are not part of the source.
    clean_weighting : ``"natural"`` or ``"uniform"``
        Weighting that ``method="clean"`` works with.
    method : ``"network"``, ``"clean"``, ``"multiscale-clean"``, ``"squared-variation"``, ``"mem"`` or ``"forward-fit"``
        Network; Hogbom's CLEAN with a gain of 0.1; CLEAN with Gaussians of several widths; small total squared
        variation and l1 norm; maximum entropy; or a fit of one to three Gaussian sources. The classical methods stop at
        the noise, a reduced chi squared of 1; the noise is estimated unless the visibilities are given with errors.
    weights : `str` or path-like, optional
        Name of weights in the registry, or a ``.safetensors`` file. By default those that come with the package.
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
        Maps of the same class, shape and coordinates, ``float64``, per square arcsec. If an image is larger than 6.4
        arcmin, the network restores the part around the maximum and the result is 0 elsewhere.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The sub-collimators are not 3 to 10 or the weighting is not natural, and they are not given; or given ones
        contradict the image; or the image was made without single visibilities; or neither weighting explains it; or
        the given visibilities differ from it by a shift or a scale; or the rotation of the visibilities in a small
        image is not certain; or sources are outside of the image or at its edge; or the errors of the visibilities are
        too small or too large, or some are huge; or the result does not agree with the visibilities, by their errors or
        the estimated noise; or the image is unlike those that it is compared with; or the
        uncertainty of some pixels is infinite.

    Raises
    ------
    TypeError
        The image is not a Map or is from another instrument, the visibilities are not visibilities, or the
        sub-collimators are not numbers.
    ValueError
        The image is not a back-projection of visibilities at these (u, v) points, or not of the given visibilities, or
        it is a residual map; the unit is not that of visibilities; no pixel is positive or pixels are complex; the
        field is smaller than 60 arcsec; the Map was restored already; the visibilities are at (u, v) points of another
        instrument and the method is the network; or a sub-collimator, the weighting or the
        method does not exist.
    ~sunpy_restore.core.exceptions.WeightsError
        Weights cannot be found or read.

    Notes
    -----
    Header keywords that change: ``BUNIT`` (per square arcsec); statistics of the pixel values are dropped. Added:
    ``BMAJ``, ``BMIN`` and ``BPA`` (full widths at half maximum and position angle of the clean beam, in degrees),
    ``RESTORED``, ``RSTTASK``, ``RSTMETH``, ``RSTMODEL``, ``RSTSHA``, ``RSTVERS`` and a ``HISTORY`` line. If
    visibilities with errors are given also ``RSTCHI0`` and ``RSTCHI2``, the reduced chi squared of the image before
    and after the fit, with the clean beam divided out and with the errors that were used: larger ones if those
    given are too small. The network adds ``RSTNFIT``, the number of fitted sources that it follows with at least
    half of the full weight, 0 if it follows none. ``method="forward-fit"`` is not changed by a fit; it adds the
    parameters of the sources, see `~sunpy_restore.backprojection.fitting.sourcetable.source_table`.

    ``RSTLIKE`` is how far the image is from those that it is compared with; more than 1 is unusual.
    With an uncertainty, ``RSTCORR`` describes the correlation of the errors of neighbouring pixels, and ``RSTUNKN`` is
    the number of pixels where it is infinite; ``RSTCOVER`` is the share of the truth that was asked for. ``RSTWAVES``
    tells how well the visibilities determine the Fourier components of the image, for the errors of
    `sunpy_restore.measure`.

    References
    ----------
    * Massa et al. 2023, Solar Physics 298, 114, https://doi.org/10.1007/s11207-023-02205-7
    * Hogbom 1974, Astronomy and Astrophysics Supplement 15, 417
    * Isola et al. 2017, https://doi.org/10.1109/CVPR.2017.632

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore import backproj_to_clean
    >>> from sunpy_restore.data import sample_path
    >>> dirty = sunpy.map.Map(sample_path("stix_flare"))
    >>> restored = backproj_to_clean(dirty, method="clean")
    >>> restored.data.shape == dirty.data.shape, restored.meta["rstmeth"]
    (True, 'clean')
    """
    observing = {
        "visibilities": visibilities,
        "subcollimators": subcollimators if subcollimators is None else subcollimator_numbers(subcollimators),
        "weighting": weighting,
        "instrument": instrument,
    }
    return run(
        BACKPROJ_TO_CLEAN, image, method=method, weights=weights, device=device, progress=progress,
        uncertainty=uncertainty, samples=samples,
        observing=observing, restoring={"residual": residual, "clean_weighting": clean_weighting},
    )  # fmt: skip
