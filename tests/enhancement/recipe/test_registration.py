"""Alignment of images of other telescopes: shifted, turned and scaled copies are found again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_restore.enhancement.optics.forward import observe
from sunpy_restore.enhancement.optics.psf import HMI_PIXEL
from sunpy_restore.enhancement.recipe.registration import Affine, align, prepared

PIXEL = 0.12


def turn_of(rotation, scale):
    angle = np.radians(rotation)
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def copy_of(image, pixel_scale, shift, rotation, scale, *, side=50.0, fine=PIXEL):
    """
    The middle of an image as another telescope with wrong coordinates shows it, and where its header says it is.

    The content lies ``shift`` HMI pixels from where the header says, is turned counterclockwise by ``rotation`` degrees
    and larger by ``scale``.
    """
    count = int(side / fine)
    middle = np.reshape((np.array(image.shape[::-1]) - 1) / 2, (2, 1, 1))
    steps = np.indices((count, count))[::-1] - (count - 1) / 2
    places = np.tensordot(turn_of(rotation, scale), fine / pixel_scale * steps, 1) + middle
    places = places + np.reshape(shift, (2, 1, 1)) * HMI_PIXEL / pixel_scale
    copy = ndimage.map_coordinates(image, places[::-1], order=3, mode="reflect")
    # From HMI pixels to those of the copy, as if it were not moved
    ratio = HMI_PIXEL / fine
    middle = (middle.ravel() + 0.5) * pixel_scale / HMI_PIXEL - 0.5
    return copy, Affine(ratio * np.eye(2), (count - 1) / 2 - ratio * middle), middle


@pytest.fixture(scope="module")
def granules():
    """A scene with structure of about an arcsecond and a spot, and what HMI sees of it."""
    rng = np.random.default_rng(1)
    field = ndimage.gaussian_filter(rng.standard_normal((900, 900)), 4)
    rows, columns = np.indices(field.shape)
    scene = 1 + 0.1 * field / field.std() - 0.6 * np.exp(-((rows - 400) ** 2 + (columns - 520) ** 2) / 60**2)
    hmi = observe(scene, PIXEL)
    return scene, hmi + 1e-3 * rng.standard_normal(hmi.shape)


@pytest.fixture(scope="module")
def spot(samples):
    """A sample of the package, interpolated to fine pixels, and the sample itself."""
    image = samples["hmi_continuum_spot"].data.astype(float)
    image = image / np.median(image)
    return ndimage.zoom(image, 4, order=3, mode="mirror", grid_mode=True), image


def check_found(scene, hmi, pixel_scale, shift, rotation, scale, **options):
    copy, place, middle = copy_of(scene, pixel_scale, shift, rotation, scale, **options)
    fine, place = prepared(copy, options.get("fine", PIXEL), place)
    found = align(hmi, fine, place)
    # At the middle of the copy, around which it is turned; that of the common pixels may differ
    x, y = found.place(*(middle + shift))
    away = np.array([x, y]) - (np.array(fine.image.shape[::-1]) - 1) / 2
    assert np.hypot(*away) * fine.pixel_scale / HMI_PIXEL < 0.1
    assert found.rotation == pytest.approx(rotation, abs=0.1)
    assert found.scale == pytest.approx(scale, rel=2e-3)
    return found


@settings(max_examples=15, deadline=None)
@given(st.floats(-25, 25), st.floats(-25, 25), st.floats(-5, 5), st.floats(0.97, 1.03))
def test_moved_copies_of_a_scene_are_found(granules, x, y, rotation, scale):
    found = check_found(*granules, PIXEL, (x, y), rotation, scale)
    assert min(found.correlation, found.fine_correlation) > 0.95


@pytest.mark.parametrize(
    ("shift", "rotation", "scale"), [((0, 0), 0, 1), ((3.3, -2.6), 0.7, 1.004), ((-4.2, 5.1), -3.4, 0.985)]
)
def test_moved_copies_of_a_sample_are_found(spot, shift, rotation, scale):
    check_found(*spot, HMI_PIXEL / 4, shift, rotation, scale, side=35.0)


@pytest.mark.parametrize("fine", [0.03, 0.12, 0.2])
def test_pixels_of_other_telescopes(granules, fine):
    check_found(*granules, PIXEL, (7.4, -3.3), 1.1, 1.006, fine=fine)


def test_reported_shift_is_that_of_the_middle(granules):
    found = check_found(*granules, PIXEL, (7.4, -3.3), 0.0, 1.0)
    np.testing.assert_allclose(found.shift, (7.4, -3.3), atol=0.05)


def test_images_of_other_regions_do_not_agree(granules):
    scene, hmi = granules
    copy, place, _ = copy_of(scene[::-1], PIXEL, (0, 0), 0, 1)
    fine, place = prepared(copy, PIXEL, place)
    found = align(hmi, fine, place)
    # The spots agree, the granules do not
    assert found.fine_correlation < 0.3
    with pytest.raises(ValueError, match="no HMI pixel that both images have"):
        align(hmi, fine, Affine(place.matrix, place.offset + 1e4))
    with pytest.raises(ValueError, match="expected at least 16 along each axis"):
        align(hmi[:20, :20], fine, Affine(place.matrix, place.offset + 350))
