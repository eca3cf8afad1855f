"""Tests of the scores: errors of known size, sources that are found, and reproducible observations."""

import inspect
from itertools import islice

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from sunpy_restore.backprojection.classical import clean_observation
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.recipe.scores import (
    FURTHER_KINDS,
    GRID,
    KINDS,
    LEVELS,
    TRIPLE,
    SimulatedObservation,
    evaluation_pairs,
    fraction_resolved,
    measure,
    simulated_scene,
)
from sunpy_restore.backprojection.task import TASK
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.restoration.methods import load_method

POINTS = stix_uv()
DOUBLE = joined([ellipse(0.6, 21.3, -14.8, 5, 5, 0), ellipse(0.4, -17.9, 9.1, 8, 8, 0)])


def observed(scene):
    return SimulatedObservation(
        visibilities=visibilities_of_scene(scene, POINTS), points=POINTS, matrix=2 * np.eye(2), shape=GRID.shape,
        scene=scene, noise=1e-3,
    )  # fmt: skip


def seen(scene):
    """The scene convolved with the clean beam, per square arcsec."""
    return image_of(scene, GRID, BEAM) / beam_area()


def measured(scene, image):
    return measure(observed(scene), image, seen(scene))


@pytest.mark.parametrize("scene", [point(1, 12.3, -30.1), ellipse(1, -7, 20, 40, 20, 1.0), DOUBLE])
def test_truth_has_no_error(scene):
    found = measured(scene, seen(scene))
    for name in ("scaled_error", "flux_error", "median_flux_error"):
        assert found[name] == pytest.approx(0, abs=1e-12)
    assert found["median_chi_squared"] < 1e-3
    assert found.get("both_found") == (1 if len(scene.x) == 2 else None)
    assert ("median_position" in found) == (len(scene.x) == 1)


def test_position_error_is_small_for_the_true_image():
    """The error is a fraction of a pixel, also for a long and oblique source."""
    for scene, tolerance in ((point(1, 12.3, -30.1), 0.1), (ellipse(1, -7, 20, 40, 20, 1.0), 0.25)):
        assert measured(scene, seen(scene))["median_position"] < tolerance


def test_errors_have_their_known_size():
    scene = point(1, 0, 0)
    truth = seen(scene)
    bright = measured(scene, 1.3 * truth)
    assert bright["scaled_error"] == pytest.approx(0, abs=1e-12)
    assert bright["flux_error"] == bright["median_flux_error"] == pytest.approx(0.3)
    # All visibilities are 1. The real part is off by 0.3 with an error of 1e-3, the imaginary part is exact.
    assert bright["median_chi_squared"] == pytest.approx((0.3 / 1e-3) ** 2 / 2, rel=1e-3)
    assert measured(scene, seen(point(1, 3, -4)))["median_position"] == pytest.approx(5, abs=0.2)
    # The error of an image r at its best scale is 1 - (r t)^2 / (r r t t) for the truth t
    noise = np.abs(np.random.default_rng(0).normal(0, 0.05, truth.shape) / beam_area())
    image = truth + noise
    cosine = (image * truth).sum() / np.sqrt((image**2).sum() * (truth**2).sum())
    assert measured(scene, image)["scaled_error"] == pytest.approx(np.sqrt(1 - cosine**2))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (point(1, 21.3, -14.8), 0),
        (joined([DOUBLE, point(0.5, 60, 60)]), 0),
        (joined([point(0.5, 21.3, -14.8), point(0.5, -17.9, 40)]), 0),
        (joined([point(0.5, 21.3, -14.8), point(0.5, 60, -14.8)]), 0),
        (joined([point(0.4, 22, -15), point(0.6, -18, 12)]), 1),
    ],
)
def test_double_source_is_resolved_if_both_sources_and_nothing_else_are_found(image, expected):
    assert measured(DOUBLE, seen(image))["both_found"] == expected


