"""Tests of the axes and pixels of Maps."""

import numpy as np
import pytest

import astropy.units as u

import sunpy.map

from sunpy_restore.backprojection.provenance.geometry import map_center, points_in_pixels, rotation, scale_matrix
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv

ANGLES = ("cdelt1", "cdelt2", "crval1", "crval2")


def in_degrees(smap):
    meta = smap.meta | {key: smap.meta[key] / 3600 for key in ANGLES}
    return sunpy.map.Map(smap.data, meta | {"cunit1": "deg", "cunit2": "deg"})


def test_scale_is_in_arcsec_whatever_the_unit(make_backprojection, scene):
    smap = make_backprojection(scene, angle=30.0)
    expected = scale_matrix(smap)
    np.testing.assert_allclose(expected, 2 * np.array([[np.sqrt(3), -1], [1, np.sqrt(3)]]) / 2, rtol=1e-12)
    np.testing.assert_allclose(scale_matrix(in_degrees(smap)), expected, rtol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 30.0])
def test_centre_of_a_map_is_its_world_coordinate(make_backprojection, scene, angle):
    """To the difference between the tangent plane and the sphere."""
    smap = make_backprojection(scene, shape=(40, 31), angle=angle, CRPIX1=3.0, CRPIX2=8.5)
    for one in (smap, in_degrees(smap)):
        x, y = map_center(one, scale_matrix(one))
        middle = smap.pixel_to_world(15 * u.pix, 19.5 * u.pix)
        assert [x, y] == pytest.approx([middle.Tx.to_value(u.arcsec), middle.Ty.to_value(u.arcsec)], abs=1e-3)


def test_rotation_is_counterclockwise():
    np.testing.assert_allclose(rotation(np.pi / 2) @ [1, 0], [0, 1], atol=1e-15)


def test_phases_along_pixel_axes_are_those_along_instrument_axes():
    points, matrix = stix_uv(), np.array([[2.0, -0.5], [0.7, 3.0]])
    own, step = points_in_pixels(points, matrix), np.array([3, -2])
    x, y = matrix @ step
    np.testing.assert_allclose(own.u * step[0] + own.v * step[1], points.u * x + points.v * y, atol=1e-15)
