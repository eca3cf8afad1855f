"""Granules by the segmentation of sunkit-image, and all measures at once."""

import logging
import sys

import numpy as np
import pytest
from scipy import ndimage, spatial

from sunpy_restore.granulation import statistics
from sunpy_restore.granulation.statistics import patches

PIXEL = 48.0


def cells(shape, seed, size=26):
    """Bright cells of about ``size`` pixels with dark lanes between them."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(-size, length + size, size) for length in shape), indexing="ij"), -1)
    # On a distorted grid, so that cells have a minimum distance as granules do
    points = grid.reshape(-1, 2) + rng.uniform(-0.35, 0.35, (grid.size // 2, 2)) * size
    near, _ = spatial.cKDTree(points).query(np.stack(np.indices(shape), -1).reshape(-1, 2), 2)
    lanes = np.tanh((near[:, 1] - near[:, 0]) / 6).reshape(shape)
    return ndimage.gaussian_filter(0.8 + 0.35 * lanes, 1) + 0.005 * rng.standard_normal(shape)


def randomized(image, seed):
    """An image with the power spectrum of another one and random phases."""
    noise = np.random.default_rng(seed).standard_normal(image.shape)
    waves = np.fft.rfft2(noise)
    return 1 + np.fft.irfft2(np.abs(np.fft.rfft2(image - image.mean())) * waves / np.abs(waves), image.shape)


@pytest.fixture(autouse=True)
def _quiet():
    pytest.importorskip("sunkit_image", reason="segmentation needs the extra 'train'")
    logging.getLogger("sunpy").setLevel(logging.WARNING)


def test_areas_agree_with_the_cells():
    areas = statistics.granule_areas(cells((300, 300), 0), PIXEL)
    cell = (26 * PIXEL / 1000) ** 2
    assert 0.4 * cell < np.median(areas) < cell
    assert (np.diff(areas) >= 0).all()
    # Cells of twice the size have four times the area, and there are a quarter as many
    larger = statistics.granule_areas(cells((300, 300), 0, size=52), PIXEL)
    assert np.median(larger) == pytest.approx(4 * np.median(areas), rel=0.5)
    assert len(areas) > 2.5 * len(larger)


def test_areas_are_proportional_to_the_pixel_area():
    image = cells((240, 240), 1)
    np.testing.assert_allclose(
        statistics.granule_areas(image, 60.0, smallest=0), 1.5625 * statistics.granule_areas(image, PIXEL, smallest=0)
    )


def test_areas_do_not_depend_on_unit_and_contrast():
    image = cells((240, 200), 2)
    np.testing.assert_array_equal(statistics.granule_areas(image, PIXEL), statistics.granule_areas(3e10 * image, PIXEL))
    found = statistics.granule_distance(1 + 0.5 * (image - 1), image, PIXEL)
    assert found["ks"] < 0.05


@pytest.mark.parametrize("shape", [(120, 300), (300, 120), (100, 100)])
def test_images_with_few_rows_have_granules(shape):
    """Sunkit-image blanks such images."""
    assert len(statistics.granule_areas(cells(shape, 3), PIXEL)) > 5


@pytest.mark.slow
def test_areas_of_large_images_are_reproducible():
    """Sunkit-image takes the threshold of large images from a random sample."""
    image = cells((600, 560), 4)
    np.testing.assert_array_equal(statistics.granule_areas(image, PIXEL), statistics.granule_areas(image, PIXEL))


def test_areas_of_the_same_process_agree_at_any_image_size():
    found = statistics.granule_distance(cells((500, 500), 5), cells((400, 170), 6), PIXEL)
    assert found["ks"] < 2 * found["chance"]
    assert found["density_ratio"] == pytest.approx(1, abs=0.2)
    assert found["number"] > 2 * found["reference_number"] > 40


@pytest.mark.slow
def test_a_field_with_random_phases_has_few_granules():
    image = cells((400, 400), 7)
    field = randomized(image, 0)
    spectrum = statistics.spectrum_distance(field, image, PIXEL)
    assert spectrum["chi2"] < 5
    assert statistics.granule_distance(field, image, PIXEL)["density_ratio"] < 0.5


def test_wrong_arguments_are_refused():
    image = cells((120, 120), 8)
    with pytest.raises(ValueError, match="pixel size"):
        statistics.granule_areas(image, 0)
    for piece in ((130, 100), (2, 100)):
        with pytest.raises(ValueError, match="expected pieces"):
            statistics.granule_areas(image, PIXEL, piece=piece)
    with pytest.raises(ValueError, match="expected a reference with granules"):
        statistics.granule_distance(image, image, PIXEL, smallest=100)
    missing = statistics.granule_distance(cells((120, 120), 8, size=10), image, PIXEL, smallest=0.6)
    assert missing["ks"] > 0.5


def test_without_sunkit_image_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sunkit_image.granule", None)
    with pytest.raises(ImportError, match=r"sunpy_restore\[train\]"):
        statistics.granule_areas(cells((120, 120), 8), PIXEL)


def test_all_measures_at_once(monkeypatch):
    # Few patches are sufficient here
    monkeypatch.setitem(patches.novelty.__kwdefaults__, "number", 20)
    image, reference, training = cells((300, 300), 9), cells((240, 130), 10), cells((150, 150), 11)
    lines = range(60, 300, 60)
    figures = statistics.compare(image, reference, PIXEL, training=training, rows=lines, columns=lines, period=60)
    assert all(type(figure) is float and np.isfinite(figure) for figure in figures.values())
    assert figures["contrast_ratio"] == pytest.approx(1, abs=0.05)
    assert figures["histogram_ks"] < 0.05
    assert abs(figures["seam_ratio"] - 1) < 4 * figures["seam_error"]
    assert figures["nearest_copy"] > 0.5
    own = statistics.compare(reference, reference, PIXEL)
    for name in ("histogram_ks", "spectrum_worst", "spectrum_chi2", "granules_ks"):
        assert own[name] == 0
    assert own["contrast_ratio"] == own["granules_density_ratio"] == 1
    assert not {"seam_ratio", "repetition", "nearest_copy"} & own.keys()
