import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_restore.core.tiles.windows import damaged_windows


@st.composite
def masks(draw):
    """Boxes of damage and single pixels in images of any size, also smaller than a cell of the coarse grid."""
    shape = draw(st.tuples(st.integers(1, 150), st.integers(1, 150)))
    mask = np.zeros(shape, dtype=bool)
    for _ in range(draw(st.integers(0, 6))):
        top, left = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
        mask[top : top + draw(st.integers(1, 40)), left : left + draw(st.integers(1, 40))] = True
    return mask


def points(shape, *places):
    mask = np.zeros(shape, dtype=bool)
    for place in places:
        mask[place] = True
    return mask


@given(mask=masks(), margin=st.integers(0, 50), gap=st.none() | st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_each_damaged_pixel_belongs_to_one_window(mask, margin, gap):
    owners = np.zeros(mask.shape, dtype=int)
    for window in damaged_windows(mask, margin, gap):
        assert window.own.dtype == bool
        assert window.own.any()
        assert window.own.shape == mask[window.place].shape
        owners[window.place] += window.own
    np.testing.assert_array_equal(owners, mask)


@given(mask=masks(), margin=st.integers(0, 50), gap=st.none() | st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_margin_around_the_damage_ends_at_the_edge_of_the_image(mask, margin, gap):
    for window in damaged_windows(mask, margin, gap):
        for axis, part in enumerate(window.place):
            owned = np.flatnonzero(window.own.any(axis=1 - axis)) + part.start
            assert part.start == max(owned[0] - margin, 0)
            assert part.stop == min(owned[-1] + 1 + margin, mask.shape[axis])


@given(mask=masks(), gap=st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_damage_closer_than_the_gap_shares_a_window(mask, gap):
    """The Chebyshev distance between the damage of two windows exceeds the gap; connected damage is never cut."""
    patches, _ = ndimage.label(mask, np.ones((3, 3)))
    owned = []
    for window in damaged_windows(mask, 5, gap):
        own = np.zeros_like(mask)
        own[window.place] = window.own
        assert not np.isin(patches[mask & ~own], patches[own]).any()
        owned.append(own)
    for own in owned:
        others = mask & ~own
        if others.any():
            distance = ndimage.distance_transform_cdt(~own, "chessboard")
            assert distance[others].min() > gap


@pytest.mark.parametrize(("apart", "count"), [(20, 1), (40, 1), (41, 1), (100, 2)])
def test_damage_within_the_gap_is_joined(apart, count):
    mask = points((300, 300), (100, 100), (100, 100 + apart))
    windows = damaged_windows(mask, 10, gap=40)
    assert len(windows) == count
    assert sum(window.own.sum() for window in windows) == 2


def test_gap_is_the_margin_by_default():
    mask = points((300, 300), (100, 100), (100, 190))
    assert len(damaged_windows(mask, 10)) == 2
    assert len(damaged_windows(mask, 100)) == 1


def test_overlapping_windows_own_different_pixels():
    mask = points((200, 200), (60, 60), (60, 140))
    first, second = damaged_windows(mask, 90, gap=20)
    assert mask[first.place].sum() == mask[second.place].sum() == 2
    assert first.own.sum() == second.own.sum() == 1
    assert {int(np.argwhere(w.own)[0][1]) + w.columns.start for w in (first, second)} == {60, 140}


def test_windows_are_sorted_by_their_damage():
    mask = points((400, 400), np.s_[20:22, 20:22], np.s_[200:240, 200:240], np.s_[350:360, 20:30])
    sizes = [int(window.own.sum()) for window in damaged_windows(mask, 10)]
    assert sizes == [1600, 100, 4]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 1), (15, 15), (16, 16), (17, 33)])
def test_small_images_are_one_window(shape):
    mask = np.zeros(shape, dtype=bool)
    mask[-1, -1] = True
    (window,) = damaged_windows(mask, 100)
    assert window.place == tuple(slice(0, n) for n in shape)
    np.testing.assert_array_equal(window.own, mask)


def test_no_margin():
    (window,) = damaged_windows(points((50, 60), np.s_[10:13, 20:29]), 0)
    assert window.place == (slice(10, 13), slice(20, 29))
    assert window.own.all()


def test_nothing_damaged():
    assert damaged_windows(np.zeros((40, 50), dtype=bool), 10) == []


def test_all_damaged():
    (window,) = damaged_windows(np.ones((40, 50), dtype=bool), 10)
    assert window.own.shape == (40, 50)
    assert window.own.all()


def test_windows_cover_the_damage_and_not_the_image():
    mask = points((4096, 4096), np.s_[2000:2030, 1000:1040], np.s_[50:60, 4000:4010])
    assert sum(window.own.size for window in damaged_windows(mask, 128)) < 0.01 * mask.size
