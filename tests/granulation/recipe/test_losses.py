"""Losses of statistics."""

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


def test_losses_of_equal_images_are_zero(batch):
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


def test_spectrum_loss_does_not_depend_on_mean_sign_and_orientation(batch):
    blurred = ndimage.gaussian_filter(batch, (0, 1, 1))
    for same in (batch + 3, 2 - batch):
        assert spectrum_loss(tiles(same), tiles(batch)).item() == pytest.approx(0, abs=1e-6)
    loss = spectrum_loss(tiles(blurred), tiles(batch)).item()
    # Only approximately: the window is not exactly symmetric, and the half plane of the modes rotates
    for rotated in (np.rot90(batch, axes=(1, 2)), batch.transpose(0, 2, 1), batch[:, ::-1]):
        assert spectrum_loss(tiles(rotated), tiles(batch)) < 0.01 * loss
        assert spectrum_loss(tiles(blurred), tiles(rotated)).item() == pytest.approx(loss, rel=0.1)


def test_spectrum_loss_of_another_contrast_is_logarithmic(batch):
    """Power at all scales is proportional to the square of the contrast."""
    assert spectrum_loss(tiles(1.5 * batch), tiles(batch)).item() == pytest.approx((2 * np.log(1.5)) ** 2, rel=1e-3)


def test_spectrum_loss_increases_with_blur(batch):
    losses = [
        spectrum_loss(tiles(ndimage.gaussian_filter(batch, (0, width, width))), tiles(batch)).item()
        for width in (0.3, 0.6, 1.2, 2.4)
    ]
    assert losses == sorted(losses)
    assert losses[0] > 1e-6


@pytest.mark.parametrize("loss", [spectrum_loss, histogram_loss])
def test_gradients_agree_with_finite_differences(batch, loss):
    """Along the gradient; a step in the opposite direction lowers the loss."""
    truth = tiles(batch)
    generated = tiles(1 + 0.5 * ndimage.gaussian_filter(batch - 1, (0, 1, 1))).requires_grad_()
    before = loss(generated, truth)
    (gradient,) = torch.autograd.grad(before, generated)
    norm = gradient.norm().item()
    step = 1e-2 * before.item() / norm
    with torch.no_grad():
        ahead, behind = (loss(generated + sign * step * gradient / norm, truth).item() for sign in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(norm, rel=0.05)
    assert behind < before.item()


def test_losses_are_computed_in_single_precision(batch):
    generated, truth = tiles(batch + 1), tiles(batch)
    for loss in (spectrum_loss, histogram_loss):
        assert loss(generated.bfloat16(), truth).dtype == torch.float32
