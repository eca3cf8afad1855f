"""The calibration of uncertainties: every case is tested by a model of other parts, and the table says how well."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.core.uncertainty.errormodel import ErrorModel
from sunpy_restore.core.uncertainty.evidence import Case, Evidence
from sunpy_restore.training import calibration
from sunpy_restore.training.coverage import coverage_table, format_coverage

STRATA = ("faint", "bright")
PARTS = ("first", "second", "third")


def evidence(rng, side=16):
    values = rng.normal(size=(side * side, 2))
    return Evidence(
        where=np.ones((side, side), bool), features={"one": values[:, 0], "two": values[:, 1]},
        scale=np.full(side * side, 2.0), stratum=(values[:, 0] > 0).astype(int),
        unknown=np.zeros(side * side, bool),
    )  # fmt: skip


def errors_of(sizes, cases=12, unlike=0.0):
    """Errors whose size depends on a feature; that of each source differs by a random factor."""
    rng, errors = np.random.default_rng(3), calibration._Errors()
    factors = np.exp(unlike * rng.normal(size=cases // 2))
    for number in range(cases):
        known = evidence(rng)
        sigma = 2.0 * sizes(known.features["one"]) * factors[number // 2]
        case = Case(
            name=str(number), part=PARTS[number // 2 % 3], make=None, source=f"image {number // 2}",
            group=("low noise", "high noise")[number % 2],
        )  # fmt: skip
        errors.add(known, (sigma * rng.normal(size=len(sigma))).reshape(known.where.shape), case, rng)
    return errors


def models_of(errors, **options):
    return calibration._models(errors, STRATA, (), "", 0, 150, **options)


def test_errors_are_covered_in_parts_that_no_model_has_seen():
    errors = errors_of(lambda value: np.exp(0.5 * value), cases=48)
    model, tested = models_of(errors)
    assert set(tested) == set(PARTS)
    rows = coverage_table("network", tested, errors.together(), errors.images)
    assert [(row["stratum"], row["group"]) for row in rows[:3]] == [
        ("all", "all"), ("all", "low noise"), ("all", "high noise"),
    ]  # fmt: skip
    for row in rows:
        assert row["within_1"] == pytest.approx(0.683, abs=0.03)
        assert row["within_1.96"] == pytest.approx(0.95, abs=0.02)
        assert row["for_95"] == pytest.approx(1.96, abs=0.15)
        assert row["within_95"] == pytest.approx(0.95, abs=0.02)
        assert row["rms"] == pytest.approx(1, abs=0.1)
    known = evidence(np.random.default_rng(9))
    assert np.std(np.log(model.predict(known) / (2 * np.exp(0.5 * known.features["one"])))) < 0.15
    assert "+- 1.96" in format_coverage(rows)


def test_single_shares_are_covered_with_long_tails_and_models_can_be_kept():
    """The size of the errors of each source differs by a factor that no feature tells."""
    errors = errors_of(lambda value: np.exp(0.5 * value), cases=240, unlike=0.8)
    model, tested = models_of(errors)
    row = coverage_table("network", tested, errors.together(), errors.images)[0]
    assert row["within_1.96"] < 0.935
    assert row["within_1"] > 0.695
    assert row["within_68"] == pytest.approx(0.683, abs=0.02)
    assert row["within_95"] == pytest.approx(0.95, abs=0.012)
    known = evidence(np.random.default_rng(9))
    assert (model.predict(known, 1.0) < model.predict(known)).all()
    assert (model.predict(known) < model.predict(known, 1.96)).all()
    old = replace(model, factors=2 * model.factors, ratios={})
    kept, again = models_of(errors, kept=old)
    np.testing.assert_array_equal(kept.predict(known), old.predict(known))
    np.testing.assert_array_equal(kept.ratios[1.96], model.ratios[1.96])
    assert again["first"].correlation == tested["first"].correlation


def test_models_of_a_part_do_not_depend_on_its_errors():
    """Errors of one part are made ten times larger: the model that tests it is the same, all others are not."""
    errors = errors_of(lambda value: np.exp(0.5 * value))
    _, before = models_of(errors)
    samples = errors.together()
    own = samples["part"] == "first"
    errors.errors = [np.where(own, 10, 1) * samples["errors"]]
    errors.values, errors.stratum = [samples["values"]], [samples["stratum"]]
    errors.case, errors.weights = [samples["case"]], [samples["weights"]]
    errors.images = [
        (case, known, relative * (10 if case.part == "first" else 1)) for case, known, relative in errors.images
    ]
    _, after = models_of(errors)
    values = samples["values"]
    np.testing.assert_array_equal(before["first"].ratio(values), after["first"].ratio(values))
    assert (after["second"].ratio(values) > 1.5 * before["second"].ratio(values)).mean() > 0.9


def test_standard_errors_are_those_of_independent_sources():
    """Sources whose errors differ by a factor make the coverage less certain than their many pixels tell."""
    rows = {}
    for unlike in (0.0, 0.7):
        errors = errors_of(np.ones_like, cases=48, unlike=unlike)
        plain = ErrorModel(
            features=("one", "two"), strata=STRATA, low=np.full(2, -3.0), high=np.full(2, 3.0),
            layers=[(np.zeros((1, 2)), np.zeros(1))], factors=np.ones(2), correlation={0.0: 1.0},
            ratios={1.0: np.ones(2), 1.96: np.ones(2)},
        )  # fmt: skip
        rows[unlike] = coverage_table("network", dict.fromkeys(PARTS, plain), errors.together(), errors.images)[0]
        assert rows[unlike]["cases"] == 2 * rows[unlike]["sources"] == 48
    assert rows[0.7]["error_1"] > 3 * rows[0.0]["error_1"] > 0
    assert rows[0.7]["error_1"] == pytest.approx(0.24 / np.sqrt(24), rel=0.5)


def test_two_parts_are_too_few():
    errors = errors_of(np.ones_like)
    with pytest.raises(ValueError, match="cases of 1 parts; expected 3 or more"):
        models_of(type(errors)(**{**vars(errors), "cases": [case_of(case) for case in errors.cases]}))


def case_of(case):
    return Case(name=case.name, part="first", make=case.make, group=case.group, source=case.source)
