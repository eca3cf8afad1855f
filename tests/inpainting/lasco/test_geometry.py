"""Unobserved pixels of LASCO, and the positions of image pixels on the detector."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.inpainting.lasco.geometry import (
    BLOCK,
    block_grid,
    detector_pixels,
    empty_pixels,
    obscured,
    unobserved_pixels,
)
from sunpy_restore.inpainting.lasco.header import FULL, SUN, Lasco, check_lasco


@pytest.mark.parametrize(("detector", "number"), [("C2", 61), ("C3", 99)])
@pytest.mark.parametrize("dtype", [">i2", np.int32, np.float32])
def test_blocks_that_are_set_to_zero_on_board_are_unobserved(make_lasco, unobserved_table, detector, number, dtype):
    smap = make_lasco(detector, dtype=dtype)
    unobserved = unobserved_pixels(smap.data, check_lasco(smap))
    assert unobserved.sum() == number * 32**2
    np.testing.assert_array_equal(unobserved, unobserved_table(detector))


def test_a_word_in_an_unobserved_block_stays_unobserved(make_lasco, unobserved_table):
    smap = make_lasco("C3")
    smap.data[7, 1020] = 8192
    np.testing.assert_array_equal(unobserved_pixels(smap.data, check_lasco(smap)), unobserved_table("C3"))


def test_blocks_that_were_sent_are_observed(make_lasco, unobserved_table, make_blocks):
    sent = make_blocks([(0, 0), (15, 13), (31, 31)])
    smap = make_lasco("C2", lost=sent & unobserved_table("C2"), fill=601)
    np.testing.assert_array_equal(unobserved_pixels(smap.data, check_lasco(smap)), unobserved_table("C2") & ~sent)


MIDDLE = {
    "C2": [(15, 15), (15, 16), (16, 15), (16, 16)],
    "C3": [(15, 15), (15, 16), (16, 15), (16, 16), (16, 17), (17, 15), (17, 16)],
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_blocks_in_the_middle_of_the_occulter_are_sent_together(
    make_lasco, unobserved_table, make_blocks, detector, turned
):
    """Those without data are unobserved only if all of them have none."""
    table, middle = unobserved_table(detector), MIDDLE[detector]
    for number, expected in ((1, table), (len(middle) - 1, table), (len(middle), table | make_blocks(middle))):
        smap = make_lasco(detector, lost=make_blocks(middle[:number]))
        if turned:
            crpix = {f"crpix{axis}": 1025 - smap.meta[f"crpix{axis}"] for axis in (1, 2)}
            smap, expected = make_lasco(detector, data=smap.data[::-1, ::-1], **crpix), expected[::-1, ::-1]
        np.testing.assert_array_equal(unobserved_pixels(smap.data, check_lasco(smap)), expected)


@pytest.mark.parametrize(("lost", "hidden"), [(0.0, False), (0.2, False), (0.4, True), (1.0, True)])
@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_in_images_that_were_sent_as_a_whole_no_block_is_hidden(make_lasco, unobserved_table, detector, lost, hidden):
    table = unobserved_table(detector)
    blocks = np.argwhere(table[::32, ::32])
    chosen = np.random.default_rng(1).permutation(len(blocks))[: round(lost * len(blocks))]
    empty = np.zeros_like(table)
    for row, column in 32 * blocks[chosen]:
        empty[row : row + 32, column : column + 32] = True
    smap = make_lasco(detector, data=np.where(empty, 0, 1000).astype("i2"))
    found = unobserved_pixels(smap.data, check_lasco(smap))
    np.testing.assert_array_equal(found, empty & hidden)


@pytest.mark.parametrize(("detector", "number"), [("C2", 8), ("C3", 17)])
def test_binned_images_have_fewer_unobserved_blocks(make_lasco, unobserved_table, detector, number):
    smap = make_lasco(detector, binning=2)
    unobserved = unobserved_pixels(smap.data, check_lasco(smap))
    assert unobserved.sum() == number * 32**2
    np.testing.assert_array_equal(unobserved, unobserved_table(detector, 2))


def test_rotated_images_have_rotated_unobserved_blocks(make_lasco, unobserved_table):
    smap = make_lasco("C3")
    turned = make_lasco("C3", data=smap.data[::-1, ::-1], crpix1=1025 - 517.956, crpix2=1025 - 532.632)
    lasco = check_lasco(turned)
    assert lasco.turn == 180
    np.testing.assert_array_equal(unobserved_pixels(turned.data, lasco), unobserved_table("C3")[::-1, ::-1])


@pytest.mark.parametrize(
    "wander", [*(pytest.param(wander, marks=pytest.mark.slow) for wander in ((0, 0), (2, -2))), (-1.4, 1.7)]
)
@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_unobserved_blocks_of_cutouts(make_lasco, unobserved_table, cut, detector, wander):
    smap = make_lasco(detector)
    smap.meta["crpix1"] += wander[0]
    smap.meta["crpix2"] += wander[1]
    for rows, columns in (
        (slice(7, 600), slice(3, 1024)),
        (slice(401, 1024), slice(350, 1020)),
        (slice(900, 1024), slice(0, 230)),
    ):
        part = cut(smap, rows, columns)
        lasco = check_lasco(part)
        row, column = block_grid(empty_pixels(part.data, lasco), lasco)
        assert ((row + rows.start) % 32, (column + columns.start) % 32) == (0, 0)
        np.testing.assert_array_equal(unobserved_pixels(part.data, lasco), unobserved_table(detector)[rows, columns])


@pytest.mark.parametrize("detector", ["C2", "C3"])
def test_pixels_that_the_calibration_masks_are_unobserved(make_lasco, hidden_at_level_1, detector):
    smap = make_lasco(detector, 1)
    lasco = check_lasco(smap)
    np.testing.assert_array_equal(unobserved_pixels(smap.data, lasco), hidden_at_level_1(detector))
    # The geometry alone is known to some pixels
    expected = hidden_at_level_1(detector)
    assert not (expected & ~obscured(smap.data.shape, lasco, 5)).any()
    assert (expected & obscured(smap.data.shape, lasco)).sum() > 0.95 * expected.sum()
    assert obscured(smap.data.shape, lasco).sum() < 1.1 * expected.sum()


def test_the_pylon_rotates_with_the_image(make_lasco, hidden_at_level_1):
    smap = make_lasco("C3", 1)
    turned = make_lasco("C3", 1, data=smap.data[::-1, ::-1], rectify=180.0, crpix1=506.0, crpix2=491.3)
    unobserved = unobserved_pixels(turned.data, check_lasco(turned))
    np.testing.assert_array_equal(unobserved, hidden_at_level_1("C3")[::-1, ::-1])
    # A rotation by 90 degrees is exact, also about a centre between pixels
    quarter = make_lasco("C3", 1, data=np.rot90(smap.data, -1), rectify=90.0, crpix1=1025 - 533.6, crpix2=519.0)
    unobserved = unobserved_pixels(quarter.data, check_lasco(quarter))
    np.testing.assert_array_equal(unobserved, np.rot90(hidden_at_level_1("C3"), -1))


def test_calibrated_blocks_without_counts_are_unobserved(make_lasco, unobserved_table):
    """Without missing blocks, the calibration leaves (0 - bias) in the blocks that are set to zero on board."""
    smap = make_lasco("C2", 1)
    rng = np.random.default_rng(0)
    smap.data[unobserved_table("C2")] = -1e-11 * rng.uniform(1, 2, unobserved_table("C2").sum())
    np.testing.assert_array_equal(unobserved_pixels(smap.data, check_lasco(smap)), unobserved_table("C2"))


@pytest.mark.parametrize(("detector", "radius"), [("C2", 175), ("C3", 80)])
@pytest.mark.parametrize("level", [0.5, 1])
def test_a_disc_that_a_user_masked_is_unobserved(make_lasco, detector, radius, level):
    smap = make_lasco(detector, level, dtype=np.float32)
    x0, y0 = check_lasco(smap).center
    y, x = np.indices(smap.data.shape)
    disc = np.hypot(x - x0, y - y0) < radius
    smap.data[disc] = np.nan
    assert unobserved_pixels(smap.data, check_lasco(smap))[disc].all()


def test_values_of_empty_pixels(make_lasco):
    for value in (0, np.nan, np.inf, -np.inf, -32768, -99):
        smap = make_lasco("C2", dtype=np.float32, blank=-99)
        smap.data[100, 200] = value
        empty = empty_pixels(smap.data, check_lasco(smap))
        assert empty[100, 200]
        assert not empty[100, 199]
    # An image whose bias was subtracted, also from zeros
    smap = make_lasco("C2", dtype=np.float32)
    taken = make_lasco("C2", data=smap.data - np.float32(598.315))
    np.testing.assert_array_equal(empty_pixels(taken.data, check_lasco(taken)), smap.data == 0)


def test_saturated_pixels_are_not_empty(make_lasco, make_blocks):
    for level, top in ((0.5, 16383), (1, 6.5e-9)):
        smap = make_lasco("C2", level, dtype=np.float32, lost=make_blocks([(4, 9), (5, 9), (27, 3)]), fill=top)
        assert not empty_pixels(smap.data, check_lasco(smap))[smap.data == np.float32(top)].any()


def test_geometry_is_shared_by_the_full_frames_of_a_kind(make_lasco, cut):
    first = make_lasco("C3", 1)
    other = make_lasco("C3", 1, seed=1, crpix1=520.0, crpix2=530.0, exptime=18.0)
    part = cut(first, slice(0, 700), slice(100, 1024))
    one, two, three = (obscured(smap.data.shape, check_lasco(smap), 5) for smap in (first, other, part))
    assert one is two
    np.testing.assert_array_equal(three, one[:700, 100:])
    with pytest.raises(ValueError, match="read-only"):
        one[0, 0] = False


def full_frame(detector, level, binning, turn):
    """A full frame with the nominal centre of the Sun."""
    sun = np.array(SUN[detector]) + (level == 1)
    sun = FULL - 1 - sun if turn == 180 else sun
    center = tuple(((sun + 0.5) / binning - 0.5).tolist())
    return Lasco(detector=detector, level=level, center=center, binning=binning, turn=turn), (FULL // binning,) * 2


@pytest.mark.parametrize("detector", ["C2", "C3"])
@pytest.mark.parametrize("level", [0.5, 1])
@pytest.mark.parametrize("binning", [1, 2, 4])
@pytest.mark.parametrize("turn", [0, 180])
def test_positions_in_full_frames_are_means_of_detector_pixels(detector, level, binning, turn):
    lasco, shape = full_frame(detector, level, binning, turn)
    x, y = detector_pixels(shape, lasco)
    means = np.arange(FULL).reshape(-1, binning).mean(axis=1)[:: -1 if turn else 1]
    np.testing.assert_array_equal(x, means[np.newaxis])
    np.testing.assert_array_equal(y, means[:, np.newaxis])
    # Whatever the header says about the Sun
    moved = detector_pixels(shape, replace(lasco, center=(lasco.center[0] + 1.3, 0.0)))
    np.testing.assert_array_equal(moved[0], x)
    np.testing.assert_array_equal(moved[1], y)


@given(
    detector=st.sampled_from(["C2", "C3"]),
    level=st.sampled_from([0.5, 1]),
    binning=st.sampled_from([1, 2]),
    turn=st.sampled_from([0, 180, 90, -0.24]),
    row=st.integers(-40, 300),
    column=st.integers(-40, 300),
)
@settings(max_examples=25, deadline=None)
def test_positions_in_cutouts_are_those_in_the_full_frame(detector, level, binning, turn, row, column):
    """Cutouts are placed by the centre of the Sun, also outside of the detector."""
    lasco, shape = full_frame(detector, level, binning, turn)
    cutout = replace(lasco, center=(lasco.center[0] - column, lasco.center[1] - row))
    # The full frame with a margin, which contains all cutouts
    wide = detector_pixels((FULL + 90, FULL + 90), replace(lasco, center=tuple(np.add(lasco.center, 45).tolist())))
    wide = [np.broadcast_to(axis, (FULL + 90, FULL + 90)) for axis in wide]
    for axis, whole, full in zip(detector_pixels((50, 70), cutout), wide, detector_pixels(shape, lasco), strict=True):
        part = whole[45 + row : 95 + row, 45 + column : 115 + column]
        np.testing.assert_allclose(np.broadcast_to(axis, (50, 70)), part, atol=2e-3)
        if turn % 180 == 0:
            inner = whole[45 : 45 + shape[0], 45 : 45 + shape[1]]
            np.testing.assert_allclose(np.broadcast_to(full, shape), inner, atol=2e-3)


@pytest.mark.parametrize("turn", [90, 30, -0.24])
def test_positions_in_rotated_images_are_rotated_about_the_sun(turn):
    lasco, shape = full_frame("C3", 1, 1, turn)
    x, y = detector_pixels(shape, lasco)
    here = np.indices(shape)[::-1] - np.reshape(lasco.center, (2, 1, 1))
    there = np.array([x, y]) - np.reshape(np.add(SUN["C3"], 1), (2, 1, 1))
    # The inverse of a counter-clockwise rotation, with complex numbers
    back = (here[0] + 1j * here[1]) * np.exp(-1j * np.radians(turn))
    np.testing.assert_allclose(there[0] + 1j * there[1], back, atol=1e-3)


@pytest.mark.parametrize(
    "wander", [*(pytest.param(wander, marks=pytest.mark.slow) for wander in ((0, 0), (2, -2))), (-1.4, 1.7)]
)
@pytest.mark.parametrize("binning", [1, 2])
@pytest.mark.parametrize("turned", [False, True])
def test_cutouts_are_placed_exactly_by_their_blocks(make_lasco, cut, wander, binning, turned):
    smap = make_lasco("C3", binning=binning)
    if turned:
        reference = [FULL // binning + 1 - smap.meta[f"crpix{axis}"] for axis in (1, 2)]
        smap = make_lasco(
            "C3",
            data=smap.data[::-1, ::-1],
            rectify=180.0,
            **{f"crpix{axis}": value for axis, value in zip((1, 2), reference, strict=True)},
            **{f"cdelt{axis}": smap.meta[f"cdelt{axis}"] for axis in (1, 2)},
        )
    smap.meta["crpix1"] += wander[0]
    smap.meta["crpix2"] += wander[1]
    rows, columns = slice(7, 600 // binning), slice(3, 900 // binning)
    part = cut(smap, rows, columns)
    lasco, shape = check_lasco(part), part.data.shape
    empty = empty_pixels(part.data, lasco)
    x, y = detector_pixels(shape, lasco, empty)
    whole = np.arange(FULL).reshape(-1, binning).mean(axis=1)[:: -1 if turned else 1]
    np.testing.assert_array_equal(x[0], whole[columns])
    np.testing.assert_array_equal(y[:, 0], whole[rows])
    # With the Sun alone they are off by its wander
    for axis, exact, shift in zip(detector_pixels(shape, lasco), (x, y), wander, strict=True):
        np.testing.assert_allclose(axis - exact, (1 if turned else -1) * binning * shift, atol=2e-3)


def test_unobserved_blocks_of_rotated_cutouts(make_lasco, unobserved_table, cut):
    smap = make_lasco("C3")
    turned = make_lasco("C3", data=smap.data[::-1, ::-1], rectify=180.0, crpix1=1025 - 517.956, crpix2=1025 - 532.632)
    rows, columns = slice(401, 1024), slice(350, 1020)
    part = cut(turned, rows, columns)
    lasco = check_lasco(part)
    row, column = block_grid(empty_pixels(part.data, lasco), lasco)
    assert ((row + rows.start) % BLOCK, (column + columns.start) % BLOCK) == (0, 0)
    np.testing.assert_array_equal(
        unobserved_pixels(part.data, lasco), unobserved_table("C3")[::-1, ::-1][rows, columns]
    )


def test_cutouts_of_level_1_are_not_placed_by_blocks(make_lasco, cut):
    part = cut(make_lasco("C3", 1), slice(7, 600), slice(3, 900))
    lasco, shape = check_lasco(part), part.data.shape
    for axis, other in zip(
        detector_pixels(shape, lasco), detector_pixels(shape, lasco, empty_pixels(part.data, lasco)), strict=True
    ):
        np.testing.assert_array_equal(axis, other)
