"""Jobs of the Restore tab, for the process of a tab: arguments and results are texts and numbers."""

from pathlib import Path

__all__ = ["inspect", "restore"]


def inspect(path):
    """
    Find out which function restores the image in a file.

    Parameters
    ----------
    path : `str`
        The file.

    Returns
    -------
    `dict`
        ``function``, `None` if no function restores such an image; ``task``; ``advice``: why it cannot be restored,
        empty if it can.

    Raises
    ------
    ValueError
        The file does not open, or contains several images.
    """
    from sunpy_restore import tasks
    from sunpy_restore.core.fits.inputs import read_map
    from sunpy_restore.core.task import MapFunction, resolve

    smap, refusals = read_map(path), []
    for function in tasks.FUNCTIONS:
        if not isinstance(function, MapFunction):
            continue
        try:
            task = resolve(function.observation).check(smap)
        except TypeError as error:
            refusals.append(str(error))
        except ValueError as error:
            return {"function": function.name, "task": None, "advice": str(error)}
        else:
            return {"function": function.name, "task": task or function.tasks[0].name, "advice": ""}
    return {"function": None, "task": None, "advice": "No function restores this kind of image. " + refusals[0]}


def restore(path, out, function, method, weights=None, device=None, uncertainty=False, options=None):
    """
    Restore a file and check the result.

    Parameters
    ----------
    path, out : `str`
        The file, and the FITS file to write.
    function, method : `str`
        Names of the function and the method.
    weights, device : `str`, optional
        See `sunpy_restore.enhance`.
    uncertainty : `bool`
        Whether the uncertainty is computed.
    options : `dict`, optional
        Texts of other options of the function, as on the command line.

    Returns
    -------
    `dict`
        ``path`` of the result; ``report``: what `~sunpy_restore.core.reports.report.Report.as_dict` gives, or `None`,
        and then ``reason`` says why.
    """
    from sunpy_restore import report, save, tasks
    from sunpy_restore.core.fits.inputs import read_map
    from sunpy_restore.core.task import resolve

    known = next(one for one in tasks.FUNCTIONS if one.name == function)
    readers = {option.name: option for option in known.options}
    read = {}
    for name, text in (options or {}).items():
        read[name] = text if readers[name].flag else resolve(readers[name].read)(text)
    keywords = read | ({"uncertainty": True} if uncertainty else {})
    original = read_map(path)
    restored = known(original, method=method, weights=weights, device=device, progress=True, **keywords)
    if "rsttask" not in restored.meta:
        return {"path": None, "report": None, "reason": "Nothing was restored."}
    save(restored, Path(out), overwrite=True)
    in_report = {name: value for name, value in read.items() if readers[name].in_report}
    try:
        checks, reason = report(restored, original, **in_report).as_dict(), ""
    except (TypeError, ValueError) as error:
        checks, reason = None, str(error)
    return {"path": str(out), "report": checks, "reason": reason}
