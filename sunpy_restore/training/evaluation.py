"""Score a network and the classical methods on images that were kept back from training."""

import os
from collections import Counter

import numpy as np

from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.recipes.recipe import Recipe, recipe_of
from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.core.weights.store import read_metadata, resolve
from sunpy_restore.tasks import get_task
from sunpy_restore.training.folders import existing_folder, training_data
from sunpy_restore.training.summary import together

__all__ = ["evaluate", "evaluate_observations", "recipe_for", "score_images"]


def evaluate(task, data, *, methods=None, weights=None, device=None):
    """
    Score the methods of a task on the images that its recipe keeps back.

    Every method runs exactly as users run it, behind the check of the Map.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    data : path-like
        Folder of the training data: one that `~sunpy_restore.training.build_dataset` made, or one in the layout that
        the task's recipe describes.
    methods : iterable of `str`, optional
        Rows of the table, see `sunpy_restore.core.recipes.scoring.Scoring.variants`; by default all.
    weights : `str` or path-like, or `list` of them, optional
        Weights of the network, see `sunpy_restore.enhance`. Each of several has rows with the name of its configuration
        in place of ``"network"``.
    device : `str`, optional
        Device of the network, see `sunpy_restore.enhance`.

    Returns
    -------
    `list` of `dict`
        One per source of images and method, with the names ``source`` and ``method`` and the scores that
        `sunpy_restore.core.recipes.scoring.Scoring.measure` gives: the median of the absolute value over the images of
        the source for names that begin with ``median_``, and the mean for all others. An image without a score does not
        count.

    Raises
    ------
    ValueError
        Unknown task or method.
    FileNotFoundError
        The data are missing.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found or read.
    """
    found = score_images(task, data, methods=methods, weights=weights, device=device)
    return [{"source": source, "method": label} | together(images) for (source, label), images in found.items()]


def score_images(task, data, *, methods=None, weights=None, device=None):
    """
    Score each image, see `evaluate`.

    Parameters
    ----------
    task, data, methods, weights, device
        As for `evaluate`.

    Returns
    -------
    `dict`
        Source and method to a `list` with the scores of each image, as
        `~sunpy_restore.core.recipes.scoring.Scoring.measure` gives them.
    """
    recipe, found = recipe_for(task, weights), {}
    variants = _variants(recipe, methods)
    with training_data(data, task) as folder:
        loaded = _loaded(recipe, variants, weights, device)
        for source, observation, truth in recipe.evaluation_pairs(folder):
            for label, (method, options) in loaded.items():
                restored = recipe.restored(observation, method, options)
                if restored is not None:
                    found.setdefault((source, label), []).append(recipe.measure(observation, restored, truth))
    return found


def evaluate_observations(task, observations, *, methods=None, weights=None, device=None):
    """
    Compare the methods of a task on real observations, whose truth is not known.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"backproj"``.
    observations : path-like
        Folder with FITS files, which the task's recipe describes.
    methods : iterable of `str`, optional
        Methods that are compared, see `evaluate`; by default all methods of the task as users call them.
    weights, device
        See `evaluate`.

    Returns
    -------
    `list` of `dict`
        One per observation and method, with the names ``source`` and ``method`` and the scores that
        `sunpy_restore.core.recipes.scoring.Scoring.compare` gives; then one per method with the median over all
        observations.

    Raises
    ------
    ValueError
        Unknown task or method, the task has no scores without a truth, or no file is an observation.
    FileNotFoundError
        The folder does not exist or contains no FITS file.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found or read.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        A file is no observation, or a method does not restore one; it is left out.
    """
    recipe, directory = recipe_for(task, weights), existing_folder(observations, "observations")
    methods = recipe.task.methods if methods is None else methods
    loaded = _loaded(recipe, _variants(recipe, methods), weights, device)
    rows = []
    for source, observation in recipe.observations(directory):
        images = {}
        for label, (method, options) in loaded.items():
            try:
                images[label] = recipe.restored(observation, method, options)
            except ValueError as error:
                warn_user(f"{source}, {label}: {error}")
        compared = recipe.compare(observation, images) if images else {}
        rows += [{"source": source, "method": label} | measured for label, measured in compared.items()]
    if not rows:
        raise ValueError(f"Found no observation of the {recipe.task.name} task in {directory}. See the warnings.")
    return rows + _medians(rows, list(loaded))


def _medians(rows, labels):
    """The median of each score over all sources, for each method."""
    count = len({row["source"] for row in rows})
    medians = []
    for label in labels:
        own = [row for row in rows if row["method"] == label]
        names = dict.fromkeys(name for row in own for name in row if name not in ("source", "method"))
        if own:
            middle = {name: float(np.median([row[name] for row in own if name in row])) for name in names}
            medians.append({"source": f"median of {count}", "method": label} | middle)
    return medians


def _variants(recipe, methods):
    known = recipe.variants()
    if methods is None:
        return known
    methods = list(methods)
    unknown = [method for method in methods if method not in known]
    if unknown:
        raise ValueError(f"Unknown method {unknown[0]!r}; expected one of {', '.join(known)}.")
    return {method: known[method] for method in methods}


def recipe_for(task, weights):
    """
    The recipe of a task, for the networks of given weights.

    Parameters
    ----------
    task : `str`
        Name of the task.
    weights : weights, `list` of them, or `None`
        See `evaluate`.

    Returns
    -------
    `~sunpy_restore.core.recipes.recipe.Recipe`
    """
    recipe = recipe_of(get_task(task))
    if weights is None or type(recipe).for_networks is Recipe.for_networks:
        return recipe
    files = [resolve(given, task=recipe.task.name) for given in _several(weights)]
    return recipe.for_networks([read_metadata(local)["hyperparameters"] for local in files])


def _several(weights):
    return [weights] if isinstance(weights, str | os.PathLike | None) else list(weights) or [None]


def _loaded(recipe, variants, weights, device):
    """Methods and options by label: those of each network first, then those that use none."""
    weights = _several(weights)
    names = [None] if len(weights) == 1 else _names(recipe.task, weights)
    result = {}
    for given, name in zip(weights, names, strict=True):
        own = {label: variant for label, variant in variants.items() if variant.method == "network"}
        method = load_method(recipe.task, weights=given, device=device) if own else None
        for label, variant in own.items():
            label = label if name is None else name + label.removeprefix("network")
            result[label] = method, variant.options
    for label, variant in variants.items():
        if variant.method != "network":
            method = None if variant.method is None else load_method(recipe.task, variant.method)
            result[label] = method, variant.options
    order = list(variants) if names == [None] else list(result)
    return {label: result[label] for label in order}


def _names(task, weights):
    """Names of the configurations of weights, with the weights where the name alone is not unique."""
    metadata = [read_metadata(resolve(given, task=task.name)) for given in weights]
    names = [found.get("config", found["architecture"]) for found in metadata]
    count = Counter(names)
    return [name if count[name] == 1 else f"{name} ({given})" for given, name in zip(weights, names, strict=True)]
