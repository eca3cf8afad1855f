"""What all functions that restore Maps have in common: Map -> observation -> restored array -> Map."""

import math
import warnings
from functools import partial
from typing import NamedTuple

import numpy as np

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.images.containers import as_maps
from sunpy_restore.core.images.maps import drawn_map, restored_map, valid_pixels
from sunpy_restore.core.images.prepared import check_header, in_memory, is_lazy, without_masked_values
from sunpy_restore.core.messages import named_image, warn_user
from sunpy_restore.core.reports.likeness import LIKENESS_KEYWORD, score_of
from sunpy_restore.core.restoration.methods import load_method, restore_observation
from sunpy_restore.core.system.cluster import active_client, completed, device_of_worker
from sunpy_restore.core.system.memory import enough_memory
from sunpy_restore.core.task import Restoration, reference_to, resolve
from sunpy_restore.core.uncertainty.errorfile import check_calibrated
from sunpy_restore.core.uncertainty.predicted import (
    check_draws,
    find_known,
    find_model,
    find_reason,
    standard_deviation,
    uncertain,
)
from sunpy_restore.core.uncertainty.share import check_uncertainty, share_of

__all__ = ["check_choices", "refuse_restored", "run"]


def run(
    function, image, *, method, weights, device, progress, uncertainty=False, samples=None, observing=None,
    restoring=None,
):  # fmt: skip
    """
    Restore Maps.

    All Maps are checked before the first one is restored. Dask arrays are computed once. With an active client of
    ``dask.distributed`` several Maps are restored on its workers, which compute and check Dask arrays. Values that the
    mask of a Map covers are replaced before an observation reads the Map.

    Parameters
    ----------
    function : `~sunpy_restore.core.task.MapFunction`
        The function.
    image : `~sunpy.map.GenericMap`, `list` or `tuple` of Maps, `~sunpy.map.MapSequence` or `~ndcube.NDCube`
        Images. They are not changed.
    method, weights, device, progress, uncertainty, samples
        See `sunpy_restore.enhance`.
    observing, restoring : `dict`, optional
        Other keywords of the function: those that its `~sunpy_restore.core.restoration.observation.Observation` takes,
        and those that the ``restore`` of its tasks takes.

    Returns
    -------
    Same kind as ``image``, or `list` of this kind
        Restored Maps, or as many as ``samples`` plausible ones of each image; a Map with nothing to restore comes back
        as it is, with a warning.
    """
    check_choices(function, {"method": method} | (observing or {}) | (restoring or {}))
    check_draws(samples)
    check_uncertainty(uncertainty)
    maps, rebuild = as_maps(image)
    with enough_memory(_bytes(function, maps), _shapes(maps), "Restore parts of it, or fewer images at a time."):
        asked = _Asked(method, weights, device, progress, uncertainty or samples is not None, restoring or {})
        results = _results(function, maps, asked, observing or {})
        if samples is None:
            return rebuild(results)
        return [rebuild([drawn_map(smap, seed) for smap in results]) for seed in range(samples)]


class _Asked(NamedTuple):
    """What the user asks for, besides the images."""

    method: str
    weights: object
    device: object
    progress: bool
    uncertainty: bool | float
    options: dict


def _results(function, maps, asked, observing):
    client = active_client() if len(maps) > 1 else None
    loaded = []
    for index, smap in enumerate(maps):
        with named_image(index, len(maps)):
            refuse_restored(function, smap)
            check_header(smap)
            # Workers load what is still on disk
            loaded.append(smap if client is not None and is_lazy(smap.data) else in_memory(smap, kinds="iuf"))
    visible = [smap if is_lazy(smap.data) else without_masked_values(smap) for smap in loaded]
    options = _for_each(function, visible, {name: in_memory(value) for name, value in observing.items()})
    tasks = []
    for index, (smap, own) in enumerate(zip(visible, options, strict=True)):
        with named_image(index, len(maps)):
            tasks.append(None if is_lazy(smap.data) else _checked_task(function, smap, own))
    if client is not None:
        return _on_workers(client, function, loaded, options, asked)
    methods = {
        task.name: load_method(task, asked.method, weights=asked.weights, device=asked.device, progress=asked.progress)
        for task in {task.name: task for task in tasks}.values()
    }
    if asked.uncertainty:
        for method in methods.values():
            check_calibrated(method, share_of(asked.uncertainty))
    results = []
    for index, (task, own) in enumerate(zip(tasks, options, strict=True)):
        with named_image(index, len(maps)):
            restored = _restored(function, loaded[index], visible[index], methods[task.name], own, asked)
            results.append(maps[index] if restored is None else restored)
    return results


def _on_workers(client, function, maps, options, asked):
    """Restore each Map in a task of its own, and keep their order."""
    work = partial(_on_worker, reference_to(function), asked._replace(progress=False))
    results = list(maps)
    for (index, *_), found, error in completed(client, work, zip(range(len(maps)), maps, options, strict=True)):
        with named_image(index, len(maps)):
            if error is not None:
                raise error
            restored, texts = found
            for text in texts:
                warn_user(text)
            if restored is not None:
                results[index] = restored
    return results


