"""Errors of sums over bloomed columns, in which charge is conserved, on flares of an independent forward model."""

import numpy as np
import pytest
from scipy import signal

from sunpy_restore import desaturate, filled, load, measure, save
from sunpy_restore.core.uncertainty.evidence import KnownSums, recorded_sums
from sunpy_restore.desaturation.fringes.psf import mesh_psf

WELL = 16383.0


def bloomed(column):
    """One column whose charge above the full well moves up and down in equal parts."""
    held, excess = np.minimum(column, WELL), np.maximum(column - WELL, 0)
    for row in np.flatnonzero(excess):
        for step in (-1, 1):
            charge, place = excess[row] / 2, row + step
            while charge > 0 and 0 <= place < len(held):
                taken = min(WELL - held[place], charge)
                held[place] += taken
                charge -= taken
                place += step
    return held


@pytest.fixture(scope="module")
def flare():
    """A bloomed exposure whose full well is 1 % lower than assumed in the truth, and the truth."""
    rng = np.random.default_rng(4)
    y, x = np.indices((180, 170))
    light = np.exp(-((x - 80) ** 2 + (y - 88) ** 2) / 18) + 0.6 * np.exp(-((x - 90) ** 2 + (y - 97) ** 2) / 30)
    truth = 200 + signal.fftconvolve(light, mesh_psf(193), mode="same") * 6 * WELL
    truth = rng.normal(truth, np.sqrt(np.maximum(truth, 1)))
    observed = np.stack([bloomed(column) for column in truth.T], axis=1)
    return np.where(observed >= WELL, 0.99 * observed, observed), truth


@pytest.fixture(scope="module")
def result(make_map, flare):
    return desaturate(make_map(flare[0], lvl_num=1), uncertainty=True)


def without_sums(smap):
    plain = type(smap)(smap.data, {key: smap.meta[key] for key in smap.meta if key != "rstsums"})
    plain.uncertainty = smap.uncertainty
    return plain


def test_the_error_of_a_whole_core_is_that_of_its_charge(result, flare):
    core = filled(result)
    measured = measure(result, core)
    error = abs(measured.flux.value - flare[1][core].sum())
    assert 0.5 < error / measured.flux_error.value < 2
    assert measured.flux_error.value == pytest.approx(0.01 * measured.flux.value, rel=0.2)
    assert measured.flux_error.value < 0.5 * measure(without_sums(result), core).flux_error.value


def test_errors_within_a_core_stay_as_large_as_they_are(result):
    runs = recorded_sums(result).runs
    column, first, last = max(runs, key=lambda run: run[2] - run[1])
    pixel, half = (np.zeros(result.data.shape, bool) for _ in range(2))
    pixel[(first + last) // 2, column] = True
    half[first : (first + last) // 2, column] = True
    sigma = result.uncertainty.array[pixel][0]
    assert measure(result, pixel).flux_error.value == pytest.approx(sigma, rel=0.02)
    assert measure(result, half).flux_error.value > 0.05 * result.data[half].sum()


def test_samples_conserve_charge(make_map, result, flare):
    samples = desaturate(make_map(flare[0], lvl_num=1), samples=40)
    core, sigma = filled(result), result.uncertainty.array
    fluxes = [sample.data[core].sum(dtype=float) for sample in samples]
    assert np.std(fluxes) == pytest.approx(measure(result, core).flux_error.value, rel=0.4)
    scatter = np.std([sample.data for sample in samples], axis=0)[core] / sigma[core]
    assert np.median(scatter) == pytest.approx(1, abs=0.1)
    assert samples[0].uncertainty is None


def test_a_region_that_cuts_columns_does_not_use_their_sums(result):
    box = np.zeros(result.data.shape, bool)
    box[86:90, 78:83] = True
    assert measure(result, box).flux_error == measure(without_sums(result), box).flux_error
    _, first, last = max(recorded_sums(result).runs, key=lambda run: run[2] - run[1])
    whole = box.copy()
    whole[first:last] = True
    assert measure(result, whole).flux_error < 0.7 * measure(without_sums(result), whole).flux_error


def test_the_sums_are_saved_and_loaded(result, tmp_path):
    save(result, tmp_path / "result.fits")
    found = load(tmp_path / "result.fits")
    assert recorded_sums(found) == recorded_sums(result)
    assert str(measure(found, filled(found))) == str(measure(result, filled(result)))


@pytest.mark.parametrize("options", [{"method": "biharmonic"}, {"consistency": "none"}])
def test_no_sum_is_known_where_the_charge_was_not_used(make_map, flare, options):
    result = desaturate(make_map(flare[0], lvl_num=1), uncertainty=True, **options)
    assert "rstsums" not in result.meta


def test_sums_of_another_image_are_refused(result):
    cut = type(result)(result.data[:60, :60], dict(result.meta))
    cut.uncertainty = type(result.uncertainty)(result.uncertainty.array[:60, :60])
    with pytest.raises(ValueError, match=r"Found RSTSUMS with columns beyond the image of shape \(60, 60\)"):
        recorded_sums(cut)


@pytest.mark.parametrize("text", ["", "0.01; 4:1", "0.01; 4:1; 7:20", "x; 4:1; 7:20-31", "0.01; 4; 7:20-31"])
def test_sums_that_cannot_be_read_are_refused(text):
    with pytest.raises(ValueError, match="Restore the image again"):
        KnownSums.from_text(text)
