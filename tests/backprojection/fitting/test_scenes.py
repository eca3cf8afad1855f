"""Tests of the closed forms of images and visibilities of scenes."""

import numpy as np
import pytest

from astropy.stats import gaussian_sigma_to_fwhm

from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, loop, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area, convolve_with_beam
from sunpy_restore.backprojection.visibilities.fourier import Grid, visibilities_of_image
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

POINTS = stix_uv()
FINE = Grid((161, 181), (1.0, 1.0))
SCENES = {
    "point": point(3, 10, -7),
    "ellipse": ellipse(2, -12, 5, 40, 12, 0.6),
    "loop": loop(4, 3, 6, 45, 8, -0.4, 2.5, 0.5),
    "straight loop": loop(4, 3, 6, 45, 8, 2.0, 0.0, -0.9),
    "many": joined([point(1, -30, 20), ellipse(2, 20, -20, 20, 20, 0), loop(1, 0, 0, 30, 6, 1, 1)]),
}

every_scene = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)


def sampled(scene, grid):
    """Flux in the pixels of a fine grid, as a sum of Gaussians."""
    total = np.zeros(grid.shape)
    for flux, x, y, major, minor, angle in zip(*scene, strict=True):
        dx, dy = np.meshgrid(grid.x - x, grid.y - y)
        along, across = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
        total += flux * np.exp(-0.5 * ((along / major) ** 2 + (across / minor) ** 2)) / (2 * np.pi * major * minor)
    return total * grid.area


def extended(scene):
    """The scene with points replaced by sources that the pixels resolve."""
    return scene._replace(major=np.maximum(scene.major, 2.0), minor=np.maximum(scene.minor, 2.0))


@every_scene
def test_visibilities_are_those_of_the_sampled_image(scene):
    scene = extended(scene)
    expected = visibilities_of_image(sampled(scene, FINE), POINTS, FINE)
    np.testing.assert_allclose(visibilities_of_scene(scene, POINTS), expected, atol=1e-5)


@every_scene
def test_image_is_the_sampled_image_convolved_with_the_beam(scene):
    scene = extended(scene)
    np.testing.assert_allclose(image_of(scene, FINE, BEAM), convolve_with_beam(sampled(scene, FINE), FINE), atol=1e-5)


@every_scene
@pytest.mark.parametrize("fwhm", [10.0, 14.6])
def test_image_contains_the_total_flux(scene, fwhm):
    for grid in (FINE, Grid((48, 50), (4.0, 4.0))):
        total = image_of(scene, grid, fwhm).sum() * grid.area / beam_area(fwhm)
        np.testing.assert_allclose(total, scene.flux.sum(), rtol=1e-3)


@every_scene
def test_visibility_at_zero_frequency_is_the_total_flux(scene):
    points = POINTS._replace(u=np.zeros(24), v=np.zeros(24))
    np.testing.assert_allclose(visibilities_of_scene(scene, points), scene.flux.sum(), rtol=1e-12)


def test_point_source_has_its_flux_and_the_width_of_the_beam():
    scene = point(3, FINE.x[100], FINE.y[60])
    image = image_of(scene, FINE, BEAM)
    assert image[60, 100] == pytest.approx(3)
    np.testing.assert_allclose(image[60, 100 + np.arange(-7, 8)] > 1.5, np.abs(np.arange(-7, 8)) <= BEAM / 2)
    np.testing.assert_allclose(np.abs(visibilities_of_scene(scene, POINTS)), 3, rtol=1e-12)


def test_ellipse_has_its_widths_and_orientation():
    scene = ellipse(2, 4, -6, 60, 20, 0.5)
    image = sampled(scene, FINE)
    weight = image / image.sum()
    x, y = (weight * FINE.x).sum(), (weight * FINE.y[:, np.newaxis]).sum()
    np.testing.assert_allclose([x, y], [4, -6], atol=0.3)
    dx, dy = np.meshgrid(FINE.x - x, FINE.y - y)
    covariance = np.array([[(weight * dx * dx).sum(), (weight * dx * dy).sum()], [0, (weight * dy * dy).sum()]])
    values, vectors = np.linalg.eigh(covariance, UPLO="U")
    np.testing.assert_allclose(gaussian_sigma_to_fwhm * np.sqrt(values), [20, 60], rtol=0.03)
    assert np.arctan2(*(vectors[::-1, 1])) % np.pi == pytest.approx(0.5, abs=0.01)


def test_ellipse_rotated_by_180_degrees_is_the_same():
    one, other = (ellipse(2, 4, -6, 30, 10, angle) for angle in (0.7, 0.7 + np.pi))
    np.testing.assert_allclose(image_of(one, FINE, BEAM), image_of(other, FINE, BEAM), atol=1e-12)


@pytest.mark.parametrize("bend", [0.0, 1e-4, 0.8, 3.5, -2.0])
def test_loop_has_its_flux_position_length_and_direction(bend):
    scene = loop(5, 10, -20, 60, 8, 0.7, bend)
    np.testing.assert_allclose(scene.flux.sum(), 5)
    np.testing.assert_allclose([scene.x.mean(), scene.y.mean()], [10, -20], atol=1e-9)
    # The Gaussians lie along an arc of its length
    steps = np.hypot(np.diff(scene.x), np.diff(scene.y))
    np.testing.assert_allclose(steps.sum(), 60, rtol=0.02)
    ends = scene.x[-1] - scene.x[0], scene.y[-1] - scene.y[0]
    assert np.arctan2(ends[1], ends[0]) == pytest.approx(0.7, abs=1e-3)
    np.testing.assert_allclose(np.ptp(scene.angle), abs(bend), atol=1e-3)
    np.testing.assert_allclose(gaussian_sigma_to_fwhm * scene.minor, 8)


def test_straight_loop_is_the_limit_of_curved_ones():
    straight, bent = (image_of(loop(1, 0, 0, 50, 8, 0.3, bend), FINE, BEAM) for bend in (0.0, 2e-3))
    np.testing.assert_allclose(straight, bent, atol=1e-4)


def test_loop_is_smooth_without_a_beam():
    image = sampled(loop(1, 0, 0, 60, 10, 0.0, 0.0), FINE)
    ridge = image[80, 90 - 20 : 90 + 21]
    np.testing.assert_allclose(ridge, ridge.mean(), rtol=0.03)


def test_brightening_is_at_the_end_of_the_arc():
    scene = loop(1, 0, 0, 60, 10, 0.0, 0.0, 0.8)
    np.testing.assert_allclose(scene.flux[-1] / scene.flux[0], 1.8 / 0.2)
    assert scene.x[-1] > scene.x[0]


def test_joined_scenes_add_up():
    one, other = SCENES["ellipse"], SCENES["loop"]
    both = joined([one, other])
    assert len(both.flux) == 12
    for function, where in ((visibilities_of_scene, (POINTS,)), (image_of, (FINE, BEAM))):
        np.testing.assert_allclose(function(both, *where), function(one, *where) + function(other, *where), atol=1e-12)
