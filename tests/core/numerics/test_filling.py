"""Laws of the harmonic and the biharmonic fill: what they reproduce, their bounds, and which values they ignore."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sunpy_restore.core.numerics.filling import biharmonic, checked_hole, harmonic

FILLS = (harmonic, biharmonic)


def random_image(seed, shape=(14, 17)):
    return np.random.default_rng(seed).lognormal(3, 1, size=shape)


@st.composite
def holes(draw, shape=(14, 17)):
    """Masks of all kinds, also at edges and corners, with at least one valid pixel."""
    seed, share = draw(st.integers(0, 2**32 - 1)), draw(st.floats(0.02, 0.95))
    mask = np.random.default_rng(seed).random(shape) < share
    if draw(st.booleans()):
        top, left = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
        mask[top : top + draw(st.integers(1, 9)), left : left + draw(st.integers(1, 9))] = True
    mask[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))] = False
    return mask


def box(shape, rows, columns):
    mask = np.zeros(shape, dtype=bool)
    mask[rows, columns] = True
    return mask


def dense_laplace(image, mask):
    """Each masked pixel is the mean of its neighbours, solved with a dense matrix."""
    places = [tuple(place) for place in np.argwhere(mask)]
    matrix, right = np.zeros((len(places), len(places))), np.zeros(len(places))
    for row, (y, x) in enumerate(places):
        for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= near[0] < image.shape[0] and 0 <= near[1] < image.shape[1]):
                continue
            matrix[row, row] += 1
            if mask[near]:
                matrix[row, places.index(near)] -= 1
            else:
                right[row] += image[near]
    return np.linalg.solve(matrix, right)


@given(mask=holes(), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_harmonic_equals_a_dense_solve(mask, seed):
    image = random_image(seed)
    filled = harmonic(image, mask)
    np.testing.assert_allclose(filled[mask], dense_laplace(image, mask), rtol=1e-9)


@pytest.mark.parametrize("fill", FILLS)
@given(mask=holes(), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_fills_stay_within_the_range_of_the_valid_pixels(fill, mask, seed):
    """The maximum principle; biharmonic surfaces overshoot and are clipped."""
    image = random_image(seed)
    filled = fill(image, mask)
    margin = 1e-9 * image.max()
    assert filled.max() <= image[~mask].max() + margin
    assert filled.min() >= image[~mask].min() - margin


def test_extremes_of_the_harmonic_fill_come_from_the_border_of_the_hole():
    image = random_image(0, (40, 40))
    image[0, 0], image[-1, -1] = 1e6, -1e6
    mask = box(image.shape, slice(10, 30), slice(12, 25))
    border = image[9:31, 11:26][~mask[9:31, 11:26]]
    filled = harmonic(image, mask)[mask]
    assert border.min() < filled.min() < filled.max() < border.max()


@pytest.mark.parametrize("fill", FILLS)
@given(mask=holes(), seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_valid_pixels_stay_and_masked_values_are_ignored(fill, mask, seed):
    image = random_image(seed)
    before = image.copy()
    filled = fill(image, mask)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    np.testing.assert_array_equal(image, before)
    for rubbish in (np.nan, np.inf, -1e30):
        np.testing.assert_array_equal(fill(np.where(mask, rubbish, image), mask), filled)


@pytest.mark.parametrize("fill", FILLS)
@given(mask=holes(), factor=st.floats(1e-3, 1e3), offset=st.floats(-1e3, 1e3))
@settings(max_examples=15, deadline=None)
def test_fills_are_equivariant_to_unit_and_offset(fill, mask, factor, offset):
    image = random_image(3)
    expected = factor * fill(image, mask) + offset
    scale = factor * image.max() + abs(offset)
    np.testing.assert_allclose(fill(factor * image + offset, mask), expected, atol=1e-6 * scale)


@pytest.mark.parametrize("fill", FILLS)
@given(mask=holes(), turns=st.integers(0, 3), mirrored=st.booleans())
@settings(max_examples=15, deadline=None)
def test_turned_and_mirrored_images_have_turned_and_mirrored_fills(fill, mask, turns, mirrored):
    def turned(array):
        array = np.rot90(array, turns)
        return array[::-1] if mirrored else array

    image = random_image(4)
    np.testing.assert_allclose(
        fill(turned(image), turned(mask)), turned(fill(image, mask)), rtol=1e-6, atol=1e-6 * image.max()
    )


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("shift", [(0, 0), (3, 5), (7, 1)])
def test_fills_far_from_edges_do_not_depend_on_the_position(fill, shift):
    image = random_image(5, (40, 40))
    mask = box(image.shape, slice(14, 20), slice(15, 22))
    moved = np.roll(image, shift, axis=(0, 1)), np.roll(mask, shift, axis=(0, 1))
    np.testing.assert_allclose(np.roll(fill(*moved), np.negative(shift), axis=(0, 1)), fill(image, mask), rtol=1e-8)


@pytest.mark.parametrize("fill", FILLS)
@given(slopes=st.tuples(*[st.floats(-10, 10)] * 3))
@settings(max_examples=15, deadline=None)
def test_linear_images_are_reproduced_away_from_edges(fill, slopes):
    y, x = np.indices((20, 22))
    image = slopes[0] + slopes[1] * y + slopes[2] * x
    mask = box(image.shape, slice(5, 14), slice(6, 15))
    mask |= box(image.shape, slice(14, 17), slice(3, 8))
    # scikit-image solves to a tolerance of 1e-6
    np.testing.assert_allclose(fill(image, mask), image, atol=1e-5 * (1 + np.abs(image).max()))


def test_biharmonic_continues_a_curved_surface_and_harmonic_does_not():
    y, x = np.indices((30, 30)) - 15.0
    image = 0.7 * x**2 - 0.4 * y**2 + 0.3 * x * y + 2 * x  # its fill lies within the range of the rest
    mask = box(image.shape, slice(10, 19), slice(11, 20))
    np.testing.assert_allclose(biharmonic(image, mask), image, atol=1e-4 * np.abs(image).max())
    bowl = x**2 + y**2
    assert np.abs(harmonic(bowl, mask) - bowl)[mask].max() > 10


@pytest.mark.parametrize(
    "place",
    [
        (slice(0, 5), slice(6, 12)),
        (slice(None), slice(0, 4)),
        (slice(10, None), slice(12, None)),
        (slice(0, 1), slice(0, 1)),
        (slice(3, 4), slice(None)),
    ],
)
def test_film_ends_level_at_the_edges_of_the_image(place):
    """Reflection at the edge changes nothing: the image continued by its mirror image has the same fill."""
    image = random_image(6)
    mask = box(image.shape, *place)
    mirrored, mirrored_mask = (
        np.pad(array, [(n, n) for n in array.shape], mode="symmetric") for array in (image, mask)
    )
    whole = harmonic(mirrored, mirrored_mask)
    middle = tuple(slice(n, 2 * n) for n in image.shape)
    np.testing.assert_allclose(harmonic(image, mask), whole[middle], rtol=1e-8)


@pytest.mark.parametrize("fill", FILLS)
def test_constant_border_makes_a_constant_fill(fill):
    image = np.full((12, 12), 7.5)
    mask = box(image.shape, slice(0, 9), slice(3, 12))
    np.testing.assert_allclose(fill(image, mask), 7.5, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (2, 2), (1, 2)])
@pytest.mark.parametrize("fill", FILLS)
def test_thin_images(fill, shape):
    image = np.arange(float(np.prod(shape))).reshape(shape)
    mask = np.zeros(shape, dtype=bool)
    mask.flat[-1] = True
    filled = fill(image, mask)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~mask], image[~mask])


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("dtype", ["i2", ">i4", ">f4", "u1", "f2"])
def test_any_type_is_filled_in_double_precision(fill, dtype):
    image = np.random.default_rng(7).integers(0, 120, (10, 10)).astype(dtype)
    mask = box(image.shape, slice(3, 6), slice(4, 7))
    filled = fill(image, mask)
    assert filled.dtype == np.float64
    np.testing.assert_allclose(filled, fill(image.astype(float), mask))


@pytest.mark.parametrize("fill", FILLS)
def test_nothing_to_fill(fill):
    image = random_image(8)
    filled = fill(image, np.zeros(image.shape, dtype=bool))
    np.testing.assert_array_equal(filled, image)
    assert not np.may_share_memory(filled, image)


def test_checked_hole_returns_a_copy():
    mask = box((5, 6), slice(2, 3), slice(1, 4))
    found = checked_hole(np.ones((5, 6)), mask)
    np.testing.assert_array_equal(found, mask)
    found[:] = False
    assert mask.any()
    assert checked_hole(np.ones((1, 2)), [[True, False]]).dtype == bool


@pytest.mark.parametrize("check", [checked_hole, *FILLS])
@pytest.mark.parametrize(
    ("image", "mask", "error", "message"),
    [
        (np.ones((4, 5)), np.ones((4, 5), dtype=int), TypeError, "mask of the type int.*; expected a boolean one"),
        (np.ones((4, 5)), np.zeros((5, 4), dtype=bool), ValueError, r"shape \(5, 4\); expected \(4, 5\)"),
        (np.ones((4, 5)), np.zeros(5, dtype=bool), ValueError, r"shape \(5,\); expected \(4, 5\)"),
        (np.ones((4, 5)), np.array(True), ValueError, r"shape \(\); expected \(4, 5\)"),
        (np.ones((4, 5)), np.ones((4, 5), dtype=bool), ValueError, "covers all 20 pixels"),
        (np.full((4, 5), np.nan), np.eye(4, 5, dtype=bool), ValueError, "no finite pixel outside of the mask"),
    ],
)
def test_holes_that_cannot_be_filled_are_refused(check, image, mask, error, message):
    with pytest.raises(error, match=message):
        check(image, mask)


@st.composite
def holes_and_unobserved(draw):
    """A mask and unobserved pixels outside of it; at least one pixel is valid."""
    mask = draw(holes())
    seed, share = draw(st.integers(0, 2**32 - 1)), draw(st.floats(0, 0.5))
    unobserved = (np.random.default_rng(seed).random(mask.shape) < share) & ~mask
    valid = np.argwhere(~mask)
    unobserved[tuple(valid[draw(st.integers(0, len(valid) - 1))])] = False
    return mask, unobserved


@given(pair=holes_and_unobserved(), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_harmonic_fill_has_no_gradient_towards_unobserved_pixels(pair, seed):
    """It is the fill of an image without these pixels; holes without a valid neighbour become zero."""
    mask, unobserved = pair
    image = random_image(seed)
    filled = harmonic(image, mask, unobserved)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    shown = ~unobserved
    for y, x in np.argwhere(mask):
        near = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        near = [place for place in near if 0 <= min(place) and np.less(place, mask.shape).all() and shown[place]]
        values = [filled[place] for place in near]
        scale = image.max()
        assert filled[y, x] == pytest.approx(np.mean(values) if values else 0, abs=1e-5 * scale)


@given(pair=holes_and_unobserved(), rubbish=st.sampled_from([np.nan, np.inf, -1e30, 0.0]))
@settings(max_examples=20, deadline=None)
def test_values_of_unobserved_pixels_are_ignored(pair, rubbish):
    mask, unobserved = pair
    assume(mask.any())
    image = random_image(1)
    expected = harmonic(image, mask, unobserved)[mask]
    found = harmonic(np.where(unobserved, rubbish, image), mask, unobserved)
    np.testing.assert_array_equal(found[mask], expected)
    valid = image[~(mask | unobserved)]
    assert expected.max() <= valid.max() * (1 + 1e-6)
    assert (expected[np.abs(expected) > 1e-3] >= valid.min() * (1 - 1e-4)).all()


def test_harmonic_fill_does_not_fall_towards_unobserved_pixels():
    image = np.full((40, 40), 5.0)
    image[:, :15] = 0
    mask = box(image.shape, slice(10, 30), slice(15, 30))
    np.testing.assert_allclose(harmonic(image, mask, box(image.shape, slice(None), slice(0, 15)))[mask], 5, rtol=1e-6)
    assert harmonic(image, mask)[mask].min() < 1


def test_holes_surrounded_by_unobserved_pixels_become_zero():
    mask = box((20, 20), slice(5, 8), slice(5, 8)) | box((20, 20), slice(14, 17), slice(12, 15))
    unobserved = box((20, 20), slice(3, 10), slice(3, 10)) & ~mask
    filled = harmonic(np.full((20, 20), 7.0), mask, unobserved)
    np.testing.assert_allclose(filled[5:8, 5:8], 0, atol=1e-12)
    np.testing.assert_allclose(filled[14:17, 12:15], 7, rtol=1e-6)


@given(mask=holes())
@settings(max_examples=15, deadline=None)
def test_no_unobserved_pixels_change_nothing(mask):
    image = random_image(2)
    np.testing.assert_allclose(harmonic(image, mask, np.zeros_like(mask)), harmonic(image, mask), rtol=1e-5)
    # A pixel in both masks is filled
    np.testing.assert_allclose(harmonic(image, mask, mask), harmonic(image, mask), rtol=1e-5)


def test_harmonic_fill_follows_the_direction_of_larger_tension():
    """The weighted equation holds, and a stripe continues along its row."""
    image, mask = random_image(3), box((14, 17), slice(4, 10), slice(5, 12))
    filled = harmonic(image, mask, tension=(0.04, 1.0))
    rows = filled[:-2] + filled[2:] - 2 * filled[1:-1]
    columns = filled[:, :-2] + filled[:, 2:] - 2 * filled[:, 1:-1]
    balance = 0.04 * rows[:, 1:-1] + columns[1:-1]
    np.testing.assert_allclose(balance[mask[1:-1, 1:-1]], 0, atol=1e-9 * image.max())
    stripe = np.zeros((31, 31))
    stripe[15] = 1.0
    hole = box((31, 31), slice(8, 23), slice(10, 20))
    along, evenly, across = (harmonic(stripe, hole, tension=pull)[15, 15] for pull in ((0.01, 1), (1, 1), (1, 0.01)))
    assert along > 0.7 > 3 * evenly > 9 * across


def test_equal_tensions_change_nothing():
    image, mask = random_image(4), box((14, 17), slice(4, 10), slice(5, 12))
    np.testing.assert_allclose(harmonic(image, mask, tension=(3.0, 3.0)), harmonic(image, mask), rtol=1e-10)
