"""What a view shows of an image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import astropy.units as u

import sunpy.map

from sunpy_restore.data import SAMPLES, sample_path
from sunpy_restore.studio.display.compare import Difference, power_spectrum, profile, read_out
from sunpy_restore.studio.display.view import Layer, MapFrame, TurnedFrame, View, sample

pytestmark = pytest.mark.filterwarnings("ignore:Missing metadata")


@pytest.fixture(scope="module")
def maps():
    return {name: sunpy.map.Map(sample_path(name)) for name in SAMPLES}


@pytest.mark.parametrize("name", SAMPLES)
def test_each_pixel_of_a_view_shows_the_image_at_its_coordinates(maps, name):
    smap = maps[name]
    layer = Layer.of_map(name, smap)
    left, right, bottom, top = layer.frame.limits
    x, y, half = (left + right) / 2, (bottom + top) / 2, (right - left) / 16
    view = View(x - half, x + half, y - half, y + half, (41, 37))
    lon = x - half + (np.arange(37) + 0.5) / 37 * 2 * half
    lat = y - half + (np.arange(41) + 0.5) / 41 * 2 * half
    px, py = smap.wcs.world_to_pixel_values(*np.meshgrid(lon / 3600, lat / 3600))
    level = 0 if max(np.ptp(px) / 37, np.ptp(py) / 41) < 1.5 else None
    if level is None:
        pytest.skip("the view is coarser than the image")
    expected = smap.data[np.rint(py).astype(int), np.rint(px).astype(int)]
    assert np.mean(sample(layer.levels, layer.frame, view) == expected.astype("f4")) > 0.98


@pytest.mark.parametrize("name", SAMPLES)
def test_coordinates_are_those_of_the_map(maps, name):
    smap, frame = maps[name], MapFrame(maps[name])
    place = smap.pixel_to_world(30 * u.pix, 20 * u.pix)
    assert frame.to_world(30, 20)[0] == pytest.approx(place.Tx.to_value(u.arcsec), abs=1e-6)
    assert frame.to_pixel(*frame.to_world(30, 20)) == pytest.approx((30, 20), abs=1e-6)


def test_a_coarse_view_shows_means_and_keeps_marks():
    rng = np.random.default_rng(0)
    image, flags = rng.normal(size=(512, 512)).astype("f4"), np.zeros((512, 512), bool)
    flags[100, 200] = True
    layer = Layer("", image, TurnedFrame((512, 512), 1.0), flags={"filled": flags})
    view = View.around(layer.frame.limits, 128)
    np.testing.assert_allclose(layer.sampled(view), image.reshape(128, 4, 128, 4).mean(axis=(1, 3)), atol=1e-5)
    shown = sample(layer.flag_levels["filled"], layer.frame, view)
    assert np.argwhere(shown).tolist() == [[25, 50]]


def test_invalid_pixels_do_not_spread():
    image = np.ones((256, 256), "f4")
    image[10:12, 10:12] = np.nan
    layer = Layer("", image, TurnedFrame((256, 256), 1.0))
    assert np.isnan(layer.levels[1]).sum() == 1
    assert not np.isnan(layer.levels[2]).any()


@given(st.floats(-180, 180), st.floats(-50, 150), st.floats(-50, 150))
def test_turned_frames_are_inverted(angle, x, y):
    frame = TurnedFrame((60, 90), 0.048, angle)
    assert frame.to_pixel(*frame.to_world(x, y)) == pytest.approx((x, y), abs=1e-6)


def test_a_quarter_turn_is_numpys():
    image = np.arange(64 * 64, dtype="f4").reshape(64, 64)
    frame = TurnedFrame((64, 64), 1.0, 90.0)
    shown = sample([image], frame, View(0, 64, 0, 64, (64, 64)))
    # Rows go up on the screen, so that a counter-clockwise turn is a clockwise one of the array
    np.testing.assert_array_equal(shown, np.rot90(image, -1))


def test_profiles_are_read_along_the_line():
    image = np.add.outer(100 * np.arange(50.0), np.arange(50.0))
    layer = Layer("ramp", image, TurnedFrame((50, 50), 2.0))
    distance, value = profile(layer, [1, 81], [11, 11])
    assert distance[-1] == 80
    np.testing.assert_allclose(value, 500 + distance / 2)


def test_the_spectrum_of_a_wave_peaks_at_its_frequency():
    x = np.arange(128)
    layer = Layer("wave", np.tile(np.sin(2 * np.pi * x / 8), (128, 1)), TurnedFrame((128, 128), 0.5))
    frequency, power = power_spectrum(layer, View.around(layer.frame.limits, 100))
    assert frequency[power.argmax()] == pytest.approx(1 / 4, abs=1 / 64)
    assert power_spectrum(layer, View(0, 2, 0, 2, (9, 9)))[0].size == 0


def test_differences_compare_images_of_different_pixels():
    image = np.random.default_rng(1).normal(size=(40, 40))
    fine = Layer("fine", np.kron(image, np.ones((2, 2))) + 3, TurnedFrame((80, 80), 0.5))
    coarse = Layer("coarse", image, TurnedFrame((40, 40), 1.0))
    found = Difference(fine, coarse).sampled(View(0, 40, 0, 40, (160, 160)))
    np.testing.assert_allclose(found, 3, atol=1e-5)


def test_the_read_out_names_pixel_and_value():
    layer = Layer("a", np.eye(4), TurnedFrame((4, 4), 1.0), unit="DN")
    assert read_out(layer, 2.5, 2.5) == "a: pixel (2.0, 2.0), 1 DN"
    assert read_out(layer, -3, 2) == "a: outside"


def test_a_boundary_separates_two_images():
    pytest.importorskip("panel", reason="the extra app is not installed")
    from sunpy_restore.studio.display.viewer import swiped

    left, right = np.zeros((4, 10)), np.ones((4, 10))
    assert swiped(left, right, 30).sum(axis=1).tolist() == [7.0] * 4
    np.testing.assert_array_equal(swiped(left, right, 100), left)
    np.testing.assert_array_equal(swiped(left, right, 0), right)
