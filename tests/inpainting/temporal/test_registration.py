"""Alignment by the centre of the Sun, scale and roll angle; equal grids are not resampled."""

import numpy as np
import pytest

import sunpy.map

from sunpy_restore.inpainting.lasco.header import check_lasco
from sunpy_restore.inpainting.temporal.registration import aligned, distances

CENTER = (517.956 - 0.5) / 2 - 0.5, (532.632 - 0.5) / 2 - 0.5


def make(data, center=CENTER, roll=0.0, **changes):
    header = {
        "DETECTOR": "C3", "INSTRUME": "LASCO", "TELESCOP": "SOHO", "DATE-OBS": "2002/01/08", "TIME-OBS": "02:18:05.594",
        "CRPIX1": center[0] + 1, "CRPIX2": center[1] + 1, "CROTA1": roll, "CROTA2": roll, "CUNIT1": "ARCSEC",
        "CUNIT2": "ARCSEC", "CTYPE1": "SOLAR-X", "CTYPE2": "SOLAR-Y", "CDELT1": 112.0, "CDELT2": 112.0, "OFFSET": 300.0,
    } | changes  # fmt: skip
    smap = sunpy.map.Map(data, header)
    return smap, check_lasco(smap)


def noise(shape=(512, 512)):
    return np.random.default_rng(0).normal(1000, 100, shape)


def test_distances_are_those_from_the_sun():
    found = distances(make(noise())[0])
    y, x = np.indices((512, 512))
    np.testing.assert_allclose(found, 112 * np.hypot(x - CENTER[0], y - CENTER[1]))
    moved = make(noise(), CRPIX1=CENTER[0] + 11, CRVAL1=1120.0)[0]
    np.testing.assert_allclose(distances(moved), found)
    np.testing.assert_allclose(distances(make(noise(), roll=180.0)[0]), found)


@pytest.mark.parametrize("shift", [(0, 0), (3, -7), (-40, 25), (0.01, -0.01)])
def test_whole_pixels_are_not_resampled(shift):
    image = noise()
    neighbour = make(image, np.array(CENTER) + shift)
    found, turned = aligned(image, neighbour, make(noise()))
    x, y = np.rint(shift).astype(int)
    inside = np.s_[max(-y, 0) : 512 - max(y, 0), max(-x, 0) : 512 - max(x, 0)]
    np.testing.assert_array_equal(found[inside], np.roll(image, (-y, -x), (0, 1))[inside])
    assert np.isfinite(found).sum() == (512 - abs(x)) * (512 - abs(y))
    assert not turned


def test_images_without_overlap():
    image = noise((40, 50))
    for far in (600, -600):
        found, _ = aligned(image, make(image, np.array(CENTER) + far), make(noise()))
        assert found.shape == (512, 512)
        assert np.isnan(found).all()


@pytest.mark.parametrize("roll", [30.0, -90.0, 180.0])
def test_rolls_are_undone(roll):
    def scene(angle):
        y, x = np.indices((512, 512))
        across, up = x - CENTER[0], y - CENTER[1]
        cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        east, north = cosine * across - sine * up, sine * across + cosine * up
        return 1000 + east + 0.5 * north

    found, turned = aligned(scene(roll), make(scene(roll), roll=roll), make(scene(0)))
    seen = np.isfinite(found)
    np.testing.assert_allclose(found[seen], scene(0)[seen], atol=0.6)  # half a pixel, at the edges
    assert turned
    assert 0.4 < seen.mean() < 0.9
    assert np.isnan(found[distances(make(found)[0]) < 3500]).all()


def test_small_rotations_hide_no_more_pixels():
    found, turned = aligned(noise(), make(noise(), roll=0.3), make(noise()))
    assert not turned
    assert np.isfinite(found[5:-5, 5:-5]).all()


def test_images_rotated_on_the_ground_have_another_pylon():
    center = 511 - np.array(CENTER)
    upright, turned = make(noise()), make(noise(), center, RECTIFY=180.0)
    found, other = aligned(noise(), turned, upright)
    assert other
    y, x = np.indices((512, 512))
    for sign in (-1, 1):
        on_pylon = np.hypot(x - CENTER[0] - sign * 100, y - CENTER[1] - sign * 103) < 20
        assert np.isnan(found[on_pylon]).all()
    assert np.isfinite(found).mean() > 0.5
