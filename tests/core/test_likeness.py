"""Unusual observations are told from good ones."""

import numpy as np
import pytest

from sunpy_restore.core.likeness import excess, joint_excess, learn, read_likeness, write_likeness

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
    assert "do not occur together" in reasons[0]
    assert "noise" in reasons[0]
    assert "contrast" in reasons[0]


def test_a_property_that_cannot_be_measured_is_unusual(likeness):
    score, reasons = likeness.measure(good(1)[0] | {"noise": np.nan})
    assert score == np.inf
    assert reasons == ["noise cannot be measured"]


def test_ranges_are_read_again(likeness, tmp_path):
    write_likeness(tmp_path / "toy.json", likeness)
    found = read_likeness(tmp_path / "toy.json")
    for one in good(20):
        assert found.measure(one)[0] == pytest.approx(likeness.measure(one)[0], rel=1e-4)


def test_ranges_go_as_far_beyond_as_left_out_groups_do():
    """A property that differs from day to day has a wider range than one that does not."""
    random = np.random.default_rng(1)

    def day(number):
        level = random.normal()
        return [{"level": level + 0.01 * random.normal(), "noise": random.normal()} for _ in range(number)]

    days = [day(12) for _ in range(6)]
    groups = [str(index) for index in range(6) for _ in range(12)]
    found = [one for own in days for one in own]
    beyond = excess(found, groups)
    assert beyond.shape == (2, 2)
    assert beyond[:, 0].max() > 10 * 0.01
    plain, wider = learn(found, margin=0.1), learn(found, margin=0.1, beyond=beyond)
    for index in range(6):
        rest = [one for one, group in zip(found, groups, strict=True) if group != str(index)]
        ranges = learn(rest, margin=0.1, beyond=beyond)
        assert ((ranges.low <= wider.center) & (wider.center <= ranges.high)).all()
        for one in days[index]:
            values = np.array(list(one.values()))
            assert ((ranges.low <= values) & (values <= ranges.high)).all()
    assert (wider.low <= plain.low).all()
    assert (wider.high >= plain.high).all()
    assert not excess(found, ["one"] * len(found)).any()


def test_a_group_that_does_not_occur_together_like_others_widens_the_joint_limit():
    """Images of one day with another relation of two properties are usual once the limit has covered that day."""
    images, groups = good(200), ["usual day"] * 200
    days = [{**one, "noise": 1e-6 * (9 - 1e-5 * one["contrast"])} for one in good(20)]
    every, names = images + days, [*groups, *["other day"] * 20]
    beyond = excess(every, names)
    joint = joint_excess(every, names, beyond=beyond)
    assert joint > 1
    rest = learn(images, beyond=beyond)
    wider = learn(images, beyond=beyond, joint=joint)
    assert any(rest.measure(one)[0] > 1 for one in days)
    assert all(wider.measure(one)[0] <= 1 for one in days)
    assert joint_excess(images, groups, beyond=beyond) == 1
