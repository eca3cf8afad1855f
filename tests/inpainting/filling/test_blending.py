"""Blending of fills: shares minimise the expected error, and trials show which fills are wrong."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.inpainting.filling.blending import Trial, blended, shares, trial
from sunpy_restore.inpainting.filling.channels import polar_part
from sunpy_restore.inpainting.filling.fills import FILLS
from sunpy_restore.inpainting.filling.polar import PolarGrid
from sunpy_restore.inpainting.filling.views import VIEWS
from sunpy_restore.inpainting.observation import Observation
from sunpy_restore.inpainting.task import CHANNELS

CENTER = (100.3, 99.6)
COUNT = 1 + len(FILLS)
MASK, IMAGE, RINGS = map(CHANNELS.index, ("mask", "image", "rings"))


def products(seed, count=COUNT, samples=12):
    errors = np.random.default_rng(seed).normal(size=(count, samples))
    return errors @ errors.T / samples


@pytest.fixture(scope="module")
def observation():
    """A corona of perfect rings with one hole."""
    y, x = np.indices((200, 200))
    radius = np.hypot(x - CENTER[0], y - CENTER[1])
    image = (3e5 / np.maximum(radius, 15) ** 1.5) * (1 + 0.2 * np.sin(radius / 4))
    image = image * np.random.default_rng(0).normal(1, 0.003, image.shape)
    mask = np.zeros(image.shape, dtype=bool)
    mask[140:164, 90:114] = True
    return Observation(
        image=np.where(mask, 0, image), mask=mask, unobserved=radius < 12, center=CENTER, detector="C2"
    )  # fmt: skip


@pytest.fixture(scope="module")
def view(observation):
    return VIEWS["polar"](observation)


@pytest.fixture(scope="module")
def grid(observation):
    return PolarGrid.around(*np.nonzero(observation.mask), observation.mask.shape, CENTER, 40)


def blend(observation, view, grid, network, prior):
    """The blended fill, that of the network, and the channels."""
    channels = polar_part(observation, view, grid).channels()
    restored = network(channels)
    return blended(observation, view, grid, channels, restored, observation.mask, network, prior), restored, channels


def network_with_error(size):
    """A network that returns a ringed fill with an error of a size in units of the noise."""
    return lambda channels: channels[RINGS] + size * (channels[MASK] > 0)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, COUNT), st.floats(1e-20, 1e20))
def test_shares_minimise_the_error_among_all_averages(seed, count, scale):
    prior = products(seed, count)
    found = shares([], np.zeros(1), scale * prior)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    others = np.random.default_rng(seed).dirichlet(np.full(count, 0.3), 200)
    errors = np.einsum("ni,ij,nj->n", others, prior, others)
    assert found @ prior @ found <= errors.min() + 1e-4 * np.trace(prior)


def test_a_trial_counts_by_its_likeness():
    spread = np.zeros(COUNT - 1)
    prior, other = np.diag(np.r_[0.1, np.ones(COUNT - 1)]), np.diag(np.r_[10.0, np.ones(COUNT - 1)])
    without, like, unlike = (
        shares(trials, spread, prior)[0] for trials in ([], [Trial(other, spread)], [Trial(other, spread + 5)])
    )
    assert like < 0.1 < 0.5 < unlike
    assert unlike == pytest.approx(without, rel=1e-3)


def test_errors_of_a_trial_are_those_of_the_fills(observation, view, grid):
    elsewhere = PolarGrid(grid.center, grid.rows, slice(grid.columns.start + 300, grid.columns.stop + 300))
    part = polar_part(observation, view, elsewhere)
    lost = np.zeros(part.known.shape, dtype=bool)
    lost[45:60, 45:70] = True
    found = trial(part, lost, network_with_error(7.0))
    channels = part.channels(lost)
    unit = part.smooth["unit"][lost]
    errors = [unit * (fill - part.image)[lost] for fill in (channels[RINGS] + 7.0, channels[IMAGE])]
    ratio = np.mean(errors[0] ** 2) / np.mean(errors[1] ** 2)
    assert found.products[0, 0] / found.products[1, 1] == pytest.approx(ratio, rel=1e-4)
    np.testing.assert_allclose(np.log(np.diag(found.products)).mean(), 0, atol=1e-6)


def test_a_trial_needs_known_values(observation, view, grid):
    part = polar_part(observation, view, grid)
    assert trial(part, part.mask, network_with_error(0.0)) is None
    unknown = part._replace(known=np.zeros_like(part.known))
    assert trial(unknown, np.ones_like(part.known), network_with_error(0.0)) is None


def test_a_network_that_is_wrong_elsewhere_gets_no_weight(observation, view, grid):
    """Whatever the errors in training images say."""
    prior = np.diag(np.r_[0.3, np.ones(COUNT - 1)])
    found, wrong, channels = blend(observation, view, grid, network_with_error(60.0), prior)
    mask = channels[MASK] > 0
    assert np.abs(found - channels[RINGS])[mask].mean() < 0.2 * np.abs(wrong - channels[RINGS])[mask].mean()
    np.testing.assert_array_equal(found[~mask], wrong[~mask])


def test_fill_stays_between_the_fills(observation, view, grid):
    found, restored, channels = blend(observation, view, grid, network_with_error(3.0), products(3))
    fills = np.stack([restored, *(channels[CHANNELS.index(name)] for name in FILLS)])
    assert (found >= fills.min(axis=0) - 1e-6).all()
    assert (found <= fills.max(axis=0) + 1e-6).all()


def test_without_a_place_for_a_trial_the_errors_in_training_images_count(observation, view, grid):
    """Only the ring around the hole is known."""
    y, x = np.indices(observation.mask.shape)
    away = np.abs(np.arctan2(y - CENTER[1], x - CENTER[0]) - np.pi / 2) > 0.4
    lonely = replace(observation, unobserved=observation.unobserved | away)
    prior = np.diag(np.r_[np.full(COUNT - 1, 4.0), 1.0])
    alone = view._replace(valid=view.valid & ~away, image=np.where(away, 0, view.image))
    found, restored, channels = blend(lonely, alone, grid, network_with_error(3.0), prior)
    expected = shares([], np.zeros(COUNT - 1), prior)
    fills = np.stack([restored, *(channels[CHANNELS.index(name)] for name in FILLS)])
    np.testing.assert_allclose(found, np.tensordot(expected, fills, 1), atol=1e-6)
