"""What methods see: each plane holds what its name says, and nothing of what is lost or hidden."""

import numpy as np
import pytest

from sunpy_restore.core.filling import harmonic
from sunpy_restore.inpainting.channels import PLANES, pixel_planes, polar_planes
from sunpy_restore.inpainting.observation import Frame
from sunpy_restore.inpainting.polar import PolarGrid
from sunpy_restore.inpainting.views import VIEWS

SHAPE, CENTER, BIAS = (224, 256), (90.4, 117.8), 400.0
RUBBISH = [-1e9, 1e9, np.nan]
WHOLE = np.s_[:, :]


def frame(rubbish=0.0, seed=0, **changes):
    """A corona with a lost block, and an occulter that hides the Sun and touches another one."""
    y, x = np.indices(SHAPE)
    radius = np.hypot(x - CENTER[0], y - CENTER[1])
    rng = np.random.default_rng(seed)
    truth = BIAS + 3e5 / np.maximum(radius, 20) ** 1.5 * rng.normal(1, 0.02, SHAPE)
    blind = radius < 30
    mask = np.zeros(SHAPE, dtype=bool)
    mask[32:64, 160:192] = mask[96:128, 96:160] = True
    mask &= ~blind
    expected = np.where(rng.random(SHAPE) < 0.1, np.nan, truth + 5)
    options = {"pattern": np.where(radius > 140, np.nan, 0.01 * x), "neighbours": expected} | changes
    image = np.where(mask | blind, rubbish, truth)
    return Frame(image=image, mask=mask, blind=blind, center=CENTER, detector="C3", bias=BIAS, **options)


def grid_of(frame, margin=40):
    return PolarGrid.around(*np.nonzero(frame.mask), SHAPE, CENTER, margin)


def planes_of(frame, view, kind):
    view = VIEWS[view](frame)
    stack = pixel_planes(frame, view, WHOLE) if kind == "pixel" else polar_planes(frame, view, grid_of(frame))
    return dict(zip(PLANES, stack, strict=True))


def test_pixel_planes():
    one = frame()
    view = VIEWS["pixel"](one)
    planes = planes_of(one, "pixel", "pixel")
    np.testing.assert_array_equal(planes["mask"], one.mask)
    np.testing.assert_array_equal(planes["blind"], one.blind)
    np.testing.assert_array_equal(planes["image"], harmonic(view.image, one.mask, one.blind))
    np.testing.assert_array_equal(planes["image"][view.valid], view.image[view.valid])
    np.testing.assert_array_equal(planes["pattern"], np.nan_to_num(one.pattern))
    np.testing.assert_allclose(planes["noise"], np.maximum(view.noise, -6), rtol=1e-6)
    np.testing.assert_array_equal(planes["seen"], np.isfinite(one.neighbours))
    np.testing.assert_array_equal(planes["neighbours"], np.nan_to_num(view.expected))


def test_parts_are_parts_of_the_whole():
    one = frame()
    view, place = VIEWS["brightness"](one), np.s_[8:200, 20:250]
    part = dict(zip(PLANES, pixel_planes(one, view, place), strict=True))
    whole = planes_of(one, "brightness", "pixel")
    for name in PLANES:
        np.testing.assert_allclose(part[name], whole[name][place], rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind", ["pixel", "polar"])
def test_planes_of_what_is_not_known_are_zero(kind):
    planes = planes_of(frame(pattern=None, neighbours=None), "pixel", kind)
    for name in ("pattern", "neighbours", "seen"):
        assert not planes[name].any()
    # The noise is known to views that measure it alone
    assert planes["noise"].any()
    assert not planes_of(frame(), "brightness", "pixel")["noise"].any()


@pytest.mark.parametrize("kind", ["pixel", "polar"])
@pytest.mark.parametrize("rubbish", RUBBISH)
def test_what_is_lost_or_hidden_is_not_looked_at(kind, rubbish):
    one, other = (planes_of(frame(fill), "polar", kind) for fill in (0.0, rubbish))
    for name in PLANES:
        np.testing.assert_array_equal(other[name], one[name], err_msg=name)


@pytest.mark.parametrize("kind", ["pixel", "polar"])
def test_planes_are_finite_and_say_one_thing_of_each_place(kind):
    planes = planes_of(frame(), "polar", kind)
    for name in PLANES:
        assert np.isfinite(planes[name]).all(), name
    for name in ("mask", "blind", "seen"):
        assert set(np.unique(planes[name])) == {0, 1}
    assert not (planes["mask"] * planes["blind"]).any()
    assert not planes["image"][planes["blind"] > 0].any()
    assert not planes["neighbours"][planes["seen"] == 0].any()
    assert planes["noise"].min() >= -6


def test_polar_planes_fill_whatever_a_lost_pixel_needs():
    """Of the four places around it none counts as valid that has looked at it, and not all are blind."""
    one = frame()
    grid = grid_of(one)
    planes = planes_of(one, "polar", "polar")
    y, x, _ = grid.pixels()
    nearest = tuple(np.clip(np.rint(part), 0, n - 1).astype(int) for part, n in zip((y, x), SHAPE, strict=True))
    inside = (y > 0) & (y < SHAPE[0] - 1) & (x > 0) & (x < SHAPE[1] - 1)
    assert planes["mask"][inside & one.mask[nearest]].all()
    assert planes["blind"][~inside & ((y < -1) | (y > SHAPE[0]) | (x < -1) | (x > SHAPE[1]))].all()
    hidden = one.blind[nearest] & ~one.mask[nearest]
    assert (planes["mask"] + planes["blind"])[inside & hidden].all()
    assert (planes["image"] != 0)[(planes["mask"] + planes["blind"]) == 0].mean() > 0.99


def test_polar_image_is_the_sampled_view():
    one = frame()
    view, grid = VIEWS["polar"](one), grid_of(one)
    image, known = grid.sampled(view.image, view.valid)
    planes = planes_of(one, "polar", "polar")
    np.testing.assert_array_equal(planes["image"][known], image[known])
    np.testing.assert_array_equal((planes["mask"] + planes["blind"]) == 0, known)


@pytest.mark.parametrize("kind", ["pixel", "polar"])
def test_first_fill_stays_within_what_is_around(kind):
    planes = planes_of(frame(), "polar", kind)
    valid = (planes["mask"] + planes["blind"]) == 0
    filled = planes["image"][planes["mask"] > 0]
    low, high = planes["image"][valid].min(), planes["image"][valid].max()
    assert min(low, 0) <= filled.min() < filled.max() <= max(high, 0)


def test_nothing_valid_in_a_part():
    one = frame()
    view = VIEWS["pixel"](one)
    planes = pixel_planes(one, view, np.s_[40:60, 170:180])
    assert not planes[PLANES.index("image")].any()
    assert planes[PLANES.index("mask")].all()
