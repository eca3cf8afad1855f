"""The report of a restored image, for all functions."""

from sunpy.map import GenericMap

from sunpy_restore import tasks
from sunpy_restore.core.reports.compare import compare
from sunpy_restore.core.restoration.verb import refuse_restored
from sunpy_restore.core.task import MapFunction

__all__ = ["report"]


def report(restored, original, **options):
    """
    Check a restored Map against the Map that it was made from.

    All Maps can be checked that a function of the package has restored, by a network or by a classical method, also
    after `sunpy_restore.save` and `sunpy_restore.load`. The checks are those of physics: what was observed is kept, and
    the restored image, degraded by the instrument again, reproduces the observation within the noise. A passed report
    does not show that structure finer than the observation, or in filled pixels, is real.

    Parameters
    ----------
    restored : `~sunpy.map.GenericMap`
        Result of `~sunpy_restore.enhance`, `~sunpy_restore.desaturate`, `~sunpy_restore.inpaint` or
        `~sunpy_restore.backproj_to_clean`. It is not changed.
    original : `~sunpy.map.GenericMap`
        The Map that was restored. It is not changed.
    **options
        Keywords of the function that concern how the original is read, if they were given for the restoration:
        ``product`` and ``noise`` (`~sunpy_restore.enhance`), ``saturated`` and ``exposure``
        (`~sunpy_restore.desaturate`), ``visibilities``, ``subcollimators``, ``weighting`` and ``instrument``
        (`~sunpy_restore.backproj_to_clean`). A ``mask`` is not needed: the header records the filled pixels.

    Returns
    -------
    `~sunpy_restore.core.reports.report.Report`
        The checks, each with value, limits and meaning. It prints as a table; ``passed``, ``flagged``,
        ``not_checked``, ``to_table()``, ``as_dict()`` and ``plot()`` give more. A check that cannot be made, because
        all pixels are masked for example, is listed with the reason; ``passed`` is False if no check of the restored
        values could be made.

    Raises
    ------
    TypeError
        One of them is not a Map, or an option is not one of the function.
    ValueError
        The first Map is not restored, the second one is; they have another instrument, time, coordinates, shape or
        unit; or the function refuses the original, see there.

    Notes
    -----
    Header keywords that are read: ``RSTTASK``, ``RSTMETH`` and ``RSTFILL``; ``BMAJ`` of STIX images.

    The limits are explained in the modules of the checks: `sunpy_restore.enhancement.checks`,
    `sunpy_restore.desaturation.checks`, `sunpy_restore.inpainting.checks` and `sunpy_restore.backprojection.checks`.

    See Also
    --------
    sunpy_restore.filled

    Examples
    --------
    >>> import sunpy.map
    >>> from sunpy_restore import enhance, report
    >>> from sunpy_restore.data import sample_path
    >>> observed = sunpy.map.Map(sample_path("hmi_continuum_quiet"))
    >>> found = report(enhance(observed, method="richardson-lucy"), observed)
    >>> found.passed
    True
    >>> found["Mean intensity"].limit
    '-0.2 to 0.2'
    """
    for smap, name in ((restored, "restored"), (original, "original")):
        if not isinstance(smap, GenericMap):
            raise TypeError(
                f"Found {type(smap).__name__} for the {name} image; expected a sunpy Map. Call report(restored, "
                "original) for each image of several."
            )
    function = _function_of(restored, original)
    refuse_restored(function, original)
    return compare(function, restored, original, **options)


def _function_of(restored, original):
    """The function that has restored a Map."""
    task = restored.meta.get("rsttask")
    if "rstsynth" in restored.meta or restored.meta.get("synthetic"):
        raise ValueError(
            "Found a synthetic Map, which has no original; expected a restored one. Measure it with "
            "sunpy_restore.granulation.statistics."
        )
    if task is None:
        advice = "A Map with nothing to restore is returned as it is, and needs no report."
        if "rsttask" in original.meta:
            advice = "They are in the wrong order: call report(restored, original)."
        raise ValueError(f"Found no RSTTASK in the header of the first Map; expected a restored Map. {advice}")
    for function in tasks.FUNCTIONS:
        if isinstance(function, MapFunction) and any(task == known.name for known in function.tasks):
            return function
    known = ", ".join(task.name for task in tasks.all_tasks())
    raise ValueError(
        f"Found RSTTASK = {task!r}, which this version does not know; expected one of {known}. Use the version "
        f"in RSTVERS ({restored.meta.get('rstvers', 'unknown')})."
    )
