"""Uncertainties and samples on Maps, on a function that fills negative pixels, or replaces all of them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from ndcube import NDCube

import astropy.units as u
from astropy.nddata import StdDevUncertainty, UnknownUncertainty, VarianceUncertainty

import sunpy.map

from sunpy_restore import filled, load, measure, save
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.numerics.correlation import correlated_field
from sunpy_restore.core.reports import likeness
from sunpy_restore.core.restoration import observation as base
from sunpy_restore.core.restoration.methods import Restored
from sunpy_restore.core.restoration.verb import run
from sunpy_restore.core.task import MapFunction, Restoration
from sunpy_restore.core.uncertainty import errorfile
from sunpy_restore.core.uncertainty.errormodel import ErrorModel
from sunpy_restore.core.uncertainty.evidence import Evidence

STRATA = ("low", "high")
HEADER = {
    "telescop": "SDO/HMI", "instrume": "HMI_FRONT2", "content": "CONTINUUM INTENSITY", "bunit": "DN/s",
    "date-obs": "2011-02-14T20:34:12", "ctype1": "HPLN-TAN", "ctype2": "HPLT-TAN", "cunit1": "arcsec",
    "cunit2": "arcsec", "cdelt1": 0.5, "cdelt2": 0.5, "crpix1": 24.5, "crpix2": 16.5, "crval1": 100.0, "crval2": 0.0,
    "crln_obs": 24.7, "crlt_obs": -6.8, "dsun_obs": 147699950484.1,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Observation(base.Observation):
    data: np.ndarray
    holes: np.ndarray
    nothing_to_do: str | None = None

    @classmethod
    def check(cls, smap):
        return None

    @classmethod
    def from_map(cls, smap):
        holes = smap.data < 0
        reason = None if holes.any() else "No pixel is negative."
        return cls(data=smap.data.astype(float), holes=holes, nothing_to_do=reason)


def mean(observation, *, progress=False):
    return np.full(observation.data.shape, observation.data[~observation.holes].mean())


def fill(observation, method, *, progress=False):
    return Restored(data=method(observation), filled=observation.holes)


def whole(observation, method, *, progress=False):
    return Restored(data=np.where(observation.holes, method(observation), observation.data))


def evidence_of(where, restored):
    number = np.count_nonzero(where)
    values = restored.data[where]
    rows = np.nonzero(where)[0]
    return Evidence(
        where=where, features={"value": values}, scale=np.full(number, 2.0),
        stratum=(values > 1e6).astype(int), unknown=rows == 0,
    )  # fmt: skip


def evidence_in_holes(observation, restored, method):
    return evidence_of(observation.holes, restored)


def evidence_everywhere(observation, restored, method):
    return evidence_of(np.ones(observation.holes.shape, bool), restored)


def fingerprint(observation):
    return {"brightness of the image": float(observation.data[~observation.holes].mean())}


def function(name, restore, evidence):
    task = Restoration(
        name=name, title="", doi="", unit="", build_network=None, network_method="", recipe="",
        classical={"mean": mean, "uncalibrated": mean}, restore=restore, evidence=evidence, fingerprint=fingerprint,
    )  # fmt: skip
    return MapFunction(name=name, module="", summary="", tasks=(task,), observation=Observation)


FUNCTIONS = {
    "fill": function("fill", fill, evidence_in_holes), "whole": function("whole", whole, evidence_everywhere),
}  # fmt: skip


@pytest.fixture(autouse=True)
def models(tmp_path_factory, monkeypatch):
    """An error model that says 3 everywhere, with errors correlated over a few pixels."""
    folder = tmp_path_factory.mktemp("models")
    layers = [(np.zeros((1, 1)), np.log([1.5]))]
    model = ErrorModel(
        features=("value",), strata=STRATA, low=np.zeros(1), high=np.ones(1), layers=layers, factors=np.ones(2),
        correlation={0.0: 0.5, 1.8: 0.5}, ratios={1.0: np.full(2, 0.75), 1.96: np.full(2, 1.5)},
    )  # fmt: skip
    for name in FUNCTIONS:
        errorfile.write_models(folder / f"{name}.safetensors", name, {"mean": model})
        ranges = likeness.learn([{"brightness of the image": value} for value in np.linspace(50, 150, 20)])
        likeness.write_likeness(folder / f"{name}.json", ranges)
    monkeypatch.setattr(errorfile, "FOLDER", folder)
    monkeypatch.setattr(likeness, "FOLDER", folder)
    return folder


def restored(image, name="whole", method="mean", **options):
    return run(FUNCTIONS[name], image, method=method, weights=None, device=None, progress=False, **options)


def smap(holes=((5, 6), (5, 7), (20, 30)), level=100.0, **cards):
    data = np.random.default_rng(0).normal(level, 1, size=(32, 48)).astype(np.float32)
    for hole in holes:
        data[hole] = -5
    return sunpy.map.Map(data, HEADER | cards)


def test_without_it_there_is_no_uncertainty():
    result = restored(smap())
    assert result.uncertainty is None
    assert "rstcorr" not in result.meta


def test_filled_pixels_have_an_uncertainty_and_others_none():
    result = restored(smap(), "fill", uncertainty=True)
    assert type(result.uncertainty) is StdDevUncertainty
    sigma = result.uncertainty.array
    np.testing.assert_allclose(sigma[filled(result)], 3, rtol=1e-6)
    assert np.isnan(sigma[~filled(result)]).all()
    assert (result.meta["rstcorr"], result.meta["rstunkn"]) == ("0:0.5 1.8:0.5", 0)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (StdDevUncertainty(np.full((32, 48), 0.5)), 0.5),
        (VarianceUncertainty(np.full((32, 48), 4.0)), 2.0),
        (StdDevUncertainty(np.full((32, 48), 0.5), unit=1000 * u.DN / u.s), 500.0),
        (UnknownUncertainty(np.full((32, 48), 0.5)), np.nan),
    ],
)
def test_observed_pixels_keep_the_uncertainty_of_the_input(before, expected):
    observed = smap()
    observed.uncertainty = before
    result = restored(observed, "fill", uncertainty=True)
    sigma, own = result.uncertainty.array, filled(result)
    np.testing.assert_allclose(sigma[~own], expected, rtol=1e-6)
    np.testing.assert_allclose(sigma[own], 3, rtol=1e-6)
    assert observed.uncertainty is before


def test_where_nothing_is_known_it_is_infinite_and_flagged():
    with pytest.warns(RestoreWarning, match=r"^Nothing can be known about the error of 1 restored pixels"):
        result = restored(smap(holes=[(0, 3), (4, 4)]), "fill", uncertainty=True)
    assert np.isposinf(result.uncertainty.array[0, 3])
    assert result.uncertainty.array[4, 4] == pytest.approx(3)
    assert result.meta["rstunkn"] == 1


@pytest.mark.filterwarnings("ignore:Nothing can be known")
def test_unknown_errors_are_printed_in_words():
    """A pixel of infinite uncertainty makes those of all sums infinite."""
    result, region = restored(smap(), uncertainty=True), np.zeros((32, 48), bool)
    region[4, 4] = True
    assert "unknown" not in str(measure(result, region))
    region[0, 3] = True
    flux, mean, centroid, *_ = str(measure(result, region)).splitlines()
    assert flux.endswith("DN / s (error unknown)")
    assert mean.endswith("DN / s (error unknown)")
    assert centroid.endswith(" arcsec (error unknown)")
    assert "inf" not in flux + mean + centroid


@pytest.mark.filterwarnings("ignore:Nothing can be known")
def test_it_is_saved_and_loaded(tmp_path):
    result = restored(smap(), uncertainty=True)
    save(result, tmp_path / "result.fits")
    found = load(tmp_path / "result.fits")
    np.testing.assert_array_equal(found.uncertainty.array, result.uncertainty.array)
    assert found.meta["rstcorr"] == result.meta["rstcorr"]
    region = np.zeros((32, 48), bool)
    region[3:9, 3:9] = True
    assert str(measure(found, region)) == str(measure(result, region))


@pytest.mark.filterwarnings("ignore:Nothing can be known")
def test_cubes_and_lists_have_it_too():
    observed = [smap(), smap(holes=[]), smap(holes=[(7, 7)])]
    for container in (list, tuple):
        with pytest.warns(RestoreWarning, match="No pixel is negative"):
            found = restored(container(observed), "fill", uncertainty=True)
        assert [one.uncertainty is None for one in found] == [False, True, False]
    data = np.stack([one.data for one in observed])
    cube = NDCube(observed[0].data, wcs=observed[0].wcs, meta=dict(observed[0].meta), unit=u.DN / u.s)
    result = restored(cube, "fill", uncertainty=True)
    assert result.uncertainty.array.shape == data.shape[1:]
    np.testing.assert_array_equal(np.isfinite(result.uncertainty.array), filled(result))


def test_methods_without_a_calibration_are_refused():
    with pytest.raises(ValueError, match="Found no calibrated uncertainty of method 'uncalibrated' of whole"):
        restored(smap(), method="uncalibrated", uncertainty=True)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(True, 3), (0.68, 2.25), (0.95, 4.5), (np.float64(0.95), 4.5), (np.float32(0.95), 4.5)],
)
def test_it_is_scaled_for_a_share_of_the_truth(share, expected):
    result = restored(smap(), "fill", uncertainty=share)
    np.testing.assert_allclose(result.uncertainty.array[filled(result)], expected, rtol=1e-6)
    assert result.meta.get("rstcover") == (None if share is True else pytest.approx(share))
    assert restored(smap(), "fill", uncertainty=True).meta["rstcorr"] == result.meta["rstcorr"]


@pytest.mark.parametrize("share", [0.9, 1.0, 0.0, -0.95, 95.0, np.nan, np.inf])
def test_other_shares_are_refused(share):
    with pytest.raises(ValueError, match=r"expected True, False, 0\.68 or 0\.95, the shares that were calibrated"):
        restored(smap(), uncertainty=share)


def test_calibrations_without_shares_are_refused_before_the_restoration(models):
    path = models / "fill.safetensors"
    (found,) = errorfile.read_models(path).values()
    errorfile.write_models(path, "fill", {"mean": replace(found, ratios={})})
    with pytest.raises(ValueError, match=r"Found a share of 0\.95; expected uncertainty=True.* calibrate fill"):
        restored(smap(), "fill", uncertainty=0.95)
    assert restored(smap(), "fill", uncertainty=True).meta["rstcorr"]


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_it_is_on_or_off(value):
    with pytest.raises(TypeError, match="expected True, False"):
        restored(smap(), uncertainty=value)


def test_cubes_keep_the_uncertainty_of_observed_pixels():
    one = smap()
    before = StdDevUncertainty(np.full(one.data.shape, 0.5))
    cube = NDCube(one.data, wcs=one.wcs, meta=dict(one.meta), unit=u.DN / u.s, uncertainty=before)
    result = restored(cube, "fill", uncertainty=True)
    np.testing.assert_allclose(result.uncertainty.array[~filled(result)], 0.5)
    assert restored(cube, "fill").uncertainty is None


@pytest.mark.parametrize("changed", ["data", "mask"])
def test_copies_in_memory_keep_the_uncertainty_of_observed_pixels(changed):
    da = pytest.importorskip("dask.array")
    one = smap()
    data = da.from_array(one.data) if changed == "data" else one.data
    # A mask of integers is converted
    mask = np.zeros(one.data.shape, dtype=int) if changed == "mask" else None
    before = StdDevUncertainty(np.full(one.data.shape, 0.5))
    observed = sunpy.map.Map(data, one.meta, mask=mask, uncertainty=before)
    result = restored(observed, "fill", uncertainty=True)
    np.testing.assert_allclose(result.uncertainty.array[~filled(result)], 0.5)


# Samples


@pytest.mark.filterwarnings("ignore:Nothing can be known")
@pytest.mark.parametrize("name", ["fill", "whole"])
def test_samples_scatter_as_the_uncertainty_says(name):
    observed = smap(holes=[(row, column) for row in range(8, 24) for column in range(10, 30)])
    result = restored(observed, name)
    samples = restored(observed, name, samples=60)
    assert len(samples) == 60
    scatter = np.std([sample.data for sample in samples], axis=0)
    own = np.s_[8:24, 10:30]
    assert scatter[own].mean() == pytest.approx(3, rel=0.1)
    assert np.mean([sample.data for sample in samples], axis=0)[own].mean() == pytest.approx(
        result.data[own].mean(), abs=0.5
    )
    if name == "fill":
        for sample in samples:
            np.testing.assert_array_equal(sample.data[~filled(sample)], observed.data[~filled(sample)])
    assert [sample.meta["rstdraw"] for sample in samples] == list(range(1, 61))
    assert samples[0].uncertainty is None
    with pytest.raises(ValueError, match=r"Found sample 1 .* expected a result with uncertainty=True"):
        measure(samples[0])
    again = restored(observed, name, samples=2)
    np.testing.assert_array_equal(again[1].data, samples[1].data)


@pytest.mark.filterwarnings("ignore:Nothing can be known")
def test_samples_come_in_the_container_of_the_images():
    found = restored((smap(), smap(level=101.0)), "fill", samples=3)
    assert [type(one) for one in found] == [tuple] * 3
    assert not np.array_equal(found[0][0].data, found[1][0].data)


def test_errors_of_two_images_are_independent():
    holes = [(row, column) for row in range(4, 28) for column in range(6, 40)]
    images = [smap(holes), smap(holes, level=101.0)]
    means, drawn = restored(images, "fill"), restored(images, "fill", samples=1)[0]
    own = filled(means[0])
    errors = [(sample.data - mean.data)[own] for sample, mean in zip(drawn, means, strict=True)]
    assert min(part.std() for part in errors) > 2
    assert abs(np.corrcoef(errors)[0, 1]) < 0.3


@pytest.mark.parametrize(
    ("value", "error", "advice"),
    [
        (0, ValueError, "Leave it out to draw none"),
        (-1, ValueError, "Leave it out to draw none"),
        (10**6, ValueError, "Ask for fewer restorations"),
        (2.0, TypeError, "expected a number of restorations"),
        (True, TypeError, "expected a number of restorations"),
    ],
)
def test_impossible_numbers_of_samples_are_refused(value, error, advice):
    with pytest.raises(error, match=f"samples=.*{advice}"):
        restored(smap(), samples=value)


# Measurements


@pytest.mark.filterwarnings("ignore:Nothing can be known")
def test_errors_of_measurements_are_the_scatter_of_samples():
    observed = smap()
    region = np.zeros((32, 48), bool)
    region[10:20, 12:30] = True
    measured = measure(restored(observed, uncertainty=True), region)
    samples = restored(observed, samples=300)
    fluxes = [sample.data[region].sum() for sample in samples]
    assert measured.flux_error.value == pytest.approx(np.std(fluxes), rel=0.15)
    assert measured.flux.value == pytest.approx(restored(observed).data[region].sum(dtype=float))
    assert measured.mean_error.value == pytest.approx(measured.flux_error.value / 180)
    # As independent pixels they would be wrong
    assert measured.flux_error.value > 2 * 3 * np.sqrt(180)
    columns = np.arange(48) * np.ones((32, 1))
    places = [np.average(columns[region], weights=np.abs(sample.data[region])) for sample in samples]
    assert measured.centroid_error[0].to_value("arcsec") == pytest.approx(0.5 * np.std(places), rel=0.15)
    assert measured.centroid.Tx.to_value("arcsec") == pytest.approx(100 + 0.5 * (np.mean(places) - 23.5), abs=0.05)
    assert (measured.pixels, measured.restored, measured.unknown) == (180, 1.0, 0)


def test_observed_pixels_count_as_exact_or_with_their_own_error():
    observed = smap()
    region = np.zeros((32, 48), bool)
    region[2:12, 2:12] = True
    exact = measure(restored(observed, "fill", uncertainty=True), region)
    # Two neighbours: the correlation of smoothed noise one pixel apart
    together = 0.5 * np.exp(-1 / (4 * 1.8**2))
    assert exact.flux_error.value == pytest.approx(3 * np.sqrt(2 + 2 * together))
    assert exact.restored == pytest.approx(0.02)
    assert exact.unstated == 98
    nothing = measure(restored(observed, "fill", uncertainty=True), ~region & (observed.data > 0))
    assert np.isnan(nothing.flux_error)
    assert "observed pixels have no uncertainty" in str(nothing)
    observed.uncertainty = StdDevUncertainty(np.full((32, 48), 0.5))
    other = measure(restored(observed, "fill", uncertainty=True), region)
    assert other.flux_error.value == pytest.approx(np.hypot(exact.flux_error.value, 0.5 * np.sqrt(98)))


@pytest.mark.filterwarnings("ignore:Nothing can be known")
def test_regions_of_unknown_error_have_infinite_errors():
    result = restored(smap(holes=[(4, 4)]), uncertainty=True)
    found = measure(result)
    assert found.unknown == 48
    assert np.isinf([found.flux_error.value, found.mean_error.value, *found.centroid_error.value]).all()
    assert len(found.to_table()) == 1
    assert "nothing is known about 48 pixels" in str(found)


def test_units_per_solid_angle_are_integrated():
    result = restored(smap(bunit="DN / (s arcsec2)"), "fill", uncertainty=True)
    region = result.data > 0
    found = measure(result, region)
    assert found.flux.unit.is_equivalent("DN/s")
    assert found.flux.to_value("DN/s") == pytest.approx(0.25 * result.data.sum(dtype=float))


def test_centroid_errors_are_along_the_axes_of_the_frame():
    turned = {"pc1_1": 0.0, "pc1_2": -1.0, "pc2_1": 1.0, "pc2_2": 0.0}
    region = np.zeros((32, 48), bool)
    region[4:7, 2:40] = True
    straight, rotated = (measure(restored(smap(**cards), "fill", uncertainty=True), region) for cards in ({}, turned))
    np.testing.assert_allclose(rotated.centroid_error.value, straight.centroid_error.value[::-1], rtol=1e-6)


def test_other_maps_and_regions_are_refused():
    result = restored(smap(), "fill", uncertainty=True)
    with pytest.raises(TypeError, match="expected a sunpy Map"):
        measure(result.data)
    with pytest.raises(ValueError, match="expected a result with uncertainty=True"):
        measure(restored(smap(), "fill"))
    with pytest.raises(ValueError, match=r"shape \(3, 3\)"):
        measure(result, np.ones((3, 3), bool))
    with pytest.raises(TypeError, match=r"expected a boolean array.* pass region == 1"):
        measure(result, np.ones((32, 48)))
    with pytest.raises(TypeError, match="Found a masked array with 1 masked pixels"):
        measure(result, np.ma.masked_equal(np.arange(32 * 48).reshape(32, 48), 5) > 9)
    with pytest.raises(TypeError, match=r"Found 2 regions \(list\); expected one.*one by one"):
        measure(result, [Region(), Region()])
    with pytest.raises(ValueError, match="Found a synthetic Map"):
        measure(smap(synthetic=True))
    with pytest.raises(ValueError, match="Found no pixel with a value"):
        measure(result, np.zeros((32, 48), bool))


class Region:
    """As far as `measure` looks at a region of the package regions."""

    def contains(self, place):
        return True


def test_a_lost_uncertainty_is_told(tmp_path):
    result = restored(smap(), "fill", uncertainty=True)
    result.save(tmp_path / "result.fits")
    with pytest.warns(RestoreWarning, match=r"the uncertainty is lost.*Save Maps with sunpy_restore\.save"):
        found = load(tmp_path / "result.fits")
    with pytest.raises(ValueError, match=r"whose uncertainty is lost.*sunpy_restore\.save"):
        measure(found)


def test_a_missing_calibration_is_told_before_the_restoration(monkeypatch):
    def restore(*args, **options):
        raise AssertionError("restored")

    monkeypatch.setattr("sunpy_restore.core.restoration.verb.restore_observation", restore)
    with pytest.raises(ValueError, match="Found no calibrated uncertainty of method 'uncalibrated'"):
        restored(smap(), "fill", "uncalibrated", uncertainty=True)


def test_files_are_read_once_for_several_images(models, monkeypatch):
    read = []
    for module, name in ((errorfile, "read_models"), (likeness, "read_likeness")):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda path, original=original: read.append(path.name) or original(path))
    restored([smap(), smap(), smap()], "fill", uncertainty=True)
    assert sorted(read) == ["fill.json", "fill.safetensors"]
    (models / "fill.json").touch()
    restored(smap(), "fill")
    assert len(read) == 3


# Likeness


def test_unusual_images_are_told():
    assert 0 <= restored(smap()).meta["rstlike"] <= 1
    with pytest.warns(RestoreWarning, match=r"unlike those .* brightness of the image is 1000 \(in good images"):
        result = restored(smap(level=1000.0))
    assert result.meta["rstlike"] > 1


def test_correlated_fields_are_the_same_for_a_seed():
    one, other = (correlated_field((8, 9), {0.0: 0.5, 2.7: 0.5}, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_features_of_another_version_are_refused(models):
    path = models / "whole.safetensors"
    model = errorfile.read_models(path)["mean"]
    errorfile.write_models(path, "whole", {"mean": replace(model, features=("other",))})
    with pytest.raises(ValueError, match="Found the features other in the file of the uncertainty; expected value"):
        restored(smap(), uncertainty=True)
