"""Images that are no counts of photons are refused; noise around zero and small offsets are not."""

import numpy as np
import pytest

import astropy.units as u

import sunpy.map

from sunpy_restore import desaturate, filled
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.detection.negative import refuse_negative

QUIET, FLARE = (sunpy.map.Map(sample_path(name)) for name in ("aia_171_quiet", "aia_193_flare"))
MASK = np.zeros(QUIET.data.shape, dtype=bool)
MASK[40:60, 40:60] = True
MESSAGE = "of the pixels far below zero, down to .* expected counts, which are not negative except for noise"


def with_data(data, smap=QUIET, **header):
    return smap._new_instance(data, smap.meta | header)


def faint(sigma=1.5, offset=0.0, seed=0):
    """Read noise off the limb."""
    return np.random.default_rng(seed).normal(offset, sigma, QUIET.data.shape)


@pytest.mark.parametrize("factor", [1, 1e-3, 1e3])
@pytest.mark.parametrize("offset", [-1000, -np.median(QUIET.data), -700, None])
@pytest.mark.parametrize("method", ["network", "biharmonic"])
def test_images_below_zero_are_refused(method, offset, factor):
    data = -QUIET.data.astype(float) if offset is None else QUIET.data + float(offset)
    with pytest.raises(ValueError, match=MESSAGE):
        desaturate(with_data(factor * data), mask=MASK, method=method)


@pytest.mark.parametrize("options", [{}, {"saturated": 14700.0}])
def test_images_below_zero_without_a_mask_are_refused(options):
    for data in (-FLARE.data.astype(float), FLARE.data - 1000.0, -FLARE.data):
        if options and data.max() < 0:
            continue
        with pytest.raises(ValueError, match=MESSAGE):
            desaturate(with_data(data, FLARE), **options)


def test_differences_are_refused():
    with pytest.raises(ValueError, match=MESSAGE):
        desaturate(with_data(QUIET.data - np.roll(QUIET.data, 5, axis=1).astype(float)), mask=MASK)


@pytest.mark.parametrize("dtype", [float, "f4", "i2"])
@pytest.mark.parametrize(("sigma", "offset"), [(1.5, 0.0), (1.5, -5.0), (0.6, -3.0), (20.0, 0.0)])
def test_noise_around_zero_and_small_offsets_are_accepted(sigma, offset, dtype):
    refuse_negative(with_data(np.round(faint(sigma, offset), 3).astype(dtype)), ~MASK)


@pytest.mark.parametrize("dtype", [float, "f4", "i4"])
@pytest.mark.parametrize("rate", [0.3, 1.0, 1.6])
def test_counts_of_faint_channels_are_accepted(rate, dtype):
    """Most neighbours are equal, and 1.2 % of the pixels lie below zero, as in images of 94 angstrom."""
    random = np.random.default_rng(4)
    counts = random.poisson(rate, QUIET.data.shape).astype(float)
    low = random.random(counts.shape) < 0.015
    counts[low] = random.choice([-1.0, -2.0, -4.0], low.sum(), p=[0.8, 0.15, 0.05])
    refuse_negative(with_data(counts.astype(dtype), wavelnth=94), ~MASK)
    refuse_negative(with_data(counts.astype(dtype) / 3, wavelnth=94, bunit="DN / s", exptime=3.0), ~MASK)


def test_noise_of_short_exposures_is_accepted():
    noise = faint() / 0.02
    for seconds in (0.02, 1.0):
        refuse_negative(with_data(noise, bunit="DN / s", exptime=seconds), ~MASK)


def test_the_limb_is_accepted():
    data = np.where(np.arange(256) > 150, faint(), QUIET.data)
    result = desaturate(with_data(data - 3), mask=MASK, method="biharmonic")
    assert (filled(result) == MASK).all()
    assert result.data[MASK].min() > 0


@pytest.mark.parametrize("dtype", [float, "f4"])
@pytest.mark.parametrize("angle", [3, 20, 45])
@pytest.mark.parametrize("scale", [1, 0.3])
def test_rotated_images_of_faint_channels_are_accepted(angle, scale, dtype):
    """Cubic interpolation rings from the edges of the image into the padding, in ever smaller steps around zero."""
    random = np.random.default_rng(4)
    counts = random.poisson(3, QUIET.data.shape) + random.normal(0, 1.5, QUIET.data.shape).round()
    smap = with_data(scale * counts.astype(dtype), wavelnth=94)
    rotated = smap.rotate(angle * u.deg, order=3, missing=0)
    refuse_negative(rotated, np.isfinite(rotated.data))


@pytest.mark.parametrize("angle", [3, 45])
def test_rotated_images_below_zero_are_refused(angle):
    rotated = with_data(QUIET.data - 700.0).rotate(angle * u.deg, order=3, missing=0)
    with pytest.raises(ValueError, match=MESSAGE):
        refuse_negative(rotated, np.isfinite(rotated.data))


def test_few_negative_pixels_are_accepted():
    data = QUIET.data.astype(float)
    data[np.random.default_rng(1).random(data.shape) < 0.005] = -500
    refuse_negative(with_data(data), ~MASK)
    data = np.full(data.shape, np.nan)
    data[0, :5] = 100, 110, 95, -300, -200
    refuse_negative(with_data(data), np.isfinite(data))


def test_masked_pixels_do_not_count():
    data = QUIET.data.astype(float)
    data[MASK] = -1e4
    assert desaturate(with_data(data), mask=MASK, method="biharmonic").data.min() > 0
