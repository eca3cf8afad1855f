import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.core.numerics.nearest import fill_invalid


@given(ny=st.integers(1, 12), nx=st.integers(1, 12), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_invalid_pixels_get_the_nearest_valid_value(ny, nx, share, seed):
    rng = np.random.default_rng(seed)
    truth = rng.permutation(ny * nx).reshape(ny, nx).astype(float)
    good = rng.random((ny, nx)) > share
    good[rng.integers(ny), rng.integers(nx)] = True
    image = np.where(good, truth, rng.choice([np.nan, np.inf, -np.inf], size=truth.shape))
    before = image.copy()
    filled, valid = fill_invalid(image)
    np.testing.assert_array_equal(valid, good)
    np.testing.assert_array_equal(filled[good], truth[good])
    np.testing.assert_array_equal(image, before)

    sources = np.argwhere(good)
    values = {truth[y, x]: (y, x) for y, x in sources}
    for y, x in np.argwhere(~good):
        source = np.array(values[filled[y, x]])
        nearest = np.hypot(*(sources - (y, x)).T).min()
        assert np.hypot(*(source - (y, x))) == pytest.approx(nearest)


def test_pixels_masked_as_invalid_are_replaced_too():
    image = np.array([[1, 2, 3], [4, 5, 6]], dtype=">i2")
    filled, valid = fill_invalid(image, valid=image != 3)
    np.testing.assert_array_equal(valid, image != 3)
    assert filled[0, 2] in (2, 6)
    np.testing.assert_array_equal(filled[valid], image[valid])


@pytest.mark.parametrize(
    ("dtype", "expected"), [(">f4", "f4"), (">f8", "f8"), ("f2", "f4"), (">i2", "f4"), (">i4", "f8"), ("?", "f4")]
)
def test_filled_image_is_a_native_float_copy(dtype, expected):
    image = np.ones((3, 4), dtype=dtype)
    filled, valid = fill_invalid(image[:, ::-1])
    assert filled.dtype == np.dtype(expected)
    assert filled.dtype.isnative
    assert filled.flags.c_contiguous
    assert valid.all()
    assert not np.shares_memory(filled, image)


def test_channels_are_filled_one_by_one():
    image = np.array([[[1.0, np.nan]], [[np.nan, 2.0]]])
    filled, valid = fill_invalid(image)
    np.testing.assert_array_equal(filled, [[[1, 1]], [[2, 2]]])
    np.testing.assert_array_equal(valid, [[[True, False]], [[False, True]]])
    np.testing.assert_array_equal(fill_invalid(np.ones((2, 1, 2)), valid=[[True, False]])[1], [[[True, False]]] * 2)


def test_image_without_valid_pixels_is_refused():
    for arguments in ((np.full((3, 4), np.nan),), (np.zeros((3, 4)), np.zeros((3, 4), dtype=bool))):
        with pytest.raises(ValueError, match="Found 12 pixels that are all masked or not finite"):
            fill_invalid(*arguments)


def test_mask_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(4, 3\); expected \(3, 4\)"):
        fill_invalid(np.zeros((3, 4)), valid=np.ones((4, 3), dtype=bool))
