"""Inverse diffraction: adjoints and prior of the operators, and recovery of the hidden flux."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

from sunpy_restore.core.numerics.filling import harmonic
from sunpy_restore.desaturation.charge import Charge, column_charge, conserve_charge
from sunpy_restore.desaturation.forward import bloom, fringes
from sunpy_restore.desaturation.fringes import diffraction
from sunpy_restore.desaturation.fringes.differences import differences, differences_adjoint
from sunpy_restore.desaturation.fringes.diffraction import RADIUS, fit_core
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS, mesh_psf

WELL = 16383.0


def corona(shape, rng):
    """Structure on all scales, 2000 DN with a standard deviation of 500 DN."""
    waves = np.hypot(*np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij"))
    waves[0, 0] = np.inf
    image = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * waves**-1.5).real
    return 2000 + 500 * image / image.std()


class Flare:
    """Gaussian kernels in a corona, convolved with the point spread function, in a camera that clips or blooms."""

    def __init__(self, channel, peak, seed=0, widths=(2.0, 3.0), blooming=False):
        rng = np.random.default_rng(seed)
        side = 2 * RADIUS + 70
        y, x = np.indices((side, side)) - side / 2
        light = sum(
            brightness * np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / (2 * width**2))
            for (dy, dx), brightness, width in zip(((-2, 3), (4, -3)), (1.0, 0.6), widths, strict=True)
        )
        psf = mesh_psf(channel)
        image = signal.fftconvolve(light, psf, mode="same")
        self.truth = corona(light.shape, rng) + image * peak * WELL / image.max()
        noisy = rng.normal(self.truth, np.sqrt(np.maximum(self.truth, 0)))
        self.observed = bloom(noisy) if blooming else np.minimum(noisy, WELL)
        self.saturated = self.observed >= 0.999 * WELL
        self.damage = ndimage.binary_dilation(self.saturated, iterations=2)
        (box,) = ndimage.find_objects(self.damage.astype(int))
        self.box, self.mask, self.channel = box, self.damage[box], channel
        self.window = tuple(slice(part.start - RADIUS, part.stop + RADIUS) for part in box)
        assert all(part.start >= 0 and part.stop <= side for part in self.window)
        self.base = harmonic(self.observed, self.damage)[box]

    def first(self, factor):
        """A fill that is wrong by this factor above the surroundings."""
        return np.where(self.mask, self.base + factor * (self.truth[self.box] - self.base), self.observed[self.box])

    def fit(self, factor, *, image=None, **keywords):
        image = np.where(self.damage, 0, self.observed if image is None else image)[self.window]
        arguments = image, ~self.damage[self.window], self.first(factor), self.base, self.mask, self.channel
        return fit_core(*arguments, **keywords)

    def hidden(self, fill):
        """Flux above the full well, divided by the true one."""
        hidden = self.mask & (self.truth[self.box] > WELL)
        return (fill[hidden] - WELL).sum() / (self.truth[self.box][hidden] - WELL).sum()

    def excess(self, fill):
        """Flux above the surroundings, divided by the true one."""
        return (fill - self.base)[self.mask].sum() / (self.truth[self.box] - self.base)[self.mask].sum()


@cache
def flare_of(channel, seed):
    return Flare(channel, 8.0, seed)


@pytest.fixture(scope="module")
def flare():
    return Flare(193, 5.0)


@pytest.mark.parametrize("blur", [0.0, 0.7])
@pytest.mark.parametrize("shape", [(9, 14), (1, 1), (40, 3)])
def test_adjoint_of_the_fringes_is_their_transpose(shape, blur):
    rng = np.random.default_rng(0)
    model = diffraction.Fringes(shape, 171, radius=37, blur=blur)
    assert model.window == tuple(n + 74 for n in shape)
    core, image = rng.normal(size=shape), rng.normal(size=model.window)
    assert (model.of(core) * image).sum() == pytest.approx((core * model.adjoint(image)).sum(), rel=1e-9)


@pytest.mark.parametrize("channel", EUV_CHANNELS)
def test_fringes_of_a_box_are_those_of_the_forward_model(channel):
    radius, core = 60, np.random.default_rng(1).uniform(size=(12, 17))
    window = np.pad(core, radius)
    expected = fringes(window, channel, radius, core=4)
    np.testing.assert_allclose(diffraction.Fringes(core.shape, channel, radius).of(core), expected, atol=1e-9)


def test_adjoint_of_the_differences_is_their_transpose():
    rng = np.random.default_rng(2)
    image, both = rng.normal(size=(13, 17)), rng.normal(size=(2, 13, 17))
    forth, back = differences(image), differences_adjoint(both)
    assert (forth * both).sum() == pytest.approx((image * back).sum(), rel=1e-12)
    y, x = np.indices((13, 17))
    ramp = differences(3.0 * y - 5.0 * x)
    np.testing.assert_allclose(ramp[0, :-2], 6)
    np.testing.assert_allclose(ramp[1, :, :-2], -10)
    assert not ramp[0, -2:].any()
    assert not ramp[1, :, -2:].any()


@pytest.fixture(scope="module")
def prior():
    mask = np.zeros((80, 90), dtype=bool)
    mask[2:70, 3:75] = True
    mask[74:78, 80:88] = True
    return diffraction._Prior(mask)


def test_adjoint_of_the_prior_is_its_transpose(prior):
    rng = np.random.default_rng(3)
    variables, field = rng.normal(size=prior.size), rng.normal(size=prior.mask.shape)
    expected = (variables * prior.adjoint(field)).sum()
    assert (prior.field(variables) * field).sum() == pytest.approx(expected, rel=1e-9)


def test_variance_of_the_prior(prior):
    """0.5^2 for a whole region, 0.4^2 and 0.3^2 for smaller scales, far from the edges; zero outside of the mask."""
    centre = np.zeros(prior.mask.shape)
    centre[38, 40] = 1
    assert (prior.adjoint(centre) ** 2).sum() == pytest.approx(0.5**2 + 0.4**2 + 0.3**2, rel=0.02)
    variables = np.zeros(prior.size)
    variables[: prior.count] = 2, -1
    field = prior.field(variables)
    np.testing.assert_allclose(field[2:70, 3:75], 1.0)
    np.testing.assert_allclose(field[74:78, 80:88], -0.5)
    assert not prior.field(np.random.default_rng(4).normal(size=prior.size))[~prior.mask].any()


def test_column_charge_sums_runs_with_saturated_pixels():
    image = np.arange(1.0, 49.0).reshape(8, 6)
    mask, saturated = np.zeros((2, 8, 6), dtype=bool)
    mask[1:4, 1] = mask[5:8, 1] = mask[2:6, 2] = mask[0, 4] = True
    saturated[2, 1] = saturated[6, 1] = saturated[3, 2] = True
    charge = column_charge(image, mask, saturated)
    sums = {image[1:4, 1].sum(), image[5:8, 1].sum(), image[2:6, 2].sum()}
    assert set(charge.totals) == sums
    for number, total in enumerate(charge.totals, start=1):
        assert image[charge.segments == number].sum() == total
        assert len(set(np.nonzero(charge.segments == number)[1])) == 1
    assert not charge.segments[~mask].any()
    assert charge.segments[0, 4] == 0


def test_no_charge_without_saturated_pixels():
    image, mask = np.ones((5, 5)), np.eye(5, dtype=bool)
    charge = column_charge(image, mask, np.zeros((5, 5), dtype=bool))
    assert charge.totals.size == 0
    assert not charge.segments.any()


@given(seed=st.integers(0, 1000), factor=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_conserve_charge_restores_the_charge_of_columns(seed, factor):
    rng = np.random.default_rng(seed)
    segments = np.repeat(rng.integers(0, 4, size=(1, 9)), 6, axis=0)
    least = factor * rng.uniform(0, 1, size=segments.shape)
    filled = least + factor * rng.uniform(0.5, 2, size=segments.shape)
    held = np.bincount(segments.ravel(), filled.ravel(), minlength=4)[1:]
    bottom = np.bincount(segments.ravel(), least.ravel(), minlength=4)[1:]
    totals = bottom + (held - bottom) * rng.uniform(0.1, 2.9, size=3)
    found = conserve_charge(Charge(segments, totals), least, filled)
    np.testing.assert_allclose(np.bincount(segments.ravel(), found.ravel(), minlength=4)[1:], totals, rtol=1e-9)
    np.testing.assert_array_equal(found[segments == 0], filled[segments == 0])
    assert (found >= least).all()


@pytest.mark.parametrize("total", [0.0, 5.0, 1e9])
def test_conserve_charge_stays_within_bounds_for_any_charge(total):
    """Not below the lower bound for too little charge, and not more than three times the fill for too much."""
    segments, least = np.ones((4, 1), dtype=int), np.full((4, 1), 10.0)
    for filled in (least, least + 5, least - 5):
        found = conserve_charge(Charge(segments, np.array([total])), least, filled)
        assert (found >= least).all()
        assert (found <= 10 + 3 * 5).all()


@pytest.mark.parametrize(
    ("channel", "seed", "factor"),
    [
        (193, 1, 0.5),
        *(
            pytest.param(channel, seed, factor, marks=pytest.mark.slow)
            for channel, seed in ((171, 1), (193, 1), (193, 193), (304, 304))
            for factor in (0.5, 2.0)
            if (channel, seed, factor) != (193, 1, 0.5)
        ),
    ],
)
def test_wrong_fill_is_corrected_to_the_hidden_flux(channel, seed, factor):
    case = flare_of(channel, seed)
    before, after = (abs(np.log(case.hidden(fill))) for fill in (case.first(factor), case.fit(factor)))
    assert before > 0.8
    assert after < (0.2 if channel != 304 else 0.4)


@pytest.mark.parametrize("channel", [193, *(pytest.param(channel, marks=pytest.mark.slow) for channel in (94, 171))])
def test_correct_fill_is_kept(channel):
    case = flare_of(channel, 1)
    fill = case.fit(1.0)
    assert case.hidden(fill) == pytest.approx(1, abs=0.1)
    error = np.abs(np.log(fill / case.truth[case.box]))[case.mask]
    assert np.median(error) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_charge_in_columns_is_conserved(factor):
    case = Flare(171, 4.0, seed=5, blooming=True)
    charge = column_charge(case.observed[case.box], case.mask, case.saturated[case.box])
    fill = case.fit(factor, charge=charge)
    found = np.bincount(charge.segments.ravel(), fill.ravel())[1:]
    assert np.median(np.abs(found / charge.totals - 1)) < 0.05
    assert case.hidden(fill) == pytest.approx(1, abs=0.1)


def test_only_the_core_is_changed(flare):
    fill = flare.fit(2.0, rounds=1)
    assert fill.shape == flare.mask.shape
    np.testing.assert_array_equal(fill[~flare.mask], flare.first(2.0)[~flare.mask])


@pytest.mark.parametrize(
    ("factor", "rounds"), [(3.0, 1), *(pytest.param(factor, 4, marks=pytest.mark.slow) for factor in (0.01, 3.0, 1e4))]
)
def test_fit_does_not_depend_on_the_unit(flare, factor, rounds):
    arguments = flare.observed, flare.first(0.7), flare.base
    fits = []
    for scale in (1.0, factor):
        image, first, base = (scale * array for array in arguments)
        image = np.where(flare.damage, 0, image)[flare.window]
        valid = ~flare.damage[flare.window]
        fits.append(fit_core(image, valid, first, base, flare.mask, flare.channel, rounds=rounds))
    np.testing.assert_allclose(fits[1], factor * fits[0], rtol=1e-5)


def test_values_in_the_mask_are_not_used(flare):
    image = flare.observed[flare.window]
    valid = ~flare.damage[flare.window]
    others = flare.first(1.5), flare.base, flare.mask, flare.channel
    expected, found = (fit_core(np.where(valid, image, value), valid, *others, rounds=1) for value in (0, 1e7))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("structured", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_core_without_observed_fringes_becomes_fainter(flare, structured):
    """The corona alone, or a uniform image, exclude a flare."""
    shape = flare.truth.shape
    image = corona(shape, np.random.default_rng(6)) if structured else np.full(shape, 2000.0)
    fill = flare.fit(1.0, image=image)
    assert np.isfinite(fill).all()
    assert 0 < flare.excess(fill) < 0.6


def test_fill_is_finite_if_no_pixels_can_be_compared(flare):
    """No valid pixels, few of them, and images of zeros."""
    first, window = flare.first(1.0), flare.observed[flare.window]
    few = np.zeros(window.shape, dtype=bool)
    few[:20, :20] = True
    for valid in (np.zeros_like(few), few):
        fill = fit_core(np.where(valid, window, 0), valid, first, flare.base, flare.mask, 193)
        assert np.isfinite(fill).all()
        assert flare.excess(fill) == pytest.approx(1, abs=0.05)
    nothing = np.zeros_like(first)
    fill = fit_core(np.zeros_like(window), ~few, nothing, nothing, flare.mask, 193)
    np.testing.assert_array_equal(fill, nothing)


@given(seed=st.integers(0, 1000), factor=st.floats(-5, 50))
@settings(max_examples=4, deadline=None)
def test_fill_is_finite_for_any_image(flare, seed, factor):
    rng = np.random.default_rng(seed)
    image = rng.lognormal(3, 3, size=flare.truth.shape) * rng.choice([-1, 1], size=flare.truth.shape)
    fill = flare.fit(factor, image=image)
    assert np.isfinite(fill).all()
    # The correction is at most a factor exp(3) in either direction
    start = np.maximum(flare.first(factor) - flare.base, 0.02 * np.abs(flare.base))[flare.mask]
    assert (np.abs(np.log((fill - flare.base)[flare.mask] / start)) < 3.1).all()
