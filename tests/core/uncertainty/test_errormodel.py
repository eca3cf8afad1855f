"""Error models: errors whose size depends on features are predicted, covered in each stratum, and kept in files."""

import dataclasses

import numpy as np
import pytest

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.uncertainty.conformal import LEVELS
from sunpy_restore.core.uncertainty.errorfile import read_models, write_models
from sunpy_restore.core.uncertainty.errormodel import ErrorModel, fit_error_model, level_ratios, stratum_factors
from sunpy_restore.core.uncertainty.evidence import Evidence

NAMES = ("one", "two", "three")


def drawn(number, seed):
    """Features, and errors whose size depends on them in a way that is not linear."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(number, 3))
    size = np.exp(0.7 * values[:, 0] + 0.4 * np.abs(values[:, 1]) - 1)
    return values, size, size * random.normal(size=number)


@pytest.fixture(scope="module")
def model():
    values, _, errors = drawn(20_000, 0)
    low, high, layers = fit_error_model(NAMES, values, errors, weights=np.ones(len(errors)), steps=500)
    plain = ErrorModel(
        features=NAMES, strata=("weak", "strong"), low=low, high=high, layers=layers, factors=np.ones(2),
        correlation={0.0: 1.0},
    )  # fmt: skip
    values, _, errors = drawn(20_000, 1)
    stratum = (values[:, 0] > 0).astype(int)
    factors = stratum_factors(np.abs(errors) / plain.ratio(values), stratum, plain.strata)
    return dataclasses.replace(plain, factors=factors, correlation={0.0: 0.25, 1.8: 0.75})


def evidence(values, scale=1.0, unknown=None):
    number = len(values)
    return Evidence(
        where=np.ones((1, number), bool), features=dict(zip(NAMES, values.T, strict=True)),
        scale=np.full(number, scale), stratum=(values[:, 0] > 0).astype(int),
        unknown=np.zeros(number, bool) if unknown is None else unknown,
    )  # fmt: skip


def test_the_size_of_errors_is_predicted_and_covered_in_each_stratum(model):
    values, size, errors = drawn(40_000, 2)
    sigma = model.predict(evidence(values))
    assert np.std(np.log(sigma / size)) < 0.2
    for own in (values[:, 0] > 0, values[:, 0] <= 0):
        assert np.mean(np.abs(errors) < sigma, where=own) == pytest.approx(0.683, abs=0.02)
        assert np.mean(np.abs(errors) < 1.96 * sigma, where=own) == pytest.approx(0.95, abs=0.015)


def test_single_shares_are_covered_in_each_stratum_with_heavy_tails(model):
    """Errors of one stratum have long tails: no factor covers both levels, and one for each level does."""
    values, _, errors = drawn(80_000, 5)
    values[:, 1:] = 0
    stratum = (values[:, 0] > 0).astype(int)
    heavy = np.random.default_rng(6).standard_t(3, size=len(errors))
    errors = np.where(stratum, heavy, errors / np.exp(0.7 * values[:, 0])) * model.ratio(values)
    known = np.abs(errors) / model.ratio(values), stratum, model.strata
    factors = stratum_factors(*known)
    found = dataclasses.replace(model, factors=factors, ratios=level_ratios(factors, *known))
    for width, share in LEVELS.items():
        within = np.abs(errors) <= width * found.predict(evidence(values), width)
        for own in (stratum == 0, stratum == 1):
            assert within[own].mean() == pytest.approx(share, abs=0.005)
    compromise = np.abs(errors) <= 1.96 * found.predict(evidence(values))
    assert compromise[stratum == 1].mean() < 0.94


def test_upper_limits_stay_as_they_are_for_all_shares():
    ratios, stratum = np.full(1000, 0.01), np.repeat([0, 1], 500)
    known = ratios, stratum, ("weak", "strong"), None, ("strong",)
    factors = stratum_factors(*known)
    assert all(found[1] == 1 for found in level_ratios(factors, *known).values())


def test_uncertainty_is_in_the_unit_of_the_image_and_infinite_where_nothing_is_known(model):
    values, _, _ = drawn(1000, 3)
    unknown = np.arange(1000) % 3 == 0
    one, other = model.predict(evidence(values)), model.predict(evidence(values, scale=250.0, unknown=unknown))
    np.testing.assert_allclose(other[~unknown], 250 * one[~unknown])
    assert np.isposinf(other[unknown]).all()


def test_values_beyond_all_that_was_seen_give_finite_uncertainties(model):
    values = np.array([[1e6, -1e6, 0], [-1e30, 1e30, 1e30]])
    sigma = model.predict(evidence(values))
    assert np.isfinite(sigma).all()
    assert (sigma > 0).all()


def test_files_keep_models_and_their_bytes(model, tmp_path):
    other = dataclasses.replace(model, sha256="ab" * 32, ratios={1.0: np.array([0.75, 1]), 1.96: np.array([1.5, 1])})
    for name in ("one", "two"):
        write_models(tmp_path / name, "toy", {"network": other, "linear": model})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = read_models(tmp_path / "one")
    values, _, _ = drawn(500, 4)
    for name, each in {"network": other, "linear": model}.items():
        np.testing.assert_allclose(found[name].predict(evidence(values)), each.predict(evidence(values)), rtol=1e-5)
        assert found[name].correlation == each.correlation
        assert {width: list(ratios) for width, ratios in found[name].ratios.items()} == {
            width: list(ratios) for width, ratios in each.ratios.items()
        }
        assert (found[name].sha256, found[name].strata) == (each.sha256, each.strata)


def test_damaged_files_are_refused(model, tmp_path):
    path = tmp_path / "toy.safetensors"
    write_models(path, "toy", {"linear": model})
    whole = path.read_bytes()
    for damaged in (b"", whole[:50], whole[: len(whole) // 2], b"<html>" + whole):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match="expected error models"):
            read_models(path)
    write_models(path, "toy", {"linear": dataclasses.replace(model, factors=np.array([np.nan, 1]))})
    with pytest.raises(WeightsError, match="not finite"):
        read_models(path)
    write_models(path, "toy", {"linear": dataclasses.replace(model, ratios={1.96: np.array([np.inf, 1])})})
    with pytest.raises(WeightsError, match="not finite"):
        read_models(path)
