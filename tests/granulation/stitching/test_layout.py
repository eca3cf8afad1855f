"""Layouts of tiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.granulation.stitching.layout import EDGES, FACING, Layout, edge_strip

lengths = st.integers(1, 90)
layouts = st.builds(
    lambda shape, side, part: Layout(shape, side, max(1, round(part * (side // 2)))),
    st.tuples(lengths, lengths),
    st.integers(2, 20),
    st.floats(0, 1),
)


def cover(layout, axis):
    """Number of tiles that contain each pixel."""
    count = np.zeros(layout.canvas[axis], dtype=int)
    for position in range(layout.grid[axis]):
        count[position * layout.step : position * layout.step + layout.side] += 1
    return count


@given(layouts)
def test_tiles_cover_the_image_and_none_is_superfluous(layout):
    for axis in (0, 1):
        count = cover(layout, axis)
        assert count.min() == 1
        assert count.max() <= 2
        assert len(count) >= layout.shape[axis]
        assert layout.grid[axis] == 1 or len(count) - layout.step < layout.shape[axis]


@given(layouts, st.data())
def test_touching_tiles_contain_pixels_of_the_span(layout, data):
    length = layout.canvas[0]
    start = data.draw(st.integers(0, length - 1))
    span = slice(start, data.draw(st.integers(start + 1, length)))
    pixels = set(range(length)[span])
    expected = [
        position
        for position in range(layout.grid[0])
        if pixels & set(range(position * layout.step, position * layout.step + layout.side))
    ]
    assert list(layout.touching(span, 0)) == expected


@given(layouts)
def test_seams_are_in_the_middle_of_overlaps(layout):
    seams = layout.seams()
    for axis, (lines, band) in enumerate([(seams.rows, seams.row_band), (seams.columns, seams.column_band)]):
        np.testing.assert_array_equal(band, cover(layout, axis)[: layout.shape[axis]] == 2)
        assert band[lines].all()
        for line in lines[lines + layout.overlap < layout.shape[axis]]:
            before, behind = line - layout.overlap // 2, line + -(-layout.overlap // 2)
            assert band[before:behind].all()


def test_neighbours_face_each_other():
    layout = Layout((40, 60), 16, 4)
    assert layout.grid == (3, 5)
    assert layout.neighbours((0, 0)) == {"right": (0, 1), "bottom": (1, 0)}
    assert set(layout.neighbours((1, 1))) == set(EDGES)
    for position in np.ndindex(layout.grid):
        for edge, other in layout.neighbours(position).items():
            assert layout.neighbours(other)[FACING[edge]] == position
    image = np.arange(16 * 28).reshape(16, 28)
    left, right = image[:, :16], image[:, 12:]
    np.testing.assert_array_equal(edge_strip(left, "right", 4), edge_strip(right, "left", 4))
    np.testing.assert_array_equal(edge_strip(left.T, "bottom", 4), edge_strip(right.T, "top", 4))


@pytest.mark.parametrize("shape", [(0, 5), (5, -1), (5,), 5, (5.5, 5), (2, 3, 4), "ab", None])
def test_shapes_are_two_positive_integers(shape):
    with pytest.raises(ValueError, match=r"expected two (positive )?integers"):
        Layout(shape, 32, 8)


@pytest.mark.parametrize("overlap", [0, -3, 17])
def test_overlaps_are_at_most_half_of_a_tile(overlap):
    with pytest.raises(ValueError, match="expected 1 to 16"):
        Layout((50, 50), 32, overlap)


@pytest.mark.parametrize("part", [slice(3, 3), slice(70, 90), slice(5, 2), slice(0, 10, 2)])
def test_empty_windows_are_refused(part):
    layout = Layout((50, 60), 32, 8)
    with pytest.raises(ValueError, match="not empty"):
        layout.window(slice(None), part)
    assert layout.window(slice(None), slice(-10, 200)) == (slice(0, 50), slice(50, 60))
