"""What all functions that restore Maps have in common: Map -> observation -> restored array -> Map."""

import numpy as np

from sunpy_restore.core.maps import as_maps, restored_map
from sunpy_restore.core.messages import named_image, warn_user
from sunpy_restore.core.methods import load_method, restore_observation
from sunpy_restore.core.task import Restoration, resolve

__all__ = ["refuse_restored", "run"]


def run(function, image, *, method, weights, device, progress, observing=None, restoring=None):
    """
    Restore Maps.

    All Maps are checked before the first one is restored.

    Parameters
    ----------
    function : `~sunpy_restore.core.task.MapFunction`
        The function.
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        Images. They are not changed.
    method, weights, device, progress
        See `sunpy_restore.enhance`.
    observing, restoring : `dict`, optional
        Other keywords of the function: those that its `~sunpy_restore.core.observation.Observation` takes, and those
        that the ``restore`` of its tasks takes.

    Returns
    -------
    Same kind as ``image``
        Restored Maps; a Map with nothing to restore comes back as it is, with a warning.
    """
    maps, rebuild = as_maps(image)
    observation = resolve(function.observation)
    options = _for_each(function, maps, observing or {})
    tasks = []
    for index, (smap, own) in enumerate(zip(maps, options, strict=True)):
        with named_image(index, len(maps)):
            refuse_restored(function, smap)
            tasks.append(_task(function, observation.check(smap, **own)))
    methods = {
        task.name: load_method(task, method, weights=weights, device=device, progress=progress)
        for task in {task.name: task for task in tasks}.values()
    }
    results = []
    for index, (smap, task, own) in enumerate(zip(maps, tasks, options, strict=True)):
        with named_image(index, len(maps)):
            observed = observation.from_map(smap, **own)
            results.append(_restored(smap, observed, methods[task.name], progress, restoring or {}))
    return rebuild(results)


def _for_each(function, maps, observing):
    """The keywords for the observation of each Map."""
    several = {
        name: resolve(distribute)(maps, observing[name])
        for name, distribute in function.per_image.items()
        if name in observing
    }
    common = {name: value for name, value in observing.items() if name not in several}
    return [common | {name: values[index] for name, values in several.items()} for index in range(len(maps))]


def refuse_restored(function, smap):
    """
    Refuse a Map that a function has restored already.

    Parameters
    ----------
    function : `~sunpy_restore.core.task.MapFunction`
        The function.
    smap : `~sunpy.map.GenericMap`
        The Map.

    Raises
    ------
    ValueError
        ``RSTTASK`` in the header is a task of the function.
    """
    name = str(smap.meta.get("rsttask", ""))
    if any(name == task.name for task in function.tasks):
        raise ValueError(
            f"Found RSTTASK = {name!r}: {function.name} has restored this Map already; expected an observed one. "
            "Use the original file."
        )


def _task(function, name):
    if name is None:
        (task,) = function.tasks
        return task
    return next(task for task in function.tasks if task.name == name)


def _restored(smap, observed, method, progress, options):
    """One Map."""
    if observed.nothing_to_do:
        warn_user(observed.nothing_to_do)
        return smap
    restored = restore_observation(observed, method, progress=progress, **options)
    data = restored.data if restored.filled is None else _put_back(smap, restored)
    scale = method.task.scale if isinstance(method.task, Restoration) else 1
    provenance = method.provenance(restored.method)
    result = restored_map(smap, data, scale=scale, mask=restored.mask, fill=restored.filled, provenance=provenance)
    if restored.unit is not None:
        result.meta["bunit"] = restored.unit.to_string("fits")
    result.meta.update(restored.cards)
    return result


def _put_back(smap, restored):
    """The data of a Map with its filled pixels."""
    data = smap.data.astype(np.result_type(smap.data.dtype, np.float32).newbyteorder("="))
    data[restored.filled] = restored.data[restored.filled]
    return data
