"""Edge-enhancing diffusion: which lines it continues through a hole, and laws that hold for any image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_restore.core.numerics import diffusion
from sunpy_restore.core.numerics.diffusion import edge_enhancing_diffusion
from sunpy_restore.core.numerics.filling import harmonic

SHAPE = (96, 112)
Y, X = np.indices(SHAPE).astype(float)


def box(*place, shape=SHAPE):
    mask = np.zeros(shape, dtype=bool)
    mask[place] = True
    return mask


HOLE = box(slice(32, 64), slice(40, 72))


def filled(image, mask, unobserved=None, **keywords):
    return edge_enhancing_diffusion(image, mask, unobserved, **keywords)[0]


def error(found, truth, mask=HOLE):
    return np.sqrt(np.mean((found - truth)[mask] ** 2))


def noisy(truth, seed=0, noise=1.0):
    return truth + noise * np.random.default_rng(seed).standard_normal(truth.shape)


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90, 110, 135, 160])
@pytest.mark.parametrize("profile", ["ridge", "edge"])
def test_straight_lines_continue_in_any_direction(angle, profile):
    """The error is a fraction of that of the harmonic fill, also with noise."""
    angle = np.deg2rad(angle)
    away = (X - 55.5) * np.sin(angle) - (Y - 47.5) * np.cos(angle)
    truth = 20 * (np.exp(-0.5 * (away / 4) ** 2) if profile == "ridge" else np.tanh(away / 4))
    film, found = harmonic(truth, HOLE), filled(truth, HOLE)
    assert error(found, truth) < 0.12 * error(film, truth)
    film, found = harmonic(noisy(truth), HOLE), filled(noisy(truth), HOLE)
    assert error(found, truth) < 0.35 * error(film, truth)


def test_a_bent_front_continues_if_its_ends_do_not_face_each_other():
    """Its rows on the left and on the right differ by a third of the hole."""
    middle = 40 + 0.012 * (X - 30) ** 2
    truth = 20 * np.exp(-0.5 * ((Y - middle) / 3) ** 2)
    film = harmonic(truth, HOLE)
    along = harmonic(truth, HOLE, tension=(0.04, 1.0))
    found = filled(truth, HOLE)
    assert error(found, truth) < 0.35 * min(error(film, truth), error(along, truth))


def test_crossing_lines_are_filled_better_than_by_the_harmonic_fill():
    truth = 10 * np.exp(-0.5 * ((Y - 47) / 3) ** 2) + 10 * np.exp(-0.5 * ((X - 55) / 3) ** 2)
    assert error(filled(truth, HOLE), truth) < error(harmonic(truth, HOLE), truth)


@pytest.mark.parametrize("seed", range(3))
def test_pure_noise_is_filled_about_as_well_as_by_the_harmonic_fill(seed):
    truth = 0.05 * X - 0.03 * Y
    image = noisy(truth, seed)
    assert error(filled(image, HOLE), truth) < 1.5 * error(harmonic(image, HOLE), truth)


def test_linear_images_are_reproduced():
    """The harmonic fill reproduces them exactly; here the edge of the image bends the gradient a little."""
    truth = 3 + 0.4 * X - 0.7 * Y
    assert error(filled(truth, HOLE), truth) < 0.02 * truth[HOLE].std()


@st.composite
def scenes(draw):
    """Images with holes and unobserved pixels at random."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(12, 50), st.integers(12, 50)))
    image = ndimage.gaussian_filter(rng.normal(size=shape), 2) * 20 + rng.normal(size=shape)
    mask, unobserved = (
        np.kron(rng.random([-(-length // 4) for length in shape]) < share, np.ones((4, 4), bool))[
            : shape[0], : shape[1]
        ]
        for share in (draw(st.floats(0.02, 0.6)), draw(st.floats(0, 0.3)))
    )
    unobserved &= ~mask
    if (mask | unobserved).all():
        mask[0, 0] = unobserved[0, 0] = False
    return image, mask, unobserved


@given(scene=scenes())
@settings(max_examples=20, deadline=None)
def test_valid_pixels_stay_and_other_values_are_ignored(scene):
    image, mask, unobserved = scene
    before = image.copy()
    found = filled(image, mask, unobserved)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(found[~mask], image[~mask])
    assert np.isfinite(found).all()
    for value in (1e9, np.nan):
        other = filled(np.where(mask, value, np.where(unobserved, -value, image)), mask, unobserved)
        np.testing.assert_array_equal(other[mask], found[mask])


@given(scene=scenes(), factor=st.floats(0.1, 100), offset=st.floats(-100, 100))
@settings(max_examples=25, deadline=None)
def test_fill_is_equivariant_to_unit_and_offset(scene, factor, offset):
    image, mask, _ = scene
    found = filled(image, mask)
    other = filled(factor * image + offset, mask, noise=factor)
    np.testing.assert_allclose((other - offset) / factor, found, rtol=0, atol=1e-4 * np.ptp(image))


@given(scene=scenes())
@settings(max_examples=25, deadline=None)
def test_transposed_images_have_transposed_fills(scene):
    image, mask, _ = scene
    found = filled(image, mask)
    turned = filled(image.T, mask.T).T
    np.testing.assert_allclose(turned, found, rtol=0, atol=1e-6 * np.ptp(image))


@pytest.mark.parametrize("axis", [0, 1])
def test_mirrored_images_have_mirrored_fills(axis):
    image = noisy(10 * np.sin(X / 7 + Y / 11))
    found = filled(image, HOLE)
    mirrored = np.flip(filled(np.flip(image, axis), np.flip(HOLE, axis)), axis)
    np.testing.assert_allclose(mirrored, found, rtol=0, atol=1e-6)


@pytest.mark.parametrize("bright", [1, -1])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_the_fill_stays_within_the_values_next_to_the_hole(width, bright):
    """Also next to a bright line that ends there, where diffusion on a grid would overshoot."""
    image = noisy(1000 * np.exp(-0.5 * ((Y - 62.5 - (X - 55.5)) / width) ** 2) * (X < 60)) * bright
    rim = ndimage.binary_dilation(HOLE) & ~HOLE
    found = filled(image, HOLE)
    assert image[rim].min() <= found[HOLE].min()
    assert found[HOLE].max() <= image[rim].max()


def test_distant_pixels_have_no_influence():
    image = noisy(10 * np.sin(X / 7 + Y / 11))
    found = filled(image, HOLE)
    other = image.copy()
    other[:, :4] += 100
    np.testing.assert_array_equal(filled(other, HOLE)[HOLE], found[HOLE])


def test_coherence_grows_with_the_strength_of_the_lines():
    """In any direction: from about 0 in noise to about 1 for strong lines."""
    found = {}
    for height in (0, 1, 4, 30):
        for angle in np.deg2rad([0, 30, 90]):
            away = (X - 55.5) * np.sin(angle) - (Y - 47.5) * np.cos(angle)
            image = noisy(height * np.exp(-0.5 * (away / 4) ** 2))
            _, coherence = edge_enhancing_diffusion(image, HOLE)
            assert coherence.shape == SHAPE
            assert 0 <= coherence.min() <= coherence.max() <= 1
            found.setdefault(height, []).append(coherence[HOLE & (np.abs(away) < 8)].mean())
    low, faint, line, strong = (np.array(values) for values in found.values())
    assert (low < 0.01).all()
    assert (low < faint).all()
    assert (faint < line).all()
    assert (line < strong).all()
    assert (strong > 0.9).all()


def test_coherence_is_zero_without_valid_pixels_or_holes_nearby():
    image = noisy(10 * X)
    assert not edge_enhancing_diffusion(image, np.zeros(SHAPE, dtype=bool))[1].any()
    assert not edge_enhancing_diffusion(image, HOLE, ~HOLE)[1].any()
    far = edge_enhancing_diffusion(image, box(slice(0, 8), slice(0, 8)))[1]
    assert not far[60:, 60:].any()
    assert far[:8, :8].min() > 0.9


@pytest.mark.parametrize("most", [1, 100])
def test_large_holes_are_filled_on_cells_and_join_their_border(monkeypatch, most):
    """Larger cells lose finer detail but leave no step along the border."""
    truth = 20 * np.exp(-0.5 * (((X - 55.5) - (Y - 47.5)) / 8) ** 2)
    fine = filled(truth, HOLE)
    monkeypatch.setattr(diffusion, "_MOST_PIXELS", most)
    coarse = filled(truth, HOLE)
    assert not np.array_equal(coarse, fine)
    np.testing.assert_array_equal(coarse[~HOLE], truth[~HOLE])
    assert error(coarse, truth) < 0.4 * error(harmonic(truth, HOLE), truth)
    rim = HOLE & ~ndimage.binary_erosion(HOLE)
    assert np.abs(coarse - truth)[rim].max() < 1.5


def test_holes_without_valid_neighbours_become_zero():
    image = 5 + noisy(np.zeros(SHAPE))
    mask, unobserved = box(slice(40, 50), slice(40, 50)), box(slice(30, 60), slice(30, 60))
    found = filled(image, mask, unobserved)
    np.testing.assert_allclose(found[mask], 0, atol=1e-6)
    # A hole with a valid neighbour does not
    mask[:, 50:70] = mask[:, 49:50]
    assert np.abs(filled(image, mask, unobserved)[mask] - 5).max() < 3


def test_nothing_to_fill():
    image = noisy(X)
    np.testing.assert_array_equal(filled(image, np.zeros(SHAPE, dtype=bool)), image)


@pytest.mark.parametrize(
    ("mask", "error_type", "message"),
    [
        (np.ones(SHAPE, dtype=bool), ValueError, "expected valid pixels to fill from"),
        (np.ones((3, 3), dtype=bool), ValueError, "expected .*, that of the image"),
        (np.ones(SHAPE), TypeError, "expected a boolean one"),
    ],
)
def test_masks_that_cannot_be_filled_are_refused(mask, error_type, message):
    with pytest.raises(error_type, match=message):
        filled(noisy(X), mask)
