"""Missing blocks are found, and no other pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import sunpy.map

from sunpy_restore.inpainting.lasco.missing_blocks import find_missing_blocks, mostly_lost
from sunpy_restore.inpainting.uncertainty import FARTHEST

BZERO = np.float32(3.2501e-9)
CELLS = {
    "single": [(9, 21)],
    "diagonal": [(6, 23), (7, 24)],
    "row": [(21, column) for column in range(32)],
    "cluster": [(row, column) for row in range(22, 27) for column in range(8, 11)],
    "at the occulter": [(13, 12), (14, 11), (19, 13), (20, 15), (14, 20)],
    "across the occulter": [(14, column) for column in range(32)],
    "at the corners": [(0, 2), (2, 0), (29, 31), (29, 0), (31, 24)],
    "half": [(row, column) for row in range(14) for column in range(32)],
}


FAST = ("row", "at the occulter")
EVERY_LOSS = pytest.mark.parametrize(
    "cells",
    [pytest.param(cells, id=name, marks=() if name in FAST else pytest.mark.slow) for name, cells in CELLS.items()],
)


def slow(*values):
    """A parameter in the slow tier."""
    return pytest.param(*values, marks=pytest.mark.slow)


def new_map(data, smap):
    return sunpy.map.Map(data, smap.meta)


def box(shape, rows, columns):
    mask = np.zeros(shape, dtype=bool)
    mask[rows, columns] = True
    return mask


@pytest.mark.parametrize("detector", ["C2", "C3"])
@pytest.mark.parametrize("level", [0.5, 1])
def test_complete_images_have_no_missing_blocks(make_lasco, unobserved_table, hidden_at_level_1, detector, level):
    smap = make_lasco(detector, level)
    before = smap.data.copy()
    found = find_missing_blocks(smap)
    assert not found.mask.any()
    np.testing.assert_array_equal(found.unobserved, (unobserved_table if level < 1 else hidden_at_level_1)(detector))
    np.testing.assert_array_equal(smap.data, before)


@EVERY_LOSS
@pytest.mark.parametrize("detector", ["C2", "C3"])
@pytest.mark.parametrize(
    ("fill", "dtype"), [(0, ">i2"), slow(-32768, "i2"), slow(0, "f4"), slow(np.nan, ">f4"), slow(np.inf, "f8")]
)
def test_missing_blocks_of_level_05_are_found(make_lasco, make_blocks, unobserved_table, detector, cells, fill, dtype):
    lost = make_blocks(cells)
    found = find_missing_blocks(make_lasco(detector, lost=lost, fill=fill, dtype=dtype))
    np.testing.assert_array_equal(found.mask, lost & ~unobserved_table(detector))
    np.testing.assert_array_equal(found.unobserved, unobserved_table(detector))


@given(
    share=st.floats(0.001, 0.6),
    seed=st.integers(0, 2**32 - 1),
    detector=st.sampled_from(["C2", "C3"]),
    binning=st.sampled_from([1, 2]),
)
@settings(max_examples=6, deadline=None)
def test_random_losses_of_level_05_are_found_exactly(make_lasco, unobserved_table, detector, binning, share, seed):
    size = 1024 // binning
    cells = np.random.default_rng(seed).random((size // 32, size // 32)) < share
    # Except for the middle of the occulter, which is not always sent
    cells[15 // binning : -(-18 // binning), 15 // binning : -(-18 // binning)] = False
    lost = np.kron(cells, np.ones((32, 32), dtype=bool))
    found = find_missing_blocks(make_lasco(detector, lost=lost, binning=binning))
    np.testing.assert_array_equal(found.mask, lost & ~unobserved_table(detector, binning))


@EVERY_LOSS
@pytest.mark.parametrize("detector", ["C2", "C3"])
@pytest.mark.parametrize("fill", [slow(0), np.nan, slow(BZERO)])
def test_missing_blocks_of_level_1_are_found(make_lasco, make_blocks, hidden_at_level_1, detector, cells, fill):
    lost = make_blocks(cells)
    found = find_missing_blocks(make_lasco(detector, 1, lost=lost, fill=fill))
    expected = lost & ~hidden_at_level_1(detector)
    assert (found.mask & expected).sum() >= 0.95 * (found.mask | expected).sum()
    assert not (found.mask & found.unobserved).any()
    # All pixels without data are in one of the two masks
    assert (found.mask | found.unobserved)[lost | hidden_at_level_1(detector)].all()


@pytest.mark.parametrize(
    ("detector", "level", "difference"), [("C2", 0.5, False), ("C3", 1, False), slow("C2", 1, False), ("C3", 1, True)]
)
def test_blocks_with_the_smallest_value_are_missing(make_lasco, make_blocks, detector, level, difference):
    lost = make_blocks([(6, 23), (6, 24), (21, 8), (25, 16)])
    smap = make_lasco(detector, level)
    data = smap.data.astype(np.float32)
    seen = ~find_missing_blocks(smap).unobserved
    if difference:
        data = np.where(seen, data - np.median(data[seen]), data)
    assert not find_missing_blocks(new_map(data, smap)).mask.any()
    data = np.where(lost & seen, data[seen].min(), data)
    found = find_missing_blocks(new_map(data, smap))
    assert found.mask[lost & seen].all()
    # Pixels of difference images next to a block can be darker than their surroundings
    near = ndimage.binary_dilation(lost, np.ones((5, 5))) if difference else lost
    assert not (found.mask & ~near).any()


def test_a_clipped_corona_is_not_missing(make_lasco):
    smap = make_lasco("C2")
    smooth = ndimage.gaussian_filter(smap.data.astype(float), 4)
    clipped = np.where(smap.data == 0, 0, np.maximum(smooth, np.percentile(smooth, 60)))
    assert not find_missing_blocks(new_map(clipped, smap)).mask.any()


def _warped(image):
    y, x = np.indices(image.shape) - 511.5
    grown = 1 + 6e-9 * (x**2 + y**2)
    return ndimage.map_coordinates(image, [y * grown + 511.9, x * grown + 511.2], order=1, mode="nearest")


@pytest.mark.parametrize(
    "cells", [CELLS["cluster"], *map(slow, (CELLS["row"], [(5, 6), (20, 25), (21, 25)], [(14, 11), (15, 11)]))]
)
def test_soft_borders_of_blocks_of_level_1_are_missing(make_lasco, make_blocks, unobserved_table, cells):
    """As for C2, the image and the mask of pixels that are not zero are warped and then multiplied."""
    lost = make_blocks(cells) & ~unobserved_table("C2")
    sent = _warped((~(lost | unobserved_table("C2"))).astype(float))
    smap = make_lasco("C2", 1)
    light = make_lasco("C2", dtype=np.float32)
    full = ndimage.gaussian_filter(np.where(light.data == 0, 600, light.data), 3)
    smap = make_lasco("C2", 1, data=(sent * _warped(1e-13 * full)).astype(np.float32))
    found = find_missing_blocks(smap)
    part = _warped(lost.astype(float))
    assert found.mask[part > 0.5].mean() > 0.99
    assert found.mask[part > 0.2].mean() > 0.95
    expected = part > 0.02
    assert (found.mask & expected).sum() > 0.9 * (found.mask | expected).sum()


@pytest.mark.parametrize("level", [0.5, 1])
def test_blocks_of_cutouts_are_found_also_if_the_edge_cuts_them(make_lasco, make_blocks, cut, level):
    lost = make_blocks([(20, 20), (20, 21), (25, 24), (24, 27), (29, 22)])
    smap = make_lasco("C2", level, lost=lost)
    rows, columns = slice(655, 940), slice(650, 880)
    found = find_missing_blocks(cut(smap, rows, columns))
    np.testing.assert_array_equal(found.mask, lost[rows, columns])


@pytest.mark.parametrize("level", [0.5, 1])
def test_single_pixels_are_unobserved_and_not_missing(make_lasco, hidden_at_level_1, unobserved_table, level):
    smap = make_lasco("C3", level, dtype=np.float32)
    pixels = np.random.default_rng(5).random(smap.data.shape) < 0.001
    pixels |= box(smap.data.shape, slice(700, 720), slice(200, 500))  # wide, but not high enough
    smap.data[pixels] = np.nan
    found = find_missing_blocks(smap)
    assert not found.mask.any()
    hidden = unobserved_table("C3") if level < 1 else hidden_at_level_1("C3")
    np.testing.assert_array_equal(found.unobserved, hidden | pixels)


def test_missing_blocks_among_single_pixels(make_lasco, make_blocks):
    lost = make_blocks([(9, 21), (9, 22)])
    smap = make_lasco("C2", dtype=np.float32, lost=lost, fill=np.nan)
    smap.data[320, 700:760] = smap.data[260:300, 690] = 0
    found = find_missing_blocks(smap)
    np.testing.assert_array_equal(found.mask, lost)
    assert found.unobserved[320, 740]


def test_a_word_in_a_missing_block_is_missing(make_lasco, make_blocks):
    lost = make_blocks([(9, 21)])
    smap = make_lasco("C2", lost=lost)
    smap.data[300, 700] = 8192
    np.testing.assert_array_equal(find_missing_blocks(smap).mask, lost)


def test_masked_pixels_outside_of_missing_blocks_are_unobserved(make_lasco, make_blocks, unobserved_table):
    lost = make_blocks([(9, 21)])
    smap = make_lasco("C2", lost=lost)
    covered = box(smap.data.shape, slice(280, 310), slice(600, 700))
    found = find_missing_blocks(smap._new_instance(smap.data, smap.meta, mask=covered))
    np.testing.assert_array_equal(found.mask, lost)
    np.testing.assert_array_equal(found.unobserved, (covered & ~lost) | unobserved_table("C2"))


@pytest.mark.parametrize("level", [0.5, 1])
@pytest.mark.parametrize("fill", [0, np.nan])
def test_images_without_valid_pixels_are_refused(make_lasco, level, fill):
    smap = make_lasco("C3", level, dtype=np.float32)
    smap.data[:] = fill
    with pytest.raises(ValueError, match="expected valid pixels to fill from"):
        find_missing_blocks(smap)


def test_images_for_display_are_refused(make_lasco):
    image = np.zeros((1024, 1024), dtype=np.uint8)
    with pytest.raises(ValueError, match="8-bit"):
        find_missing_blocks(make_lasco("C3", data=image))


def test_other_images_are_refused(make_lasco):
    with pytest.raises(ValueError, match="LEVEL = '2'"):
        find_missing_blocks(make_lasco("C3", level="2"))


@pytest.mark.parametrize("size", [32, 64, 256])
def test_single_blocks_of_any_size_are_not_mostly_lost(size):
    unobserved = np.zeros((1024, 1024), dtype=bool)
    mask = box(unobserved.shape, slice(384, 384 + size), slice(320, 320 + size))
    assert not mostly_lost(mask, unobserved).any()
    assert not mostly_lost(box(unobserved.shape, slice(512, 544), slice(None)), unobserved).any()


def test_half_an_image_is_mostly_lost_except_near_its_border():
    unobserved = np.zeros((512, 512), dtype=bool)
    mask = box(unobserved.shape, slice(256), slice(None))
    found = mostly_lost(mask, unobserved)
    # A box of 2 x 362 pixels around row 125 contains 256 missing and 232 valid rows, around row 126 one valid row more
    assert found[:126].all()
    assert not found[126:].any()
    assert not (found & ~mask).any()
    np.testing.assert_array_equal(mostly_lost(mask[::-1], unobserved), found[::-1])
    np.testing.assert_array_equal(mostly_lost(mask.T, unobserved), found.T)


@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_halves_of_a_frame_are_guessed_beyond_the_limit_of_the_uncertainty(unobserved_table, detector):
    """Although one half of C3 has 21 observed blocks more than the other one."""
    unobserved = unobserved_table(detector)
    for half in (np.s_[:512], np.s_[512:], np.s_[:, :512], np.s_[:, 512:]):
        mask = np.zeros_like(unobserved)
        mask[half] = ~unobserved[half]
        # Unobserved blocks surround those in the middle of the occulter
        mask[448:576, 448:576] = False
        far = ndimage.distance_transform_edt(mask | unobserved) > FARTHEST
        found = mostly_lost(mask, unobserved)
        np.testing.assert_array_equal(found, mask & far)
        assert found.sum() > 0.6 * mask.sum()


def test_unobserved_pixels_are_neither_missing_nor_valid():
    shape = (256, 256)
    mask = box(shape, slice(96, 160), slice(96, 160))
    # All but a ring of eight pixels around is unobserved
    unobserved = ~box(shape, slice(88, 168), slice(88, 168))
    assert mostly_lost(mask, unobserved)[mask].all()
    assert not mostly_lost(mask, np.zeros(shape, dtype=bool)).any()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_and_all_missing_pixels(share):
    mask = np.full((64, 64), bool(share))
    np.testing.assert_array_equal(mostly_lost(mask, np.zeros_like(mask)), mask)


def test_mostly_lost_counts_in_a_box(make_blocks):
    """Compared with the definition, pixel by pixel."""
    rng = np.random.default_rng(2)
    mask = np.kron(rng.random((6, 7)) < 0.5, np.ones((8, 8), dtype=bool))
    unobserved = (rng.random(mask.shape) < 0.2) & ~mask
    labels, _ = ndimage.label(mask)
    expected = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        radius = round(np.sqrt((labels == labels[row, column]).sum()))
        near = np.s_[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]
        expected[row, column] = mask[near].sum() > 1.1 * (~mask & ~unobserved)[near].sum()
    assert 0 < expected.sum() < mask.sum()
    np.testing.assert_array_equal(mostly_lost(mask, unobserved), expected)
