"""Patches of training pairs."""

import numpy as np
import pytest

from sunpy_restore.enhancement.optics.forward import reconvolve
from sunpy_restore.enhancement.recipe.pairs import PairDataset
from sunpy_restore.enhancement.recipe.truth import Source

MARGIN = 14


@pytest.fixture
def pairs():
    """Make data sets of one source, which needs no simulation of the optics."""
    image = np.random.default_rng(0).normal(1, 0.1, (150, 160))

    def pairs(noise=0.01, seed=0, distinct=None):
        source = Source("noise", [image], None, 1.0)
        return PairDataset(
            [source], 10, patch_size=8, margin=MARGIN, noise=(noise, noise), views=3, seed=seed, distinct=distinct
        )

    return pairs


def same(one, two):
    return all(np.array_equal(*images) for images in zip(one, two, strict=True))


def test_items_depend_on_their_index_and_the_seed_only(pairs):
    first, second, other = pairs(), pairs(), pairs(seed=1)
    items = [first[index] for index in range(10)]
    for index in (4, 1, 9):
        assert same(second[index], items[index])
        assert not same(other[index], items[index])
        assert not same(items[index], items[0])


def test_distinct_items_repeat(pairs):
    repeated = pairs(distinct=4)
    assert same(repeated[1], repeated[5])
    assert same(repeated[1], pairs()[1])
    assert not same(repeated[1], repeated[2])


def test_inputs_are_observations_of_the_truth(pairs):
    shapes = {tuple(image.shape for image in pairs()[index]) for index in range(10)}
    assert shapes == {((1, 8 + 2 * MARGIN, 8 + 2 * MARGIN), (1, 16, 16))}
    for index in range(10):
        observed, truth = (image[0].numpy() for image in pairs(noise=0.0)[index])
        # The surroundings of the truth are unknown, so the degraded truth is only similar to the observation
        degraded = reconvolve(truth)
        inner = observed[MARGIN:-MARGIN, MARGIN:-MARGIN]
        assert np.corrcoef(degraded.ravel(), inner.ravel())[0, 1] > 0.5


def test_noise_is_added_to_the_input_only(pairs):
    quiet, noisy = pairs(noise=0.0), pairs(noise=0.5)
    differences = [noisy[index][0] - quiet[index][0] for index in range(10)]
    assert np.std(differences) == pytest.approx(0.5, rel=0.05)
    assert all(np.array_equal(noisy[index][1], quiet[index][1]) for index in range(10))
