"""Tests of the observation: the visibilities in a back-projection with any pixels, and Maps that are refused."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astropy.units as u

from sunpy_restore.backprojection.fitting.scenes import ellipse, visibilities_of_scene
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.provenance.geometry import scale_matrix
from sunpy_restore.backprojection.visibilities.fourier import shift_phase_center
from sunpy_restore.backprojection.visibilities.measured import MeasuredVisibilities
from sunpy_restore.backprojection.visibilities.uvplane import UVPoints, stix_uv
from sunpy_restore.core.exceptions import RestoreWarning

POINTS = stix_uv()
AIA = {"INSTRUME": "AIA_3", "WAVELNTH": 171, "WAVEUNIT": "angstrom"}
SMALL = {"shape": (65, 65), "pixel": (4.0, 4.0)}
UNIT = u.ct / (u.s * u.keV * u.cm**2)


def assert_same(visibilities, expected, tolerance=1e-6):
    np.testing.assert_allclose(visibilities, expected, atol=tolerance * np.abs(expected).max())


def with_data(smap, data, mask=None):
    return smap._new_instance(data, smap.meta, mask=mask)


def image_of_observation(observation):
    """Back-projection with natural weights, computed without the operators of the package."""
    x, y = observation.offsets()
    phases = 2 * np.pi * (observation.points.u[:, None, None] * x + observation.points.v[:, None, None] * y)
    return (observation.visibilities[:, None, None] * np.exp(-1j * phases)).real.mean(axis=0)


@pytest.fixture(scope="module")
def truth(scene):
    return visibilities_of_scene(scene, POINTS)


@pytest.mark.parametrize("weighting", ["natural", "uniform"])
@pytest.mark.parametrize("pixel", [(2.0, 3.0), (4.0, 4.0), (-2.0, 2.0), (5.0, -4.0)])
@pytest.mark.parametrize("shape", [(65, 65), (64, 80), (93, 70)])
def test_visibilities_are_found_for_any_pixels(make_backprojection, scene, truth, shape, pixel, weighting):
    """Amplitudes and phases, with the centre of the image as phase centre."""
    smap = make_backprojection(scene, shape=shape, pixel=pixel, weighting=weighting)
    observation = Observation.from_map(smap, weighting=weighting)
    assert_same(observation.visibilities, truth)
    assert observation.points.labels == POINTS.labels
    np.testing.assert_array_equal([observation.points.u, observation.points.v], [POINTS.u, POINTS.v])
    assert observation.shape == shape
    assert observation.unit == UNIT
    assert observation.errors is None
    assert observation.nothing_to_do is None
    np.testing.assert_allclose(observation.matrix, np.diag(pixel), atol=1e-12)


def test_fields_smaller_than_the_longest_period(make_backprojection, scene, truth):
    """Rounding makes the visibilities of coarse sub-collimators uncertain, but not their back-projection."""
    smap = make_backprojection(scene, shape=(65, 65), pixel=(1.0, 1.0))
    observation = Observation.from_map(smap)
    assert_same(observation.visibilities, truth, 0.02)
    np.testing.assert_allclose(image_of_observation(observation), smap.data, atol=1e-6 * smap.data.max())


@settings(max_examples=15, deadline=None)
@given(angle=st.floats(-180, 180), pixel=st.tuples(st.floats(1.5, 5), st.floats(1.5, 5)), seed=st.integers(0, 99))
def test_visibilities_of_maps_with_a_rotation(make_backprojection, angle, pixel, seed):
    """The axes of the instrument are those of the sky."""
    rng = np.random.default_rng(seed)
    scene = ellipse(1, *rng.uniform(-40, 40, 2), 20, 8, rng.uniform(0, 3))
    smap = make_backprojection(scene, shape=(60, 71), pixel=pixel, angle=angle)
    observation = Observation.from_map(smap)
    assert_same(observation.visibilities, visibilities_of_scene(scene, POINTS), 1e-5)
    np.testing.assert_allclose(observation.matrix, scale_matrix(smap), atol=1e-9)


@pytest.mark.parametrize("angle", [-100.0, 12.0, 93.1])
def test_instrument_axes_may_be_those_of_the_pixels(make_backprojection, scene, truth, angle):
    """The header then rotates the frame of the instrument to the Sun."""
    observation = Observation.from_map(make_backprojection(scene, pixel=(2.0, 3.0), angle=angle, sky=False))
    assert_same(observation.visibilities, truth)
    sizes = np.linalg.norm(observation.matrix, axis=0)
    np.testing.assert_allclose(observation.matrix, np.diag(sizes), atol=1e-12)


@pytest.mark.parametrize("rows", [slice(20, 110), slice(0, 77)])
def test_phase_centre_of_a_submap_is_its_own_centre(make_backprojection, scene, truth, rows):
    smap, columns = make_backprojection(scene), slice(31, 129)
    corner, end = [columns.start, rows.start], [columns.stop - 1, rows.stop - 1]
    part = smap.submap(corner * u.pix, top_right=end * u.pix)
    away = [(limits.start + limits.stop - 1) / 2 - 64 for limits in (columns, rows)]
    assert part.data.shape == (rows.stop - rows.start, 98)
    assert_same(Observation.from_map(part).visibilities, shift_phase_center(truth, POINTS, *(2.0 * np.array(away))))


def test_large_images_of_which_a_subset_of_pixels_is_fitted(make_backprojection, scene, truth):
    smap = make_backprojection(scene, shape=(260, 331), pixel=(3.0, 1.5))
    assert_same(Observation.from_map(smap).visibilities, truth)


def test_single_precision_of_either_byte_order(make_backprojection, scene, truth):
    smap = make_backprojection(scene)
    for dtype in ("f4", ">f4"):
        assert_same(Observation.from_map(with_data(smap, smap.data.astype(dtype))).visibilities, truth, 1e-4)


def test_missing_and_masked_pixels_are_ignored(make_backprojection, scene, truth):
    smap = make_backprojection(scene)
    hole = np.zeros(smap.data.shape, dtype=bool)
    hole[40:70, 50:90] = True
    for value, mask in ((np.nan, None), (99.0, hole), (np.inf, None)):
        broken = with_data(smap, np.where(hole, value, smap.data), mask)
        before = broken.data.copy()
        assert_same(Observation.from_map(broken).visibilities, truth)
        np.testing.assert_array_equal(broken.data, before)


@pytest.mark.parametrize(
    "roll", [pytest.param(-31.0, marks=pytest.mark.slow), pytest.param(3.1, marks=pytest.mark.slow), 7.0]
)
def test_orientation_and_sub_collimators_of_maps_by_the_idl_software_are_found(make_idl, scene, roll):
    """The header contains neither; the orientation is ambiguous by 180 degrees."""
    smap = make_idl(scene, roll=roll)
    observation = Observation.from_map(smap)
    assert observation.unit == UNIT
    assert observation.points.labels == stix_uv(range(7, 11)).labels
    expected = visibilities_of_scene(scene, stix_uv(range(7, 11)))
    direction = (observation.matrix / 4) @ [1, 0]
    angle = np.degrees(np.arctan2(direction[1], direction[0]))
    assert (angle - 90 - roll + 90) % 180 - 90 == pytest.approx(0, abs=0.05)
    opposite = abs((angle - 90 - roll + 180) % 360 - 180) > 90
    assert_same(observation.visibilities, expected.conj() if opposite else expected, 1e-3)
    kept = smap.data != 0
    assert 0.7 < kept.mean() < 1
    image = image_of_observation(observation)
    np.testing.assert_allclose(image[kept], smap.data[kept], atol=2e-3 * smap.data.max())


def test_given_sub_collimators_of_maps_by_the_idl_software_are_all_kept(make_idl, scene):
    with pytest.warns(RestoreWarning, match=r"appears to be made from 7, 8, 9, 10\."):
        observation = Observation.from_map(make_idl(scene, side=96), subcollimators=range(3, 11))
    assert observation.points.labels == POINTS.labels


def test_offsets_and_own_axes_are_consistent(truth):
    """The phase of a visibility is the same in both frames."""
    matrix = np.array([[2.0, -1.5], [1.0, 3.0]])
    observation = Observation(visibilities=truth, points=POINTS, matrix=matrix, shape=(20, 31))
    x, y = observation.offsets()
    points, grid = observation.own_axes()
    assert x.shape == y.shape == grid.shape == (20, 31)
    np.testing.assert_allclose(
        points.u[:, None, None] * grid.x + points.v[:, None, None] * grid.y[:, None],
        POINTS.u[:, None, None] * x + POINTS.v[:, None, None] * y,
        atol=1e-12,
    )
    assert grid.area == pytest.approx(np.linalg.det(matrix))
    with pytest.raises(ValueError, match="not perpendicular"):
        replace(observation, matrix=np.array([[2.0, 0.5], [0.0, 2.0]])).own_axes()


def ring(count):
    """Points on a circle, such as those of RHESSI."""
    angle = np.pi * np.arange(count) / count
    return UVPoints(0.02 * np.cos(angle), 0.02 * np.sin(angle), tuple(map(str, angle)))


AWAY = np.hypot(*(np.indices((65, 65)) - 32.0))
OTHERS = {
    "noise": np.random.default_rng(0).normal(size=(65, 65)),
    "Sun": np.where(AWAY < 25, np.sqrt(np.maximum(1 - (AWAY / 25) ** 2, 0)), 1e-3),
    "Gaussian": np.exp(-((AWAY / 4) ** 2)) + 1e-3,
    "squared": POINTS,
    "another imager": ring(24),
}
"""Images that are not back-projections of the sub-collimators 3 to 10."""


@pytest.mark.parametrize(
    "name",
    ["noise", "squared", *(pytest.param(n, marks=pytest.mark.slow) for n in OTHERS if n not in ("noise", "squared"))],
)
def test_images_that_are_no_back_projection_are_refused(make_backprojection, scene, name):
    other = OTHERS[name]
    if isinstance(other, UVPoints):
        other = make_backprojection(scene, other, **SMALL).data ** (2 if name == "squared" else 1)
    smap = with_data(make_backprojection(scene, **SMALL), other)
    with pytest.raises(ValueError, match=r"not a back-projection .*at these 24 points.*3a to 10c.*residual of [\d.]+%"):
        Observation.from_map(smap)


def test_another_pixel_size_is_refused(make_backprojection, scene):
    smap = make_backprojection(scene, **SMALL)
    smap.meta["cdelt1"] = smap.meta["cdelt2"] = 4.3
    with pytest.raises(ValueError, match="not a back-projection"):
        Observation.from_map(smap)


@pytest.mark.parametrize("numbers", [range(7, 11), range(5, 11), range(2, 11), range(1, 11), [3, 5, 6, 8, 9]])
def test_sub_collimators_are_recognized(make_backprojection, scene, numbers):
    smap = make_backprojection(scene, stix_uv(numbers))
    with pytest.warns(RestoreWarning, match=r"sub-collimators .*, which are used.*subcollimators="):
        observation = Observation.from_map(smap)
    assert observation.points.labels == stix_uv(numbers).labels
    assert_same(observation.visibilities, visibilities_of_scene(scene, stix_uv(numbers)), 1e-4)
    told = Observation.from_map(smap, subcollimators=numbers)
    assert_same(observation.visibilities, told.visibilities)


MISSING = [(place,) for place in range(24)] + [(4, 17), (0, 1, 2), (7, 23), (3, 9, 20)]


@pytest.mark.parametrize("weighting", ["natural", "uniform"])
@pytest.mark.parametrize("places", MISSING)
def test_single_visibilities_that_are_missing_are_left_out(make_backprojection, scene, places, weighting):
    """The back-projection is the mean over the others, in single precision."""
    missing = np.isin(np.arange(24), places)
    part = POINTS.only(~missing)
    exact = visibilities_of_scene(scene, part)
    noise = 0.05 * np.abs(exact).mean() * np.random.default_rng(1).normal(size=(2, len(exact)))
    smap = make_backprojection(exact + noise[0] + 1j * noise[1], part, weighting=weighting)
    smap = with_data(smap, smap.data.astype("f4"))
    names = ", ".join(POINTS.only(missing).labels)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        observation = Observation.from_map(smap)
        told = Observation.from_map(smap, subcollimators=range(3, 11), weighting=weighting)
    messages = [str(one.message) for one in caught]
    if places != (0, 1, 2):
        assert sum(f"no signal at {len(places)} of 24 points of the (u, v) plane, {names}:" in m for m in messages) == 2
        assert told.points.labels == part.labels
    assert any("'uniform', which is used" in message for message in messages) == (weighting == "uniform")
    assert observation.points.labels == part.labels
    assert_same(observation.visibilities, exact + noise[0] + 1j * noise[1], 1e-5)


@pytest.mark.parametrize("weighting", [None, "natural"])
def test_other_weights_cause_a_warning(make_backprojection, truth, weighting):
    weights = POINTS.frequency**0.5
    rng = np.random.default_rng(3)
    noisy = truth + 0.02 * np.abs(truth).mean() * (rng.normal(size=24) + 1j * rng.normal(size=24))
    smap = make_backprojection(noisy * weights / weights.mean())
    with pytest.warns(RestoreWarning, match=r"Neither natural nor uniform weights .*is used\. Make the"):
        Observation.from_map(smap, weighting=weighting)


def test_visibilities_with_a_huge_error_are_left_out(make_backprojection, truth):
    """The Map may be made with them."""
    errors = np.full(24, 0.05)
    errors[5] *= 1e6
    given = MeasuredVisibilities(POINTS, truth, errors, UNIT, (0.0, 0.0))
    with pytest.warns(RestoreWarning, match=rf"errors of 1 of 24 visibilities, {POINTS.labels[5]}, are more than 100"):
        observation = Observation.from_map(make_backprojection(truth), visibilities=given)
    assert observation.points.labels == POINTS.only(np.arange(24) != 5).labels
    np.testing.assert_array_equal(observation.visibilities, np.delete(truth, 5))
    np.testing.assert_array_equal(observation.errors, np.full(23, 0.05))


@pytest.mark.parametrize("numbers", [range(3, 11), range(7, 11)])
def test_uniform_weights_are_recognized(make_backprojection, scene, numbers):
    smap = make_backprojection(scene, stix_uv(numbers), weighting="uniform")
    with pytest.warns(RestoreWarning, match="'uniform', which is used.*weighting='natural' or weighting='uniform'"):
        observation = Observation.from_map(smap, subcollimators=numbers)
    assert_same(observation.visibilities, visibilities_of_scene(scene, stix_uv(numbers)))


@pytest.mark.parametrize(("made", "given"), [((3, 11), (1, 11)), ((3, 11), (2, 11)), ((7, 11), (3, 11))])
@pytest.mark.parametrize("weighting", ["natural", "uniform"])
def test_given_sub_collimators_without_signal_cause_a_warning(make_backprojection, scene, made, given, weighting):
    smap = make_backprojection(scene, stix_uv(range(*made)), weighting=weighting)
    fitting = re.escape(f"subcollimators={tuple(range(*made))} fits the image")
    with pytest.warns(RestoreWarning, match=f"Found no signal of some of the given .*{fitting}"):
        observation = Observation.from_map(smap, subcollimators=range(*given), weighting=weighting)
    assert observation.points.labels == stix_uv(range(*given)).labels


@pytest.mark.parametrize("made", ["natural", "uniform"])
def test_a_given_weighting_that_contradicts_the_image_causes_a_warning(make_backprojection, scene, made):
    smap = make_backprojection(scene, weighting=made)
    other = "uniform" if made == "natural" else "natural"
    message = f"Found {made} weights .*weighting='{other}' is given and used.*weighting='{made}' fits the image"
    with pytest.warns(RestoreWarning, match=message):
        Observation.from_map(smap, weighting=other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Observation.from_map(smap, weighting=made, subcollimators=range(3, 11))


def test_weighting_follows_from_the_visibilities(make_backprojection, scene, truth):
    smap = make_backprojection(scene, weighting="uniform", header="minimal")
    given = MeasuredVisibilities(POINTS, truth, None, UNIT, (0.0, 0.0))
    observation = Observation.from_map(smap, visibilities=given)
    np.testing.assert_array_equal(observation.visibilities, truth)
    assert observation.unit == UNIT
    with pytest.raises(ValueError, match="made with weighting='uniform'"):
        Observation.from_map(smap, visibilities=given, weighting="natural")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.7])
def test_images_that_are_cut_at_a_threshold_are_refused(make_backprojection, scene, share):
    smap = make_backprojection(scene, **SMALL)
    cut = np.where(smap.data > share * smap.data.max(), smap.data, 0)
    with pytest.raises(ValueError, match="not a back-projection"):
        Observation.from_map(with_data(smap, cut))


def test_clean_components_are_refused(make_backprojection, scene):
    smap = make_backprojection(scene, **SMALL)
    components = np.zeros(smap.data.shape)
    components[30, 31], components[28, 25], components[40, 40] = 3, 2, 1
    with pytest.raises(ValueError, match="not a CLEAN image, its components"):
        Observation.from_map(with_data(smap, components))


@pytest.mark.parametrize("unit", ["km", "K", "G", "erg", "m / s", "DN", "DN / s", "ct2 / s", "ct m", "Jy"])
def test_units_of_something_else_are_refused(make_backprojection, scene, unit):
    with pytest.raises(ValueError, match="expected that of visibilities"):
        Observation.check(make_backprojection(scene, shape=(30, 30), BUNIT=unit))


@pytest.mark.parametrize("unit", ["count / (cm2 arcsec2 keV s)", "ph / (s cm2 sr)", "counts / pixel"])
def test_units_per_solid_angle_are_refused(make_backprojection, scene, unit):
    with pytest.raises(ValueError, match=r"per solid angle or pixel; expected .*the maximum of a point source"):
        Observation.check(make_backprojection(scene, shape=(30, 30), BUNIT=unit))


@pytest.mark.parametrize("unit", ["counts cm^-2 asec^-2 s^-1 keV^-1", "counts", "who knows"])
def test_units_that_cannot_be_parsed_are_refused(make_backprojection, make_idl, scene, unit):
    with pytest.raises(ValueError, match=f"BUNIT = '{re.escape(unit)}', which is not a unit"):
        Observation.check(make_backprojection(scene, shape=(30, 30), BUNIT=unit))
    assert Observation.check(make_idl(scene, side=30, BUNIT=unit)) is None


def test_visibilities_in_units_that_fits_does_not_support_are_refused(make_backprojection, scene):
    measured = MeasuredVisibilities(POINTS, np.zeros(24), None, u.DN / u.s, (0.0, 0.0))
    with pytest.raises(ValueError, match="the unit DN / s, which the FITS standard does not support"):
        Observation.check(make_backprojection(scene, shape=(30, 30), header="minimal"), visibilities=measured)


@pytest.mark.parametrize("unit", ["ct", "ct / s", "ph / (s keV cm2)", "1 / (s cm2 keV)", "10**3 ct / s", "adu", ""])
def test_units_of_visibilities_are_accepted(make_backprojection, scene, unit):
    assert Observation.check(make_backprojection(scene, shape=(30, 30), BUNIT=unit)) is None


@pytest.mark.parametrize("dtype", [complex, np.complex64, bool])
def test_pixels_that_are_no_real_numbers_are_refused(make_backprojection, scene, dtype):
    smap = make_backprojection(scene, shape=(30, 30))
    with pytest.raises(ValueError, match="expected real numbers"):
        Observation.check(with_data(smap, smap.data.astype(dtype)))


@pytest.mark.parametrize(
    ("changes", "instrument", "error", "message"),
    [
        ({"TELESCOP": "SDO/AIA", **AIA}, None, TypeError, "image of SDO/AIA AIA_3; expected .* STIX"),
        ({"TELESCOP": "SDO/AIA", **AIA}, "STIX", TypeError, "SDO/AIA"),
        ({"TELESCOP": "", "INSTRUME": ""}, None, TypeError, "without TELESCOP and INSTRUME.*instrument='STIX'"),
        ({}, "RHESSI", ValueError, "'RHESSI'; expected 'STIX'"),
    ],
)
def test_maps_of_other_instruments_are_refused(make_backprojection, scene, changes, instrument, error, message):
    with pytest.raises(error, match=message):
        Observation.check(make_backprojection(scene, shape=(30, 30), **changes), instrument=instrument)


def test_maps_of_stix_are_accepted(make_backprojection, scene):
    small = {"shape": (30, 30)}
    for changes in ({}, {"TELESCOP": "solo/stix", "INSTRUME": ""}, {"TELESCOP": "Solar Orbiter"}):
        assert Observation.check(make_backprojection(scene, **small, **changes)) is None
    unnamed = make_backprojection(scene, **small, header="minimal")
    assert Observation.check(unnamed, instrument="STIX") is None
    measured = MeasuredVisibilities(POINTS, np.zeros(24), None, UNIT, (0.0, 0.0))
    assert Observation.check(unnamed, visibilities=measured) is None
    with pytest.raises(TypeError, match="without TELESCOP and INSTRUME"):
        Observation.check(unnamed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weighting": "robust"}, "'robust'; expected 'natural' or 'uniform'"),
        ({"subcollimators": [3, 11]}, "expected different numbers from 1 to 10"),
        ({"subcollimators": []}, "expected different numbers from 1 to 10"),
    ],
)
def test_unknown_options_are_refused(make_backprojection, scene, options, message):
    with pytest.raises(ValueError, match=message):
        Observation.check(make_backprojection(scene, shape=(30, 30)), **options)


def test_images_without_a_source_are_refused(make_backprojection, scene):
    smap = make_backprojection(scene, shape=(30, 30))
    for data in (np.zeros((30, 30)), np.full((30, 30), np.nan), -np.ones((30, 30))):
        with pytest.raises(ValueError, match="no positive pixel"):
            Observation.check(with_data(smap, data))


@pytest.mark.parametrize(
    ("valid", "message"),
    [
        ((slice(0, 0), slice(None)), r"no positive pixel .*\(100% are masked\)"),
        ((slice(30, 36), slice(None)), "field of 24 x 260 arcsec; expected 60"),
        ((slice(None, None, 30), slice(None, None, 30)), "Found 9 pixels .*expected 120"),
    ],
)
def test_masks_that_leave_too_little_are_refused(make_backprojection, scene, valid, message):
    smap = make_backprojection(scene, **SMALL)
    mask = np.ones(smap.data.shape, dtype=bool)
    mask[valid] = False
    with pytest.raises(ValueError, match=message):
        Observation.check(with_data(smap, smap.data, mask))
    with pytest.raises(ValueError, match=message.replace("100%", "0%")):
        Observation.check(with_data(smap, np.where(mask, np.nan, smap.data)))


def test_valid_pixels_between_those_that_are_fitted_are_refused(make_backprojection, scene):
    """Only every second pixel of an image of this size is fitted."""
    smap = make_backprojection(scene)
    mask = np.ones(smap.data.shape, dtype=bool)
    mask[1::2, 1::2] = False
    with pytest.raises(ValueError, match="no signal of any sub-collimator in the valid pixels"):
        Observation.from_map(with_data(smap, smap.data, mask))


@pytest.mark.parametrize(("shape", "pixel"), [((1, 129), 2.0), ((3, 3), 2.0), ((129, 20), 2.0), ((40, 40), 1.0)])
def test_fields_that_are_too_small_are_refused(make_backprojection, scene, shape, pixel):
    smap = make_backprojection(scene, shape=shape, pixel=(pixel, pixel))
    with pytest.raises(ValueError, match=f"Found a field of {shape[0] * pixel:.0f} x .* expected 60 or more"):
        Observation.check(smap)


def test_zeros_around_a_rotated_image_are_named(make_backprojection, scene):
    rotated = make_backprojection(scene).rotate(25 * u.deg, order=3, missing=0)
    with pytest.raises(ValueError, match=r"not a back-projection.*corners are exactly 0.*missing=numpy\.nan"):
        Observation.from_map(rotated)