def _on_worker(reference, asked, item):
    """The restored Map, `None` if there is nothing to restore, and warnings."""
    function, (_, smap, own) = resolve(reference), item
    device = asked.device or device_of_worker()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RestoreWarning)
        loaded = in_memory(smap, kinds="iuf")
        visible = without_masked_values(loaded)
        task = _checked_task(function, visible, own)
        method = load_method(task, asked.method, weights=asked.weights, device=device)
        restored = _restored(function, loaded, visible, method, own, asked)
    return restored, [str(one.message) for one in caught if issubclass(one.category, RestoreWarning)]


_EMPTY_MASK = "Found no True pixel in the mask; the image is returned unchanged. Expected True in the pixels to fill."


def check_choices(function, values):
    """
    Refuse values of keywords that the function does not know, before an image is read.

    Parameters
    ----------
    function : `~sunpy_restore.core.task.MapFunction`
        The function.
    values : `dict`
        Keyword to value; `None` is the default of any keyword.

    Raises
    ------
    TypeError
        A keyword that is on or off is not boolean.
    ValueError
        A keyword with a list of choices has another value.
    """
    if values["method"] not in function.methods:
        raise ValueError(f"Unknown method {values['method']!r}; expected one of {', '.join(function.methods)}.")
    for option in function.options:
        value = values.get(option.name)
        if option.choices and value is not None and value not in option.choices:
            expected = " or ".join(map(repr, option.choices))
            raise ValueError(f"Unknown {option.name} {value!r}; expected {expected}.")
        if option.flag and not isinstance(value, bool | np.bool_ | None):
            raise TypeError(f"Found {option.name}={value!r}; expected True or False.")


def _bytes(function, maps):
    """Memory for the data and the results, at least."""
    scale = max(getattr(task, "scale", 1) for task in function.tasks)
    return sum(math.prod(smap.data.shape) * (smap.data.dtype.itemsize + 4 * scale**2) for smap in maps)


def _shapes(maps):
    shapes = " and ".join(dict.fromkeys(str(smap.data.shape) for smap in maps[:3]))
    return f"{len(maps)} images of shape {shapes}" if len(maps) > 1 else f"an image of shape {shapes}"


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


def _checked_task(function, smap, own):
    task = _task(function, resolve(function.observation).check(smap, **own))
    _refuse_invalid(smap)
    return task


def _refuse_invalid(smap):
    if not valid_pixels(smap).any():
        raise ValueError(
            f"Found {smap.data.size} pixels that are all masked or not finite, or larger than 1e30; expected at "
            "least one valid pixel. Check the file, and the mask of the Map."
        )


def _restored(function, smap, visible, method, own, asked):
    """One Map; `None` if there is nothing to restore."""
    observed = resolve(function.observation).from_map(visible, **own)
    if observed.nothing_to_do:
        warn_user(observed.nothing_to_do if own.get("mask") is None else _EMPTY_MASK)
        return None
    score = _likeness(method, observed)
    restored = restore_observation(observed, method, progress=asked.progress, **asked.options)
    # The sum has no negative zeros
    data = restored.data + 0 if restored.filled is None else _put_back(smap, restored)
    scale = method.task.scale if isinstance(method.task, Restoration) else 1
    provenance = method.provenance(restored.method)
    result = restored_map(smap, data, scale=scale, mask=restored.mask, fill=restored.filled, provenance=provenance)
    if restored.unit is not None:
        result.meta["bunit"] = restored.unit.to_string("fits")
    result.meta.update(restored.cards | score)
    if asked.uncertainty:
        share = share_of(asked.uncertainty)
        model = find_model(method, restored, share)
        sigma, correlation = standard_deviation(observed, restored, method, model, share)
        known, before = find_known(observed, restored, method), None if restored.filled is None else smap.uncertainty
        uncertain(result, sigma, correlation, known, before, find_reason(method), share)
    return result


def _likeness(method, observed):
    """Header keyword with the score of the likeness; warns of an observation that is unlike all good ones."""
    if not method.is_default:
        return {}
    score, reasons = score_of(method.task, observed)
    if score is None:
        return {}
    if score > 1:
        warn_user(
            f"The image is unlike those that it is compared with: {'; '.join(reasons)}. Its errors "
            "can be larger than usual. Check it with sunpy_restore.report, and compare methods."
        )
    return {LIKENESS_KEYWORD: round(min(score, _LARGEST_SCORE), 3)}


_LARGEST_SCORE = 999.0  # of what a header can show, which has no infinity


def _put_back(smap, restored):
    """The data of a Map with its filled pixels."""
    data = smap.data.astype(np.result_type(smap.data.dtype, np.float32).newbyteorder("="))
    data[restored.filled] = restored.data[restored.filled] + 0
    return data
