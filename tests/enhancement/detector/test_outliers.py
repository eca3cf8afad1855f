"""Cosmic rays and bad pixels in HMI images are found, and solar structure is not taken for them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

import sunpy.map

from sunpy_restore import enhance
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.enhancement.detector.outliers import find_outliers
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.optics.forward import HMI_PIXEL, observe

OPTIONS = {"excess": 0.2, "limits": (-8.0, 8.0)}
NAMES = ("hmi_continuum_spot", "hmi_continuum_quiet", "hmi_magnetogram")


def noisy(shape=(40, 40), seed=0):
    return 0.01 * np.random.default_rng(seed).standard_normal(shape)


def found_in(image, known=None):
    return find_outliers(image, np.ones(image.shape, bool) if known is None else known, **OPTIONS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES)
def test_real_images_have_none(samples, name):
    assert Observation.from_map(samples[name]).valid.all()


TRACKS = {
    "pixel": [(0, 0)],
    "pair": [(0, 0), (0, 1)],
    "diagonal": [(0, 0), (1, 1), (2, 2)],
    "track": [(n, n // 2) for n in range(8)],
    "bend": [(0, 0), (0, 1), (1, 1)],
}


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("height", [1.0, -1.0, 7.0, 1e5, -1e20])
def test_tracks_are_found_pixel_by_pixel(track, height):
    image, hit = noisy(), np.zeros((40, 40), bool)
    for row, column in TRACKS[track]:
        hit[15 + row, 20 + column] = True
    np.testing.assert_array_equal(found_in(np.where(hit, image + height, image)), hit)


@pytest.mark.parametrize("place", [(0, 0), (0, 17), (39, 39), (22, 39), (1, 1)])
def test_edges_of_the_image(place):
    image = noisy()
    assert not found_in(image).any()
    image[place] -= 1
    np.testing.assert_array_equal(np.argwhere(found_in(image)), [place])


def cutouts(image, number, smallest, seed=0):
    """Random parts of an image, with the slices that give them."""
    random = np.random.default_rng(seed)
    for _ in range(number):
        size = np.minimum(random.integers(smallest, 41, 2), image.shape)
        start = [random.integers(0, whole - side + 1) for whole, side in zip(image.shape, size, strict=True)]
        place = tuple(slice(first, first + side) for first, side in zip(start, size, strict=True))
        yield place, image[place]


@pytest.mark.parametrize("name", NAMES)
def test_a_cutout_has_no_outliers_that_the_image_does_not_have(samples, name):
    observation = Observation.from_map(samples[name])
    options = OPTIONS if observation.noise else {"excess": 0.1, "limits": (0.0, 3.0)}
    image = observation.normalised()
    for place, part in cutouts(image, 200, 2):
        assert not find_outliers(part, np.ones(part.shape, bool), **options).any(), place


@pytest.mark.filterwarnings("error::sunpy_restore.core.exceptions.RestoreWarning")
@pytest.mark.parametrize(
    ("name", "corner", "size"),
    [*(("hmi_continuum_spot", (60, 60), size) for size in (2, 3, 5, 12, 20)), ("hmi_magnetogram", (156, 103), 29)],
)
def test_cutouts_of_steep_structure_are_read_without_a_warning(samples, name, corner, size):
    end = [first + size - 1 for first in corner]
    part = samples[name].submap(corner * u.pix, top_right=end * u.pix)
    assert Observation.from_map(part).valid.all()


def test_sources_beyond_the_border_are_none():
    fine, random = np.zeros((400, 400)), np.random.default_rng(1)
    for place in random.integers(0, 400, (40, 2)):
        fine[tuple(place)] = random.uniform(-1, 1)
    image = observe(fine, HMI_PIXEL / 10)
    image = 3 * image / np.abs(image).max() + noisy()
    for place, part in cutouts(image, 200, 3):
        assert not found_in(part).any(), place


def test_outliers_of_a_cutout_are_those_of_the_image(samples):
    image = Observation.from_map(samples["hmi_magnetogram"]).normalised().copy()
    hit = np.random.default_rng(2).random(image.shape) < 2e-3
    image[hit] += 5
    whole, edges, found = found_in(image), 0, 0
    for place, part in cutouts(image, 300, 8):
        own = found_in(part)
        assert not (own & ~whole[place]).any(), place
        edge = np.pad(np.zeros(np.subtract(part.shape, 2), bool), 1, constant_values=True) & whole[place]
        edges, found = edges + edge.sum(), found + (own & edge).sum()
    assert found > 0.9 * edges > 50


@pytest.mark.parametrize("place", [[(0, 7), (0, 8)], [(39, 5), (38, 6)], [(5, 39), (6, 39), (7, 39)], [(0, 9), (1, 9)]])
def test_tracks_at_the_edges(place):
    image, hit = noisy(), np.zeros((40, 40), bool)
    hit[tuple(zip(*place, strict=True))] = True
    np.testing.assert_array_equal(found_in(np.where(hit, image + 6, image)), hit)


@pytest.mark.filterwarnings("ignore:Found a roll angle")
@pytest.mark.parametrize(("angle", "order"), [(None, 3), (10, 1), (30, 3)])
def test_areas_filled_by_a_rotation_are_not_compared(samples, angle, order):
    angle = {} if angle is None else {"angle": angle * u.deg}
    rotated = samples["hmi_magnetogram"].rotate(**angle, order=order, missing=0)
    assert (rotated.data == 0).sum() > 50
    assert Observation.from_map(rotated).valid.all()


@pytest.mark.parametrize("value", [-9, 9, np.float32(3e38)])
def test_unphysical_values_are_found_in_any_number(value):
    image = noisy()
    image[5:9, 5:9] = value
    np.testing.assert_array_equal(found_in(image), image == value)


@given(height=st.floats(0.3, 7), place=st.tuples(st.floats(18, 21), st.floats(18, 21)), sign=st.sampled_from([-1, 1]))
@settings(max_examples=25, deadline=None)
def test_point_sources_are_none(height, place, sign):
    """What the telescope makes of a point, wherever it lies in a pixel, is as sharp as anything on the Sun."""
    fine = np.zeros((400, 400))
    fine[tuple(int(10 * side) for side in place)] = 1
    image = observe(fine, HMI_PIXEL / 10)
    assert not found_in(sign * height * image / image.max() + noisy()).any()


def test_edges_and_opposite_polarities_are_none():
    fine = np.zeros((400, 400))
    fine[:, 205:], fine[:120, :205] = 2.5, -1.5
    assert not found_in(observe(fine, HMI_PIXEL / 10) + noisy()).any()


def test_unknown_pixels_are_neither_found_nor_used():
    image, known = noisy(), np.ones((40, 40), bool)
    image[10, 10], image[20, 20] = 5, 5
    known[10, 10] = known[19, 19] = False
    image[19, 19] = -1e9
    np.testing.assert_array_equal(np.argwhere(found_in(image, known)), [[20, 20]])


def far_from(row, column, shape, distance):
    y, x = (np.abs((np.arange(2 * length) + 0.5) / 2 - 0.5 - middle)
            for length, middle in zip(shape, (row, column), strict=True))  # fmt: skip
    return np.maximum(y[:, np.newaxis], x) > distance


@pytest.mark.parametrize("method", ["network", "bicubic"])
@pytest.mark.parametrize(("name", "noise", "distance"), [("hmi_magnetogram", 10.0, 4), ("hmi_continuum_spot", 60.0, 9)])
@pytest.mark.parametrize("factor", [6, -10, 1e6])
def test_an_outlier_changes_the_result_next_to_it_only(samples, part, name, noise, distance, method, factor):
    """By less than the noise of the instrument."""
    smap = part(samples[name], 70, 20)
    data = smap.data.astype(float)
    data[33, 36] += factor * data.std()
    with pytest.warns(RestoreWarning, match=r"^1 pixel stands out .* row 33, column 36: cosmic rays") as warned:
        hit = enhance(sunpy.map.Map(data, smap.meta), method=method)
    assert warned[0].filename == __file__
    np.testing.assert_array_equal(np.argwhere(hit.mask), [[66, 72], [66, 73], [67, 72], [67, 73]])
    change = np.abs(hit.data - enhance(smap, method=method).data)
    assert np.isfinite(hit.data).all()
    assert change[far_from(33, 36, data.shape, distance)].max() < noise
    assert change.max() < 3 * smap.data.std()


@pytest.mark.parametrize("method", ["network", "bicubic"])
def test_a_masked_outlier_is_as_a_gap(samples, part, method):
    smap = part(samples["hmi_magnetogram"], 60, 40)
    data, mask = smap.data.astype(float), np.zeros(smap.data.shape, bool)
    mask[20:22, 31:34] = True
    hit = enhance(sunpy.map.Map(np.where(mask, 1e5, data), smap.meta, mask=mask), method=method)
    gap = enhance(sunpy.map.Map(np.where(mask, np.nan, data), smap.meta), method=method)
    outside = np.isfinite(gap.data)
    np.testing.assert_array_equal(hit.data[outside], gap.data[outside])
    np.testing.assert_array_equal(hit.mask, ~outside)
    assert np.isfinite(hit.data).all()
    assert np.abs(hit.data[~outside]).max() < 2 * np.abs(data).max()
