"""Tests of the average of models of sources, and of the recognition of loops that a fit cuts into pieces."""

import numpy as np
import pytest

from sunpy_restore.backprojection.fitting.average import (
    WeightedSources,
    average_sources,
    distinctness,
    longest_row,
    trust_in,
)
from sunpy_restore.backprojection.fitting.forward import with_noise
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, loop, point, visibilities_of_scene
from sunpy_restore.backprojection.fitting.sources import fit_sources
from sunpy_restore.backprojection.imaging.beam import BEAM
from sunpy_restore.backprojection.visibilities.fourier import Grid, shift_phase_center
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()
GRID = Grid((65, 65), (4.0, 4.0))
CORNERS = [(-40, -30), (35, -25), (30, 40), (-35, 30)]


def apart(count):
    return joined([ellipse(1.0 - 0.15 * index, *CORNERS[index], 8, 8, 0.0) for index in range(count)])


def averaged(scene, level=0.05, seed=0):
    visibilities, error = with_noise(visibilities_of_scene(scene, POINTS), level, np.random.default_rng(seed))
    return average_sources(visibilities, np.full(24, error), POINTS, GRID), visibilities, np.full(24, error)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_number_of_sources_is_found(count):
    found, *_ = averaged(apart(count))
    assert len(found.scenes[0].flux) == count
    assert found.weights.sum() == pytest.approx(1)
    assert (np.diff(found.weights[1:]) <= 0).all()
    assert found.weights[0] == found.weights.max()


def test_best_model_is_that_of_the_forward_fit():
    for seed in range(3):
        found, visibilities, errors = averaged(apart(2), 0.1, seed)
        expected = fit_sources(visibilities, errors, POINTS, GRID).scene
        order = np.argsort(-found.scenes[0].flux)
        for value, other in zip(found.scenes[0], expected, strict=True):
            np.testing.assert_array_equal(value[order], other)


def test_average_is_the_weighted_mean_of_the_images():
    found, *_ = averaged(joined([ellipse(1, -12, 0, 20, 12, 0.4), point(0.2, 12, 6)]), 0.15)
    assert len(found.scenes) > 1
    expected = sum(w * image_of(scene, GRID, BEAM) for w, scene in zip(found.weights, found.scenes, strict=True))
    np.testing.assert_allclose(found.brightness_at(GRID.x, GRID.y[:, np.newaxis]), expected, rtol=1e-12)


def test_average_does_not_depend_on_the_unit_and_moves_with_the_phase_center():
    scene = apart(3)
    found, visibilities, errors = averaged(scene, 0.1)
    scaled = average_sources(1e4 * visibilities, 1e4 * errors, POINTS, GRID)
    np.testing.assert_allclose(scaled.scenes[0].flux, 1e4 * found.scenes[0].flux, rtol=1e-6)
    np.testing.assert_allclose(scaled.weights, found.weights, atol=1e-6)
    moved = average_sources(shift_phase_center(visibilities, POINTS, 8, -4), errors, POINTS, GRID)
    np.testing.assert_allclose(np.sort(moved.scenes[0].x) + 8, np.sort(found.scenes[0].x), atol=0.1)
    np.testing.assert_allclose(np.sort(moved.scenes[0].y) - 4, np.sort(found.scenes[0].y), atol=0.1)


def test_chi_squared_is_about_one_per_degree_of_freedom():
    assert np.mean([averaged(apart(3), 0.1, seed)[0].chi_squared for seed in range(6)]) == pytest.approx(1, abs=0.3)
    ring = joined([ellipse(1, 40 * np.cos(angle), 40 * np.sin(angle), 10, 10, 0) for angle in np.arange(6) * np.pi / 3])
    assert averaged(ring, 0.01)[0].chi_squared > 10


def test_no_visibilities_give_no_models():
    found = average_sources(np.zeros(24, dtype=complex), np.ones(24), POINTS, GRID)
    assert not found.scenes
    assert not found.weights.size


