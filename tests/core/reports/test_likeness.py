"""Unusual observations are told from good ones."""

import importlib

import numpy as np
import pytest

from sunpy_restore.core.reports.likeness import excess, joint_excess, learn, likeness_of, read_likeness, write_likeness
from sunpy_restore.core.reports.properties import Property, properties_of, share
from sunpy_restore.core.task import Task

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


@pytest.mark.parametrize(
    ("shown", "values", "text"),
    [
        (share("share of equal neighbours", 10), (-0.456, -1.699, -1.698), "is 35 % (in good images 2 % at most)"),
        (share("different values"), (0.05, 0.2999, 0.3001), "is 5 % (in good images 30 % at least)"),
        (Property("noise", np.e, scale=1000, unit="G"), (-2.0, -7.9, -4.2), "is 135 G (in good images 15 G at most)"),
        (
            Property("noise", 10, scale=100, unit="% of the Sun"),
            (0, -4, -1),
            "is 100 % of the Sun (in good images 10 % at most)",
        ),
        (Property("depth", 10, scale=-100, offset=100, unit="%"), (0, -2, -1), "is 0 % (in good images 90 % at least)"),
        (Property("field"), (12345.0, 0, 1000.0), "is 12300 (in good images 1000 at most)"),
        (Property("field"), (1.00001, 0, 1.0), "is 1.00001 (in good images 1 at most)"),
        (Property("field"), (1.5e-7, 0, 1e-7), "is 1.5e-07 (in good images 1e-07 at most)"),
        (Property("field", 10), (1e6, 0, 1.0), "is 1e+300 (in good images 10 at most)"),
    ],
)
def test_plain_values_are_shown(shown, values, text):
    assert shown.reason(*values) == f"{shown.label} {text}"


def tasks():
    names = ("backprojection", "desaturation", "enhancement", "inpainting")
    modules = [importlib.import_module(f"sunpy_restore.{name}.task") for name in names]
    found = [one for module in modules for one in vars(module).values() if isinstance(one, Task)]
    return {task.name: task for task in found if task.fingerprint is not None}


@pytest.mark.parametrize("name", tasks())
def test_no_logarithm_is_shown(name):
    """All properties whose good values include negative numbers are negative as the user sees them, too."""
    ranges, shown = likeness_of(tasks()[name]), properties_of(tasks()[name])
    assert shown.keys() <= set(ranges.names)
    assert not any("log" in shown.get(one, Property(one)).label for one in ranges.names)
    signed = {one for one, low in zip(ranges.names, ranges.low, strict=True) if low < 0} - shown.keys()
    assert signed <= {
        "skewness", "asymmetry of curvature", "slope of noise with brightness", "radial slope",
        "unlikeness to the flat field", "increase of the noise with brightness (exponent)",
        "faintest part (relative to the median)", "correlation of neighbouring residuals",
    }  # fmt: skip


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
