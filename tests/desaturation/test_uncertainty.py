"""Features of filled pixels: finite, in units of the image, and independent of what is not known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import sunpy.map

from sunpy_restore import desaturate, filled, measure
from sunpy_restore.core.restoration.methods import Restored, load_method, restore_observation
from sunpy_restore.core.uncertainty.predicted import find_model, standard_deviation
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.forward import bloom, fringes
from sunpy_restore.desaturation.observation import Observation
from sunpy_restore.desaturation.task import TASK
from sunpy_restore.desaturation.uncertainty import STRATA, evidence

WELL = 16383.0


def corona(shape, seed=0, level=300.0):
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.normal(size=shape), 3)
    return level * (1 + 0.3 * image / max(image.std(), 1e-9)) + rng.normal(0, 5, shape)


def described(observation, name="biharmonic"):
    method = load_method(TASK, name)
    return evidence(observation, restore_observation(observation, method), method)


@given(seed=st.integers(0, 1000), offset=st.sampled_from([0.0, 1e-9, 300.0, -300.0]), texture=st.sampled_from([0, 1]))
@settings(max_examples=25, deadline=None)
def test_all_masks_are_described_by_finite_numbers(seed, offset, texture):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(3, 40, size=2))
    image = offset + texture * rng.normal(size=shape)
    mask = ndimage.binary_dilation(rng.random(shape) < 0.05, iterations=int(rng.integers(1, 4)))
    mask[rng.integers(shape[0]), rng.integers(shape[1])] = True
    mask.flat[rng.integers(mask.size)] = False
    if not mask.any():
        mask.flat[0] = True
    result = described(Observation(image=image, mask=mask))
    assert np.array_equal(result.where, mask)
    assert result.matrix().shape == (mask.sum(), len(result.features))
    assert np.isfinite(result.matrix()).all()
    assert (result.scale > 0).all()
    assert len(result.scale) == len(result.unknown) == len(result.stratum) == mask.sum()


@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e4])
@pytest.mark.parametrize("level", [None, 900.0])
def test_features_do_not_depend_on_the_unit(factor, level):
    image = corona((90, 80)) + 900 * np.exp(-(np.hypot(*(np.indices((90, 80)) - 40)) ** 2) / 60)
    full = image > 900
    mask = ndimage.binary_dilation(full, iterations=2)
    told = {} if level is None else {"saturated": full, "primary": full, "level": level}
    plain = Observation(image=image, mask=mask, **told)
    told = {} if level is None else told | {"level": level * factor}
    scaled = Observation(image=image * factor, mask=mask, **told)
    first, second = described(plain), described(scaled)
    assert np.allclose(second.matrix(), first.matrix(), atol=2e-3)
    assert np.allclose(second.scale, factor * first.scale, rtol=1e-3)


def test_hidden_values_of_masked_pixels_are_not_used():
    image = corona((80, 90))
    mask = np.zeros(image.shape, dtype=bool)
    mask[30:50, 40:60] = True
    changed = np.where(mask, np.random.default_rng(1).normal(0, 1e4, image.shape), image)
    first, second = (described(Observation(image=values, mask=mask)) for values in (image, changed))
    assert np.array_equal(first.matrix(), second.matrix())
    assert np.array_equal(first.scale, second.scale)


def test_strata_tell_core_from_bloomed_column_and_margin():
    y, x = np.indices((120, 100))
    truth = corona(y.shape) + 8 * WELL * np.exp(-((y - 60) ** 2 + (x - 50) ** 2) / (2 * 3.0**2))
    observation = Observation.from_exposure(bloom(truth), 193)
    stratum = np.full(truth.shape, -1)
    found = described(observation, "diffraction")
    stratum[found.where] = found.stratum
    assert STRATA[stratum[60, 50]] == "saturated core"
    assert (stratum[observation.saturated & ~observation.primary] == STRATA.index("bloomed column")).all()
    assert (observation.saturated & ~observation.primary).any()
    assert (stratum[observation.mask & ~observation.saturated] == STRATA.index("margin of saturation")).all()
    unknown_level = replace(observation, level=None, saturated=None, primary=None)
    assert {STRATA[index] for index in described(unknown_level).stratum} == {"mask over bright core"}


def test_strata_of_masks_are_told_by_the_distance_to_the_border():
    mask = np.zeros((80, 90), dtype=bool)
    mask[30:50, 40:60] = True
    found = described(Observation(image=corona(mask.shape), mask=mask))
    stratum = np.full(mask.shape, -1)
    stratum[found.where] = found.stratum
    assert STRATA[stratum[40, 50]] == "mask, interior"
    assert STRATA[stratum[30, 50]] == STRATA[stratum[40, 59]] == "mask, border"


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_scale_grows_with_light_that_a_fill_lacks(strength):
    y, x = np.indices((200, 200))
    light = 6 * WELL * np.exp(-((y - 100) ** 2 + (x - 90) ** 2) / (2 * 3.0**2))
    truth = corona(y.shape) + light + fringes(light, 193)
    observation = Observation.from_exposure(bloom(truth), 193)
    method = load_method(TASK, "biharmonic")
    whole, wrong = (
        evidence(observation, Restored(data=np.where(observation.mask, part * truth, truth)), method)
        for part in (1, strength)
    )
    core = whole.stratum == 0
    assert np.median(wrong.scale[core]) > 1.3 * min(strength, 1) * np.median(whole.scale[core])


def test_nothing_is_known_deep_inside_of_masks_that_were_not_calibrated():
    image = corona((260, 300))
    mask = np.zeros(image.shape, dtype=bool)
    mask[60:200, 40:180] = True
    mask[100:110, 250:260] = True
    found = described(Observation(image=image, mask=mask))
    unknown = np.zeros(image.shape, dtype=bool)
    unknown[found.where] = found.unknown
    assert unknown[130, 110]
    assert not unknown[100:110, 250:260].any()


@pytest.mark.parametrize(
    ("method", "consistency"),
    [
        ("network", None),
        ("network", "none"),
        ("biharmonic", None),
        ("biharmonic", "diffraction"),
        ("diffraction", None),
    ],
)
def test_uncertainty_of_each_method_covers_most_of_an_independent_flare(make_map, make_flare, method, consistency):
    observed, truth = make_flare()
    result = desaturate(make_map(observed), method=method, consistency=consistency, uncertainty=True)
    fill, sigma = filled(result), result.uncertainty.array
    assert np.isnan(sigma[~fill]).all()
    assert np.isfinite(sigma[fill]).all()
    assert (sigma[fill] > 0).all()
    errors = (result.data - truth)[fill]
    assert np.mean(np.abs(errors) < 1.96 * sigma[fill]) > 0.7
    assert np.mean(sigma[fill]) < 6 * np.sqrt(np.mean(errors**2))


@pytest.fixture(scope="module")
def quiet():
    return sunpy.map.Map(sample_path("aia_171_quiet")).data.astype(float)


def holes(shape, number, side=8):
    """A mask with ``number`` squared holes on a grid."""
    mask = np.zeros(shape, dtype=bool)
    for place in np.ndindex(number, number):
        row, column = (
            24 + index * (length - 48 - side) // max(number - 1, 1) for index, length in zip(place, shape, strict=True)
        )
        mask[row : row + side, column : column + side] = True
    return mask


def sigma_of(image, mask):
    observation = Observation(image=np.where(mask, image[~mask].max(), image), mask=mask, channel=171)
    method = load_method(TASK, "biharmonic")
    restored = restore_observation(observation, method)
    return standard_deviation(observation, restored, method, find_model(method, restored))[0], restored.data


def test_uncertainty_of_a_hole_does_not_depend_on_the_others(quiet):
    """As far as the scale of the window does not change: within a factor of 2 each, and not on average."""
    mask = holes(quiet.shape, 5)
    together, _ = sigma_of(quiet, mask)
    labels, number = ndimage.label(mask)
    ratios = []
    for index in range(1, number + 1, 4):
        alone, _ = sigma_of(quiet, labels == index)
        ratios.append(np.median(together[labels == index] / alone[labels == index]))
    assert 0.5 < min(ratios)
    assert max(ratios) < 2
    assert np.exp(np.mean(np.log(ratios))) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("number", [2, 4, 7])
def test_truth_in_many_holes_of_a_quiet_image_is_covered(quiet, number):
    mask = holes(quiet.shape, number)
    sigma, restored = sigma_of(quiet, mask)
    error = np.abs(restored - quiet)[mask]
    assert 0.5 < np.mean(error < sigma[mask]) < 0.9
    assert np.mean(error < 1.96 * sigma[mask]) > 0.85
    # A hole that may hide a bright core has a large uncertainty; most do not
    assert np.median(sigma[mask]) < 2 * np.sqrt(np.mean(error**2))


def test_strata_tell_cores_without_fringes_whose_errors_have_one_sign():
    image = corona((120, 100)) + 9000 * np.exp(-(np.hypot(*(np.indices((120, 100)) - 50)) ** 2) / 60)
    full = image > 3000
    mask = ndimage.binary_dilation(full, iterations=2)
    counts = Observation(
        image=np.minimum(image, 3000), mask=mask, saturated=full, primary=full, level=3000.0, channel=193
    )
    with_fringes, without = described(counts), described(replace(counts, channel=None))
    assert {STRATA[index] for index in with_fringes.stratum} == {"saturated core", "margin of saturation"}
    assert {STRATA[index] for index in without.stratum} == {"core without fringes", "margin without fringes"}
    assert with_fringes.magnification == 1 < without.magnification
    unknown = described(replace(counts, channel=None, saturated=None, primary=None, level=None))
    assert unknown.magnification == 1


@pytest.mark.filterwarnings("ignore:The image has the values of an 8-bit one")
@pytest.mark.parametrize("method", ["network", "biharmonic"])
def test_errors_of_clipped_8_bit_cores_are_as_large_as_stated(method):
    """Of the flux of the filled pixels, and of each of them, over scenes whose clipped light is known."""
    base = sunpy.map.Map(sample_path("aia_171_quiet"))
    deviations, within = [], []
    for index, (scale, share) in enumerate([(np.sqrt, 0.01), (np.log10, 0.003), (np.sqrt, 0.003), (np.log10, 0.02)]):
        shown = scale(np.maximum(base.data[:, :: (-1) ** index].astype(float), 1))
        truth = 255 * shown / np.quantile(shown, 1 - share)
        smap = sunpy.map.Map(np.clip(np.round(truth), 0, 255).astype(np.uint8), base.meta)
        result = desaturate(smap, saturated=255, method=method, uncertainty=True)
        core = filled(result)
        measured = measure(result, core)
        deviations.append((measured.flux.value - truth[core].sum()) / measured.flux_error.value)
        within.append(np.mean(np.abs(result.data - truth)[core] <= 1.96 * result.uncertainty.array[core]))
    assert np.abs(deviations).max() < 2.5
    assert np.mean(within) > 0.8
