"""Small objects that move are removed; all other pixels stay bit-identical."""

import numpy as np
import pytest

from sunpy_restore.inpainting.corona.transients import blocks, remove_point_sources, remove_transients


def sky(seed, shape=(100, 130)):
    return 500 + np.linspace(0, 300, shape[1]) + np.random.default_rng(seed).normal(0, 3, shape)


@pytest.mark.parametrize("shape", [(8, 8), (9, 17), (3, 5)])
def test_blocks_contain_each_pixel_once(shape):
    image = np.arange(np.prod(shape), dtype=float).reshape(shape)
    found = blocks(image, 4)
    assert found.shape == (-(-shape[0] // 4), -(-shape[1] // 4), 16)
    np.testing.assert_array_equal(np.sort(found[np.isfinite(found)]), image.ravel())
    assert np.nanmax(found[0, 0]) == image[:4, :4].max()


@pytest.mark.parametrize("factor", [1.0, 1e-12, 1e6])
def test_point_sources_are_replaced_by_the_median(factor):
    image = factor * sky(0)
    before = image.copy()
    for point in ((50, 60), (0, 0), (99, 129), (20, 5)):
        image[point] += factor * 400
    image[70:73, 80:83] += factor * 400
    image[30:40, 30:40] = np.nan
    found = remove_point_sources(image)
    assert np.nanmax(np.abs(found - before)) < factor * 20
    np.testing.assert_array_equal(np.isnan(found), np.isnan(image))
    assert np.nanmean(found == image) > 0.99


def test_gaps_are_no_point_sources():
    image = np.where(np.indices((100, 130))[0] % 20 < 4, np.nan, sky(1))
    found = remove_point_sources(image)
    assert np.nanmax(np.abs(found - image)) < 30
    assert (found == image)[np.isfinite(image)].mean() > 0.99


def test_only_moving_objects_are_removed_from_a_sequence():
    frames = np.array([sky(number) for number in range(3)])
    frames[:, 40:48, 40:48] += 2000
    moving = np.zeros(frames.shape, dtype=bool)
    for number in range(3):
        moving[number, 70:78, 20 + 30 * number : 30 + 30 * number] = True
    frames[moving] += 2000
    found = remove_transients(frames)
    assert np.isnan(found[moving]).all()
    assert np.isnan(found).sum() < 2 * moving.sum()
    kept = np.isfinite(found)
    np.testing.assert_array_equal(found[kept], frames[kept])
    assert kept.any(axis=0).all()


def test_pixels_of_a_single_image_stay():
    frames = np.array([sky(0), sky(1)])
    frames[0, 40:48, 40:48] += 2000
    frames[1, 30:60, 30:60] = np.nan
    np.testing.assert_array_equal(remove_transients(frames), frames)
    np.testing.assert_array_equal(remove_transients(frames[:1]), frames[:1])
