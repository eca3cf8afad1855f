"""The visibilities in a back-projection, whatever its pixels, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

import sunpy.map

from sunpy_restore.backprojection.fourier import shifted
from sunpy_restore.backprojection.observation import (
    Backprojection,
    check_backprojection,
    made_by_idl,
    read_backprojection,
    scale_matrix,
    without_unused,
)
from sunpy_restore.backprojection.scenes import ellipse, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import UVPlane, stix_uv

PLANE = stix_uv()
AIA = {"INSTRUME": "AIA_3", "WAVELNTH": 171, "WAVEUNIT": "angstrom"}
SMALL = {"shape": (65, 65), "pixel": (4.0, 4.0)}


def assert_same(found, expected, tolerance=1e-6):
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


def with_data(smap, data, mask=None):
    return smap._new_instance(data, smap.meta, mask=mask)


@pytest.fixture(scope="module")
def seen():
    """The image that natural weights make of what was read."""

    def seen(back):
        x, y = back.offsets()
        phases = 2 * np.pi * (back.plane.u[:, None, None] * x + back.plane.v[:, None, None] * y)
        return (back.found[:, None, None] * np.exp(-1j * phases)).real.mean(axis=0)

    return seen


@pytest.fixture(scope="module")
def truth(scene):
    return visibilities_of_scene(scene, PLANE)


@pytest.mark.parametrize("weighting", ["natural", "uniform"])
@pytest.mark.parametrize("pixel", [(2.0, 3.0), (4.0, 4.0), (-2.0, 2.0), (5.0, -4.0)])
@pytest.mark.parametrize("shape", [(65, 65), (64, 80), (93, 70)])
def test_visibilities_of_any_pixels(make_backprojection, scene, truth, shape, pixel, weighting):
    """Amplitudes and phases, with the middle of the image as phase centre."""
    smap = make_backprojection(scene, shape=shape, pixel=pixel, weighting=weighting)
    back = read_backprojection(smap, PLANE, weighting)
    assert_same(back.found, truth)
    assert back.plane is PLANE
    assert back.shape == shape
    np.testing.assert_allclose(back.matrix, np.diag(pixel), atol=1e-12)


def test_fields_smaller_than_the_coarsest_period(make_backprojection, seen, scene, truth):
    """Such as xrayvision makes by default: rounding makes the large scales uncertain, not what is seen of them."""
    smap = make_backprojection(scene, shape=(65, 65), pixel=(1.0, 1.0))
    back = read_backprojection(smap, PLANE)
    assert_same(back.found, truth, 0.02)
    np.testing.assert_allclose(seen(back), smap.data, atol=1e-6 * smap.data.max())


@settings(max_examples=15, deadline=None)
@given(angle=st.floats(-180, 180), pixel=st.tuples(st.floats(1.5, 5), st.floats(1.5, 5)), seed=st.integers(0, 99))
def test_visibilities_of_maps_with_a_rotation(make_backprojection, angle, pixel, seed):
    """On the axes of the sky, of a random scene."""
    rng = np.random.default_rng(seed)
    scene = ellipse(1, *rng.uniform(-40, 40, 2), 20, 8, rng.uniform(0, 3))
    smap = make_backprojection(scene, shape=(60, 71), pixel=pixel, angle=angle)
    back = read_backprojection(smap, PLANE)
    assert_same(back.found, visibilities_of_scene(scene, PLANE), 1e-5)
    np.testing.assert_allclose(back.matrix, scale_matrix(smap), atol=1e-9)


@pytest.mark.parametrize("angle", [-100.0, 12.0, 93.1])
def test_axes_of_the_pixels(make_backprojection, scene, truth, angle):
    """Files whose header turns the frame of the instrument to the Sun."""
    back = read_backprojection(make_backprojection(scene, pixel=(2.0, 3.0), angle=angle, sky=False), PLANE)
    assert_same(back.found, truth)
    sizes = np.linalg.norm(back.matrix, axis=0)
    np.testing.assert_allclose(back.matrix, np.diag(sizes), atol=1e-12)


@pytest.mark.parametrize("rows", [slice(20, 110), slice(0, 77)])
def test_submaps_have_their_own_phase_centre(make_backprojection, scene, truth, rows):
    smap, columns = make_backprojection(scene), slice(31, 129)
    corner, end = [columns.start, rows.start], [columns.stop - 1, rows.stop - 1]
    part = smap.submap(corner * u.pix, top_right=end * u.pix)
    away = [(limits.start + limits.stop - 1) / 2 - 64 for limits in (columns, rows)]
    assert part.data.shape == (rows.stop - rows.start, 98)
    assert_same(read_backprojection(part, PLANE).found, shifted(truth, PLANE, *(2.0 * np.array(away))))


def test_large_images_of_which_not_all_pixels_are_looked_at(make_backprojection, scene, truth):
    smap = make_backprojection(scene, shape=(260, 331), pixel=(3.0, 1.5))
    assert_same(read_backprojection(smap, PLANE).found, truth)


def test_single_precision(make_backprojection, scene, truth):
    smap = make_backprojection(scene)
    for dtype in ("f4", ">f4"):
        assert_same(read_backprojection(with_data(smap, smap.data.astype(dtype)), PLANE).found, truth, 1e-4)


def test_lost_pixels_do_not_count(make_backprojection, scene, truth):
    smap = make_backprojection(scene)
    hole = np.zeros(smap.data.shape, dtype=bool)
    hole[40:70, 50:90] = True
    for value, mask in ((np.nan, None), (0, None), (99.0, hole), (np.inf, None)):
        broken = with_data(smap, np.where(hole, value, smap.data), mask)
        before = broken.data.copy()
        assert_same(read_backprojection(broken, PLANE).found, truth)
        np.testing.assert_array_equal(broken.data, before)


@pytest.mark.parametrize("roll", [-31.0, 3.1, 7.0])
def test_turned_maps_of_the_idl_software(make_idl, seen, scene, roll):
    """Whose header does not tell the angle; up to half a turn."""
    smap = make_idl(scene, roll=roll)
    back = read_backprojection(smap, PLANE)
    found = without_unused(back)
    assert found.plane.labels == stix_uv(range(7, 11)).labels
    expected = visibilities_of_scene(scene, stix_uv(range(7, 11)))
    direction = (back.matrix / 4) @ [1, 0]
    angle = np.degrees(np.arctan2(direction[1], direction[0]))
    assert (angle - 90 - roll + 90) % 180 - 90 == pytest.approx(0, abs=0.05)
    turned = abs((angle - 90 - roll + 180) % 360 - 180) > 90
    assert_same(found.found, expected.conj() if turned else expected, 1e-3)
    kept = smap.data != 0
    assert 0.7 < kept.mean() < 1
    np.testing.assert_allclose(seen(found)[kept], smap.data[kept], atol=2e-3 * smap.data.max())


def test_sub_collimators_with_something_in_them_stay(scene, truth):
    back = Backprojection(np.eye(2), truth, PLANE, (9, 9))
    same = without_unused(back)
    assert same.plane.labels == PLANE.labels
    np.testing.assert_array_equal(same.found, truth)
    numbers = np.array([int(label[:-1]) for label in PLANE.labels])
    # One visibility of a sub-collimator is enough
    one = np.where(numbers == 4, 0, truth)
    one[np.flatnonzero(numbers == 4)[1]] = np.abs(truth).max() / 50
    assert without_unused(back._replace(found=one)).plane.labels == PLANE.labels
    less = without_unused(back._replace(found=np.where(numbers == 4, 0, truth)))
    assert set(PLANE.labels) - set(less.plane.labels) == {"4a", "4b", "4c"}
    np.testing.assert_allclose(less.found, truth[numbers != 4] * 21 / 24, rtol=1e-12)


def test_offsets_and_own_axes_say_the_same(truth):
    """A visibility is the same wave in either frame."""
    matrix = np.array([[2.0, -1.5], [1.0, 3.0]])
    back = Backprojection(matrix, truth, PLANE, (20, 31))
    x, y = back.offsets()
    plane, grid = back.own_axes()
    assert x.shape == y.shape == grid.shape == (20, 31)
    np.testing.assert_allclose(
        plane.u[:, None, None] * grid.x + plane.v[:, None, None] * grid.y[:, None],
        PLANE.u[:, None, None] * x + PLANE.v[:, None, None] * y,
        atol=1e-12,
    )
    assert grid.area == pytest.approx(np.linalg.det(matrix))
    with pytest.raises(ValueError, match="right angles"):
        back._replace(matrix=np.array([[2.0, 0.5], [0.0, 2.0]])).own_axes()


def ring(count):
    """Points such as those of RHESSI."""
    angle = np.pi * np.arange(count) / count
    return UVPlane(0.02 * np.cos(angle), 0.02 * np.sin(angle), tuple(map(str, angle)))


AWAY = np.hypot(*(np.indices((65, 65)) - 32.0))
OTHERS = {
    "noise": np.random.default_rng(0).normal(size=(65, 65)),
    "Sun": np.where(AWAY < 25, np.sqrt(np.maximum(1 - (AWAY / 25) ** 2, 0)), 1e-3),
    "Gaussian": np.exp(-((AWAY / 4) ** 2)) + 1e-3,
    "squared": PLANE,
    "finer points": stix_uv(range(1, 11)),
    "another imager": ring(24),
}
"""Images that are no back-projection of the sub-collimators 3 to 10."""


@pytest.mark.parametrize("name", OTHERS)
def test_other_images_are_refused(make_backprojection, scene, name):
    other = OTHERS[name]
    if isinstance(other, UVPlane):
        other = make_backprojection(scene, other, **SMALL).data ** (2 if name == "squared" else 1)
    smap = with_data(make_backprojection(scene, **SMALL), other)
    with pytest.raises(ValueError, match=r"no back-projection of these 24 points.*3a to 10c.*unexplained"):
        read_backprojection(smap, PLANE)


def test_another_pixel_size_is_refused(make_backprojection, scene):
    smap = make_backprojection(scene, **SMALL)
    smap.meta["cdelt1"] = smap.meta["cdelt2"] = 4.3
    with pytest.raises(ValueError, match="no back-projection"):
        read_backprojection(smap, PLANE)


def test_less_sub_collimators_than_asked_for_are_found(make_backprojection, scene):
    part = stix_uv(range(5, 11))
    found = read_backprojection(make_backprojection(scene, part), PLANE).found
    expected = np.concatenate([np.zeros(6), 24 / 18 * visibilities_of_scene(scene, part)])
    assert_same(found, expected)


def test_scale_in_other_units(make_backprojection, scene):
    smap = make_backprojection(scene, angle=30.0)
    expected = scale_matrix(smap)
    np.testing.assert_allclose(expected, 2 * np.array([[np.sqrt(3), -1], [1, np.sqrt(3)]]) / 2, rtol=1e-12)
    meta = smap.meta | {key: smap.meta[key] / 3600 for key in ("cdelt1", "cdelt2", "crval1", "crval2")}
    np.testing.assert_allclose(
        scale_matrix(sunpy.map.Map(smap.data, meta | {"cunit1": "deg", "cunit2": "deg"})), expected, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("changes", "instrument", "error", "message"),
    [
        ({"TELESCOP": "SDO/AIA", **AIA}, None, TypeError, "image of SDO/AIA AIA_3, expected .* STIX"),
        ({"TELESCOP": "SDO/AIA", **AIA}, "STIX", TypeError, "SDO/AIA"),
        ({"TELESCOP": "", "INSTRUME": ""}, None, TypeError, "names no instrument.*instrument='STIX'"),
        ({}, "RHESSI", ValueError, "'RHESSI', expected 'STIX'"),
        ({"RSTTASK": "backproj"}, None, ValueError, "'backproj': the Map is no back-projection any more"),
    ],
)
def test_other_maps_are_refused(make_backprojection, scene, changes, instrument, error, message):
    with pytest.raises(error, match=message):
        check_backprojection(make_backprojection(scene, shape=(9, 9), **changes), instrument)


def test_maps_of_stix_are_taken(make_backprojection, scene):
    for changes in ({}, {"TELESCOP": "solo/stix", "INSTRUME": ""}, {"TELESCOP": "Solar Orbiter"}):
        assert check_backprojection(make_backprojection(scene, shape=(9, 9), **changes)) is None
    poor = make_backprojection(scene, shape=(9, 9), header="poor")
    assert check_backprojection(poor, "STIX") is None
    assert check_backprojection(poor, named=False) is None
    with pytest.raises(TypeError, match="names no instrument"):
        check_backprojection(poor)


def test_images_without_a_source_and_arrays_are_refused(make_backprojection, scene):
    smap = make_backprojection(scene, shape=(9, 9))
    for data in (np.zeros((9, 9)), np.full((9, 9), np.nan), -np.ones((9, 9))):
        with pytest.raises(ValueError, match="no pixel above zero"):
            check_backprojection(with_data(smap, data))
    with pytest.raises(TypeError, match="Found ndarray, expected a Map"):
        check_backprojection(smap.data)


def test_maps_of_the_idl_software_are_known_by_their_header(make_backprojection, make_idl, scene):
    assert made_by_idl(make_idl(scene, side=9))
    assert not made_by_idl(make_backprojection(scene, shape=(9, 9)))


@pytest.mark.parametrize(("shape", "pixel"), [((1, 129), 2.0), ((3, 3), 2.0), ((129, 20), 2.0), ((40, 40), 1.0)])
def test_fields_that_cannot_tell_the_waves_apart_are_refused(make_backprojection, scene, shape, pixel):
    smap = make_backprojection(scene, shape=shape, pixel=(pixel, pixel))
    with pytest.raises(ValueError, match=f"Found a field of {shape[0] * pixel:.0f} x .* expected 60 or more"):
        read_backprojection(smap, PLANE)
