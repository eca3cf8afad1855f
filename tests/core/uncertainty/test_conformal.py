"""Conformal factors cover the truth as often as they say, and bounds of the risk agree with those of MAPIE."""

from functools import partial

import numpy as np
import pytest
from scipy import stats

from sunpy_restore.core.uncertainty.conformal import (
    LEVELS,
    coverage_factor,
    level_factor,
    risk_bound,
    risk_controlling_factor,
)


@pytest.mark.parametrize("scale", [0.2, 1.0, 7.0])
def test_factor_of_normal_errors_is_their_standard_deviation(scale):
    errors = np.abs(np.random.default_rng(1).normal(scale=scale, size=200_000))
    factor = coverage_factor(errors)
    assert factor == pytest.approx(scale, rel=0.02)
    for level, expected in LEVELS.items():
        assert np.mean(errors <= level * factor) == pytest.approx(expected, abs=0.01)


def test_factor_balances_both_levels_where_the_tails_are_heavy():
    errors = np.abs(stats.t(3).rvs(size=200_000, random_state=2))
    factor = coverage_factor(errors)
    inner, outer = (np.mean(errors <= level * factor) - expected for level, expected in LEVELS.items())
    assert inner > 0 > outer
    assert inner / 0.02 == pytest.approx(-outer / 0.015, rel=0.1)


@pytest.mark.parametrize("width", LEVELS)
def test_factor_of_one_level_covers_it_where_the_tails_are_heavy(width):
    errors = np.abs(stats.t(3).rvs(size=200_000, random_state=2))
    factor = level_factor(errors, width=width)
    assert np.mean(errors <= width * factor) == pytest.approx(LEVELS[width], abs=1e-4)
    assert np.sign(factor - coverage_factor(errors)) == {1.0: -1, 1.96: 1}[width]


@pytest.mark.parametrize("find", [coverage_factor, *(partial(level_factor, width=width) for width in LEVELS)])
def test_weights_count_as_repetitions(find):
    errors = np.abs(np.random.default_rng(3).normal(size=3000))
    weights = np.random.default_rng(4).integers(1, 5, size=3000)
    assert find(errors, weights) == find(np.repeat(errors, weights))


def test_bound_agrees_with_mapie():
    methods = pytest.importorskip("mapie.risk_control.methods")
    for risk in (0.0, 0.03, 0.11, 0.5):
        for number in (5, 40, 300):
            for delta in (0.05, 0.1):
                bound = risk_bound(risk, number, delta)
                found = methods.compute_hoeffding_bentkus_p_value(np.array([risk]), number, np.array([bound]))
                assert found.item() == pytest.approx(delta, rel=2e-3)


def test_risk_is_controlled_in_new_images_as_often_as_promised():
    random = np.random.default_rng(5)
    factors = np.linspace(0.5, 4, 60)
    alpha, delta, violations = 0.2, 0.1, 0
    for _ in range(200):
        # Images of different difficulty: their share of pixels outside
        scales = random.lognormal(0, 0.3, size=40)
        risks = 2 * stats.norm.sf(factors / scales[:, np.newaxis])
        factor = risk_controlling_factor(risks, factors, alpha, delta)
        new = random.lognormal(0, 0.3, size=1000)
        violations += np.mean(2 * stats.norm.sf(factor / new)) > alpha
    assert violations <= 200 * delta


def test_no_factor_controls_a_risk_with_too_few_images():
    assert risk_controlling_factor(np.zeros((2, 5)), np.arange(5.0), alpha=0.05) == np.inf
