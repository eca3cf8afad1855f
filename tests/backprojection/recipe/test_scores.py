"""What is measured: the truth has no error, sources are found where they are, and pairs are the same every time."""

import inspect
from itertools import islice

import numpy as np
import pytest

from sunpy_restore.backprojection.channels import BEAM
from sunpy_restore.backprojection.fourier import back_projection, weights_of
from sunpy_restore.backprojection.recipe.scores import (
    GRID,
    LEVELS,
    Simulated,
    evaluation_pairs,
    found_sources,
    measure,
    restorers,
    simulated_scene,
)
from sunpy_restore.backprojection.scenes import ellipse, image_of, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import stix_uv

PLANE = stix_uv()
DOUBLE = joined([ellipse(0.6, 21.3, -14.8, 5, 5, 0), ellipse(0.4, -17.9, 9.1, 8, 8, 0)])


def observed(scene, error=1e-3):
    return Simulated(scene, visibilities_of_scene(scene, PLANE), PLANE, error)


def seen(scene):
    return image_of(scene, GRID, BEAM)


def measured(scene, image):
    return measure("backproj", observed(scene), image, seen(scene))


def test_sources_are_found_the_brightest_first():
    places = found_sources(seen(DOUBLE))
    np.testing.assert_allclose(places, [(21.3, -14.8), (-17.9, 9.1)], atol=0.2)
    np.testing.assert_allclose(found_sources(seen(point(1, -63.7, 99.2))), [(-63.7, 99.2)], atol=0.2)


def test_faint_maxima_are_no_sources():
    for ratio, count in ((0.14, 1), (0.16, 2)):
        assert len(found_sources(seen(joined([point(1, 0, 0), point(ratio, 60, 60)])))) == count


@pytest.mark.parametrize("scene", [point(1, 12.3, -30.1), ellipse(1, -7, 20, 40, 20, 1.0), DOUBLE])
def test_truth_has_no_error(scene):
    found = measured(scene, seen(scene))
    for name in ("scaled_error", "flux_error", "median_flux_error"):
        assert found[name] == pytest.approx(0, abs=1e-12)
    assert found["median_chi_squared"] < 1e-3
    assert found.get("both_found") == (1 if len(scene.x) == 2 else None)
    assert ("median_position" in found) == (len(scene.x) == 1)


def test_position_of_a_source():
    """Of one that is long and oblique, parabolas along the axes miss the top by a part of a pixel."""
    for scene, tolerance in ((point(1, 12.3, -30.1), 0.1), (ellipse(1, -7, 20, 40, 20, 1.0), 0.25)):
        assert measured(scene, seen(scene))["median_position"] < tolerance


def test_errors_of_a_known_size():
    scene = point(1, 0, 0)
    truth = seen(scene)
    bright = measured(scene, 1.3 * truth)
    assert bright["scaled_error"] == pytest.approx(0, abs=1e-12)
    assert bright["flux_error"] == bright["median_flux_error"] == pytest.approx(0.3)
    # All visibilities are 1: too much by 0.3 in their real part, over an error of 1e-3, of two numbers one
    assert bright["median_chi_squared"] == pytest.approx((0.3 / 1e-3) ** 2 / 2, rel=1e-3)
    assert measured(scene, seen(point(1, 3, -4)))["median_position"] == pytest.approx(5, abs=0.2)
    # The error of the best scale s of an image r of the truth t: 1 - (r t)^2 / (r r t t)
    noise = np.abs(np.random.default_rng(0).normal(0, 0.05, truth.shape))
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
def test_both_sources_and_nothing_else(image, expected):
    assert measured(DOUBLE, seen(image))["both_found"] == expected


def test_scenes_are_of_their_kind():
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
    double = simulated_scene("double", rng, separation=22.0)
    assert np.hypot(np.diff(double.x), np.diff(double.y))[0] == pytest.approx(22)


def test_pairs_are_the_same_every_time():
    assert inspect.isgenerator(evaluation_pairs("backproj", None))
    first, second = (list(islice(evaluation_pairs("backproj", None), 3)) for _ in range(2))
    for (source, one, truth), (name, other, again) in zip(first, second, strict=True):
        assert source == name == "single, noise 5%"
        np.testing.assert_array_equal(one.found, other.found)
        np.testing.assert_array_equal(truth, again)
        np.testing.assert_array_equal(truth, seen(one.scene))
    assert len({one.found[0] for _, one, _ in first}) == 3


def test_pairs_of_all_kinds_and_levels():
    pairs = list(evaluation_pairs("backproj", None))
    sources = [source for source, _, _ in pairs]
    expected = {f"{kind}, noise {level:.0%}" for kind in ("single", "double", "extended") for level in LEVELS}
    assert set(sources) == expected
    assert len({sources.count(source) for source in expected}) == 1
    for level in LEVELS:
        chosen = [one for source, one, _ in pairs if source.endswith(f"noise {level:.0%}")]
        left = np.concatenate([(one.found - visibilities_of_scene(one.scene, PLANE)) / one.error for one in chosen])
        assert np.mean(np.abs(left) ** 2) / 2 == pytest.approx(1, rel=0.06)
        largest = [np.abs(visibilities_of_scene(one.scene, PLANE)).max() for one in chosen]
        np.testing.assert_allclose([one.error * np.sqrt(2) for one in chosen], level * np.array(largest), rtol=1e-9)


def test_cleans_with_their_iterations():
    functions = restorers("backproj", ["clean", "clean, 1000 iterations"], weights=None, device=None)
    assert list(functions) == ["clean", "clean, 1000 iterations"]
    scene = point(1, 10, -6)
    images = [functions[name](observed(scene)) for name in functions]
    dirty = back_projection(visibilities_of_scene(scene, PLANE), PLANE, GRID, weights_of(PLANE))
    chi = [measured(scene, image)["median_chi_squared"] for image in (dirty, *images)]
    assert chi[2] < chi[1] < chi[0]
    assert images[0].shape == GRID.shape


def test_unknown_methods_are_refused():
    with pytest.raises(ValueError, match=r"\['magic'\], expected some of network, clean, clean, 1000 iterations"):
        restorers("backproj", ["magic", "clean"], weights=None, device=None)
