"""The pattern of a detector is what frames of several epochs have in common, and nothing else."""

import numpy as np
import pytest

from sunpy_restore.inpainting.recipe.flat_fields import make_pattern
from sunpy_restore.inpainting.recipe.pairs import patterns_of

YEARS = (2000, 2002, 2004, 2007, 2010)


@pytest.fixture(scope="module")
def frames(make_exposure):
    return [make_exposure("C3", name=str(year), date=f"{year}-03-05", seed=year) for year in YEARS]


@pytest.fixture(scope="module")
def pattern(frames):
    return make_pattern(frames)


def seen(frames):
    return ~np.all([frame.blind for frame in frames], axis=0)


def compared(pattern, truth, where):
    """The difference without what a smooth background takes for its own: a constant."""
    difference = (pattern - truth)[where]
    return difference - np.median(difference)


def test_pattern_is_found(frames, pattern, response):
    assert pattern.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(pattern), seen(frames))
    truth = response(pattern.shape, "C3")
    error = compared(pattern, truth, seen(frames))
    assert np.sqrt(np.mean(error**2)) < 0.5 * truth[seen(frames)].std()
    assert np.abs(error).mean() < 0.02


def test_streamers_and_stars_of_one_epoch_do_not_matter(frames, pattern):
    y, x = np.indices(pattern.shape)
    azimuth = np.arctan2(y - frames[2].center[1], x - frames[2].center[0])
    image = frames[2].image + 800 * np.exp(-(((azimuth - 0.5) / 0.05) ** 2)) * ~frames[2].blind
    image[::11, ::13] += 3000 * ~frames[2].blind[::11, ::13]
    other = make_pattern([*frames[:2], frames[2]._replace(image=image), *frames[3:]])
    assert np.abs(compared(other, pattern, seen(frames))).mean() < 0.01


def test_brightness_and_bias_of_frames_do_not_matter(frames, pattern):
    other = [
        frame._replace(image=(frame.image - frame.bias) * factor + 100, bias=100.0)
        for frame, factor in zip(frames, (0.2, 1, 3, 7, 0.5), strict=True)
    ]
    np.testing.assert_allclose(make_pattern(other)[seen(frames)], pattern[seen(frames)], atol=5e-3)


def test_what_blind_pixels_hold_does_not_matter(frames, pattern):
    other = [frame._replace(image=np.where(frame.blind, 1e9, frame.image)) for frame in frames]
    np.testing.assert_array_equal(make_pattern(other), pattern)


def test_noise_is_smoothed_away(frames, pattern, response):
    """Where nothing is, less is left than the noise of the frames."""
    quiet = np.s_[190:222, 170:240]
    assert response(pattern.shape, "C3")[quiet].std() < 1e-6
    assert np.diff(pattern[quiet], axis=1).std() < 0.5 * 0.01 / np.sqrt(len(frames))


def test_frames_of_one_epoch_count_as_one(frames, make_exposure):
    """Ten of one day outvote no other epoch."""
    x = np.arange(frames[0].image.shape[1])
    odd = make_exposure("C3", date="2005-06-01", seed=3)
    odd = odd._replace(image=np.where(odd.blind, 0, odd.bias + (odd.image - odd.bias) * (1 + 0.5 * (x % 64 < 6))))
    many = [odd._replace(name=f"odd{day}", date=f"2005-06-{day:02d}") for day in range(1, 8)]
    once, often = (make_pattern([*frames, *group]) for group in ([odd], many))
    np.testing.assert_allclose(often[seen(frames)], once[seen(frames)], atol=2e-3)


def test_patterns_come_from_other_months(frames, make_exposure):
    """Or the corona of a frame would be in what it is divided by."""
    same = make_exposure("C3", name="same", date="2004-03-09", seed=11)
    c2 = make_exposure("C2", name="c2", date="2010-01-12")
    level_1 = make_exposure("C3", 1.0, name="level_1", date="2002-01-08")
    patterns = patterns_of([*frames, same, c2, level_1])
    assert set(patterns) == {*map(str, YEARS), "same"}
    np.testing.assert_array_equal(patterns["same"], patterns["2004"])
    others = [frame for frame in frames if frame.name != "2004"]
    np.testing.assert_array_equal(patterns["2004"], make_pattern(others))
