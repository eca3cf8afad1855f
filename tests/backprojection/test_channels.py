"""The planes that methods see."""

import numpy as np
import pytest

from sunpy_restore.backprojection.channels import PLANES, planes_of
from sunpy_restore.backprojection.fourier import Grid, back_projection, weights_of
from sunpy_restore.backprojection.scenes import ellipse, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.uvplane import stix_uv

GRID = Grid((40, 45), (4.0, 4.0))
SCENE = joined([point(2, 20, -15), ellipse(5, -22, 8, 30, 14, 0.7)])


def test_names():
    assert PLANES[0] == "image"
    assert PLANES[-1] == "pixel"
    assert PLANES[1:-1] == tuple(f"subcollimator{number}" for number in range(1, 11))


@pytest.mark.parametrize("numbers", [range(3, 11), range(1, 11), [10, 4, 5]])
def test_are_the_back_projections_in_units_of_the_maximum(numbers):
    plane = stix_uv(numbers)
    found = visibilities_of_scene(SCENE, plane)
    planes, unit = planes_of(found, plane, GRID)
    assert planes.shape == (12, *GRID.shape)
    assert planes.dtype == np.float32
    image = back_projection(found, plane, GRID, weights_of(plane))
    assert unit == pytest.approx(image.max())
    assert planes[0].max() == pytest.approx(1)
    np.testing.assert_allclose(unit * planes[0], image, atol=1e-6 * unit)
    for number in range(1, 11):
        own = planes[PLANES.index(f"subcollimator{number}")]
        if number not in numbers:
            assert not own.any()
            continue
        part, mine = stix_uv([number]), [label.startswith(str(number)) for label in plane.labels]
        if number == 1:
            mine = [label[:-1] == "1" for label in plane.labels]
        expected = back_projection(found[mine], part, GRID, weights_of(part))
        np.testing.assert_allclose(unit * own, expected, atol=1e-6 * unit)
    # The image is their mean
    np.testing.assert_allclose(planes[0], planes[1:-1].sum(axis=0) / len(numbers), atol=1e-6)


def test_points_that_are_left_out_leave_the_mean_of_the_others():
    plane = stix_uv()
    kept = np.arange(24) != 4
    part = plane._replace(u=plane.u[kept], v=plane.v[kept], labels=tuple(np.array(plane.labels)[kept]))
    found = visibilities_of_scene(SCENE, part)
    planes, unit = planes_of(found, part, GRID)
    expected = back_projection(found[[3, 4]], part._replace(u=part.u[[3, 4]], v=part.v[[3, 4]]), GRID, 0.5)
    np.testing.assert_allclose(unit * planes[4], expected, atol=1e-6 * unit)


def test_do_not_depend_on_the_unit_of_the_visibilities():
    plane = stix_uv()
    found = visibilities_of_scene(SCENE, plane)
    (planes, unit), (other, larger) = (planes_of(scale * found, plane, GRID) for scale in (1, 1e5))
    assert larger == pytest.approx(1e5 * unit)
    np.testing.assert_allclose(planes, other, atol=1e-6)


@pytest.mark.parametrize(("pixel", "expected"), [((4.0, 4.0), 4), ((2.0, 8.0), 4), ((-3.0, 3.0), 3)])
def test_pixel(pixel, expected):
    plane = stix_uv()
    planes, _ = planes_of(visibilities_of_scene(SCENE, plane), plane, Grid((8, 9), pixel))
    np.testing.assert_allclose(planes[-1], expected, rtol=1e-6)
