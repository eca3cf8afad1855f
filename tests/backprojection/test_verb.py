"""Tests of `backproj_to_clean`: flux and brightness, invariances, headers, and measured visibilities."""

import copy
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ndcube import NDCube

import astropy.units as u

import sunpy.map

from sunpy_restore.backprojection.channels import PIXEL
from sunpy_restore.backprojection.fitting.scenes import ellipse, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.verb import backproj_to_clean
from sunpy_restore.backprojection.visibilities.fourier import shift_phase_center
from sunpy_restore.backprojection.visibilities.measured import VisibilityTable, open_visibilities
from sunpy_restore.backprojection.visibilities.uvplane import UVPoints, stix_uv
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.weights.store import write
from sunpy_restore.data import sample_path
from sunpy_restore.networks.unrolled import UnrolledUNet

METHODS = ("clean", "network")
ALL_METHODS = (*METHODS, "multiscale-clean", "squared-variation", "mem", "forward-fit")
POINTS = stix_uv()
UNIT = u.ct / (u.s * u.keV * u.cm**2)
IDL_UNIT = UNIT / u.arcsec**2


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network for the points of STIX with random weights and a bias that makes its result positive."""
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    points = stix_uv(range(1, 11))
    hyperparameters = {
        "architecture": "UnrolledUNet",
        "uv": np.stack([points.u, points.v], axis=1).reshape(10, 3, 2).tolist(),
        "pixel": PIXEL,
        "widths": [4, 6],
        "stages": 2,
    }
    network = UnrolledUNet(**{key: value for key, value in hyperparameters.items() if key != "architecture"})
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
        for stage in network.stages:
            stage.leave.bias += 0.2
    write(
        path,
        network.state_dict(),
        {"task": "backproj", "architecture": "UnrolledUNet", "hyperparameters": hyperparameters},
    )
    return path


DISAGREEING = pytest.mark.filterwarnings("ignore:The image does not agree with the visibilities")
"""For images by the weights of the fixture, which are random, and for images that lack a part of a source."""


@pytest.fixture(scope="module")
def options(weights):
    """``options(method)``: keywords for a method."""
    return lambda method: {"method": method} | ({"weights": weights, "device": "cpu"} if method == "network" else {})


@pytest.fixture(scope="module")
def smap(make_backprojection, scene):
    """A STIX back-projection whose field is 48 pixels of the network."""
    return make_backprojection(scene, shape=(72, 85))


def measurement(visibilities, error, points=POINTS, center=(0.0, 0.0)):
    """Table of visibilities, with the phase centre as (x, y)."""
    errors = np.broadcast_to(error, visibilities.shape) * UNIT
    return VisibilityTable(
        visibilities * UNIT, points.u / u.arcsec, points.v / u.arcsec, errors, center[::-1] * u.arcsec
    )


def noisy(scene, level, seed=0, points=POINTS):
    rng = np.random.default_rng(seed)
    error = level * scene.flux.sum()
    found = visibilities_of_scene(scene, points)
    return found + error * (rng.standard_normal(len(found)) + 1j * rng.standard_normal(len(found))), error


def flux(result):
    return result.data.sum() * abs(np.prod(u.Quantity(result.scale).to_value(u.arcsec / u.pix)))


def assert_close(found, expected, tolerance=1e-4):
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("pixel", [(2.0, 2.0), (3.0, 1.5), (-4.0, 4.0)])
@pytest.mark.parametrize("step", [(0, 0), (6, -4)])
def test_clean_of_a_point_at_a_pixel_has_its_flux_position_and_the_beam(make_backprojection, step, pixel):
    smap = make_backprojection(point(3, *np.multiply(step, pixel)), shape=(95, 101), pixel=pixel)
    result = backproj_to_clean(smap, method="clean")
    assert flux(result) == pytest.approx(3, rel=3e-3)
    assert result.data.max() == pytest.approx(3 / beam_area(), rel=3e-3)
    assert np.unravel_index(result.data.argmax(), result.data.shape) == (47 + step[1], 50 + step[0])
    half = result.data > result.data.max() / 2
    assert half.sum() * abs(np.prod(pixel)) == pytest.approx(np.pi * BEAM**2 / 4, rel=0.15)


@pytest.mark.parametrize("pixel", [1.0, 2.0, 4.0])
def test_clean_of_a_point_between_pixels_has_its_flux(make_backprojection, pixel):
    smap = make_backprojection(point(3, 20.5 * pixel, -9.5 * pixel), shape=(129, 129), pixel=(pixel, pixel))
    assert flux(backproj_to_clean(smap, method="clean")) == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_result_is_proportional_to_the_image(smap, options, method):
    result = backproj_to_clean(smap, **options(method))
    twice = backproj_to_clean(smap._new_instance(2 * smap.data, smap.meta), **options(method))
    assert result.data.max() > 0
    np.testing.assert_array_equal(twice.data, 2 * result.data)


def test_network_of_these_tests_gives_a_varying_image_without_negative_values(smap, options):
    """Otherwise the invariances below would hold trivially."""
    data = backproj_to_clean(smap, **options("network")).data
    assert data.min() == 0
    assert 0.2 < np.mean(data > 0)
    assert data.std() > 0.2 * data.max() / 3


@pytest.mark.parametrize("method", METHODS)
def test_header_class_and_coordinates_of_the_result(smap, options, weights, method):
    before = smap.data.copy(), copy.deepcopy(smap.meta)
    result = backproj_to_clean(smap, **options(method))
    np.testing.assert_array_equal(smap.data, before[0])
    assert smap.meta == before[1]
    assert type(result) is type(smap)
    assert result.data.dtype == np.float64
    assert result.data.shape == smap.data.shape
    assert result.unit == UNIT / u.arcsec**2
    meta = result.meta
    assert meta["bmaj"] == meta["bmin"] == pytest.approx(14.6 / 3600)
    assert meta["bpa"] == 0
    assert meta["restored"] is True
    assert (meta["rsttask"], meta["rstmeth"]) == ("backproj", method)
    assert f"backproj, method {method}" in " ".join(meta["history"].split())
    assert meta.get("rstmodel") == (weights.name if method == "network" else None)
    assert ("rstsha" in meta) == (method == "network")
    assert not {"datamax", "rstchi0", "rstchi2"} & set(meta)
    for key in ("telescop", "date-obs", "dsun_obs", "crval1", "cdelt2"):
        assert meta[key] == smap.meta[key]
    assert u.allclose(u.Quantity(result.reference_pixel), u.Quantity(smap.reference_pixel), rtol=1e-12)
    assert u.allclose(u.Quantity(result.scale), u.Quantity(smap.scale), rtol=1e-12)
    assert result.center.separation(smap.center) < 1e-6 * u.arcsec
    with pytest.raises(ValueError, match="has restored this Map already"):
        backproj_to_clean(result, **options(method))


def test_map_without_unit_and_instrument_is_restored_without_a_warning(make_backprojection, scene):
    smap = make_backprojection(scene, shape=(65, 60), header="minimal")
    with pytest.raises(TypeError, match="instrument='STIX'"):
        backproj_to_clean(smap, method="clean")
    result = backproj_to_clean(smap, instrument="STIX", method="clean")
    assert result.unit == 1 / u.arcsec**2
    given = measurement(visibilities_of_scene(scene, POINTS), 0.01)
    found = backproj_to_clean(smap, visibilities=given, method="clean").data
    assert_close(found, np.maximum(result.data, 0), 0.1)


@pytest.mark.parametrize("method", METHODS)
def test_containers_give_the_same_kind_and_the_same_images(make_backprojection, smap, scene, options, method):
    other = make_backprojection(ellipse(2, -10, 20, 12, 9, 0.0), shape=(60, 60), pixel=(3.0, 3.0))
    single = [backproj_to_clean(one, **options(method)) for one in (smap, other)]
    for kind in (list, tuple):
        results = backproj_to_clean(kind([smap, other]), **options(method))
        assert type(results) is kind
        for result, expected in zip(results, single, strict=True):
            np.testing.assert_array_equal(result.data, expected.data)
    sequence = backproj_to_clean(sunpy.map.Map([smap, smap], sequence=True), **options(method))
    assert type(sequence) is sunpy.map.MapSequence
    np.testing.assert_array_equal(sequence.maps[1].data, single[0].data)
    cube = NDCube(smap.data, wcs=smap.wcs, meta=dict(smap.meta), unit=smap.unit)
    restored = backproj_to_clean(cube, **options(method))
    assert type(restored) is NDCube
    assert_close(restored.data, single[0].data, 1e-6)
    assert restored.unit == single[0].unit == smap.unit / u.arcsec**2
    assert restored.meta["bmaj"] == pytest.approx(14.6 / 3600)
    assert u.Unit(restored.meta["bunit"]) == restored.unit


def test_submap_of_a_rotated_map_agrees_with_its_visibilities():
    smap = sunpy.map.Map(sample_path("stix_flare")).submap([10, 20] * u.pix, top_right=[110, 100] * u.pix)
    result = backproj_to_clean(smap, visibilities=open_visibilities(sample_path("stix_flare")), method="clean")
    assert result.meta["rstchi2"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("made", "keywords"),
    [
        ({"weighting": "uniform"}, {"weighting": "uniform"}),
        ({}, {"subcollimators": range(3, 11)}),
        ({}, {"subcollimators": [10, 9, 8, 7, 6, 5, 4, 3]}),
    ],
)
def test_weighting_and_order_of_sub_collimators_do_not_change_the_result(
    make_backprojection, smap, scene, options, method, made, keywords
):
    result = backproj_to_clean(make_backprojection(scene, shape=(72, 85), **made), **keywords, **options(method))
    assert_close(result.data, backproj_to_clean(smap, **options(method)).data)


@pytest.mark.parametrize("method", METHODS)
def test_given_sub_collimators_and_their_visibilities_give_the_same_result(make_backprojection, options, method):
    """CLEAN is told the errors that it estimates; the image of the network is not fitted without errors."""
    numbers, source = (4, 5, 7, 9, 10), point(3, 10, -6)
    image = make_backprojection(source, stix_uv(numbers), shape=(81, 81))
    result = backproj_to_clean(image, subcollimators=numbers, **options(method))
    given = measurement(visibilities_of_scene(source, stix_uv(numbers)), 3e-3, stix_uv(numbers))
    if method == "network":
        given = given._replace(amplitude_uncertainty=None)
    told = backproj_to_clean(image, visibilities=given, **options(method))
    assert_close(told.data, np.maximum(result.data, 0), 0.02 if method == "clean" else 1e-4)
    if method == "clean":
        assert flux(result) == pytest.approx(3, rel=0.01)
    with pytest.raises(ValueError, match=r"not a back-projection .*these 12 points"):
        backproj_to_clean(image, subcollimators=range(7, 11), **options(method))


@pytest.mark.parametrize("pixel", [1.0, 3.0, -2.0])
@DISAGREEING
def test_pixel_size_does_not_change_the_brightness_of_the_network(make_backprojection, scene, options, pixel):
    """The field is the same, and a spline interpolates between the pixels of the network."""
    sides = {1.0: 249, 2.0: 125, 3.0: 83}
    maps = [make_backprojection(scene, shape=(sides[abs(size)],) * 2, pixel=(size, abs(size))) for size in (2.0, pixel)]
    coarse, other = (backproj_to_clean(one, **options("network")).data for one in maps)
    if pixel < 0:
        np.testing.assert_allclose(other[:, ::-1], coarse, atol=1e-3 * coarse.max())
        return
    # Pixels every 6 arcsec from the centre
    places = np.arange(-120, 121, 6)
    rows, columns = (
        [int(place / size) + side // 2 for place in places] for size, side in ((2, 125), (pixel, sides[pixel]))
    )
    assert_close(other[np.ix_(columns, columns)], coarse[np.ix_(rows, rows)], 1e-3)


@DISAGREEING
def test_cutout_around_the_centre_does_not_change_the_brightness_of_the_network(make_backprojection, scene, options):
    whole = make_backprojection(scene, shape=(125, 121))
    part = whole.submap([10, 8] * u.pix, top_right=[110, 116] * u.pix)
    assert part.data.shape == (109, 101)
    expected = backproj_to_clean(whole, **options("network")).data[8:117, 10:111]
    assert_close(backproj_to_clean(part, **options("network")).data, expected)


@pytest.mark.parametrize("angle", [35.0, -121.0])
def test_rotated_pixels_show_the_same_flux_and_brightness_with_clean(make_backprojection, angle):
    scene = ellipse(3, 0, 0, 12, 5, 0.4)
    straight = make_backprojection(scene, shape=(91, 91))
    rotated = make_backprojection(scene, shape=(91, 91), angle=angle)
    results = [backproj_to_clean(one, method="clean") for one in (straight, rotated)]
    assert flux(results[1]) == pytest.approx(flux(results[0]), rel=0.02)
    assert results[1].data[45, 45] == pytest.approx(results[0].data[45, 45], rel=0.02)


def test_pixels_rotated_by_90_degrees_show_the_same_brightness_with_the_network(make_backprojection, scene, options):
    straight = make_backprojection(scene, shape=(91, 91))
    rotated = make_backprojection(scene, shape=(91, 91), angle=90.0)
    results = [backproj_to_clean(one, **options("network")).data for one in (straight, rotated)]
    # The rotated columns point north
    assert_close(results[1], results[0].T[::-1])


@pytest.mark.parametrize("method", METHODS)
def test_missing_and_masked_pixels_do_not_change_the_result(smap, options, method):
    data = smap.data.copy()
    data[30:40, 20:50] = np.nan
    result = backproj_to_clean(smap._new_instance(data, smap.meta), **options(method))
    assert_close(result.data, backproj_to_clean(smap, **options(method)).data)
    mask = np.isnan(data)
    masked = backproj_to_clean(smap._new_instance(np.where(mask, 9.0, data), smap.meta, mask=mask), **options(method))
    assert_close(masked.data, result.data)
    np.testing.assert_array_equal(masked.mask, mask)


@pytest.mark.parametrize(
    "unit",
    [
        None,
        pytest.param("ph / (s keV cm2 arcsec2)", marks=pytest.mark.slow),
        pytest.param("counts asec^-2 s^-1", marks=pytest.mark.slow),
    ],
)
def test_maps_by_the_idl_software_have_their_flux_and_the_right_unit(make_idl, unit):
    """The unit in the header is not that of the values."""
    smap = make_idl(point(3, 60, -40), side=96, **({} if unit is None else {"BUNIT": unit}))
    with warnings.catch_warnings():
        # Warning of sunpy for the unit in the header
        warnings.filterwarnings("ignore", message="Could not parse unit")
        result = backproj_to_clean(smap, method="clean")
    assert result.unit == IDL_UNIT
    assert flux(result) == pytest.approx(3, rel=0.05)
    assert np.unravel_index(result.data.argmax(), result.data.shape) == np.unravel_index(
        smap.data.argmax(), smap.data.shape
    )


@pytest.mark.slow
@DISAGREEING
def test_sub_collimators_of_maps_by_the_idl_software_need_not_be_given(make_idl, options):
    smap = make_idl(point(3, 60, -40), side=96)
    found = backproj_to_clean(smap, **options("network"))
    told = backproj_to_clean(smap, subcollimators=range(7, 11), **options("network"))
    assert found.data.max() > 0
    assert_close(found.data, told.data, 0.02)


@pytest.mark.parametrize("level", [0.01, 0.05])
def test_result_is_fitted_to_the_visibilities(make_backprojection, scene, level):
    found, error = noisy(scene, level)
    image = make_backprojection(found, shape=(96, 96))
    plain = backproj_to_clean(image, method="clean", residual=True)
    given = measurement(found, error)
    result = backproj_to_clean(image, visibilities=given, method="clean", residual=True)
    assert 1.2 < result.meta["rstchi0"]
    assert result.meta["rstchi2"] == pytest.approx(1, abs=0.15)
    assert result.data.min() >= 0
    assert np.abs(result.data - plain.data).max() > 1e-2 * plain.data.max()
    stopped = backproj_to_clean(image, visibilities=given, method="clean")
    assert stopped.meta["rstchi0"] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("factor", [0.5, 0.1])
def test_errors_that_are_too_small_are_warned_of(make_backprojection, scene, factor):
    found, error = noisy(scene, 0.05)
    image, given = make_backprojection(found, shape=(96, 96)), measurement(found, factor * error)
    with pytest.warns(RestoreWarning, match="errors of the visibilities appear to be too small"):
        result = backproj_to_clean(image, visibilities=given, method="mem")
    assert result.meta["rstchi2"] < 1.5


@pytest.mark.filterwarnings("ignore:The image does not agree")
def test_result_of_an_untrained_network_is_fitted_to_the_visibilities(make_backprojection, scene, options):
    found, error = noisy(scene, 0.05)
    image = make_backprojection(found, shape=(96, 96))
    result = backproj_to_clean(image, visibilities=measurement(found, error), **options("network"))
    assert 0 <= result.meta["rstchi2"] < result.meta["rstchi0"] / 5
    assert result.data.min() >= 0


@pytest.mark.parametrize("method", METHODS)
def test_visibilities_without_errors_do_not_change_the_result(smap, scene, options, method):
    values = measurement(visibilities_of_scene(scene, POINTS), 1)._asdict()
    del values["amplitude_uncertainty"]
    result = backproj_to_clean(smap, visibilities=SimpleNamespace(**values), **options(method))
    assert_close(result.data, backproj_to_clean(smap, **options(method)).data)
    assert "rstchi0" not in result.meta


@pytest.mark.filterwarnings("ignore:The image does not agree")
@pytest.mark.parametrize("method", METHODS)
def test_phase_centre_of_the_visibilities_may_be_the_reference_pixel(make_backprojection, scene, options, method):
    found, error = noisy(scene, 0.02)
    centred = backproj_to_clean(
        make_backprojection(found, shape=(80, 80)), visibilities=measurement(found, error), **options(method)
    )
    moved = measurement(shift_phase_center(found, POINTS, -30.0, 12.0), error, center=(100.0, -50.0))
    image = make_backprojection(found, shape=(80, 80), CRPIX1=40.5 - 15, CRPIX2=40.5 + 6)
    result = backproj_to_clean(image, visibilities=moved, **options(method))
    assert_close(result.data, centred.data)


def test_each_image_has_its_own_visibilities(make_backprojection, smap, scene):
    other = ellipse(2, -10, 20, 12, 9, 0.0)
    maps = [smap, make_backprojection(other, shape=(60, 60))]
    given = [measurement(visibilities_of_scene(one, POINTS), 0.05) for one in (scene, other)]
    results = backproj_to_clean(maps, visibilities=given, method="clean")
    for image, one, result in zip(maps, given, results, strict=True):
        np.testing.assert_array_equal(result.data, backproj_to_clean(image, visibilities=one, method="clean").data)
    np.testing.assert_array_equal(backproj_to_clean(smap, visibilities=given[:1], method="clean").data, results[0].data)
    with pytest.raises(ValueError, match="not the back-projection"):
        backproj_to_clean(maps, visibilities=given[::-1], method="clean")
    with pytest.raises(ValueError, match="1 sets of visibilities for 2 images; expected one each"):
        backproj_to_clean(maps, visibilities=given[:1], method="clean")
    with pytest.raises(ValueError, match="one set of visibilities for 2 images"):
        backproj_to_clean(maps, visibilities=given[0], method="clean")
    with pytest.raises(TypeError, match="open_visibilities"):
        backproj_to_clean(smap, visibilities="vis.fits", method="clean")


def test_clean_restores_images_of_other_imagers_from_their_visibilities(make_backprojection, options):
    """The points and the name in the header are other ones."""
    angle = np.pi * np.arange(60) / 20
    radius = np.repeat([1 / 70, 1 / 40, 1 / 23], 20)
    points = UVPoints(radius * np.cos(angle), radius * np.sin(angle), ())
    source = joined([point(2, 20, -15), point(3, -25, 10)])
    found, error = noisy(source, 0.01, points=points)
    image = make_backprojection(found, points, shape=(80, 80), TELESCOP="RHESSI", INSTRUME="RHESSI")
    given = measurement(found, error, points)
    with pytest.warns(RestoreWarning, match="unlike those that it is compared with"):
        result = backproj_to_clean(image, visibilities=given, method="clean")
    assert flux(result) == pytest.approx(5, rel=0.1)
    assert result.meta["rstchi2"] == pytest.approx(1, abs=0.15)
    with pytest.raises(ValueError, match=r"60 of 60 visibilities that are not at a \(u, v\) point.*method='clean'"):
        backproj_to_clean(image, visibilities=given, **options("network"))
    with pytest.raises(TypeError, match="image of RHESSI"):
        backproj_to_clean(image, method="clean")


@DISAGREEING
def test_network_restores_the_part_of_a_full_disk_around_the_maximum(make_backprojection, options):
    scene = joined([point(2, 602, -398), ellipse(1, 640, -420, 30, 20, 0.5)])
    disk = make_backprojection(scene, shape=(512, 512), pixel=(8.0, 8.0))
    result = backproj_to_clean(disk, **options("network")).data
    offsets = 8 * (np.arange(512) - 255.5)
    near = np.ix_(abs(offsets + 398) <= 190, abs(offsets - 602) <= 190)
    away = (np.abs(offsets + 398)[:, np.newaxis] > 192) | (np.abs(offsets - 602) > 192)
    assert not result[away].any()
    there = visibilities_of_scene(scene._replace(x=scene.x - 602, y=scene.y + 398), POINTS)
    alone = backproj_to_clean(make_backprojection(there, shape=(96, 96), pixel=(4.0, 4.0)), **options("network")).data
    # Every second pixel of 4 arcsec is one of 8 arcsec
    assert_close(result[near], alone[::2, ::2])


@pytest.mark.parametrize("away", [pytest.param((64.0, 0.0), marks=pytest.mark.slow), (-300.0, 400.0)])
@DISAGREEING
def test_centre_of_a_large_image_does_not_change_the_result(make_backprojection, scene, options, away):
    big = {"shape": (300, 300), "pixel": (4.0, 4.0)}
    found = visibilities_of_scene(scene, POINTS)
    centred = backproj_to_clean(make_backprojection(found, **big), **options("network")).data
    moved = shift_phase_center(found, POINTS, *(-np.array(away)))
    result = backproj_to_clean(make_backprojection(moved, **big), **options("network")).data
    rows, columns = (int(step / 4) for step in away[::-1])
    assert centred.max() > 0
    assert_close(result, np.roll(centred, (rows, columns), axis=(0, 1)))


@pytest.mark.filterwarnings("ignore:The back-projection has no signal at 1 of 24 points")
@pytest.mark.parametrize("method", ["network", "mem", "forward-fit"])
def test_flux_does_not_depend_on_single_visibilities_that_are_missing(make_backprojection, scene, method):
    """The network is the default one."""
    found, _ = noisy(scene, 0.02)
    expected = flux(backproj_to_clean(make_backprojection(found), method=method))
    for place in range(0, 24, 3):
        kept = np.arange(24) != place
        image = make_backprojection(found[kept], POINTS.only(kept))
        assert flux(backproj_to_clean(image, method=method)) == pytest.approx(expected, rel=0.04)


@pytest.mark.filterwarnings("ignore:The image does not agree")
@pytest.mark.parametrize("method", METHODS)
def test_sample_agrees_with_its_visibilities(options, method):
    path = sample_path("stix_flare")
    dirty = sunpy.map.Map(path)
    result = backproj_to_clean(dirty, visibilities=open_visibilities(path), **options(method))
    assert result.meta["rstchi2"] <= result.meta["rstchi0"]
    assert result.data.min() >= 0
    assert result.unit == UNIT / u.arcsec**2
    if method == "clean":
        assert result.meta["rstchi2"] == pytest.approx(1, abs=0.15)


def test_maps_by_xrayvision_have_their_flux_and_position():
    imaging = pytest.importorskip("xrayvision.imaging")
    visibility = pytest.importorskip("xrayvision.visibility")
    found, error = noisy(point(3, 9, -6), 0.02)
    given = visibility.Visibilities(
        found * UNIT, POINTS.u / u.arcsec, POINTS.v / u.arcsec, [-50.0, 100.0] * u.arcsec,
        amplitude_uncertainty=np.full(24, error) * UNIT,
    )  # fmt: skip
    dirty = imaging.vis_to_map(given, shape=(81, 91) * u.pix, pixel_size=[2.0, 3.0] * u.arcsec / u.pix)
    assert dirty.data.shape == (81, 91)
    for keywords in ({"instrument": "STIX"}, {"visibilities": given}):
        result = backproj_to_clean(dirty, method="clean", **keywords)
        assert flux(result) == pytest.approx(3, rel=0.25)
        row, column = np.unravel_index(result.data.argmax(), result.data.shape)
        assert (row, column) == (37, 48)
    assert result.meta["rstchi2"] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        (
            {"method": "magic"},
            ValueError,
            "'magic'; expected one of network, clean, multiscale-clean, squared-variation, mem, forward-fit",
        ),
        ({"method": "clean", "weights": "x.safetensors"}, ValueError, "Leave them out"),
        ({"method": "mem", "residual": True}, ValueError, "options of 'clean'"),
        ({"method": "forward-fit", "clean_weighting": "uniform"}, ValueError, "options of 'clean'"),
        ({"method": "clean", "clean_weighting": "robust"}, ValueError, "'robust'; expected 'natural' or 'uniform'"),
        ({"method": "clean", "weighting": "robust"}, ValueError, "'robust'; expected 'natural' or 'uniform'"),
        ({"method": "clean", "subcollimators": [3, 11]}, ValueError, "expected different numbers from 1 to 10"),
        ({"method": "clean", "instrument": "RHESSI"}, ValueError, "'RHESSI'; expected 'STIX'"),
    ],
)
def test_unknown_options_are_refused(smap, keywords, error, message):
    with pytest.raises(error, match=message):
        backproj_to_clean(smap, **keywords)


def test_empty_sub_collimators_are_refused(smap):
    with pytest.raises(ValueError, match="expected different numbers from 1 to 10"):
        backproj_to_clean(smap, subcollimators=[], method="clean")


@pytest.mark.parametrize("wrong", [np.ones((9, 9)), "file.fits", None, 3, []])
def test_inputs_that_are_no_maps_are_refused(wrong):
    with pytest.raises((TypeError, ValueError), match="Map"):
        backproj_to_clean(wrong, method="clean")


def test_image_that_is_no_back_projection_is_refused_by_its_number(smap):
    image = smap._new_instance(np.random.default_rng(0).normal(size=smap.data.shape), smap.meta)
    with pytest.raises(ValueError, match="Image 2 of 2: The image is not a back-projection"):
        backproj_to_clean([smap, image], method="clean")


@pytest.mark.parametrize("given", ["3-10", "3", b"3", [3, "4"], np.eye(1), object(), {3: "a"}.items()])
def test_sub_collimators_that_are_not_numbers_are_refused(make_backprojection, scene, given):
    with pytest.raises(TypeError, match=r"Found subcollimators=.*expected a number .*range\(3, 11\)"):
        backproj_to_clean(make_backprojection(scene, shape=(40, 40)), subcollimators=given, method="clean")


@pytest.mark.parametrize("number", [10, np.int64(10)])
def test_one_sub_collimator_may_be_given_as_a_number(make_backprojection, scene, number):
    smap = make_backprojection(scene, stix_uv([10]), shape=(65, 65), pixel=(4.0, 4.0))
    one, several = (
        backproj_to_clean(smap, subcollimators=given, weighting="natural", method="clean").data
        for given in (number, [10])
    )
    np.testing.assert_array_equal(one, several)
    with pytest.raises(ValueError, match=r"Found the sub-collimators \[11\]"):
        backproj_to_clean(smap, subcollimators=number + 1, method="clean")


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("func", [np.sum, np.mean])
def test_binned_images_are_means_or_warned_of(size, func):
    """sunpy does not record whether superpixel() has summed or averaged the values."""
    smap = sunpy.map.Map(sample_path("stix_flare"))
    binned = smap.superpixel([size, size] * u.pix, func=func)
    with pytest.warns(RestoreWarning, match=rf"binned by {size} x {size} pixels.* {size**2} times too large"):
        result = backproj_to_clean(binned, method="clean")
    if func is np.mean:
        expected = backproj_to_clean(smap, method="clean")
        fluxes = [one.data.sum() * one.scale[0].value ** 2 for one in (result, expected)]
        assert fluxes[0] == pytest.approx(fluxes[1], rel=0.02)


def test_original_pixels_and_cutouts_are_not_warned_of():
    smap = sunpy.map.Map(sample_path("stix_flare"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        backproj_to_clean(smap, method="clean")
        backproj_to_clean(smap.submap([10, 10] * u.pix, top_right=[110, 110] * u.pix), method="clean")


@pytest.mark.parametrize("given", [[5, 6, 7, 8, 9, 10], [10], range(3, 10)])
def test_too_few_subcollimators_are_refused_with_those_that_fit(given):
    smap = sunpy.map.Map(sample_path("stix_flare"))
    with pytest.raises(ValueError, match=r"expected subcollimators=\(3, 4, 5, 6, 7, 8, 9, 10\)"):
        backproj_to_clean(smap, subcollimators=given, method="clean")


@DISAGREEING
@pytest.mark.filterwarnings("ignore:About .* of the light appears to be outside")
@pytest.mark.parametrize("side", [127, 128, 129])
@pytest.mark.parametrize("at", [(1.0, 0.0), (-1.0, 0.3), (0.97, -0.97)])
def test_network_restores_sources_at_the_edge(make_backprojection, side, at):
    """Only a part of them is in the image; the forward fit, whose model is right here, tells which one."""
    x, y = (place * side for place in at)
    image = make_backprojection(ellipse(10, x, y, 9, 9, 0), shape=(side, side))
    found, expected = (backproj_to_clean(image, method=method) for method in ("network", "forward-fit"))
    assert flux(found) == pytest.approx(flux(expected), rel=0.05)
    assert np.abs(found.data - expected.data).max() < 0.1 * expected.data.max()
