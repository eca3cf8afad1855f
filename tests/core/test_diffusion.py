"""Diffusion along lines: what it carries through a hole, and laws that hold whatever the image is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_restore.core import diffusion
from sunpy_restore.core.diffusion import coherent
from sunpy_restore.core.filling import harmonic

SHAPE = (96, 112)
Y, X = np.indices(SHAPE).astype(float)


def box(*place, shape=SHAPE):
    mask = np.zeros(shape, dtype=bool)
    mask[place] = True
    return mask


HOLE = box(slice(32, 64), slice(40, 72))


def filled(image, mask, blind=None, **keywords):
    return coherent(image, mask, blind, **keywords)[0]


def error(found, truth, mask=HOLE):
    return np.sqrt(np.mean((found - truth)[mask] ** 2))


def noisy(truth, seed=0, noise=1.0):
    return truth + noise * np.random.default_rng(seed).standard_normal(truth.shape)


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90, 110, 135, 160])
@pytest.mark.parametrize("profile", ["ridge", "edge"])
def test_straight_lines_go_on_in_any_direction(angle, profile):
    """Where a soap film is wrong by most of what there is, and also in noise."""
    angle = np.deg2rad(angle)
    away = (X - 55.5) * np.sin(angle) - (Y - 47.5) * np.cos(angle)
    truth = 20 * (np.exp(-0.5 * (away / 4) ** 2) if profile == "ridge" else np.tanh(away / 4))
    film, found = harmonic(truth, HOLE), filled(truth, HOLE)
    assert error(found, truth) < 0.12 * error(film, truth)
    film, found = harmonic(noisy(truth), HOLE), filled(noisy(truth), HOLE)
    assert error(found, truth) < 0.35 * error(film, truth)


def test_a_bent_front_goes_on_where_its_ends_do_not_face_each_other():
    """Neither along rows nor along columns: left and right its rows differ by a third of the hole."""
    middle = 40 + 0.012 * (X - 30) ** 2
    truth = 20 * np.exp(-0.5 * ((Y - middle) / 3) ** 2)
    film = harmonic(truth, HOLE)
    along = harmonic(truth, HOLE, tension=(0.04, 1.0))
    found = filled(truth, HOLE)
    assert error(found, truth) < 0.35 * min(error(film, truth), error(along, truth))


def test_crossing_structure_is_no_worse_than_a_film():
    truth = 10 * np.exp(-0.5 * ((Y - 47) / 3) ** 2) + 10 * np.exp(-0.5 * ((X - 55) / 3) ** 2)
    assert error(filled(truth, HOLE), truth) < error(harmonic(truth, HOLE), truth)


@pytest.mark.parametrize("seed", range(3))
def test_in_noise_alone_it_is_as_good_as_a_film(seed):
    truth = 0.05 * X - 0.03 * Y
    image = noisy(truth, seed)
    assert error(filled(image, HOLE), truth) < 1.5 * error(harmonic(image, HOLE), truth)


def test_planes_stay_planes():
    """A soap film has them exactly; here the border of the image bends the gradient a little."""
    truth = 3 + 0.4 * X - 0.7 * Y
    assert error(filled(truth, HOLE), truth) < 0.02 * truth[HOLE].std()


@st.composite
def scenes(draw):
    """Images with holes that are anywhere, and pixels that show nothing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(12, 50), st.integers(12, 50)))
    image = ndimage.gaussian_filter(rng.normal(size=shape), 2) * 20 + rng.normal(size=shape)
    mask, blind = (
        np.kron(rng.random([-(-length // 4) for length in shape]) < share, np.ones((4, 4), bool))[
            : shape[0], : shape[1]
        ]
        for share in (draw(st.floats(0.02, 0.6)), draw(st.floats(0, 0.3)))
    )
    blind &= ~mask
    if (mask | blind).all():
        mask[0, 0] = blind[0, 0] = False
    return image, mask, blind


@given(scene=scenes())
@settings(max_examples=40, deadline=None)
def test_valid_pixels_stay_and_others_are_not_looked_at(scene):
    image, mask, blind = scene
    before = image.copy()
    found = filled(image, mask, blind)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(found[~mask], image[~mask])
    assert np.isfinite(found).all()
    for value in (1e9, np.nan):
        other = filled(np.where(mask, value, np.where(blind, -value, image)), mask, blind)
        np.testing.assert_array_equal(other[mask], found[mask])


@given(scene=scenes(), factor=st.floats(0.1, 100), offset=st.floats(-100, 100))
@settings(max_examples=25, deadline=None)
def test_unit_and_zero_of_the_image_do_not_matter(scene, factor, offset):
    image, mask, _ = scene
    found = filled(image, mask)
    other = filled(factor * image + offset, mask, noise=factor)
    np.testing.assert_allclose((other - offset) / factor, found, rtol=0, atol=1e-4 * np.ptp(image))


@given(scene=scenes())
@settings(max_examples=25, deadline=None)
def test_axes_are_alike(scene):
    image, mask, _ = scene
    found = filled(image, mask)
    turned = filled(image.T, mask.T).T
    np.testing.assert_allclose(turned, found, rtol=0, atol=1e-6 * np.ptp(image))


@pytest.mark.parametrize("axis", [0, 1])
def test_handedness_does_not_matter(axis):
    image = noisy(10 * np.sin(X / 7 + Y / 11))
    found = filled(image, HOLE)
    mirrored = np.flip(filled(np.flip(image, axis), np.flip(HOLE, axis)), axis)
    np.testing.assert_allclose(mirrored, found, rtol=0, atol=1e-6)


@pytest.mark.parametrize("bright", [1, -1])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_the_fill_stays_within_the_values_next_to_the_hole(width, bright):
    """Beside a bright line that ends there, where heat on a grid would become negative."""
    image = noisy(1000 * np.exp(-0.5 * ((Y - 62.5 - (X - 55.5)) / width) ** 2) * (X < 60)) * bright
    rim = ndimage.binary_dilation(HOLE) & ~HOLE
    found = filled(image, HOLE)
    assert image[rim].min() <= found[HOLE].min()
    assert found[HOLE].max() <= image[rim].max()


def test_far_away_nothing_matters():
    image = noisy(10 * np.sin(X / 7 + Y / 11))
    found = filled(image, HOLE)
    other = image.copy()
    other[:, :4] += 100
    np.testing.assert_array_equal(filled(other, HOLE)[HOLE], found[HOLE])


def test_coherence_of_lines_and_of_none():
    """The same whatever their direction, less the weaker they are, none in noise, and all of it within 0 and 1."""
    found = {}
    for height in (0, 1, 4, 30):
        for angle in np.deg2rad([0, 30, 90]):
            away = (X - 55.5) * np.sin(angle) - (Y - 47.5) * np.cos(angle)
            image = noisy(height * np.exp(-0.5 * (away / 4) ** 2))
            _, coherence = coherent(image, HOLE)
            assert coherence.shape == SHAPE
            assert 0 <= coherence.min() <= coherence.max() <= 1
            found.setdefault(height, []).append(coherence[HOLE & (np.abs(away) < 8)].mean())
    low, faint, line, strong = (np.array(values) for values in found.values())
    assert (low < 0.01).all()
    assert (low < faint).all()
    assert (faint < line).all()
    assert (line < strong).all()
    assert (strong > 0.9).all()


def test_coherence_is_not_known_where_nothing_is():
    image = noisy(10 * X)
    assert not coherent(image, np.zeros(SHAPE, dtype=bool))[1].any()
    assert not coherent(image, HOLE, ~HOLE)[1].any()
    far = coherent(image, box(slice(0, 8), slice(0, 8)))[1]
    assert not far[60:, 60:].any()
    assert far[:8, :8].min() > 0.9


@pytest.mark.parametrize("few", [1, 100])
def test_many_pixels_are_filled_by_cells_that_join_their_border(monkeypatch, few):
    """Larger cells give up what is finer than they are, and no step along the border."""
    truth = 20 * np.exp(-0.5 * (((X - 55.5) - (Y - 47.5)) / 8) ** 2)
    fine = filled(truth, HOLE)
    monkeypatch.setattr(diffusion, "_FEW", few)
    coarse = filled(truth, HOLE)
    assert not np.array_equal(coarse, fine)
    np.testing.assert_array_equal(coarse[~HOLE], truth[~HOLE])
    assert error(coarse, truth) < 0.4 * error(harmonic(truth, HOLE), truth)
    rim = HOLE & ~ndimage.binary_erosion(HOLE)
    assert np.abs(coarse - truth)[rim].max() < 1.5


def test_what_hangs_on_nothing_is_zero():
    image = 5 + noisy(np.zeros(SHAPE))
    mask, blind = box(slice(40, 50), slice(40, 50)), box(slice(30, 60), slice(30, 60))
    found = filled(image, mask, blind)
    np.testing.assert_allclose(found[mask], 0, atol=1e-6)
    # And what has a neighbour is not
    mask[:, 50:70] = mask[:, 49:50]
    assert np.abs(filled(image, mask, blind)[mask] - 5).max() < 3


def test_nothing_lost():
    image = noisy(X)
    np.testing.assert_array_equal(filled(image, np.zeros(SHAPE, dtype=bool)), image)


@pytest.mark.parametrize(
    ("mask", "error_type", "message"),
    [
        (np.ones(SHAPE, dtype=bool), ValueError, "expected valid pixels to fill the others from"),
        (np.ones((3, 3), dtype=bool), ValueError, "Expected a mask of the shape of the image"),
        (np.ones(SHAPE), TypeError, "Expected a boolean mask"),
    ],
)
def test_refused(mask, error_type, message):
    with pytest.raises(error_type, match=message):
        filled(noisy(X), mask)
