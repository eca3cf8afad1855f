"""Saturation levels that the user tells: which pixels show them."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.desaturation.detection.levels import on_plateau
from sunpy_restore.desaturation.observation import Observation

WELL = 16383.0
SCALES = {"linear": lambda a: a, "square root": np.sqrt, "logarithm": np.log10}


def corona(seed=0, shape=(200, 210)):
    rng = np.random.default_rng(seed)
    return 500 * np.exp(1.2 * ndimage.gaussian_filter(rng.standard_normal(shape), 6) * 15)


def displayed(image, scale, share):
    """An 8-bit image, and its values before they were rounded and clipped."""
    shown = SCALES[scale](image)
    truth = 255 * shown / np.quantile(shown, 1 - share)
    return np.clip(np.round(truth), 0, 255).astype(np.uint8), truth


def compressed(image, rate):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG2000", quality_mode="rates", quality_layers=[rate], irreversible=True)
    return np.asarray(Image.open(io.BytesIO(file.getvalue())))


@pytest.mark.parametrize("share", [0.002, 0.01, 0.03])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("seed", [0, 1])
def test_only_clipped_pixels_of_display_images_are_saturated(seed, scale, share):
    """Many more pixels are up to 4 % fainter than the highest value on a logarithmic scale."""
    shown, truth = displayed(corona(seed), scale, share)
    found, clipped = on_plateau(shown, np.ones(shown.shape, bool), 255), truth >= 254.5
    assert found[clipped].all()
    # Gaps within a plateau are closed
    assert np.count_nonzero(found) <= 1.1 * np.count_nonzero(clipped) + 5
    assert (truth[found] >= 0.96 * 255 - 0.5).all()


@pytest.mark.parametrize("rate", [8, 16])
def test_compression_makes_no_gaps_in_a_plateau(rate):
    shown, truth = displayed(corona(), "square root", 0.02)
    lossy = compressed(shown, rate)
    inside = ndimage.binary_erosion(truth >= 254.5, iterations=2)
    assert (lossy[inside] < 255).mean() > 0.01
    assert on_plateau(lossy, np.ones(shown.shape, bool), 255)[inside].mean() > 0.99


def test_plateaus_that_a_flat_field_has_scattered_are_found_whole():
    rng = np.random.default_rng(2)
    image = np.full((60, 60), 900.0)
    full = np.zeros(image.shape, bool)
    full[20:35, 20:32] = True
    image[full] = WELL * rng.normal(1, 0.01, full.sum()).clip(0.975, 1.025)
    np.testing.assert_array_equal(on_plateau(image, np.ones(image.shape, bool), np.median(image[full])), full)
    # One pixel that happens to be the highest is no clipped image
    np.testing.assert_array_equal(
        on_plateau(image, np.ones(image.shape, bool), image.max()), full & (image > 0.96 * image.max())
    )


@pytest.fixture(scope="module")
def core(flaring):
    full = flaring.data >= flaring.data.max()
    rows, columns = np.nonzero(full)
    half = np.zeros(full.shape, bool)
    half[rows.min() - 3 : rows.max() + 4, columns.min() - 3 : int(np.median(columns))] = True
    return full, half


@pytest.mark.parametrize("saturated", [None, WELL])
def test_masks_that_cover_a_part_of_a_core_are_told_what_is_left(flaring, core, saturated):
    full, half = core
    left = np.count_nonzero(full & ~half)
    expected = (
        rf"covers only {np.count_nonzero(full & half)} of the {full.sum()} pixels .* other {left} keep .* far too"
    )
    with pytest.warns(RestoreWarning, match=expected):
        Observation.from_map(flaring, mask=half, saturated=saturated)


def test_masks_of_whole_cores_are_told_what_the_level_is_for(flaring, core):
    whole = ndimage.binary_dilation(core[0], iterations=3)
    with pytest.warns(
        RestoreWarning, match="value of saturated ones. .* too low by a factor.*leave mask= out, or pass"
    ):
        Observation.from_map(flaring, mask=whole)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        Observation.from_map(flaring, mask=whole, saturated=WELL, excess="clipped")
