"""Flags of pixels as text, and on other pixel grids."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sunpy_restore.core.images.flags import AnyWithin, PixelGrid, from_text, moved, to_text

FLAGS = arrays.arrays(bool, st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 19)))
many = settings(deadline=None)


def grid(shape, crpix=(3.25, 2.5, 1.0), scale=0.6, angle=12.0):
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return PixelGrid(tuple(shape), crpix, scale * np.array([[cosine, -sine], [sine, cosine]]))


@many
@given(FLAGS)
def test_text_gives_the_flags_and_their_grid(flags):
    text = to_text(flags, grid(flags.shape))
    assert text.isascii()
    assert text.isprintable()
    assert "'" not in text
    found, read = from_text(text)
    np.testing.assert_array_equal(found, flags)
    assert (read.shape, read.crpix, read.step) == (flags.shape, (3.25, 2.5, 1.0), 1.0)
    np.testing.assert_array_equal(read.matrix, grid(flags.shape).matrix)


def test_text_of_missing_blocks_and_of_a_core_is_short():
    rng = np.random.default_rng(2)
    blocks = np.kron(rng.random((32, 32)) < 0.1, np.ones((32, 32))) > 0
    y, x = np.ogrid[:4096, :4096]
    core = np.hypot(y - 900, (x - 3000) / 2) < 60
    assert [len(to_text(flags[np.newaxis], grid((1, *flags.shape)))) < 1500 for flags in (blocks, core)] == [True] * 2


@pytest.mark.parametrize("change", [{"bits": "eJw="}, {"bits": "?"}, {"box": [0, 0, 9, 9]}, {"shape": "big"}])
def test_damaged_text_is_refused(change):
    text = to_text(np.ones((1, 4, 5), bool), grid((1, 4, 5)))
    with pytest.raises(ValueError, match="cannot be read"):
        from_text(json.dumps(json.loads(text) | change))
    with pytest.raises(ValueError, match="cannot be read"):
        from_text(text[:-4])


@many
@given(FLAGS, st.integers(-5, 15), st.integers(-5, 20), st.integers(1, 15), st.integers(1, 20))
def test_cut_out_images_keep_their_flags(flags, bottom, left, ny, nx):
    """A cutout may reach over the edges of the image, where nothing is flagged."""
    old = grid(flags.shape)
    crpix = (old.crpix[0] - left, old.crpix[1] - bottom, 1.0)
    padded = np.pad(flags, ((0, 0), (20, 40), (20, 40)))
    expected = padded[:, 20 + bottom : 20 + bottom + ny, 20 + left : 20 + left + nx]
    if (ny, nx) != flags.shape[1:]:
        new = dataclasses.replace(old, shape=(len(flags), ny, nx), crpix=crpix)
        np.testing.assert_array_equal(moved(flags, old, new), expected)


@pytest.mark.parametrize("crpix", [(40.5, -3.0, 1.0), (3.25 + 1e-9, 2.5, 1.0), (8.25, 2.5, 1.0)])
def test_a_new_pointing_moves_no_pixel(crpix):
    flags = np.random.default_rng(3).random((1, 60, 80)) < 0.2
    np.testing.assert_array_equal(moved(flags, grid(flags.shape), grid(flags.shape, crpix, 0.60002, 12.005)), flags)


@pytest.mark.parametrize("numbers", [slice(0, 4), slice(1, 3), slice(3, 4)])
def test_images_of_a_series_keep_their_flags(numbers):
    flags = np.random.default_rng(4).random((4, 5, 6)) < 0.3
    new = grid(flags[numbers].shape, (3.25, 2.5, 1.0 - numbers.start))
    np.testing.assert_array_equal(moved(flags, grid(flags.shape), new), flags[numbers])
    pairs = PixelGrid((2, 5, 6), (3.25, 2.5, 0.75), grid(flags.shape).matrix, 2.0)
    np.testing.assert_array_equal(moved(flags, grid(flags.shape), pairs), flags.reshape(2, 2, 5, 6).any(axis=1))


@many
@given(arrays.arrays(bool, (9, 11)), st.data())
def test_boxes_are_those_of_the_definition(flags, data):
    places = st.floats(-4, 14) | st.integers(-3, 12).map(float) | st.just(np.nan)
    x, y, radius_x, radius_y = (data.draw(each) for each in (places, places, *[st.sampled_from([1, 1.5, 2, 3.5])] * 2))
    rows, columns = np.indices(flags.shape)
    # As close to the edge of a box as rounding in a header
    inside = (np.abs(columns - x) < radius_x - 1e-3) & (np.abs(rows - y) < radius_y - 1e-3)
    found = AnyWithin(flags)(np.array(x), np.array(y), radius_x, radius_y)
    unsure = [abs(abs(pixels - place) - radius + 1e-3) < 1e-6 for pixels, place, radius in
              ((columns, x, radius_x), (rows, y, radius_y))]  # fmt: skip
    if not np.any(unsure):
        assert found == flags[inside].any()
