"""How often the truth lies within the stated uncertainty, and how well that is known."""

import numpy as np

from sunpy_restore.core.numerics import correlation as correlations
from sunpy_restore.core.uncertainty.conformal import LEVELS, SHARES, quantile, risk_bound

__all__ = ["case_weights", "coverage_table", "error_images", "format_coverage"]

_SIDE = 16  # pixels of the squares whose sums are tested
_SQUARES = 20  # of each image
_INTERVAL = 0.95  # share of the truth in an interval of for_95 sigma
_FEWEST = 100  # samples of a row
_RESAMPLED = 1000  # times; for the standard errors


def case_weights(samples, chosen):
    """
    Weights with which each case counts the same within a stratum, however many pixels it has.

    Parameters
    ----------
    samples : `dict`
        ``case`` and ``stratum`` of each sample.
    chosen : `numpy.ndarray` of `bool`
        The samples that are used.

    Returns
    -------
    `numpy.ndarray`
        Weight of each chosen sample.
    """
    key = samples["case"][chosen] * 1000 + samples["stratum"][chosen]
    _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    return 1 / counts[inverse]


def coverage_table(name, models, samples, images, limits=()):
    """
    How often the intervals of a method cover the truth.

    Parameters
    ----------
    name : `str`
        Name of the method.
    models : mapping of `str` to `~sunpy_restore.core.uncertainty.errormodel.ErrorModel`
        Name of a part of the cases to the model by which it is tested.
    samples : `dict` of `str` to `numpy.ndarray`
        ``values`` of the features, ``errors`` in units of their scale, ``stratum``, ``weights``, number of the
        ``case``, and names of its ``part``, ``group`` and ``source``.
    images : `list` of ``(case, evidence, relative)``
        Errors of some cases as images, in units of their scale.
    limits : iterable of `str`
        Strata in which the uncertainty is an upper limit; they are not part of all.

    Returns
    -------
    `list` of `dict`
        One per stratum and group: ``method``, ``stratum``, ``group``, ``cases``, ``sources`` (independent images or
        regions of the cases), ``within_1`` and ``within_1.96`` (shares of the truth within as many sigma, each case
        with the same weight), ``error_1`` and ``error_1.96`` (their standard errors by a bootstrap over the sources;
        `None` for fewer than three), ``least`` (the share within 1.96 sigma that new images have with 90 % confidence),
        ``width`` (mean uncertainty in units of the rms error), ``rms`` (rms uncertainty in the same unit), and ``sums``
        (rms of the errors of sums over 16 x 16 pixels in units of their uncertainty; `None` in strata), ``for_95``
        (number of sigma that contain 95 % of the truth), and ``within_68``, ``error_68``, ``within_95`` and
        ``error_95`` (the shares of the truth within 1 sigma with ``uncertainty=0.68`` and within 1.96 sigma with
        ``uncertainty=0.95``, and their standard errors).
    """
    strata = next(iter(models.values())).strata
    sigma = np.empty(len(samples["errors"]))
    single = {_column(share): np.empty(len(sigma)) for share in SHARES}
    for part, model in models.items():
        own = samples["part"] == part
        sigma[own] = model.ratio(samples["values"][own]) * model.factors[samples["stratum"][own]]
        for share, width in SHARES.items():
            single[_column(share)][own] = sigma[own] * model.ratios[width][samples["stratum"][own]]
    samples = samples | {"sigma": sigma} | single
    groups = [group for group in dict.fromkeys(samples["group"]) if group]
    selections = [("all", ~np.isin(samples["stratum"], [strata.index(stratum) for stratum in limits]))]
    selections += [(stratum, samples["stratum"] == index) for index, stratum in enumerate(strata)]
    rows = []
    for stratum, own in selections:
        for group in ("all", *groups):
            chosen = own if group == "all" else own & (samples["group"] == group)
            if np.count_nonzero(chosen) < _FEWEST:
                continue
            row = {"method": name, "stratum": stratum, "group": group} | _coverage(samples, chosen, stratum == "all")
            row["sums"] = _sums(models, images) if stratum == group == "all" else None
            rows.append(row)
    return rows


def _column(share):
    """Name of the uncertainty for a single share in the samples."""
    return f"sigma_{100 * share:.0f}"


