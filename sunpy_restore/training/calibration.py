"""Calibrate the uncertainty of the methods of a task on cases whose truth is known."""

from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from scipy import ndimage

from sunpy_restore.core import correlation as correlations
from sunpy_restore.core.conformal import LEVELS, risk_bound
from sunpy_restore.core.errormodel import ErrorModel, fit_error_model, stratum_factors
from sunpy_restore.core.evidence import Evidence
from sunpy_restore.core.methods import load_method, restore_observation
from sunpy_restore.core.recipe import recipe_of
from sunpy_restore.core.task import resolve
from sunpy_restore.tasks import get_task
from sunpy_restore.training.folders import training_data

__all__ = ["calibrate", "coverage_table", "format_coverage"]

_PER_STRATUM = 1500  # pixels of a case that are kept of each stratum
_IMAGES = 16  # of each method and part, whose errors are kept as images for the correlation
_LARGEST_IMAGE = 256
_LARGEST_ERROR = 5.0  # uncertainties; larger errors count as this in the correlation
_SIDE = 16  # pixels of the squares whose sums are tested


@dataclass
class _Errors:
    """Errors of one method in all cases of one part: samples of pixels, and some whole images."""

    values: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    stratum: list = field(default_factory=list)
    weights: list = field(default_factory=list)
    case: list = field(default_factory=list)
    groups: list = field(default_factory=list)
    images: list = field(default_factory=list)

    def add(self, evidence, difference, group, random, *, as_image):
        """Keep samples of the pixels of a case, and the errors as an image."""
        relative = difference[evidence.where] / evidence.scale
        usable = np.isfinite(relative) & ~evidence.unknown
        matrix, number = evidence.matrix(), len(self.groups)
        for index in np.unique(evidence.stratum[usable]):
            own = np.flatnonzero(usable & (evidence.stratum == index))
            kept = random.choice(own, min(len(own), _PER_STRATUM), replace=False)
            self.values.append(matrix[kept])
            self.errors.append(relative[kept])
            self.stratum.append(evidence.stratum[kept])
            self.weights.append(np.full(len(kept), len(own) / len(kept)))
            self.case.append(np.full(len(kept), number))
        self.groups.append(group)
        if as_image and usable.any() and len(self.images) < _IMAGES and evidence.magnification == 1:
            self.images.append(_part(evidence, np.where(usable, relative, np.nan)))

    def together(self):
        """The samples as arrays."""
        names = ("values", "errors", "stratum", "weights", "case")
        return {name: np.concatenate(getattr(self, name)) for name in names if getattr(self, name)}


def calibrate(task, data, *, methods=None, weights=None, device=None, cases=None, seed=0, progress=False):
    """
    Calibrate the uncertainty of the methods of a task.

    For each method, a small network learns the size of the errors from the cases for fitting; a conformal factor for
    each kind of pixel, and the correlation of the errors of neighbouring pixels, come from those for calibration; and
    those for testing tell how often the truth is covered.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    data : path-like
        Folder of the training data, see `~sunpy_restore.training.evaluate`.
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

    Returns
    -------
    models : `dict` of `str` to `~sunpy_restore.core.errormodel.ErrorModel`
        Error model of each method, for `~sunpy_restore.core.errorfile.write_models`.
    rows : `list` of `dict`
        Coverage in the cases for testing, see `coverage_table`.

    Raises
    ------
    ValueError
        Unknown task or method, or the task has no uncertainty.
    FileNotFoundError
        The data are missing.
    """
    record = get_task(task)
    recipe = recipe_of(record)
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
        parts = found[name]
        if not parts["fit"].errors or not parts["calibrate"].errors:
            continue
        for part in parts.values():
            part.images = [_without(limits, strata, *image) for image in part.images]
        models[name] = _model(parts, strata, limits, method.sha256 or "", seed, recipe.calibration_steps)
        rows += coverage_table(name, models[name], parts["test"], limits)
    return models, rows


def _errors(recipe, folder, loaded, variants, cases, seed, progress):
    """Errors of all methods in all cases, by method and part."""
    from tqdm import tqdm

    found = {name: {part: _Errors() for part in ("fit", "calibrate", "test")} for name in loaded}
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
            found[name][case.part].add(evidence, difference, case.group, random, as_image=case.part != "fit")
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


def _model(parts, strata, limits, sha256, seed, steps):
    """The error model of a method."""
    fit, calibrate = parts["fit"].together(), parts["calibrate"].together()
    names = tuple(parts["calibrate"].images[0][0].features)
    low, high, layers = fit_error_model(
        names, fit["values"], fit["errors"], weights=_case_weights(fit), seed=seed, steps=steps
    )
    ones = np.ones(len(strata))
    plain = ErrorModel(
        features=names, strata=tuple(strata), low=low, high=high, layers=layers, factors=ones, correlation={0.0: 1.0},
        sha256=sha256,
    )  # fmt: skip
    ratios = np.abs(calibrate["errors"]) / plain.ratio(calibrate["values"])
    factors = stratum_factors(ratios, calibrate["stratum"], strata, _case_weights(calibrate), limits)
    model = plain.with_factors(factors, {0.0: 1.0})
    return model.with_factors(factors, _correlation(model, parts["calibrate"].images))


