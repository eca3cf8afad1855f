"""Damaged frames: true to their truth outside of the mask, the same for a seed; views are finite where scored."""

import numpy as np
import pytest

from sunpy_restore.inpainting.channels import PLANES
from sunpy_restore.inpainting.recipe.flat_fields import make_pattern
from sunpy_restore.inpainting.recipe.pairs import damaged, patterns_of, views_of
from sunpy_restore.inpainting.views import VIEWS

SEEDS = range(14)
KINDS = ("polar", "pixel", "equalized")


@pytest.fixture(scope="module")
def exposure(make_exposure):
    return make_exposure("C3", seed=3)


@pytest.fixture(scope="module")
def pattern(make_exposure):
    return make_pattern([make_exposure("C3", date=f"{year}-01-01", seed=year) for year in (2000, 2002, 2004)])


@pytest.fixture(scope="module")
def hidden(exposure):
    """What level 1 hides: as wide as the field, and no more."""
    mask = exposure.blind.copy()
    mask[:, :8] = True
    return mask


@pytest.fixture(scope="module")
def pairs(exposure, pattern, hidden):
    return [damaged(exposure, pattern, np.random.default_rng(seed), level_1=hidden) for seed in SEEDS]


def test_pairs_agree_with_the_truth_outside_of_the_mask(pairs):
    for pair in pairs:
        frame, truth = pair
        assert truth.shape == frame.image.shape == frame.mask.shape
        np.testing.assert_array_equal(frame.image[~frame.mask], truth[~frame.mask])
        assert not frame.image[frame.mask].any()
        assert np.isfinite(truth[~frame.blind]).all()
        assert 0 < frame.mask.sum()
        assert not (frame.mask & frame.blind).any()


def test_losses_are_blocks(pairs):
    for frame, _ in pairs:
        lost = (frame.mask | frame.blind).reshape(8, 32, 8, 32).swapaxes(1, 2)
        some = frame.mask.reshape(8, 32, 8, 32).swapaxes(1, 2).any(axis=(2, 3))
        assert lost[some].all()


def test_pairs_are_the_same_for_a_seed(exposure, pattern, hidden, pairs):
    for seed in (0, 5):
        again = damaged(exposure, pattern, np.random.default_rng(seed), level_1=hidden)
        np.testing.assert_array_equal(again.truth, pairs[seed].truth)
        for key in ("image", "mask", "blind", "pattern", "neighbours"):
            one, other = getattr(again.frame, key), getattr(pairs[seed].frame, key)
            assert (one is None) == (other is None), key
            if one is not None:
                np.testing.assert_array_equal(one, other, err_msg=key)
    assert not np.array_equal(pairs[0].frame.mask, pairs[1].frame.mask)


def test_frames_are_of_all_kinds(pairs, hidden):
    frames = [pair.frame for pair in pairs]
    assert {frame.neighbours is None for frame in frames} == {True, False}
    assert {frame.pattern is None for frame in frames} == {True, False}
    flat = [frame for frame in frames if frame.bias == 0]
    assert 0 < len(flat) < len(frames)
    for frame in flat:
        assert frame.pattern is None
        assert frame.blind[hidden].all()


def test_the_exposure_is_not_changed(exposure, pattern, hidden):
    before = exposure.image.copy(), exposure.blind.copy(), pattern.copy()
    damaged(exposure, pattern, np.random.default_rng(1), level_1=hidden)
    for array, copy in zip((exposure.image, exposure.blind, pattern), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_what_is_drawn_looks_like_the_frame(exposure, pairs):
    """Brighter or fainter, with structure and noise, but a corona still, above its bias but for noise."""
    inner = np.hypot(*(np.indices(exposure.image.shape) - np.reshape(exposure.center[::-1], (2, 1, 1)))) < 45
    for frame, truth in pairs:
        light = truth - frame.bias
        shown = ~frame.blind
        assert np.median(light[shown & inner]) > 1.5 * np.median(light[shown & ~inner])
        assert np.mean(light[shown] > 0) > 0.99


def test_neighbours_show_much_the_same(pairs):
    found = []
    for frame, truth in pairs:
        if frame.neighbours is None:
            continue
        seen = np.isfinite(frame.neighbours)
        assert not (seen & frame.blind).any()
        both = seen & ~frame.blind
        found.append(np.corrcoef(np.log(truth[both].clip(1)), np.log(frame.neighbours[both].clip(1)))[0, 1])
    assert len(found) >= 2
    assert np.median(found) > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_views_are_finite_where_they_are_scored(pairs, kind):
    total = 0
    for number, pair in enumerate(pairs[:4]):
        for planes, truth in views_of(pair, np.random.default_rng(number), count=5, side=96, view=kind):
            total += 1
            assert planes.shape == (len(PLANES), 96, 96)
            assert truth.shape == (1, 96, 96)
            assert planes.dtype == truth.dtype == np.float16
            assert np.isfinite(planes).all()
            named = dict(zip(PLANES, planes, strict=True))
            scored = (named["mask"] > 0) & np.isfinite(truth[0])
            assert scored.mean() >= 0.003
            assert named["blind"].mean() <= 0.5
            valid = (named["mask"] == 0) & (named["blind"] == 0)
            np.testing.assert_allclose(named["image"][valid], truth[0][valid], rtol=1e-2, atol=1e-2)
    assert total >= 8


@pytest.mark.parametrize("kind", ["pixel", "equalized"])
def test_truth_under_the_mask_is_the_view_of_the_truth(pairs, kind):
    """So that a network learns to answer in the units in which it is asked."""
    pair = pairs[0]
    view = VIEWS[kind](pair.frame)
    expected = view.forward(np.where(pair.frame.blind, 0, pair.truth)).astype(np.float16)
    planes, truth = views_of(pair, np.random.default_rng(0), count=1, side=256, view=kind)[0]
    scored = planes[1] > 0
    np.testing.assert_array_equal(scored, pair.frame.mask)
    np.testing.assert_array_equal(truth[0][scored], expected[scored])


def test_truth_of_polar_views_does_not_know_of_the_loss(exposure, pattern):
    """Sampled from the whole frame, also at the borders of what is lost."""
    pair = damaged(exposure, pattern, np.random.default_rng(1))
    views = views_of(pair, np.random.default_rng(0), count=4, side=96, view="polar")
    for planes, truth in views:
        # Blind are places that touch what shows nothing; of those that touch lost pixels alone the truth is known
        unknown = ~np.isfinite(truth[0])
        assert unknown[planes[2] > 0].all()
        assert np.isfinite(truth[0])[planes[1] > 0].mean() > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_views_are_the_same_for_a_seed(pairs, kind):
    one, other = (views_of(pairs[2], np.random.default_rng(4), count=3, side=64, view=kind) for _ in range(2))
    assert len(one) == len(other) > 0
    for first, second in zip(one, other, strict=True):
        for array, again in zip(first, second, strict=True):
            np.testing.assert_array_equal(array, again)


def test_patterns_are_for_frames_with_one(make_exposure):
    names = {"a": "2000-01-01", "b": "2002-02-01", "c": "2004-01-01"}
    frames = [make_exposure("C3", name=name, date=date, seed=ord(name)) for name, date in names.items()]
    patterns = patterns_of([*frames, make_exposure("C2", name="d")])
    assert set(patterns) == set(names)
