"""Tests of the shift and the scale between a Map and measured visibilities."""

import warnings

import numpy as np
import pytest

import astropy.units as u

from sunpy_restore.backprojection.fitting.scenes import visibilities_of_scene
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.provenance.alignment import align, fit_alignment
from sunpy_restore.backprojection.visibilities.fourier import shift_phase_center
from sunpy_restore.backprojection.visibilities.measured import MeasuredVisibilities
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.exceptions import RestoreWarning

POINTS = stix_uv()
UNIT = u.ct / (u.s * u.keV * u.cm**2)


@pytest.fixture(scope="module")
def truth(scene):
    return visibilities_of_scene(scene, POINTS)


@pytest.mark.parametrize("weighting", ["natural", "uniform"])
@pytest.mark.parametrize("matrix", [2 * np.eye(2), np.array([[-1.0, 1.5], [1.0, 1.5]])])
@pytest.mark.parametrize("shape", [(129, 129), (40, 51)])
def test_shift_and_scale_are_found(truth, shape, matrix, weighting):
    seen = 1.03 * shift_phase_center(truth, POINTS, 0.4, -0.7)
    found = fit_alignment(truth, seen, POINTS, matrix, shape, weighting)
    np.testing.assert_allclose(found.shift, [0.4, -0.7], atol=1e-3)
    assert found.scale == pytest.approx(1.03, abs=1e-3)
    opposite = fit_alignment(truth, -truth, POINTS, matrix, shape, weighting)
    assert (tuple(opposite.shift), opposite.scale) == ((0, 0), 1)


@pytest.mark.parametrize("shift", [0.2, 0.5, 0.8, 1.0, 4.0])
def test_visibilities_are_moved_to_the_map(make_backprojection, truth, shift):
    """The result does not jump at the shift from which the visibilities are unlike those of the Map."""
    expected = shift_phase_center(truth, POINTS, -shift, 0.0)
    given = MeasuredVisibilities(POINTS, truth, None, UNIT, (0.0, 0.0))
    with pytest.warns(RestoreWarning, match=rf"shifted by \(\+{shift:.2f}, [+-]0\.00\) arcsec .*moved"):
        found = Observation.from_map(make_backprojection(expected), visibilities=given).visibilities
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(truth).max())


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.05, 1.0), (0.0, 1.005), (30.0, 1.0)])
def test_small_differences_and_other_phase_centres_cause_no_warning(make_backprojection, truth, shift, scale):
    smap = make_backprojection(scale * shift_phase_center(truth, POINTS, -shift, 0.0))
    given = MeasuredVisibilities(POINTS, truth, None, UNIT, (0.0, 0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Observation.from_map(smap, visibilities=given).visibilities
    if shift < 1:
        np.testing.assert_array_equal(found, truth)


@pytest.mark.parametrize("scale", [0.97, 1.03])
def test_another_scale_causes_a_warning_and_that_of_the_visibilities_is_used(make_backprojection, truth, scale):
    given = MeasuredVisibilities(POINTS, truth, None, UNIT, (0.0, 0.0))
    with pytest.warns(RestoreWarning, match=f"The Map is {scale:.3f} times the back-projection .* flux is used"):
        found = Observation.from_map(make_backprojection(scale * truth), visibilities=given).visibilities
    np.testing.assert_array_equal(found, truth)


def test_offset_by_which_visibilities_were_moved_already_is_included(truth):
    same = fit_alignment(truth, truth, POINTS, 2 * np.eye(2), (65, 65), "natural")
    with pytest.warns(RestoreWarning, match=r"shifted by \(-3\.00, \+1\.00\) arcsec"):
        found = align(truth, same, POINTS, (3.0, -1.0))
    np.testing.assert_array_equal(found, truth)
