"""Correlated errors: fields have the correlation that was asked for, and its variance is that of their sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.core.numerics.correlation import (
    WIDTHS,
    autocorrelation,
    correlated_field,
    correlated_with,
    fit_correlation,
    from_text,
    to_text,
)

CORRELATIONS = [{0.0: 1.0}, {1.8: 1.0}, {0.0: 0.3, 4.0: 0.7}, {0.8: 0.5, 9.0: 0.5}, {0.0: 0.2, -1.8: 0.8}]


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_fields_have_unit_variance_and_sums_the_predicted_one(correlation):
    random = np.random.default_rng(0)
    fields = np.array([correlated_field((64, 48), correlation, random) for _ in range(200)])
    assert fields.var() == pytest.approx(1, abs=0.06)
    sigma = np.zeros((64, 48))
    sigma[20:36, 16:30] = np.linspace(1, 2, 14)
    predicted = (sigma * correlated_with(sigma, correlation)).sum()
    assert (fields * sigma).sum(axis=(1, 2)).var() == pytest.approx(predicted, rel=0.35)


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_the_fit_predicts_the_same_sums(correlation):
    random = np.random.default_rng(1)
    where = np.zeros((90, 80), bool)
    where[10:85, 5:70] = random.random((75, 65)) > 0.3
    products = pairs = 0
    for _ in range(40):
        one, two = autocorrelation(correlated_field(where.shape, correlation, random), where)
        products, pairs = products + one, pairs + two
    fitted = fit_correlation(products, pairs)
    assert sum(fitted.values()) == pytest.approx(1, abs=0.06)
    square = np.ones((16, 16))
    expected, found = ((square * correlated_with(square, each)).sum() for each in (correlation, fitted))
    assert found == pytest.approx(expected, rel=0.15, abs=2)


def test_products_are_those_of_a_direct_sum():
    random = np.random.default_rng(2)
    errors, sigma = random.normal(size=(9, 7)), random.random((9, 7)) * (random.random((9, 7)) > 0.4)
    products, expected = autocorrelation(errors, sigma)
    places = np.argwhere(sigma)
    distance = np.rint(np.hypot(*(places[:, None] - places).transpose(2, 0, 1))).astype(int)
    for lag in range(5):
        for sums, image in ((products, errors), (expected, sigma)):
            values = image[sigma > 0]
            assert sums[lag] == pytest.approx((np.outer(values, values)[distance == lag]).sum())


def test_the_largest_errors_decide_the_correlation():
    """Sums over regions with large errors have the predicted variance, although the others are not correlated."""
    random = np.random.default_rng(3)
    sigma = np.where(np.indices((96, 96))[0] < 32, 10.0, 1.0)
    products = expected = 0
    variance = []
    for _ in range(60):
        field = np.where(sigma > 1, correlated_field(sigma.shape, {6.0: 1.0}, random), random.normal(size=sigma.shape))
        sums = autocorrelation(sigma * field, sigma)
        products, expected = products + sums[0], expected + sums[1]
        variance.append((sigma * field)[8:24, 8:24].sum() ** 2)
    square = sigma[8:24, 8:24]
    stated = (square * correlated_with(square, fit_correlation(products, expected))).sum()
    assert stated == pytest.approx(np.mean(variance), rel=0.4)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(WIDTHS), st.floats(0.01, 1), min_size=1, max_size=6))
def test_texts_are_read_again(correlation):
    found = from_text(to_text(correlation))
    assert found.keys() == correlation.keys()
    np.testing.assert_allclose(list(found.values()), list(correlation.values()), rtol=0.01)


@pytest.mark.parametrize("text", ["", "1", "a:b", "1:-2", "0:0", None, 3])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="expected pairs like"):
        from_text(text)