def test_scenes_have_the_properties_of_their_kind():
    rng = np.random.default_rng(0)
    for _ in range(50):
        for kind, widths in (("single", (4, 20)), ("extended", (30, 70))):
            scene = simulated_scene(kind, rng)
            assert len(scene.flux) == 1
            assert widths[0] <= scene.major[0] * np.sqrt(8 * np.log(2)) <= widths[1]
            assert scene.minor[0] <= scene.major[0]
        double = simulated_scene("double", rng)
        apart = np.hypot(np.diff(double.x), np.diff(double.y))[0]
        assert 15 <= apart <= 70
        assert 0.3 <= double.flux[1] / double.flux[0] <= 1
        assert double.flux.sum() == pytest.approx(1)
        assert max(abs(double.x).max(), abs(double.y).max()) <= 85
        unequal, loop = simulated_scene("unequal", rng), simulated_scene("loop", rng)
        assert unequal.flux[1] / unequal.flux[0] == pytest.approx(0.2)
        assert loop.flux.sum() == pytest.approx(1)
        assert len(loop.flux) > 5
        for kind, count in ((TRIPLE, 3), ("quadruple", 4)):
            several = simulated_scene(kind, rng)
            places = np.stack([several.x, several.y], axis=1)
            assert len(places) == count
            assert pdist(places).min() >= 30
            assert abs(places).max() <= 50
            assert several.flux.sum() == pytest.approx(1)
            assert 0.4 <= several.flux.min() / several.flux.max() <= 1
        halo = simulated_scene("halo", rng)
        assert halo.flux.sum() == pytest.approx(1)
        assert 0.2 <= halo.flux[1] / halo.flux[0] <= 1
        assert halo.minor[0] > halo.major[1]
        away = simulated_scene("off-centre", rng)
        assert np.hypot(away.x, away.y)[0] == pytest.approx(60)
        broad = simulated_scene("broad", rng)
        assert broad.major[0] == broad.minor[0]
        assert 40 <= broad.major[0] * np.sqrt(8 * np.log(2)) <= 60
    double = simulated_scene("double", rng, separation=22.0)
    assert np.hypot(np.diff(double.x), np.diff(double.y))[0] == pytest.approx(22)


def test_observations_are_the_same_in_every_run():
    assert inspect.isgenerator(evaluation_pairs())
    first, second = (list(islice(evaluation_pairs(), 3)) for _ in range(2))
    for (source, one, truth), (name, other, again) in zip(first, second, strict=True):
        assert source == name == "single, noise 2%"
        np.testing.assert_array_equal(one.visibilities, other.visibilities)
        np.testing.assert_array_equal(truth, again)
        np.testing.assert_array_equal(truth, seen(one.scene))
    assert len({one.visibilities[0] for _, one, _ in first}) == 3


def test_observations_of_all_kinds_and_noise_levels():
    pairs = list(evaluation_pairs())
    sources = [source for source, _, _ in pairs]
    expected = {f"{kind}, noise {level:.0%}" for kind in KINDS for level in LEVELS}
    assert set(sources) == expected
    assert len({sources.count(source) for source in expected}) == 1
    for level in LEVELS:
        chosen = [one for source, one, _ in pairs if source.endswith(f"noise {level:.0%}")]
        true = [visibilities_of_scene(one.scene, POINTS) for one in chosen]
        noise = [(one.visibilities - exact) / one.noise for one, exact in zip(chosen, true, strict=True)]
        assert np.mean(np.abs(noise) ** 2) / 2 == pytest.approx(1, rel=0.05)
        mean = np.abs(true).mean(axis=1)
        np.testing.assert_allclose([one.noise * np.sqrt(2) for one in chosen], level * mean, rtol=1e-9)


def test_kinds_can_be_chosen_without_a_change_of_the_scenes():
    chosen = next(evaluation_pairs(("double",)))[1]
    same = next(one for source, one, _ in evaluation_pairs() if source.startswith("double"))
    np.testing.assert_array_equal(chosen.visibilities, same.visibilities)
    for kind in FURTHER_KINDS:
        assert [source for source, _, _ in islice(evaluation_pairs((kind,)), 1)] == [f"{kind}, noise 2%"]


def test_errors_of_an_observation_are_not_known_to_the_methods():
    """Otherwise all images would be fitted to the visibilities."""
    _, observation, truth = next(evaluation_pairs())
    assert observation.errors is None
    assert observation.shape == truth.shape == GRID.shape
    points, grid = observation.own_axes()
    assert grid == GRID
    np.testing.assert_array_equal([points.u, points.v], [POINTS.u, POINTS.v])


def test_more_iterations_of_clean_agree_better():
    scene = point(1, 10, -6)
    images = [clean_observation(observed(scene), iterations=count) / beam_area() for count in (5, 20, 1000)]
    chi = [measured(scene, image)["median_chi_squared"] for image in images]
    assert chi[2] < chi[1] < chi[0]


@pytest.mark.parametrize(
    ("scene", "image", "expected"),
    [
        (point(1, 0, 0), point(1, 3.3, 0), 0),
        (point(1, 0, 0), joined([point(1, 0, 0), point(0.3, 50, 0)]), 1),
        (DOUBLE, DOUBLE, 0),
        (DOUBLE, joined([DOUBLE, point(0.3, 60, 50)]), 1),
        (DOUBLE, point(1, 0, 0), 0),
    ],
)
def test_sources_that_do_not_exist_are_counted(scene, image, expected):
    assert measured(scene, seen(image))["invented"] == expected


def test_an_empty_image_has_an_error_of_1():
    assert measured(DOUBLE, np.zeros(GRID.shape))["scaled_error"] == 1


def test_distant_sources_are_resolved_and_close_ones_are_not():
    method = load_method(TASK, "clean")
    assert fraction_resolved(method, 60.0, level=1e-3, count=3) == 1
    assert fraction_resolved(method, 8.0, level=1e-3, count=3) == 0
