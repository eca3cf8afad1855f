"""Detail of neighbours: that of the detector is added to a fill, noise is not."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.temporal.detail import with_detail

SHAPE = (200, 240)
Y, X = np.indices(SHAPE).astype(float)
SMOOTH = 2000 * np.exp(-(Y + X) / 400)
HOLE = np.zeros(SHAPE, dtype=bool)
HOLE[64:128, 96:160] = True


def noise(sigma, seed):
    return sigma * np.random.default_rng(seed).standard_normal(SHAPE)


def observe(detail=10.0, own=3.0, other=3.0, unit=1.0, **changes):
    """A smooth corona on a detector with differences from pixel to pixel, and a neighbour."""
    unobserved = np.zeros(SHAPE, dtype=bool)
    unobserved[:, :16] = True
    image, neighbours = (unit * (SMOOTH + noise(detail, 0) + noise(*part)) for part in ((own, 1), (other, 2)))
    image = np.where(HOLE | unobserved, 0, image)
    given = {"image": image, "neighbours": neighbours, "mask": HOLE, "unobserved": unobserved, "detector": "C2"}
    return Observation(center=(3.0, 4.0), **(given | changes))


def remaining(result, detail=10.0, unit=1.0):
    """Standard deviation of the remaining detail."""
    return np.std((result / unit - SMOOTH - noise(detail, 0))[HOLE])


@pytest.mark.parametrize("unit", [1.0, 1e-13])
def test_detail_of_the_detector_is_added(unit):
    """Except for the part that the average over a few pixels contains."""
    assert remaining(with_detail(unit * SMOOTH, observe(unit=unit)), unit=unit) < 0.45 * 10


@pytest.mark.parametrize("other", [5.0, 10.0, 20.0])
def test_noisy_detail_is_added_in_part(other):
    """Never worse than without, and about as good as least squares with known noise."""
    found = remaining(with_detail(SMOOTH, observe(other=other)))
    best = 10 * np.sqrt(1 - 1 / (1 + (other / 10) ** 2))
    assert 0.97 * best < found < min(10, np.hypot(best, 3.5))


def test_noise_is_not_added():
    observed = observe(detail=0, own=10, other=10)
    changed = (with_detail(SMOOTH, observed) - SMOOTH)[HOLE]
    assert changed.std() < 0.1 * 10


def test_detail_is_not_added_twice():
    observed = observe()
    once = with_detail(SMOOTH, observed)
    again = with_detail(once, observed)
    assert np.std((again - once)[HOLE]) < 0.2 * np.std((once - SMOOTH)[HOLE])


def test_only_filled_pixels_with_neighbours_change():
    observed = observe()
    hidden = np.zeros(SHAPE, dtype=bool)
    hidden[:, 130:] = True
    observed = replace(observed, neighbours=np.where(hidden, np.nan, observed.neighbours))
    filled = np.where(HOLE, SMOOTH, observed.image)
    before = filled.copy()
    result = with_detail(filled, observed)
    np.testing.assert_array_equal(result[~HOLE | hidden], filled[~HOLE | hidden])
    assert (result != filled)[HOLE & ~hidden].all()
    np.testing.assert_array_equal(filled, before)


def test_stars_of_neighbours_stay_small():
    observed = observe(own=3, other=3)
    observed.neighbours[100, 130] += 1e5
    expected = 5 * np.hypot(10, 3)
    assert np.abs(with_detail(SMOOTH, observed) - SMOOTH)[100, 130] < 1.2 * expected


@pytest.mark.parametrize("nothing", ["seen", "valid", "noise"])
def test_fill_stays_without_pixels_to_compare(nothing):
    observed = observe()
    if nothing == "seen":
        observed = replace(observed, neighbours=np.full(SHAPE, np.nan))
    elif nothing == "valid":
        observed = replace(observed, unobserved=~HOLE)
    else:
        observed = observe(detail=0, own=0, other=0)
    result = with_detail(SMOOTH, observed)
    np.testing.assert_allclose(result, SMOOTH, rtol=1e-3 if nothing == "noise" else 0)
