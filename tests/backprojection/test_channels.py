"""Tests of the input channels of the networks."""

import numpy as np
import pytest

from sunpy_restore.backprojection.channels import channels_of
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.imaging.entropy import maximum_entropy
from sunpy_restore.backprojection.task import CHANNELS
from sunpy_restore.backprojection.visibilities.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

GRID = Grid((40, 45), (4.0, 4.0))
SCENE = joined([point(2, 20, -15), ellipse(5, -22, 8, 30, 14, 0.7)])


def test_names_of_the_channels():
    assert CHANNELS[0] == "image"
    assert CHANNELS[11:] == ("pixel", "mem", "forward-fit", "noise")
    assert CHANNELS[1:11] == tuple(f"subcollimator{number}" for number in range(1, 11))


@pytest.mark.parametrize("numbers", [range(3, 11), range(1, 11), [10, 4, 5]])
def test_channels_are_back_projections_divided_by_the_maximum(numbers):
    points = stix_uv(numbers)
    visibilities = visibilities_of_scene(SCENE, points)
    channels, unit = channels_of(visibilities, points, GRID)
    assert channels.shape == (15, *GRID.shape)
    assert channels.dtype == np.float32
    image = back_projection(visibilities, points, GRID, weights_of(points))
    assert unit == pytest.approx(image.max())
    assert channels[0].max() == pytest.approx(1)
    np.testing.assert_allclose(unit * channels[0], image, atol=1e-6 * unit)
    for number in range(1, 11):
        own = channels[CHANNELS.index(f"subcollimator{number}")]
        if number not in numbers:
            assert not own.any()
            continue
        part, mine = stix_uv([number]), [label.startswith(str(number)) for label in points.labels]
        if number == 1:
            mine = [label[:-1] == "1" for label in points.labels]
        expected = back_projection(visibilities[mine], part, GRID, weights_of(part))
        np.testing.assert_allclose(unit * own, expected, atol=1e-6 * unit)
    # The image is the mean over the sub-collimators
    np.testing.assert_allclose(channels[0], channels[1:11].sum(axis=0) / len(numbers), atol=1e-6)


def test_channel_with_a_missing_point_is_the_mean_over_the_others():
    points = stix_uv()
    kept = np.arange(24) != 4
    part = points._replace(u=points.u[kept], v=points.v[kept], labels=tuple(np.array(points.labels)[kept]))
    visibilities = visibilities_of_scene(SCENE, part)
    channels, unit = channels_of(visibilities, part, GRID)
    expected = back_projection(visibilities[[3, 4]], part._replace(u=part.u[[3, 4]], v=part.v[[3, 4]]), GRID, 0.5)
    np.testing.assert_allclose(unit * channels[4], expected, atol=1e-6 * unit)


@pytest.mark.parametrize("places", [(4,), (2, 21), (9, 10)])
@pytest.mark.parametrize("scene", [SCENE, joined([SCENE, point(3, -20, -55), point(3, 60, 40)])])
def test_points_that_are_missing_are_those_of_the_fitted_image(places, scene):
    """The networks would take them as measured zeros."""
    points, kept = stix_uv(), ~np.isin(np.arange(24), places)
    visibilities, errors = visibilities_of_scene(scene, points), np.full(24, 0.02)
    expected, unit = channels_of(visibilities, points, GRID, errors)
    numbers = [0, *(int(points.labels[place][:-1]) for place in places)]

    def error(known):
        channels, own_unit = channels_of(visibilities[kept], points.only(kept), GRID, known)
        return np.sqrt(np.mean(np.square(own_unit * channels[numbers] - unit * expected[numbers])))

    assert error(errors[kept]) < 0.5 * error(None)


def test_channels_do_not_depend_on_the_unit_of_the_visibilities():
    points = stix_uv()
    visibilities = visibilities_of_scene(SCENE, points)
    (channels, unit), (other, larger) = (channels_of(scale * visibilities, points, GRID) for scale in (1, 1e5))
    assert larger == pytest.approx(1e5 * unit)
    np.testing.assert_allclose(channels, other, atol=1e-6)


@pytest.mark.parametrize(("pixel", "expected"), [((4.0, 4.0), 4), ((2.0, 8.0), 4), ((-3.0, 3.0), 3)])
def test_pixel_size_is_the_geometric_mean_of_both_axes(pixel, expected):
    points = stix_uv()
    channels, _ = channels_of(visibilities_of_scene(SCENE, points), points, Grid((8, 9), pixel))
    np.testing.assert_allclose(channels[CHANNELS.index("pixel")], expected, rtol=1e-6)


def test_classical_images_and_the_noise_need_errors():
    points = stix_uv()
    visibilities = visibilities_of_scene(SCENE, points)
    plain, _ = channels_of(visibilities, points, GRID)
    assert not plain[12:].any()
    errors = np.full(24, 0.1)
    channels, unit = channels_of(visibilities, points, GRID, errors)
    np.testing.assert_array_equal(channels[:12], plain[:12])
    mem, fit, noise = channels[12:]
    np.testing.assert_allclose(unit * mem, beam_area() * maximum_entropy(visibilities, errors, points, GRID), rtol=1e-5)
    truth = image_of(SCENE, GRID, BEAM)
    np.testing.assert_allclose(unit * fit, truth, atol=0.02 * truth.max())
    np.testing.assert_allclose(unit * noise, 0.1, rtol=1e-5)
