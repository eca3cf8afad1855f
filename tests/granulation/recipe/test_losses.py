"""Statistics that generators lose by."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, stats

from sunpy_restore.granulation.recipe.losses import histogram_loss, spectrum_loss


def tiles(images):
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))[:, None]


@pytest.fixture(scope="module")
def batch(grains):
    return np.stack([grains((64, 64), seed) for seed in range(4)])


def test_no_loss_of_the_same_images(batch):
    assert spectrum_loss(tiles(batch), tiles(batch[::-1])).item() == pytest.approx(0, abs=1e-8)
    assert histogram_loss(tiles(batch), tiles(batch[::-1])) == 0


@given(st.integers(1, 300), st.floats(-3, 3), st.floats(0.1, 3))
def test_histogram_loss_is_the_wasserstein_distance(seed, shift, scale):
    rng = np.random.default_rng(seed)
    one, other = rng.standard_normal((2, 2, 5, 7))
    other = shift + scale * other
    found = histogram_loss(tiles(one), tiles(other)).item()
    assert found == pytest.approx(stats.wasserstein_distance(one.ravel(), other.ravel()), rel=1e-4, abs=1e-6)
    shuffled = rng.permutation(one.ravel()).reshape(one.shape)
    assert histogram_loss(tiles(shuffled), tiles(other)).item() == pytest.approx(found, rel=1e-6)


def test_spectrum_loss_knows_neither_mean_nor_sign_nor_orientation(batch):
    blurred = ndimage.gaussian_filter(batch, (0, 1, 1))
    for same in (batch + 3, 2 - batch):
        assert spectrum_loss(tiles(same), tiles(batch)).item() == pytest.approx(0, abs=1e-6)
    loss = spectrum_loss(tiles(blurred), tiles(batch)).item()
    # The window is not quite the same for a batch that is turned, and its half plane of waves another one
    for turned in (np.rot90(batch, axes=(1, 2)), batch.transpose(0, 2, 1), batch[:, ::-1]):
        assert spectrum_loss(tiles(turned), tiles(batch)) < 0.01 * loss
        assert spectrum_loss(tiles(blurred), tiles(turned)).item() == pytest.approx(loss, rel=0.1)


def test_spectrum_loss_of_another_contrast_is_that_of_the_logarithms(batch):
    """Power goes with the square of the contrast, at all scales alike."""
    assert spectrum_loss(tiles(1.5 * batch), tiles(batch)).item() == pytest.approx((2 * np.log(1.5)) ** 2, rel=1e-3)


def test_spectrum_loss_grows_with_a_blur(batch):
    losses = [
        spectrum_loss(tiles(ndimage.gaussian_filter(batch, (0, width, width))), tiles(batch)).item()
        for width in (0.3, 0.6, 1.2, 2.4)
    ]
    assert losses == sorted(losses)
    assert losses[0] > 1e-6


@pytest.mark.parametrize("loss", [spectrum_loss, histogram_loss])
def test_gradients_are_right(batch, loss):
    """The change along the gradient, and a step against it."""
    true = tiles(batch)
    made = tiles(1 + 0.5 * ndimage.gaussian_filter(batch - 1, (0, 1, 1))).requires_grad_()
    before = loss(made, true)
    (gradient,) = torch.autograd.grad(before, made)
    norm = gradient.norm().item()
    step = 1e-2 * before.item() / norm
    with torch.no_grad():
        ahead, behind = (loss(made + sign * step * gradient / norm, true).item() for sign in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(norm, rel=0.05)
    assert behind < before.item()


def test_losses_are_taken_in_full_precision(batch):
    made, true = tiles(batch + 1), tiles(batch)
    for loss in (spectrum_loss, histogram_loss):
        assert loss(made.bfloat16(), true).dtype == torch.float32