@pytest.mark.parametrize("turn", [0.0, 0.7, 2.0])
@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        (apart(4), 1),
        (point(1, 3, 4), 1),
        (joined([ellipse(1, 0, 0, 50, 40, 0.3), point(0.3, 5, 5), point(0.3, -10, 3)]), 2),
        (joined([ellipse(1, 0, 0, 50, 40, 0.3), point(0.3, 5, 5)]), 1),
        (joined([point(1, 0, 0), point(1, 16, 0)]), 2),
        (joined([point(1, 0, 0), point(1, 16, 0), point(1, 32, 0)]), 3),
        (joined([point(1, 0, 0), point(1, 16, 0), point(1, 60, 0), point(1, 76, 0)]), 2),
        # 40 arcsec apart: along their major axes they touch, across them they do not
        (joined([ellipse(1, 20 * step, 0, 40, 2, 0) for step in (-2, 0, 2)]), 3),
        (joined([ellipse(1, 20 * step, 0, 40, 2, np.pi / 2) for step in (-2, 0, 2)]), 1),
    ],
)  # fmt: skip
def test_row_contains_the_sources_that_touch(scene, expected, turn):
    cosine, sine = np.cos(turn), np.sin(turn)
    rotated = scene._replace(
        x=cosine * scene.x - sine * scene.y, y=sine * scene.x + cosine * scene.y, angle=scene.angle + turn
    )
    assert longest_row(rotated) == expected


def test_pieces_of_a_loop_are_in_a_row():
    rows = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        arc = loop(1.0, *rng.uniform(-20, 20, 2), 80, 8, rng.uniform(0, 6), 2.5)
        found, *_ = averaged(arc, 0.02, seed)
        rows.append(longest_row(found.scenes[0]))
    assert np.mean(np.array(rows) >= 3) >= 0.7
    assert min(rows) >= 2


TOUCHING = joined([ellipse(1, step, 0, 8, 8, 0) for step in (-20, 0, 20)])


@pytest.mark.parametrize(
    ("changes", "noise", "expected"),
    [
        ({}, 0.02, 1.0),
        ({}, 0.09, 0.5),
        ({}, 0.12, 0.0),
        ({"minor": np.array([1.0, 3.4, 3.4])}, 0.02, 0.0),
        ({"flux": np.array([1.0, 1.0, 0.2])}, 0.02, 0.0),
        ({"major": np.full(3, 9.0), "minor": np.full(3, 9.0)}, 0.02, 0.0),
    ],
)
def test_round_compact_and_bright_sources_with_little_noise_are_distinct(changes, noise, expected):
    sources = WeightedSources([TOUCHING._replace(**changes)], np.ones(1), 1.0)
    assert distinctness(sources, noise) == pytest.approx(expected)
    assert trust_in(sources, noise).followed == pytest.approx(expected)


@pytest.mark.parametrize(("count", "expected"), [(2, 0), (3, 1), (4, 1), (5, 0)])
def test_number_of_sources_that_can_be_distinct(count, expected):
    scene = joined([ellipse(1, 20 * step, 0, 8, 8, 0) for step in range(count)])
    assert distinctness(WeightedSources([scene], np.ones(1), 1.0), 0.01) == expected


def test_trust_in_sources_does_not_jump():
    """Neither with their distance nor with chi squared; without models there is none."""

    def trust(step, chi_squared=1.0, width=20.0):
        scene = joined([ellipse(1, step * place, 0, width, 10, np.pi / 2) for place in (-1, 0, 1)])
        return trust_in(WeightedSources([scene], np.ones(1), chi_squared), 0.02)

    for trusted in (
        np.array([trust(step) for step in np.linspace(20, 34, 300)]),
        np.array([trust(40.0, chi_squared) for chi_squared in np.linspace(1, 3.0, 300)]),
    ):
        assert {0.0, 1.0} <= set(trusted[:, 1])
        assert np.abs(np.diff(trusted, axis=0)).max() < 0.35
    assert trust_in(WeightedSources([], np.zeros(0), 0.0), 0.02) == (0, 0)
