"""Fills of observations and their correction: windows, saturation level, charge, and several cores in one image."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.tiles.windows import damaged_windows
from sunpy_restore.desaturation.detection.plateau import with_margin
from sunpy_restore.desaturation.filling import channels
from sunpy_restore.desaturation.filling.channels import MARGIN
from sunpy_restore.desaturation.filling.classical import biharmonic, diffraction, dome_prior
from sunpy_restore.desaturation.forward import bloom
from sunpy_restore.desaturation.fringes import correction
from sunpy_restore.desaturation.fringes.correction import correct_fill
from sunpy_restore.desaturation.fringes.diffraction import RADIUS
from sunpy_restore.desaturation.fringes.psf import mesh_psf
from sunpy_restore.desaturation.observation import Observation

WELL = 16383.0


def dome(observation):
    return observation.fill(dome_prior)


FILLS = {"biharmonic": biharmonic, "dome": dome}


def observe(observed, truth, channel=193):
    saturated = observed >= WELL
    return Observation(
        image=observed,
        mask=with_margin(saturated),
        saturated=saturated,
        primary=saturated & (truth >= WELL),
        level=WELL,
        channel=channel,
    )


def hidden(fill, truth):
    over = truth > WELL
    return (fill[over] - WELL).sum() / (truth[over] - WELL).sum()


@pytest.fixture(scope="module")
def case(make_flare):
    observed, truth = make_flare()
    return observe(observed, truth), truth


@pytest.mark.parametrize("fill", FILLS)
def test_fills_change_masked_pixels_only(case, fill):
    observation, _ = case
    before = observation.image.copy()
    filled, harmonic = FILLS[fill](observation), observation.harmonic_fill
    for image in (filled, harmonic):
        assert image.dtype == np.float64
        np.testing.assert_array_equal(image[~observation.mask], observation.image[~observation.mask])
        assert np.isfinite(image).all()
    np.testing.assert_array_equal(observation.image, before)
    assert (filled[observation.primary] >= WELL).all()
    assert harmonic[observation.mask].max() < WELL


def test_level_is_a_lower_bound_only_if_it_is_known(case):
    observation, _ = case
    filled = biharmonic(Observation(image=observation.image, mask=observation.mask))
    assert filled[observation.mask].max() < WELL


def test_channels_of_the_windows_are_computed_once(case, monkeypatch):
    observation, calls = replace(case[0]), []
    harmonic = channels.harmonic
    monkeypatch.setattr(channels, "harmonic", lambda *args: calls.append(args) or harmonic(*args))
    for fill in FILLS.values():
        fill(observation)
    assert observation.harmonic_fill is observation.harmonic_fill
    assert len(calls) == len(observation.windows) == 1


def test_fills_do_not_use_pixels_beyond_their_margin(make_flare):
    observed, truth = make_flare((500, 500), [(250, 250)])
    observation = observe(observed, truth)
    rows, columns = np.nonzero(observation.mask)
    near = np.zeros_like(observation.mask)
    near[rows.min() - MARGIN : rows.max() + MARGIN + 1, columns.min() - MARGIN : columns.max() + MARGIN + 1] = True
    other = observe(np.where(near, observed, 1.0), truth)
    for fill in FILLS.values():
        one, two = (fill(either) for either in (observation, other))
        np.testing.assert_array_equal(one[observation.mask], two[observation.mask])


@pytest.mark.slow
def test_every_core_is_filled(make_flare):
    observed, truth = make_flare((300, 420), [(60, 60), (60, 350), (240, 200), (70, 75)])
    observation = observe(observed, truth)
    corrected = diffraction(observation)
    for image in (dome(observation), corrected):
        assert (image[observation.primary] >= WELL).all()
        np.testing.assert_array_equal(image[~observation.mask], observed[~observation.mask])
    for row, column in ((60, 60), (60, 350), (240, 200)):
        box = np.s_[max(row - 25, 0) : row + 25, max(column - 25, 0) : column + 25]
        assert 0.5 < hidden(corrected[box], truth[box]) < 1.6


@pytest.mark.parametrize("factor", [0.5, pytest.param(2.0, marks=pytest.mark.slow)])
def test_correction_brings_a_wrong_fill_closer_to_the_truth(case, factor):
    observation, truth = case
    base = observation.harmonic_fill
    wrong = np.where(observation.mask, base + factor * (truth - base), observation.image)
    corrected = correct_fill(observation, wrong, damping=False)
    before, after = (abs(np.log(hidden(fill, truth))) for fill in (wrong, corrected))
    assert after < 0.6 * before


@pytest.mark.slow
def test_correction_does_not_change_its_arguments(case):
    observation, _ = case
    filled, harmonic = dome(observation), observation.harmonic_fill
    copies = observation.image.copy(), filled.copy(), harmonic.copy()
    correct_fill(observation, filled)
    for one, two in zip(copies, (observation.image, filled, harmonic), strict=True):
        np.testing.assert_array_equal(one, two)


def test_bloomed_charge_is_conserved(make_flare):
    _, truth = make_flare()
    observation = observe(bloom(truth), truth)
    assert (observation.saturated & ~observation.primary).any()
    base = observation.harmonic_fill
    fill = correct_fill(observation, np.where(observation.mask, base + 0.7 * (truth - base), observation.image))
    columns = observation.saturated.any(axis=0)
    held, found = (np.where(observation.mask, image, 0).sum(axis=0)[columns] for image in (observation.image, fill))
    np.testing.assert_allclose(found, held, rtol=0.02)
    assert hidden(fill, truth) == pytest.approx(1, abs=0.2)


@pytest.mark.slow
def test_clipped_charge_is_not_conserved(case):
    observation, _ = case
    fill = diffraction(observation)
    assert fill[observation.mask].sum() > 1.3 * observation.image[observation.mask].sum()


@pytest.mark.parametrize(
    "place", [(3, 120), *(pytest.param(place, marks=pytest.mark.slow) for place in ((217, 236), (110, 2)))]
)
def test_cores_at_the_edges_of_the_image(make_flare, place):
    observed, truth = make_flare(places=[place])
    fill = diffraction(observe(observed, truth))
    assert np.isfinite(fill).all()
    assert 0.2 < hidden(fill, truth) < 3


def test_surroundings_have_the_shape_that_the_fit_expects(case):
    """Also where the image ends, beyond which no pixel is valid."""
    observation, _ = case
    (cluster,) = damaged_windows(observation.mask, 0, gap=64)
    image, valid = correction.surroundings(observation, dome(observation), cluster)
    assert image.shape == valid.shape == tuple(n + 2 * RADIUS for n in cluster.own.shape)
    assert np.isfinite(image).all()
    assert valid.sum() == np.count_nonzero(~observation.mask)


def test_charge_is_conserved_unless_the_fringes_exclude_it(make_flare):
    """The fringes of an arcade allow much more light than it has, if this is spread as in a dome."""
    y, x = np.indices((260, 280))
    light = np.zeros(x.shape)
    for loop, along in np.ndindex(4, 9):
        shift = along / 4 - 1
        column, row = 140 + 7 * (loop - 2) + 2 * shift, 130 + 9 * shift
        light += (1 + 0.5 * (loop % 2)) * np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * 1.3**2))
    image = signal.fftconvolve(light, mesh_psf(193), mode="same")
    _, corona = make_flare(shape=x.shape, peak=0.0)
    truth = corona + image * 8 * WELL / image.max()
    observation = observe(bloom(truth), truth)
    assert (observation.saturated & ~observation.primary).any()
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        fill = diffraction(observation)
    charge = observation.image[observation.mask].sum()
    assert fill[observation.mask].sum() == pytest.approx(charge, rel=0.02)


def test_lost_charge_is_told(make_flare):
    _, truth = make_flare(peak=8.0)
    image = bloom(np.where(truth > WELL, WELL + 0.1 * (truth - WELL), truth))
    observation = observe(image, truth)
    assert (observation.saturated & ~observation.primary).any()
    with pytest.warns(RestoreWarning, match="require more light than the charge in their columns, by a factor of"):
        fill = diffraction(observation)
    assert hidden(fill, truth) == pytest.approx(1, abs=0.35)