def _case_weights(samples):
    """Each case counts the same within a stratum, however many pixels it has."""
    key = samples["case"] * 1000 + samples["stratum"]
    _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    return 1 / counts[inverse]


def _correlation(model, images):
    """Correlation of the errors of a method; each image counts the same."""
    products = expected = 0
    for evidence, relative in images:
        errors, sigma = _error_images(model, evidence, relative)
        if sigma.any():
            # A few errors that are far too large would decide the correlation
            errors = np.clip(errors, -_LARGEST_ERROR * sigma, _LARGEST_ERROR * sigma)
            summed = correlations.autocorrelation(errors, sigma)
            products, expected = products + summed[0] / summed[1][0], expected + summed[1] / summed[1][0]
    return correlations.fit_correlation(products, expected)


def _error_images(model, evidence, relative):
    """Errors and their uncertainty in the shape of the image, 0 where either is unknown."""
    errors, sigma = (np.zeros(evidence.where.shape) for _ in range(2))
    known = model.predict(evidence)
    usable = np.isfinite(known) & np.isfinite(relative)
    errors[evidence.where] = np.where(usable, relative * evidence.scale, 0)
    sigma[evidence.where] = np.where(usable, known, 0)
    return errors, sigma


def coverage_table(name, model, errors, limits=()):
    """
    How often the intervals of a method cover the truth.

    Parameters
    ----------
    name : `str`
        Name of the method.
    model : `~sunpy_restore.core.errormodel.ErrorModel`
        Its error model.
    errors : `_Errors`
        Errors in the cases for testing.
    limits : iterable of `str`
        Strata in which the uncertainty is an upper limit; they are not part of all.

    Returns
    -------
    `list` of `dict`
        One per stratum and group: ``method``, ``stratum``, ``group``, ``cases``, ``within_1`` and ``within_1.96``
        (shares of the truth within as many sigma, each case with the same weight), ``least`` (the share within 1.96
        sigma that new images have with 90 % confidence), ``width`` (mean uncertainty in units of the rms error), and
        ``sums`` (rms of the errors of sums over 16 x 16 pixels in units of their uncertainty; `None` in strata).
    """
    if not errors.errors:
        return []
    samples = errors.together()
    sigma = model.ratio(samples["values"]) * model.factors[samples["stratum"]]
    ratios, groups = np.abs(samples["errors"]) / sigma, np.array(errors.groups)[samples["case"]]
    everything = ~np.isin(samples["stratum"], [model.strata.index(stratum) for stratum in limits])
    selections = [("all", "all", everything)]
    selections += [("all", group, everything & (groups == group)) for group in dict.fromkeys(errors.groups) if group]
    selections += [(stratum, "all", samples["stratum"] == i) for i, stratum in enumerate(model.strata)]
    selections += [
        (stratum, group, (samples["stratum"] == i) & (groups == group))
        for i, stratum in enumerate(model.strata)
        for group in dict.fromkeys(errors.groups)
        if group
    ]
    rows = []
    for stratum, group, own in selections:
        if np.count_nonzero(own) < 100:
            continue
        weights = samples["weights"][own] if stratum == "all" else np.ones(np.count_nonzero(own))
        case = samples["case"][own]
        weights = weights / np.bincount(case, weights)[case]
        row = {"method": name, "stratum": stratum, "group": group, "cases": len(np.unique(case))}
        for level in LEVELS:
            row[f"within_{level:g}"] = float(np.average(ratios[own] <= level, weights=weights))
        row["least"] = 1 - risk_bound(1 - row["within_1.96"], row["cases"])
        squares = np.average(samples["errors"][own] ** 2, weights=weights)
        row["width"] = float(np.average(sigma[own], weights=weights) / np.sqrt(squares))
        row["sums"] = _sums(model, errors.images) if stratum == group == "all" else None
        rows.append(row)
    return rows


def _sums(model, images, number=20):
    """Errors of sums over squares in units of what the correlation predicts."""
    random = np.random.default_rng(0)
    squares = []
    for evidence, relative in images:
        errors, sigma = _error_images(model, evidence, relative)
        places = np.argwhere(sigma > 0)
        for row, column in places[random.integers(len(places), size=number)]:
            window = np.s_[row : row + _SIDE, column : column + _SIDE]
            expected = (sigma[window] * correlations.correlated_with(sigma[window], model.correlation)).sum()
            squares.append(errors[window].sum() ** 2 / expected)
    return float(np.sqrt(np.mean(squares))) if squares else None


def format_coverage(rows):
    """
    Format a table of coverage.

    Parameters
    ----------
    rows : `list` of `dict`
        See `coverage_table`.

    Returns
    -------
    `str`
    """
    from astropy.table import Table

    columns = {"method": "method", "stratum": "kind of pixel", "group": "group", "cases": "cases"}
    columns |= {"within_1": "1 sigma", "within_1.96": "1.96 sigma", "width": "width / rms"}
    table = Table({heading: [row[key] for row in rows] for key, heading in columns.items()})
    for heading in ("1 sigma", "1.96 sigma", "width / rms"):
        table[heading].info.format = ".3f"
    return "\n".join(table.pformat(max_lines=-1, max_width=-1))
