"""
Calibrate the uncertainty of the methods of a task on cases whose truth is known.

All cases serve for the fit, for the conformal factors and for the test, by cross-validation: the cases have several
parts, without an image or region in common, and the errors of each part are predicted by a network that was fitted to
the other parts. The conformal factors of a part come from these predictions in the other parts.
"""

from dataclasses import dataclass, field, replace
from importlib import import_module

import numpy as np
from scipy import ndimage

from sunpy_restore.core.numerics import correlation as correlations
from sunpy_restore.core.restoration.methods import load_method, restore_observation
from sunpy_restore.core.task import resolve
from sunpy_restore.core.uncertainty.errormodel import ErrorModel, fit_error_model, level_ratios, stratum_factors
from sunpy_restore.core.uncertainty.evidence import Evidence
from sunpy_restore.tasks import get_task
from sunpy_restore.training.coverage import case_weights, coverage_table, error_images
from sunpy_restore.training.evaluation import recipe_for
from sunpy_restore.training.folders import training_data

__all__ = ["calibrate"]

_PER_STRATUM = 300  # pixels of a case that are kept of each stratum
_IMAGES = 8  # of each method and part, whose errors are kept as images for the correlation
_OF_SOURCE = 3  # such images of one source, which are alike
_LARGEST_IMAGE = 256
_LARGEST_ERROR = 5.0  # uncertainties; larger errors count as this in the correlation
_FEWEST_PARTS = 3


@dataclass
class _Errors:
    """Errors of one method in all cases: samples of pixels, and some whole images."""

    values: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    stratum: list = field(default_factory=list)
    weights: list = field(default_factory=list)
    case: list = field(default_factory=list)
    cases: list = field(default_factory=list)
    images: list = field(default_factory=list)
    features: tuple = ()

    def add(self, evidence, difference, case, random):
        """Keep samples of the pixels of a case, and the errors as an image."""
        relative = difference[evidence.where] / evidence.scale
        usable = np.isfinite(relative) & ~evidence.unknown
        self.features = tuple(evidence.features)
        matrix, number = evidence.matrix(), len(self.cases)
        for index in np.unique(evidence.stratum[usable]):
            own = np.flatnonzero(usable & (evidence.stratum == index))
            kept = random.choice(own, min(len(own), _PER_STRATUM), replace=False)
            self.values.append(matrix[kept])
            self.errors.append(relative[kept])
            self.stratum.append(evidence.stratum[kept])
            self.weights.append(np.full(len(kept), len(own) / len(kept)))
            self.case.append(np.full(len(kept), number))
        self.cases.append(case)
        if usable.any() and evidence.magnification == 1 and self._wanted(case):
            self.images.append((case, *_part(evidence, np.where(usable, relative, np.nan))))

    def _wanted(self, case):
        """Whether there are few images of the part of a case, and of its source, yet."""
        kept = [kept for kept, *_ in self.images]
        return (
            sum(other.part == case.part for other in kept) < _IMAGES
            and sum(other.origin == case.origin for other in kept) < _OF_SOURCE
        )

    def together(self):
        """The samples as arrays, with the names of the part, group and source of the case of each."""
        names = ("values", "errors", "stratum", "weights", "case")
        samples = {name: np.concatenate(getattr(self, name)) for name in names}
        known = {
            "part": [case.part for case in self.cases],
            "group": [case.group for case in self.cases],
            "source": [case.origin for case in self.cases],
        }
        return samples | {name: np.array(values)[samples["case"]] for name, values in known.items()}


