"""Tests of the cases from which the uncertainty is calibrated: reproducible, of several kinds, with a true image."""

from collections import Counter

import numpy as np
import pytest

from sunpy_restore.backprojection.imaging.agreement import model_visibilities
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.recipe.calibration import calibration_cases, draw_case
from sunpy_restore.backprojection.recipe.shapes import SHAPES, draw_shape
from sunpy_restore.backprojection.visibilities.fourier import Grid, visibilities_of_image
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv


@pytest.fixture(scope="module")
def cases():
    return calibration_cases()


def test_parts_have_as_many_cases_and_different_scenes(cases):
    numbers = Counter(case.part for case in cases)
    assert len(numbers) == 5
    assert len(set(numbers.values())) == 1
    first = [next(case for case in cases if case.part == part).make()[0].visibilities for part in numbers]
    assert len({one.tobytes() for one in first}) == len(numbers)
    assert len({tuple(case.make.args[0]) for case in cases}) == len(cases)


def test_cases_are_reproducible(cases):
    (observation, truth), (again, same) = cases[3].make(), cases[3].make()
    assert np.array_equal(observation.visibilities, again.visibilities)
    assert np.array_equal(truth, same)


def test_all_kinds_are_drawn(cases):
    """Known and unknown errors, several sets of sub-collimators, rotated images, and three classes of noise."""
    observations = [case.make()[0] for case in cases[:60]]
    assert 0.2 < np.mean([observation.errors is not None for observation in observations]) < 0.6
    assert len({observation.points.labels for observation in observations}) > 3
    assert 0.1 < np.mean([observation.matrix[0, 1] != 0 for observation in observations]) < 0.5
    groups = [case.group for case in cases]
    assert len(set(groups)) == 3
    assert min(groups.count(group) for group in set(groups)) > 0.2 * len(cases)


@pytest.mark.parametrize("index", range(12))
def test_the_truth_belongs_to_the_visibilities(index):
    """The visibilities of the true image are those observed but for the noise; flux outside of the field is rare."""
    observation, truth = draw_case([7, index])
    points, grid = observation.own_axes()
    known = points.frequency < 1 / BEAM
    model = model_visibilities(truth, points, grid)[known]
    difference = np.abs(model - observation.visibilities[known]).mean() / np.abs(observation.visibilities).mean()
    noise = np.exp(np.random.default_rng([7, index, 1]).uniform(*np.log([0.005, 0.35])))
    assert difference < 1.5 * np.hypot(noise, 0.07) + 0.02


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_positive_and_fit_into_their_field(name):
    rng = np.random.default_rng(4)
    for _ in range(5):
        brightness, pixel = draw_shape(name, rng)
        assert brightness.min() >= 0
        assert brightness.sum() == pytest.approx(1)
        assert brightness[[0, -1]].sum() + brightness[:, [0, -1]].sum() < 0.01
        fine = Grid(brightness.shape, (pixel, pixel))
        assert np.abs(visibilities_of_image(brightness, stix_uv(), fine)).max() <= 1


def test_unknown_shapes_are_refused():
    with pytest.raises(ValueError, match="Unknown shape 'star'"):
        draw_shape("star", np.random.default_rng(1))


def test_images_of_shapes_are_those_of_their_pixels():
    """The image on a grid is the sum of the beams at the pixels of the shape, and its flux is that of the shape."""
    rng = np.random.default_rng(3)
    found = next(
        (observation, truth)
        for observation, truth in (draw_case([11, int(seed)]) for seed in rng.integers(1e6, size=20))
        if observation.errors is None
    )
    points, grid = found[0].own_axes()
    flux = found[1].sum() * grid.area
    coarse = np.argmin(points.frequency)
    assert flux == pytest.approx(abs(found[0].visibilities[coarse]), rel=0.7)
    assert found[1].max() < flux / beam_area() * 1.001
