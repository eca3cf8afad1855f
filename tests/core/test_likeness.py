"""Unusual observations are told from good ones."""

import numpy as np
import pytest

from sunpy_restore.core.likeness import learn, read_likeness, write_likeness

RANDOM = np.random.default_rng(0)


def good(number):
    """Properties of very different sizes, the first two of which belong together."""
    common = RANDOM.normal(size=number)
    return [
        {
            "noise": 1e-6 * (3 + x + 0.1 * RANDOM.normal()),
            "contrast": 1e5 * (3 + x),
            "levels": 1.0,
            "scale": RANDOM.normal(),
        }
        for x in common
    ]


@pytest.fixture(scope="module")
def likeness():
    return learn(good(200))


def test_good_observations_are_usual(likeness):
    scores = [likeness.measure(one)[0] for one in good(1000)]
    assert np.mean(np.array(scores) > 1) < 0.02


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"levels": 0.5}, "levels is 0.5"), ({"scale": 50.0}, "scale is 50"), ({"noise": 1.0}, "noise is 1")],
)
def test_unusual_ones_are_told_with_the_reason(likeness, changed, named):
    score, reasons = likeness.measure(good(1)[0] | changed)
    assert score > 1
    assert named in reasons[0]
    assert "in good images" in reasons[0]


def test_properties_that_do_not_belong_together_are_unusual(likeness):
    one = {"noise": 1e-6 * 5.0, "contrast": 1e5 * 1.0, "levels": 1.0, "scale": 0.0}
    score, reasons = likeness.measure(one)
    assert score > 1
    assert len(reasons) == 1


def test_a_property_that_cannot_be_measured_is_unusual(likeness):
    score, reasons = likeness.measure(good(1)[0] | {"noise": np.nan})
    assert score == np.inf
    assert reasons == ["noise cannot be measured"]


def test_ranges_are_read_again(likeness, tmp_path):
    write_likeness(tmp_path / "toy.json", likeness)
    found = read_likeness(tmp_path / "toy.json")
    for one in good(20):
        assert found.measure(one)[0] == pytest.approx(likeness.measure(one)[0], rel=1e-4)