def calibrate(
    task, data, *, methods=None, weights=None, device=None, cases=None, seed=0, progress=False, keep=None
):  # fmt: skip
    """
    Calibrate the uncertainty of the methods of a task.

    For each method, a small network learns the size of the errors; conformal factors for each kind of pixel follow, and
    the correlation of the errors of neighbouring pixels. How often the truth is covered is tested by cross-validation:
    the network, the factors and the correlation for the test of a part of the cases come from the other parts. Those
    that are returned come from all of them.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    data : path-like
        Folder of the training data, see `~sunpy_restore.training.evaluate`. Of own images, those kept back for
        validation are used; the cases of ``backproj`` are simulated, whatever the folder contains.
    methods : iterable of `str`, optional
        Names of the methods as in the header of results (``RSTMETH``); by default all, or with ``weights`` those of the
        network.
    weights, device
        See `sunpy_restore.enhance`.
    cases : `int`, optional
        Largest number of cases of each part; by default all.
    seed : `int`
        Seed of the samples and of the fit.
    progress : `bool`
        Show a progress bar.
    keep : mapping of `str` to `~sunpy_restore.core.uncertainty.errormodel.ErrorModel`, optional
        Name of the method to its earlier error model, of which only the ratios for single shares of the truth are
        calibrated again. Methods without one are calibrated completely.

    Returns
    -------
    models : `dict` of `str` to `~sunpy_restore.core.uncertainty.errormodel.ErrorModel`
        Error model of each method, for `~sunpy_restore.core.uncertainty.errorfile.write_models`.
    rows : `list` of `dict`
        Coverage in the tests, see `~sunpy_restore.training.coverage.coverage_table`.

    Raises
    ------
    ValueError
        Unknown task or method, the task has no uncertainty, there are fewer than three parts, or an error model in
        ``keep`` has other features, strata or weights.
    FileNotFoundError
        The data are missing.
    """
    record = get_task(task)
    recipe = recipe_for(task, weights)
    if record.evidence is None:
        raise ValueError(f"The {task} task has no uncertainty; expected another task.")
    variants = recipe.calibrated()
    if weights is not None:
        variants = {name: variant for name, variant in variants.items() if variant.method == "network"}
    chosen = list(variants if methods is None else methods)
    for name in chosen:
        if name not in variants:
            raise ValueError(f"Unknown method {name!r}; expected one of {', '.join(variants)}.")
    loaded = {
        name: load_method(
            record, variants[name].method, weights=weights if variants[name].method == "network" else None,
            device=device,
        )
        for name in chosen
    }  # fmt: skip
    with training_data(data, task) as folder:
        found = _errors(recipe, folder, loaded, variants, cases, seed, progress)
    models, rows = {}, []
    module = import_module(record.evidence.partition(":")[0])
    strata, limits = module.STRATA, getattr(module, "LIMITS", ())
    for name, method in loaded.items():
        errors = found[name]
        if not errors.errors:
            continue
        errors.images = [(case, *_without(limits, strata, *image)) for case, *image in errors.images]
        sha256 = method.sha256 or ""
        old = _kept_model((keep or {}).get(name), name, errors, strata, sha256)
        models[name], tested = _models(errors, strata, limits, sha256, seed, recipe.calibration_steps, old)
        rows += coverage_table(name, tested, errors.together(), errors.images, limits)
    return models, rows


def _kept_model(model, name, errors, strata, sha256):
    """An earlier error model, if it describes the present method."""
    if model is None:
        return None
    if (model.features, model.strata, model.sha256) != (errors.features, tuple(strata), sha256):
        raise ValueError(
            f"Found an error model of {name!r} with other features, strata or weights; expected those of the present "
            "method. Calibrate it completely, without keeping the error model."
        )
    return model


def _errors(recipe, folder, loaded, variants, cases, seed, progress):
    """Errors of all methods in all cases, by method."""
    from tqdm import tqdm

    found = {name: _Errors() for name in loaded}
    chosen, numbers = [], {}
    for case in recipe.calibration(folder):
        numbers[case.part] = numbers.get(case.part, 0) + 1
        if cases is None or numbers[case.part] <= cases:
            chosen.append(case)
    random = np.random.default_rng(seed)
    evidence_of = resolve(recipe.task.evidence)
    for case in tqdm(chosen, desc="cases", disable=not progress):
        observation, truth = case.make()
        for name, method in loaded.items():
            variant = variants[name]
            if not recipe.applies(observation, method, variant.options):
                continue
            restored = restore_observation(observation, method, **variant.options)
            if (restored.method or method.name) != name:
                continue
            evidence = evidence_of(observation, restored, method)
            difference = restored.data - truth
            found[name].add(evidence, difference, case, random)
    return found


