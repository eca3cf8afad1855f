import numpy as np
import pytest

import sunpy.map

from sunpy_restore import enhance
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.data import sample_path
from sunpy_restore.enhancement.hmi.scaling import refuse_display_scale


@pytest.fixture(scope="module")
def magnetogram():
    return sunpy.map.Map(sample_path("hmi_magnetogram"))


def gray(field, limit):
    return np.round(255 * (np.clip(field, -limit, limit) + limit) / (2 * limit))


DISPLAY = {
    "8 bits, 100 G": (lambda field: gray(field, 100), "only integers from 0 to 255"),
    "8 bits, 3 kG": (lambda field: gray(field, 3000), "only integers from"),
    "8 bits in Gauss": (lambda field: gray(field, 300) * 600 / 255 - 300, "clipped at -300 and 300 G"),
    "8 bits in Gauss, not clipped": (lambda field: gray(field, 3000) * 6000 / 255 - 3000, "only multiples of 23.5 G"),
    "logarithm": (lambda field: np.log10(np.abs(field) + 1e-3), "no field stronger than 3.32 G"),
    "signed logarithm": (lambda field: np.sign(field) * np.log10(1 + np.abs(field)), "no field stronger than 3.32 G"),
    "natural logarithm": (lambda field: np.sign(field) * np.log1p(np.abs(field)), "no field stronger than 7.64 G"),
    "absolute value": (np.abs, "none of them negative"),
    "negative absolute value": (lambda field: -np.abs(field), "none of them positive"),
    "weak ones replaced by 0": (
        lambda field: np.where(np.abs(field) < 15, 0, field),
        "weaker than 10 G, all of them 0",
    ),
    "tesla": (lambda field: 1e-4 * field, "no field stronger than 0.209 G"),
    "zeros": (np.zeros_like, "no field stronger than 0 G"),
}


@pytest.mark.parametrize("kind", DISPLAY)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_images_for_display_are_refused(magnetogram, kind, dtype):
    convert, message = DISPLAY[kind]
    data = convert(magnetogram.data.astype(float)).astype(dtype)
    with pytest.raises(ValueError, match=rf"Found .*({message}).*; expected .*\. Use the magnetogram itself in Gauss"):
        enhance(sunpy.map.Map(data, magnetogram.meta), method="bicubic")


def test_8_bit_integers_are_refused(magnetogram):
    data = gray(magnetogram.data, 1500).astype(np.uint8)
    with pytest.raises(ValueError, match="only integers from"):
        enhance(sunpy.map.Map(data, magnetogram.meta), method="bicubic")


ACCEPTED = {
    "rounded": np.round,
    "integers": lambda field: np.round(field).astype("i2"),
    "other polarity": lambda field: -field,
    "half precision": lambda field: field.astype("f2"),
}


@pytest.mark.parametrize("kind", ACCEPTED)
@pytest.mark.parametrize("side", [20, 40, 200])
def test_fields_are_accepted(magnetogram, kind, side):
    for row in range(0, 200, side):
        for column in range(0, 200, side):
            cutout = magnetogram.data[row : row + side, column : column + side]
            refuse_display_scale(ACCEPTED[kind](cutout).astype(float).ravel())


@pytest.mark.parametrize("noise", [6.3, 10.0])
@pytest.mark.parametrize("side", [20, 64, 512])
@pytest.mark.parametrize("rounding", [0.1, 1.0])
def test_quiet_sun_is_accepted(noise, side, rounding):
    for seed in range(5):
        field = np.random.default_rng(seed).normal(0, noise, side * side)
        refuse_display_scale(rounding * np.round(field / rounding))


def test_few_pixels_are_not_judged():
    refuse_display_scale(np.zeros(399))
    with pytest.raises(ValueError, match="no field stronger"):
        refuse_display_scale(np.zeros(400))


def test_the_unit_of_the_map_counts(magnetogram):
    kilogauss = sunpy.map.Map(1e-3 * magnetogram.data, dict(magnetogram.meta) | {"bunit": "kG"})
    expected = enhance(magnetogram, method="bicubic").data
    np.testing.assert_allclose(1e3 * enhance(kilogauss, method="bicubic").data, expected, rtol=1e-4, atol=1e-2)


def test_intensities_labelled_as_a_field_are_told_in_their_unit(magnetogram):
    values = np.random.default_rng(0).uniform(40000, 60000, magnetogram.data.shape)
    smap = sunpy.map.Map(values, dict(magnetogram.meta))
    with (
        pytest.warns(RestoreWarning, match="noise"),
        pytest.raises(ValueError, match=r"but 4e\+04 to 6e\+04 G; expected values between -8000 and 8000 G.*CONTENT"),
    ):
        enhance(smap, method="bicubic")
