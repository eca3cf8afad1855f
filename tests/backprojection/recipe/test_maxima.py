"""Tests of the sources in images: shallow maxima are none, and those that the truth does not have are counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, point
from sunpy_restore.backprojection.imaging.beam import BEAM
from sunpy_restore.backprojection.recipe.maxima import count_invented, find_sources
from sunpy_restore.backprojection.recipe.scores import GRID, simulated_scene
from sunpy_restore.backprojection.visibilities.fourier import Grid

DOUBLE = joined([ellipse(0.6, 21.3, -14.8, 5, 5, 0), ellipse(0.4, -17.9, 9.1, 8, 8, 0)])


def seen(scene):
    return image_of(scene, GRID, BEAM)


def loop_scene(seed):
    return simulated_scene("loop", np.random.default_rng(seed))


def with_bump(scene, flux):
    """A loop with a compact source on its top, where the truth has a plateau between the footpoints."""
    top = len(scene.x[:-2]) // 2
    return joined([scene, point(flux, scene.x[top], scene.y[top])])


def test_sources_are_found_in_order_of_brightness():
    places = find_sources(seen(DOUBLE), GRID)
    np.testing.assert_allclose(places, [(21.3, -14.8), (-17.9, 9.1)], atol=0.2)
    np.testing.assert_allclose(find_sources(seen(point(1, -63.7, 99.2)), GRID), [(-63.7, 99.2)], atol=0.2)
    assert find_sources(np.zeros(GRID.shape), GRID).shape == (0, 2)


def test_faint_maxima_are_not_sources():
    for ratio, count in ((0.14, 1), (0.16, 2)):
        assert len(find_sources(seen(joined([point(1, 0, 0), point(ratio, 60, 60)])), GRID)) == count


def test_a_maximum_on_several_pixels_is_one_source():
    grid = Grid((20, 30), (2.0, 2.0))
    image = np.zeros(grid.shape)
    image[4:6, 7:9] = 1
    image[15, 20:24] = 0.5
    assert len(find_sources(image, grid)) == 2


@pytest.mark.parametrize(("dip", "count"), [(0.04, 1), (0.06, 2)])
def test_the_dip_between_sources_is_relative_to_the_fainter_one(dip, count):
    grid = Grid((11, 41), (2.0, 2.0))
    profile = np.interp(np.arange(41), [0, 10, 20, 30, 40], [0, 1, 0.4 * (1 - dip), 0.4, 0])
    image = np.outer(1 - np.abs(np.linspace(-1, 1, 11)), profile)
    assert len(find_sources(image, grid)) == count


@pytest.mark.parametrize("seed", range(12))
def test_sampling_along_a_loop_makes_no_sources(seed):
    """The brightness between the footpoints has local maxima where the ridge crosses the pixels obliquely."""
    scene = loop_scene(seed)
    assert len(find_sources(seen(scene), GRID)) == 2
    moved = scene._replace(x=scene.x + 0.7, y=scene.y + 0.4)
    assert count_invented(seen(moved), seen(scene)) == 0


def test_a_separate_loop_top_is_invented_where_the_truth_has_a_plateau():
    scene = loop_scene(3)
    assert count_invented(seen(with_bump(scene, 0.3)), seen(scene)) == 1
    assert count_invented(seen(with_bump(scene, 0.3)), seen(with_bump(scene, 0.25))) == 0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), kind=st.sampled_from(["single", "double", "unequal", "extended", "loop"]))
def test_nothing_is_invented_in_the_truth_itself_in_fainter_parts_of_it_or_moved(seed, kind):
    rng = np.random.default_rng(seed)
    scene = simulated_scene(kind, rng)
    truth = seen(scene)
    assert count_invented(3.7 * truth, truth) == 0
    assert count_invented(seen(scene._replace(x=scene.x + rng.uniform(-1, 1))), truth) == 0
    assert count_invented(np.where(truth > 0.5 * truth.max(), truth, 0), truth) == 0


@pytest.mark.parametrize("true_ratio", [0.1, 0.14, 0.149])
def test_a_true_source_near_the_limit_is_not_invented(true_ratio):
    image, truth = (seen(joined([point(1, 0, 0), point(ratio, 60, 0)])) for ratio in (0.2, true_ratio))
    assert count_invented(image, truth) == 0
    assert count_invented(image, seen(joined([point(1, 0, 0), point(0.05, 60, 0)]))) == 1


@pytest.mark.parametrize(
    ("scene", "image", "expected"),
    [
        (point(1, 0, 0), point(1, 3.3, 0), 0),
        (point(1, 0, 0), joined([point(1, 0, 0), point(0.3, 50, 0), point(0.3, -50, 0)]), 2),
        (DOUBLE, point(1, 0, 0), 0),
        (ellipse(1, 0, 0, 60, 60, 0), joined([point(1, -15, 0), point(1, 15, 0)]), 1),
    ],
)
def test_sources_that_do_not_exist_are_counted(scene, image, expected):
    assert count_invented(seen(image), seen(scene)) == expected