def _part(evidence, relative):
    """The part of an image, at most 256 x 256 pixels, with the most pixels that have an error."""
    usable = np.zeros(evidence.where.shape, np.float32)
    usable[evidence.where] = np.isfinite(relative) & ~evidence.unknown
    lengths = [min(_LARGEST_IMAGE, length) for length in usable.shape]
    counts = ndimage.uniform_filter(usable, lengths, mode="constant")
    middle = np.unravel_index(counts.argmax(), counts.shape)
    window = tuple(
        slice(start := min(max(place - size // 2, 0), length - size), start + size)
        for place, size, length in zip(middle, lengths, usable.shape, strict=True)
    )
    inside = np.zeros_like(evidence.where)
    inside[window] = True
    own = inside[evidence.where]
    features = {name: np.asarray(values, np.float32)[own] for name, values in evidence.features.items()}
    part = Evidence(
        where=evidence.where[window], features=features, scale=evidence.scale[own], stratum=evidence.stratum[own],
        unknown=evidence.unknown[own],
    )  # fmt: skip
    return part, relative[own]


def _without(limits, strata, evidence, relative):
    """An image whose errors are unknown where the uncertainty is an upper limit."""
    excluded = np.isin(evidence.stratum, [strata.index(stratum) for stratum in limits])
    return evidence, np.where(excluded, np.nan, relative)


def _models(errors, strata, limits, sha256, seed, steps, kept=None):
    """The error model from all cases, or the kept one with new ratios, and the model by which each part was tested."""
    samples = errors.together()
    parts = dict.fromkeys(samples["part"])
    if len(parts) < _FEWEST_PARTS:
        raise ValueError(
            f"Found cases of {len(parts)} parts; expected {_FEWEST_PARTS} or more, because each part is tested with a "
            "model from the others. Use more cases."
        )

    def fitted(chosen):
        low, high, layers = fit_error_model(
            names, samples["values"][chosen], samples["errors"][chosen],
            weights=case_weights(samples, chosen), seed=seed, steps=steps,
        )  # fmt: skip
        return ErrorModel(
            features=names, strata=tuple(strata), low=low, high=high, layers=layers, factors=np.ones(len(strata)),
            correlation={0.0: 1.0}, sha256=sha256,
        )  # fmt: skip

    def factors(chosen):
        known = ratios[chosen], samples["stratum"][chosen], strata, case_weights(samples, chosen), limits
        found = stratum_factors(*known)
        return {"factors": found, "ratios": level_ratios(found, *known)}

    names = errors.features
    plain, ratios = {}, np.empty(len(samples["errors"]))
    for part in parts:
        own = samples["part"] == part
        plain[part] = fitted(~own)
        ratios[own] = np.abs(samples["errors"][own]) / plain[part].ratio(samples["values"][own])
    every = np.ones(len(ratios), bool)
    plain = {part: replace(model, **factors(samples["part"] != part)) for part, model in plain.items()}
    tested = {
        part: replace(model, correlation=_correlation(plain, errors.images, without=part))
        for part, model in plain.items()
    }
    found = factors(every)
    if kept is not None:
        return replace(kept, ratios=found["ratios"]), tested
    return replace(fitted(every), **found, correlation=_correlation(plain, errors.images)), tested


def _correlation(models, images, without=None):
    """Correlation of the errors of a method, from the images of all parts but one; each image counts the same."""
    products = expected = 0
    for case, evidence, relative in images:
        if case.part == without:
            continue
        errors, sigma = error_images(models[case.part], evidence, relative)
        if sigma.any():
            # A few errors that are far too large would decide the correlation
            errors = np.clip(errors, -_LARGEST_ERROR * sigma, _LARGEST_ERROR * sigma)
            summed = correlations.autocorrelation(errors, sigma)
            products, expected = products + summed[0] / summed[1][0], expected + summed[1] / summed[1][0]
    return correlations.fit_correlation(products, expected)
