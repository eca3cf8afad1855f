"""Masks alone are corrected with the fringes only where these show a bright core."""

import numpy as np
import pytest

import sunpy.map

from sunpy_restore.core.images.filled import filled
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.detection.saturation import find_saturation
from sunpy_restore.desaturation.forward import FULL_WELL, expose, fringes
from sunpy_restore.desaturation.fringes.significance import evident_cores
from sunpy_restore.desaturation.observation import Observation
from sunpy_restore.desaturation.verb import desaturate


@pytest.fixture(scope="module")
def quiet():
    return sunpy.map.Map(sample_path("aia_171_quiet"))


def masks(shape):
    masks = {name: np.zeros(shape, dtype=bool) for name in ("boxes", "columns", "line")}
    for row, column in ((40, 50), (120, 190), (200, 100)):
        masks["boxes"][row : row + 18, column : column + 22] = True
    masks["columns"][:, 60:65] = True
    masks["line"][range(30, 230), range(20, 220)] = True
    return masks | {"pixels": np.random.default_rng(0).random(shape) < 0.05}


@pytest.mark.parametrize("name", ["boxes", "columns", "line", "pixels"])
def test_masks_over_the_corona_are_not_corrected(quiet, name):
    mask = masks(quiet.data.shape)[name]
    result = desaturate(quiet, mask=mask, uncertainty=True)
    alone = desaturate(quiet, mask=mask, uncertainty=True, consistency="none")
    assert result.meta["rstmeth"] == "network"
    np.testing.assert_array_equal(result.data, alone.data)
    np.testing.assert_array_equal(result.uncertainty.array, alone.uncertainty.array)


def test_masks_over_the_corona_are_corrected_on_request(quiet):
    mask = masks(quiet.data.shape)["boxes"]
    result = desaturate(quiet, mask=mask, consistency="diffraction")
    assert result.meta["rstmeth"] == "network+diffraction"


def test_masked_core_of_the_real_flare_is_corrected():
    flare = sunpy.map.Map(sample_path("aia_193_flare"))
    mask = find_saturation(flare).mask
    smap = sunpy.map.Map(np.where(mask, np.nan, flare.data), flare.meta)
    result = desaturate(smap, mask=mask)
    assert result.meta["rstmeth"] == "network+diffraction"
    np.testing.assert_array_equal(result.data, desaturate(smap, mask=mask, consistency="diffraction").data)


def injected(quiet, *flares):
    """The quiet sample with flares, each (peak in full wells, width, row, column), and a mask of their cores."""
    y, x = np.indices(quiet.data.shape)
    light = np.zeros(quiet.data.shape)
    for peak, width, row, column in flares:
        light += peak * FULL_WELL * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2))
    truth = expose(quiet.data + light + fringes(light, 171), 171, np.random.default_rng(0))[1]
    mask = light > 0.5 * FULL_WELL
    return truth, mask


@pytest.mark.parametrize(("peak", "width"), [(3.0, 6.0), pytest.param(10.0, 2.0, marks=pytest.mark.slow)])
def test_masked_cores_get_their_flux_from_the_fringes(quiet, peak, width):
    truth, mask = injected(quiet, (peak, width, 118.3, 130.6))
    smap = sunpy.map.Map(np.where(mask, np.nan, truth), quiet.meta)
    result, alone = desaturate(smap, mask=mask), desaturate(smap, mask=mask, consistency="none")
    assert result.meta["rstmeth"] == "network+diffraction"
    flux, without = (np.log(image.data[mask].sum() / truth[mask].sum()) for image in (result, alone))
    assert abs(flux) < 0.6 * abs(without)


def test_only_regions_near_a_bright_core_are_corrected(quiet):
    """A fainter core is found although its fringes are hidden by those of the brighter one."""
    truth, mask = injected(quiet, (8.0, 3.0, 60.0, 60.0), (2.0, 2.0, 190.0, 70.0))
    mask[110:128, 180:202] = True
    lines = np.zeros_like(mask)
    lines[30, 50:70] = True
    smap = sunpy.map.Map(np.where(mask | lines, np.nan, truth), quiet.meta)
    observation = Observation.from_map(smap, mask=mask | lines)
    found = evident_cores(observation, observation.harmonic_fill)
    assert found[60, 60]
    assert found[190, 70]
    assert not found[110:128, 180:202].any()
    assert not found[lines].any()
    assert not (found & ~observation.mask).any()
    result, alone = (desaturate(smap, mask=mask | lines, **k) for k in ({}, {"consistency": "none"}))
    np.testing.assert_array_equal(filled(result), mask | lines)
    np.testing.assert_array_equal((result.data != alone.data), found)