def _coverage(samples, chosen, weighted):
    """Shares of the truth within the intervals, and widths of the intervals, in chosen samples."""
    part = {key: values[chosen] for key, values in samples.items()}
    cases, case = np.unique(part["case"], return_inverse=True)
    weights = part["weights"] if weighted else np.ones(len(case))
    weights = weights / np.bincount(case, weights)[case]
    ratios = np.abs(part["errors"]) / part["sigma"]
    first = np.unique(part["case"], return_index=True)[1]
    sources, source = np.unique(part["source"][first], return_inverse=True)
    row = {"cases": len(cases), "sources": len(sources)}
    for level in LEVELS:
        shares = np.bincount(case, weights * (ratios <= level))
        row[f"within_{level:g}"] = float(shares.mean())
        row[f"error_{level:g}"] = _standard_error(shares, source)
    for share, width in SHARES.items():
        shares = np.bincount(case, weights * (np.abs(part["errors"]) <= width * part[_column(share)]))
        row[f"within_{100 * share:.0f}"] = float(shares.mean())
        row[f"error_{100 * share:.0f}"] = _standard_error(shares, source)
    row["for_95"] = quantile(ratios, weights, _INTERVAL)
    row["least"] = 1 - risk_bound(1 - row["within_1.96"], row["sources"])
    rms = np.sqrt(np.average(part["errors"] ** 2, weights=weights))
    row["width"] = float(np.average(part["sigma"], weights=weights) / rms)
    row["rms"] = float(np.sqrt(np.average(part["sigma"] ** 2, weights=weights)) / rms)
    return row


def _standard_error(shares, source):
    """Standard error of the mean of the shares of the cases, if sources are drawn anew."""
    counts = np.bincount(source)
    if len(counts) < 3:
        return None
    drawn = np.random.default_rng(0).integers(len(counts), size=(_RESAMPLED, len(counts)))
    return float(np.std(np.bincount(source, shares)[drawn].sum(axis=1) / counts[drawn].sum(axis=1)))


def _sums(models, images):
    """Errors of sums over squares in units of what the correlation predicts."""
    random = np.random.default_rng(0)
    squares = []
    for case, evidence, relative in images:
        model = models[case.part]
        errors, sigma = error_images(model, evidence, relative)
        places = np.argwhere(sigma > 0)
        if not len(places):
            continue
        for row, column in places[random.integers(len(places), size=_SQUARES)]:
            window = np.s_[row : row + _SIDE, column : column + _SIDE]
            correlated = correlations.correlated_with(sigma[window], model.correlation)
            squares.append(errors[window].sum() ** 2 / (sigma[window] * correlated).sum())
    return float(np.sqrt(np.mean(squares))) if squares else None


def error_images(model, evidence, relative):
    """
    Arrange errors and their uncertainty as images.

    Parameters
    ----------
    model : `~sunpy_restore.core.uncertainty.errormodel.ErrorModel`
        The error model.
    evidence : `~sunpy_restore.core.uncertainty.evidence.Evidence`
        Of ``n`` pixels.
    relative : `numpy.ndarray`
        Their errors in units of the scale, shape ``(n,)``; NaN where they are unknown.

    Returns
    -------
    errors, sigma : `numpy.ndarray`
        In the unit and shape of the restored image; 0 where either is unknown.
    """
    errors, sigma = (np.zeros(evidence.where.shape) for _ in range(2))
    known = model.predict(evidence)
    usable = np.isfinite(known) & np.isfinite(relative)
    errors[evidence.where] = np.where(usable, relative * evidence.scale, 0)
    sigma[evidence.where] = np.where(usable, known, 0)
    return errors, sigma


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
    shares = {"within_1": "1 sigma", "error_1": "+- 1", "within_1.96": "1.96 sigma", "error_1.96": "+- 1.96"}
    shares |= {"within_68": "for 68 %", "error_68": "+- 68 %", "within_95": "for 95 %", "error_95": "+- 95 %"}
    columns |= shares | {"for_95": "sigma for 95 %", "width": "width / rms", "rms": "rms / rms"}
    table = Table({heading: [row[key] for row in rows] for key, heading in columns.items()})
    for heading in (*shares.values(), "sigma for 95 %", "width / rms", "rms / rms"):
        table[heading].info.format = ".3f"
    return "\n".join(table.pformat(max_lines=-1, max_width=-1))
