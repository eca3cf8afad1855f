"""Detail from neighbours: what belongs to the detector is added, noise is not."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.inpainting.observation import Frame
from sunpy_restore.inpainting.temporal.detail import with_detail

SHAPE = (200, 240)
Y, X = np.indices(SHAPE).astype(float)
SMOOTH = 2000 * np.exp(-(Y + X) / 400)
HOLE = np.zeros(SHAPE, dtype=bool)
HOLE[64:128, 96:160] = True


def noise(sigma, seed):
    return sigma * np.random.default_rng(seed).standard_normal(SHAPE)


def frame(pattern=10.0, own=3.0, other=3.0, unit=1.0, **changes):
    """A smooth corona in front of a detector whose pixels differ, and a neighbour."""
    blind = np.zeros(SHAPE, dtype=bool)
    blind[:, :16] = True
    image, neighbours = (unit * (SMOOTH + noise(pattern, 0) + noise(*part)) for part in ((own, 1), (other, 2)))
    image = np.where(HOLE | blind, 0, image)
    given = {"image": image, "neighbours": neighbours, "mask": HOLE, "blind": blind, "detector": "C2"}
    return Frame(center=(3.0, 4.0), **(given | changes))


def left(result, pattern=10.0, unit=1.0):
    """What is left of the pattern."""
    return np.std((result / unit - SMOOTH - noise(pattern, 0))[HOLE])


@pytest.mark.parametrize("unit", [1.0, 1e-13])
def test_detail_of_the_detector_is_added(unit):
    """But for what an average over so few pixels has of it."""
    assert left(with_detail(unit * SMOOTH, frame(unit=unit)), unit=unit) < 0.45 * 10


@pytest.mark.parametrize("other", [5.0, 10.0, 20.0])
def test_as_much_as_it_is_worth(other):
    """Never worse than without, and about what least squares would give that knew the noise."""
    found = left(with_detail(SMOOTH, frame(other=other)))
    best = 10 * np.sqrt(1 - 1 / (1 + (other / 10) ** 2))
    assert 0.97 * best < found < min(10, np.hypot(best, 3.5))


def test_noise_is_not_added():
    observed = frame(pattern=0, own=10, other=10)
    changed = (with_detail(SMOOTH, observed) - SMOOTH)[HOLE]
    assert changed.std() < 0.1 * 10


def test_what_is_there_already_is_not_added_again():
    observed = frame()
    once = with_detail(SMOOTH, observed)
    again = with_detail(once, observed)
    assert np.std((again - once)[HOLE]) < 0.2 * np.std((once - SMOOTH)[HOLE])


def test_only_filled_pixels_that_neighbours_see_change():
    observed = frame()
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
    observed = frame(own=3, other=3)
    observed.neighbours[100, 130] += 1e5
    expected = 5 * np.hypot(10, 3)
    assert np.abs(with_detail(SMOOTH, observed) - SMOOTH)[100, 130] < 1.2 * expected


@pytest.mark.parametrize("nothing", ["seen", "valid", "noise"])
def test_without_anything_to_compare_the_fill_stays(nothing):
    observed = frame()
    if nothing == "seen":
        observed = replace(observed, neighbours=np.full(SHAPE, np.nan))
    elif nothing == "valid":
        observed = replace(observed, blind=~HOLE)
    else:
        observed = frame(pattern=0, own=0, other=0)
    result = with_detail(SMOOTH, observed)
    np.testing.assert_allclose(result, SMOOTH, rtol=1e-3 if nothing == "noise" else 0)
