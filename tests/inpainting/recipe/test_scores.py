"""What is measured: a perfect fill has no error, known errors have their size, and pairs have one hole each."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.inpainting.lasco import flat_field as pattern_module
from sunpy_restore.inpainting.recipe import scores
from sunpy_restore.inpainting.recipe.scores import evaluation_pairs, frame_with_hole, measure, restorers

NUMBERS = {
    "hole_error", "median_hole_error", "noise_floor", "profile_error", "median_profile_error", "border_jump",
    "border_step",
}  # fmt: skip


@pytest.fixture(scope="module")
def pair(make_exposure):
    return frame_with_hole(make_exposure("C3"), None, np.s_[64:128, 160:224])


def measured(pair, change):
    frame, truth = pair
    return measure("inpaint", frame, truth + change, truth)


def noise(pair):
    frame, truth = pair
    return scores.find_noise(truth.astype(np.float32), ~frame.blind, order=3)


def test_perfect_fill(pair):
    found = measured(pair, 0)
    assert set(found) == NUMBERS
    for name in NUMBERS - {"noise_floor"}:
        assert found[name] == 0, name
    assert found["noise_floor"] > 0


def test_only_holes_count(pair):
    frame, _ = pair
    assert measured(pair, 1e6 * ~frame.mask) == measured(pair, 0)


@pytest.mark.parametrize("size", [-3.0, 0.5, 20.0])
def test_offset_of_so_many_noises(pair, size):
    frame, truth = pair
    found = measured(pair, size * noise(pair))
    assert found["border_jump"] == pytest.approx(size, rel=1e-4)
    assert found["border_step"] == pytest.approx(np.clip(size, -3, 3), rel=1e-4)
    assert found["profile_error"] == found["median_profile_error"] == pytest.approx(abs(size), rel=1e-4)
    typical = np.median(truth[~frame.blind])
    expected = abs(size) * np.sqrt(np.mean(noise(pair)[frame.mask] ** 2)) / typical
    assert found["hole_error"] == found["median_hole_error"] == pytest.approx(expected, rel=1e-4)


def test_a_star_at_the_border_is_no_step(pair):
    change = np.zeros(pair[1].shape)
    change[64, 190] = -1e5 * noise(pair)[64, 190]
    found = measured(pair, change)
    rim = 4 * 63
    assert found["border_jump"] == pytest.approx(-1e5 / rim, rel=1e-3)
    assert found["border_step"] == pytest.approx(-3 / rim, rel=1e-3)


def test_errors_inside_make_no_jump(pair):
    change = np.zeros(pair[1].shape)
    change[80:112, 176:208] = 100
    found = measured(pair, change)
    assert found["border_jump"] == 0
    assert found["hole_error"] > 0


def test_white_noise_hardly_enters_the_profile(pair):
    rng = np.random.default_rng(0)
    found = measured(pair, noise(pair) * rng.standard_normal(pair[1].shape))
    assert found["profile_error"] < 0.3
    assert abs(found["border_jump"]) < 0.3


def test_noise_floor_is_the_noise_of_the_truth(pair):
    frame, truth = pair
    flat = 1000 + np.random.default_rng(0).normal(0, 20, truth.shape)
    found = measure("inpaint", replace(frame, blind=np.zeros(truth.shape, dtype=bool)), flat, flat)
    assert found["noise_floor"] == pytest.approx(0.02, rel=0.05)
    assert found["hole_error"] == 0


def test_scores_do_not_depend_on_the_unit(pair):
    frame, truth = pair
    change = 5 * np.random.default_rng(0).normal(size=truth.shape)
    one = measured(pair, change)
    other = measure("inpaint", frame, 1e-12 * (truth + change), 1e-12 * truth)
    for name in NUMBERS:
        assert other[name] == pytest.approx(one[name], rel=1e-3), name


def test_frame_with_hole(make_exposure, pair):
    exposure = make_exposure("C3")
    frame, truth = pair
    np.testing.assert_array_equal(truth, exposure.image)
    expected = np.zeros(truth.shape, dtype=bool)
    expected[64:128, 160:224] = True
    np.testing.assert_array_equal(frame.mask, expected)
    np.testing.assert_array_equal(frame.image, np.where(expected, 0, exposure.image))
    assert (frame.bias, frame.level, frame.center) == (exposure.bias, 0.5, exposure.center)
    beside, _ = frame_with_hole(exposure, None, np.s_[0:64, 0:64])
    assert not (beside.mask & exposure.blind).any()
    assert beside.mask.sum() == 64**2 - exposure.blind[:64, :64].sum()


@pytest.fixture(scope="module")
def pairs(folder):
    """All, with frames that are small: the package's pattern is not theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (scores, pattern_module):
            patch.setattr(module, "detector_pattern", lambda shape, lasco, empty=None: None)
        patch.setattr(scores, "SHAPES", {"32 px": (1, 1), "64 px": (2, 2), "32 x 128 px": (1, 4)})
        # Of frames a quarter as large
        patch.setattr(scores, "_SCALE", {"C2": 4 * 11.9, "C3": 4 * 56.0})
        return list(evaluation_pairs("inpaint", folder))


def test_evaluation_pairs_have_one_hole_each(pairs):
    assert len(pairs) > 100
    for source, frame, truth in pairs:
        rows, columns = np.nonzero(frame.mask)
        assert frame.mask.any(), source
        assert not (frame.mask & frame.blind).any()
        np.testing.assert_array_equal(frame.image[~frame.mask], truth[~frame.mask])
        assert not frame.image[frame.mask].any()
        assert np.isfinite(truth).all()
        box = (rows.max() // 32 - rows.min() // 32 + 1) * (columns.max() // 32 - columns.min() // 32 + 1)
        assert frame.mask.sum() >= 0.75 * 1024 * box


def test_sources_name_detector_and_size(pairs):
    sources = {source for source, *_ in pairs}
    for name in ("C2, level 0.5", "C3, level 0.5", "C3, level 1"):
        assert {f"{name}: {size}" for size in ("32 px", "64 px", "32 x 128 px")} <= sources
    for detector in ("C2", "C3"):
        assert {f"{detector}: {what} across" for what in ("streamer", "front")} <= sources
    sizes = {source: frame.mask.sum() for source, frame, _ in pairs if source.endswith("32 px")}
    assert max(sizes.values()) == 1024


def test_structure_crosses_its_hole(pairs):
    for source, frame, truth in pairs:
        if source.endswith(("streamer across", "front across")):
            plain = [other for name, _, other in pairs if name.startswith(f"{frame.detector}, level {frame.level:g}")]
            change = min(np.abs(truth - other)[frame.mask].max() / np.median(truth) for other in plain)
            assert change > 1e-3, source


def test_methods_fill_the_pairs(pairs):
    methods = restorers("inpaint", ["harmonic", "radial"], weights=None, device="cpu")
    assert list(methods) == ["harmonic", "radial"]
    _, frame, truth = pairs[0]
    for method in methods.values():
        found = measure("inpaint", frame, method(frame), truth)
        assert 0 < found["hole_error"] < 0.5
