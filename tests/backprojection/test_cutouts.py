"""Cutouts of back-projections: orientation, surroundings, and agreement with the cutout of the restored image."""

import warnings

import numpy as np
import pytest

import astropy.units as u

import sunpy.map

from sunpy_restore import backproj_to_clean, report
from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, visibilities_of_scene
from sunpy_restore.backprojection.provenance.geometry import rotation
from sunpy_restore.backprojection.provenance.inversion import find_orientations, find_visibilities
from sunpy_restore.backprojection.visibilities.measured import open_visibilities
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.data import sample_path

POINTS = stix_uv()
WEIGHTS = np.full(24, 1 / 24)
BOXES = [(44, 44, 83, 83), (49, 49, 79, 79), (45, 52, 79, 86), (53, 40, 82, 75), (30, 45, 89, 80)]
"""First and last columns and rows of cutouts of the sample, in which the source is 18 arcsec or more from the edge."""


def cutout(smap, box):
    return smap.submap(box[:2] * u.pix, top_right=box[2:] * u.pix)


@pytest.fixture(scope="module")
def sample():
    return sunpy.map.Map(sample_path("stix_flare"))


@pytest.fixture(scope="module", params=["clean", "mem", "network"])
def restored(request, sample):
    return request.param, backproj_to_clean(sample, method=request.param)


@pytest.mark.parametrize("box", BOXES)
def test_restored_cutouts_are_cutouts_of_the_restored_sample(sample, restored, box):
    method, whole = restored
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        found = backproj_to_clean(cutout(sample, box), method=method).data
    expected = cutout(whole, box).data
    assert found.sum() == pytest.approx(expected.sum(), rel=0.05)
    assert np.abs(found - expected).max() < 0.1 * expected.max()


@pytest.mark.filterwarnings("ignore:The Map is shifted by .* Unless the Map was cut out")
@pytest.mark.parametrize("box", BOXES[:3])
def test_cutouts_agree_with_measured_visibilities(sample, box):
    measured = open_visibilities(sample_path("stix_flare"))
    whole = backproj_to_clean(sample, visibilities=measured, method="clean")
    found = backproj_to_clean(cutout(sample, box), visibilities=measured, method="clean")
    assert found.data.sum() == pytest.approx(cutout(whole, box).data.sum(), rel=0.1)


@pytest.mark.filterwarnings("ignore::sunpy_restore.core.exceptions.RestoreWarning")
def test_cutouts_without_the_source_are_warned_of(sample):
    with pytest.warns(RestoreWarning, match="brightest source appears to be outside of the image of 60 x 60 arcsec"):
        backproj_to_clean(cutout(sample, (72, 72, 101, 101)), method="clean")


def image_of(seed, side, angle, *, pixel=2.5, noise=0.0):
    """Small back-projection of a scene with sources in it, and its pixel matrix."""
    rng = np.random.default_rng(seed)
    scene = joined([ellipse(flux, *rng.uniform(-15, 15, 2), *rng.uniform(8, 25, 2), 1) for flux in (1.0, 0.5)])
    count, matrix = int(np.ceil(side / pixel)), pixel * rotation(angle)
    rows, columns = np.indices((count, count)) - (count - 1) / 2
    x, y = (row[0] * columns + row[1] * rows for row in matrix)
    values = visibilities_of_scene(scene, POINTS)
    image = sum(
        (value * np.exp(-2j * np.pi * (u * x + v * y))).real
        for value, u, v in zip(values, POINTS.u, POINTS.v, strict=True)
    )
    image = image / 24 + noise * abs(image).max() / 24 * rng.standard_normal(image.shape)
    return image.astype(np.float32).astype(float), matrix, values


def angle_between(one, other):
    turn = one @ np.linalg.inv(other)
    return abs((np.degrees(np.arctan2(turn[1, 0], turn[0, 0])) + 90) % 180 - 90)


@pytest.mark.parametrize("side", [60, 75, 90])
@pytest.mark.parametrize("seed", range(3))
def test_random_rotations_of_small_images_are_found(side, seed):
    """Whether the header contains them or not."""
    angle, wrong = np.random.default_rng(seed).uniform(0.3, 2.8, 2)
    image, matrix, values = image_of(seed, side, angle)
    inversions, is_certain = find_orientations(image, matrix, POINTS, WEIGHTS)
    assert is_certain
    np.testing.assert_array_equal(inversions[0].matrix, matrix)
    np.testing.assert_allclose(inversions[0].visibilities, values, atol=0.05 * abs(values).max())
    inversions, is_certain = find_orientations(image, matrix @ rotation(wrong), POINTS, WEIGHTS)
    assert is_certain
    assert angle_between(inversions[0].matrix, matrix) < 0.1


def test_noise_that_hides_the_rotation_is_warned_of():
    image, matrix, _ = image_of(0, 60, 0.4, noise=1e-3)
    with pytest.warns(RestoreWarning, match=r"60 x 60 arcsec is too small or too noisy to show the rotation.*give vis"):
        found = find_visibilities(image, matrix, POINTS, WEIGHTS)
    np.testing.assert_array_equal(found.matrix, matrix)


def test_limits_without_information_are_flagged(sample, monkeypatch):
    restored = backproj_to_clean(sample, method="clean")
    monkeypatch.setattr("sunpy_restore.backprojection.checks.errors_with_model", lambda seen: np.full(24, 99.0))
    flagged = report(restored, sample).flagged
    names = {check.name for check in flagged}
    assert {"Chi squared of the visibilities", "Flux, all baselines", "Flux, shortest baselines"} <= names
    assert all(np.isnan(check.value) for check in flagged)


def test_visibilities_of_something_else_are_refused_with_the_size_of_the_cutout(sample):
    measured = open_visibilities(sample_path("stix_flare"))
    other = measured._replace(visibilities=measured.visibilities[::-1])
    with pytest.raises(ValueError, match=r"Or the Map of 80 x 80 arcsec is too small to show the rotation"):
        backproj_to_clean(cutout(sample, BOXES[0]), visibilities=other, method="clean")
