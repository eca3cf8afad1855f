"""Tests of what tells the errors of restored images, and of the calibrated uncertainty."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import sunpy.map

from sunpy_restore import load, measure, report, save
from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.observation import Observation
from sunpy_restore.backprojection.recipe.calibration import draw_case
from sunpy_restore.backprojection.task import TASK
from sunpy_restore.backprojection.uncertainty import LIMITS, STRATA, evidence
from sunpy_restore.backprojection.verb import backproj_to_clean
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import UVPoints, stix_uv
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.restoration.methods import load_method, restore_observation
from sunpy_restore.core.uncertainty.errorfile import FOLDER, read_models
from sunpy_restore.core.uncertainty.predicted import find_reason
from sunpy_restore.data import sample_path

POINTS = stix_uv()
MEM = load_method(TASK, "mem")
CLEAN = load_method(TASK, "clean")


def observed(scene, *, pixel=2.0, side=258.0, noise=0.05, flux=1.0, **changes):
    true = visibilities_of_scene(scene, POINTS)
    drawn = np.random.default_rng(3).standard_normal((2, len(true)))
    error = noise * np.abs(true).mean() / np.sqrt(2)
    return Observation(
        visibilities=flux * (true + error * (drawn[0] + 1j * drawn[1])), points=POINTS, matrix=pixel * np.eye(2),
        shape=(round(side / pixel),) * 2, **changes,
    )  # fmt: skip


def found(observation, method=CLEAN):
    return evidence(observation, restore_observation(observation, method), method)


@pytest.mark.parametrize("name", TASK.methods)
def test_all_pixels_have_finite_properties(scene, name):
    ours = found(observed(scene), load_method(TASK, name))
    assert ours.where.all()
    assert np.isfinite(ours.matrix()).all()
    assert (ours.scale > 0).all()
    assert not ours.unknown.any()
    assert set(np.unique(ours.stratum)) == set(range(len(STRATA)))


@pytest.mark.parametrize("flux", [1e-6, 1e9])
def test_properties_do_not_depend_on_the_unit(scene, flux):
    one, other = found(observed(scene)), found(observed(scene, flux=flux))
    assert np.allclose(one.matrix(), other.matrix(), atol=2e-3)
    assert np.allclose(flux * one.scale, other.scale)
    assert np.array_equal(one.stratum, other.stratum)


def test_properties_do_not_depend_on_the_pixels(scene):
    """Odd numbers of pixels: every second pixel of 1 arcsec is one of 2 arcsec."""
    fine, coarse = (observed(scene, pixel=pixel, side=side) for pixel, side in ((1.0, 253.0), (2.0, 254.0)))
    one, other = found(fine, MEM), found(coarse, MEM)
    values = {name: one.features[name].reshape(fine.shape)[::2, ::2].ravel() for name in one.features}
    bright = other.stratum < 2
    for name, expected in other.features.items():
        assert np.abs(values[name] - expected)[bright].mean() < 0.15, name
    assert one.magnification == pytest.approx(2 * other.magnification)


def test_strata_follow_the_brightness(scene):
    observation = observed(scene)
    restored = restore_observation(observation, CLEAN)
    stratum = evidence(observation, restored, CLEAN).stratum.reshape(observation.shape)
    relative = restored.data / restored.data.max()
    assert np.array_equal(stratum == 0, relative >= 0.5)
    assert np.array_equal(stratum == 1, (relative < 0.5) & (relative >= 0.1))
    assert relative[stratum == STRATA.index("background")].max() < 1e-3


def test_nothing_is_known_without_a_source(scene):
    observation = observed(scene)
    empty = replace(observation, visibilities=0 * observation.visibilities)
    assert found(empty).unknown.all()


def test_nothing_is_known_of_other_instruments(scene):
    """The points of the (u, v) plane have labels that are not those of STIX sub-collimators."""
    observation = observed(scene)
    points = UVPoints(POINTS.u, POINTS.v, tuple(f"#{index}" for index in range(len(POINTS.u))))
    assert found(replace(observation, points=points)).unknown.all()


@pytest.mark.parametrize("method", [MEM, CLEAN])
def test_pixels_where_no_source_is_searched_have_the_error_of_the_background(scene, method):
    """In images larger than 6.4 arcmin, except by CLEAN, which takes all pixels."""
    observation = observed(scene, pixel=6.0, side=510.0)
    seen = found(observation, method)
    assert not seen.unknown.any()
    assert (seen.stratum.reshape(observation.shape)[0] == STRATA.index("background")).all()


def test_flux_of_a_whole_map_of_any_size_has_an_error_and_no_flag(make_backprojection, scene):
    """The pixels beyond 6.4 arcmin, which are 0, add no more than their own small error."""
    values, sigmas = [], []
    for count in (129, 400):
        smap = make_backprojection(observed(scene, noise=0.03).visibilities, shape=(count, count), pixel=(2.5, 2.5))
        with warnings.catch_warnings():
            warnings.simplefilter("error", RestoreWarning)
            result = backproj_to_clean(smap, uncertainty=True)
        assert "Pixels of unknown error" not in {check.name for check in report(result, smap).flagged}
        assert result.meta["rstunkn"] == 0
        whole = measure(result)
        values.append(whole.flux.value)
        sigmas.append(whole.flux_error.value)
    assert values[1] == pytest.approx(values[0], abs=0.5 * sigmas[0])
    assert sigmas[0] < sigmas[1] < 2 * sigmas[0]


def test_warning_of_unknown_errors_says_what_is_unknown_of_this_instrument():
    assert "STIX" in find_reason(MEM)
    assert "disk" not in find_reason(MEM)


def test_residual_maps_are_refused(make_backprojection, scene):
    with pytest.raises(ValueError, match="Leave out residual=True"):
        backproj_to_clean(make_backprojection(scene), method="clean", residual=True, uncertainty=True)


@pytest.mark.parametrize("name", TASK.methods)
def test_all_methods_are_calibrated(name):
    model = read_models(FOLDER / "backproj.safetensors")[name]
    assert model.strata == STRATA
    assert (model.factors > 0.3).all()
    assert (model.factors < 3).all()
    assert set(LIMITS) < set(STRATA)


def test_sample_has_an_uncertainty():
    smap = sunpy.map.Map(sample_path("stix_flare"))
    result = backproj_to_clean(smap, uncertainty=True)
    sigma = result.uncertainty.array
    assert sigma.shape == result.data.shape
    assert np.isfinite(sigma).all()
    assert (sigma > 0).all()
    core = result.data > 0.5 * result.data.max()
    assert 0.005 < (sigma[core] / result.data[core]).mean() < 0.3
    assert result.meta["rstunkn"] == 0


def test_uncertainty_follows_the_noise(make_backprojection, scene):
    """The true scale of the error in the core: it is larger for noisier visibilities, and in the unit of the image."""
    means = []
    for noise in (0.01, 0.2):
        smap = make_backprojection(observed(scene, noise=noise).visibilities)
        result = backproj_to_clean(smap, uncertainty=True, weighting="natural")
        core = result.data > 0.5 * result.data.max()
        means.append((result.uncertainty.array[core] / result.data[core]).mean())
    assert means[1] > 2 * means[0]


def test_uncertainty_is_in_the_unit_of_the_image(make_backprojection, scene):
    visibilities = observed(scene).visibilities
    one, other = (
        backproj_to_clean(make_backprojection(factor * visibilities), method="mem", uncertainty=True)
        for factor in (1, 1e4)
    )
    assert np.allclose(1e4 * one.uncertainty.array, other.uncertainty.array, rtol=0.02)


def test_correlation_has_a_size_in_arcsec(make_backprojection, scene):
    """The errors are correlated over as many arcsec on pixels of any size."""
    widths = {}
    for pixel, side in ((2.0, 129), (4.0, 65)):
        smap = make_backprojection(scene, pixel=(pixel, pixel), shape=(side, side))
        text = backproj_to_clean(smap, method="mem", uncertainty=True).meta["rstcorr"]
        widths[pixel] = [float(part.split(":")[0]) for part in text.split()]
    assert np.allclose(widths[2.0], 2 * np.array(widths[4.0]), rtol=1e-3)
    assert max(widths[2.0]) * 2.0 < 5 * BEAM


@pytest.mark.filterwarnings("ignore:The image does not agree with the visibilities")
@pytest.mark.parametrize("name", ["network", "mem", "clean"])
def test_truth_is_covered(name):
    """
    In scenes that were not used for the calibration.

    Scenes differ much more than pixels, so that the shares of only 30 of them are uncertain by several per cent.
    """
    method, model = load_method(TASK, name), read_models(FOLDER / "backproj.safetensors")[name]
    shares = []
    for index in range(30):
        observation, truth = draw_case([5, index])
        restored = restore_observation(observation, method)
        ours = evidence(observation, restored, method)
        ratio = np.abs((restored.data - truth)[ours.where]) / model.predict(ours)
        bright = ours.stratum < 2
        shares.append([np.mean(ratio[bright] < level) for level in (1, 1.96)])
    one, two = np.mean(shares, axis=0)
    assert 0.53 < one < 0.83
    assert 0.85 < two < 0.995


def test_uncertainty_describes_the_truth_of_a_closed_form(scene):
    """The image of Gaussians has a closed form: nearly all of its pixels are within three standard deviations."""
    observation = observed(scene)
    restored = restore_observation(observation, MEM)
    ours = evidence(observation, restored, MEM)
    sigma = read_models(FOLDER / "backproj.safetensors")["mem"].predict(ours).reshape(observation.shape)
    truth = image_of(scene, Grid(observation.shape, (2.0, 2.0)), BEAM) / beam_area()
    assert np.mean(np.abs(restored.data - truth) < 3 * sigma) > 0.9


@pytest.mark.slow
def test_errors_of_fluxes_and_centroids_are_those_of_the_truth(make_backprojection):
    """Before the visibilities were used, the error of the flux was stated three to four times too large."""
    ratios = {"total": [], "source": [], "centroid": []}
    x, y = np.meshgrid(*2 * [2.0 * (np.arange(129) - 64)])
    for seed in range(12):
        random = np.random.default_rng(seed)
        places, widths = np.array([[-35, 5], [35, -5]]) + random.uniform(-12, 12, (2, 2)), random.uniform(4, 16, 2)
        pair = joined([ellipse(flux, *at, w, w, 0) for flux, at, w in zip((3, 2), places, widths, strict=True)])
        true = visibilities_of_scene(pair, POINTS)
        noise = random.choice([0.02, 0.05, 0.1]) * np.abs(true).mean() / np.sqrt(2) * random.standard_normal((2, 24))
        smap = make_backprojection(true + noise[0] + 1j * noise[1], shape=(129, 129), pixel=(2.0, 2.0))
        result = backproj_to_clean(smap, uncertainty=True, weighting="natural")
        region = np.hypot(x - places[0, 0], y - places[0, 1]) < 22
        truth = image_of(pair, Grid((129, 129), (2.0, 2.0)), BEAM) / beam_area()
        whole, source = measure(result), measure(result, region)
        ratios["total"].append((whole.flux.value - 5) / whole.flux_error.value)
        ratios["source"].append((source.flux.value - 4 * truth[region].sum()) / source.flux_error.value)
        center = (truth * x)[region].sum() / truth[region].sum() + result.wcs.pixel_to_world(64, 64).Tx.value
        ratios["centroid"].append((source.centroid.Tx.value - center) / source.centroid_error[0].value)
    for values in ratios.values():
        assert 0.5 < np.sqrt(np.mean(np.square(values))) < 1.6


def test_what_the_visibilities_tell_is_saved(make_backprojection, scene, tmp_path):
    result = backproj_to_clean(
        make_backprojection(observed(scene).visibilities), method="forward-fit", uncertainty=True
    )
    save(result, tmp_path / "result.fits")
    assert str(measure(load(tmp_path / "result.fits"))) == str(measure(result))
    plain = type(result)(result.data, {key: result.meta[key] for key in result.meta if key != "rstwaves"})
    plain.uncertainty = result.uncertainty
    assert measure(plain).flux_error > 2 * measure(result).flux_error


def test_samples_have_the_flux_that_the_visibilities_determine(make_backprojection, scene):
    smap = make_backprojection(observed(scene).visibilities)
    result = backproj_to_clean(smap, method="forward-fit", uncertainty=True)
    fluxes = [sample.data.sum() for sample in backproj_to_clean(smap, method="forward-fit", samples=40)]
    measured = measure(result)
    expected = (measured.flux_error / measured.flux).to_value("") * result.data.sum()
    assert np.std(fluxes) == pytest.approx(expected, rel=0.4)


def test_biased_methods_do_not_use_the_visibilities_for_their_errors(make_backprojection, scene):
    result = backproj_to_clean(make_backprojection(observed(scene).visibilities), method="clean", uncertainty=True)
    assert "rstwaves" not in result.meta
