"""Simulated pairs: they agree with their truth outside of the mask and are reproducible; patches are finite."""

import numpy as np
import pytest

from sunpy_restore.inpainting import forward
from sunpy_restore.inpainting.filling import polar
from sunpy_restore.inpainting.filling.views import VIEWS
from sunpy_restore.inpainting.recipe import pairs as module
from sunpy_restore.inpainting.recipe.flat_fields import make_flat_field
from sunpy_restore.inpainting.recipe.pairs import PatchDataset, flat_fields_of, patches_of, simulate_pair
from sunpy_restore.inpainting.task import CHANNELS

SEEDS = range(10)
VIEWS_OF_NETWORKS = ("pixel", "equalized", pytest.param("polar", marks=pytest.mark.slow))
MASK, UNOBSERVED, SEEN = map(CHANNELS.index, ("mask", "unobserved", "seen"))


@pytest.fixture(scope="module", autouse=True)
def small(waves):
    """Losses and grids for images a quarter as large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forward, "_LARGEST_SQUARE", 3)
        patch.setattr(module, "structure", waves)
        patch.setattr(polar, "ROWS", 260)
        yield


@pytest.fixture(scope="module")
def exposure(make_exposure):
    return make_exposure("C3", seed=3)


@pytest.fixture(scope="module")
def flat_field(make_exposure):
    return make_flat_field([make_exposure("C3", date=f"{year}-01-01", seed=year) for year in (2000, 2002, 2004)])


@pytest.fixture(scope="module")
def hidden(exposure):
    """Pixels that level 1 masks: the unobserved ones and a border."""
    mask = exposure.unobserved.copy()
    mask[:, :8] = True
    return mask


@pytest.fixture(scope="module")
def pairs(exposure, flat_field, hidden):
    return [simulate_pair(exposure, flat_field, np.random.default_rng(seed), hidden=hidden) for seed in SEEDS]


def test_pairs_agree_with_the_truth_outside_of_the_mask(pairs):
    for pair in pairs:
        observation, truth = pair
        assert truth.shape == observation.image.shape == observation.mask.shape
        np.testing.assert_array_equal(observation.image[~observation.mask], truth[~observation.mask])
        assert not observation.image[observation.mask].any()
        assert np.isfinite(truth[~observation.unobserved]).all()
        assert 0 < observation.mask.sum()
        assert not (observation.mask & observation.unobserved).any()


def test_losses_are_blocks(pairs):
    for observation, _ in pairs:
        lost = (observation.mask | observation.unobserved).reshape(8, 32, 8, 32).swapaxes(1, 2)
        some = observation.mask.reshape(8, 32, 8, 32).swapaxes(1, 2).any(axis=(2, 3))
        assert lost[some].all()


def test_pairs_are_reproducible_for_a_seed(exposure, flat_field, hidden, pairs):
    for seed in (0, 5):
        again = simulate_pair(exposure, flat_field, np.random.default_rng(seed), hidden=hidden)
        np.testing.assert_array_equal(again.truth, pairs[seed].truth)
        for key in ("image", "mask", "unobserved", "flat_field", "neighbours"):
            one, other = getattr(again.observation, key), getattr(pairs[seed].observation, key)
            assert (one is None) == (other is None), key
            if one is not None:
                np.testing.assert_array_equal(one, other, err_msg=key)
    assert not np.array_equal(pairs[0].observation.mask, pairs[1].observation.mask)


def test_observations_are_of_all_kinds(pairs, hidden):
    """With and without neighbours and a flat field, and as at level 1."""
    observations = [pair.observation for pair in pairs]
    assert {observation.neighbours is None for observation in observations} == {True, False}
    assert {observation.flat_field is None for observation in observations} == {True, False}
    flat = [observation for observation in observations if observation.bias == 0]
    assert 0 < len(flat) < len(observations)
    for observation in flat:
        assert observation.flat_field is None
        assert observation.unobserved[hidden].all()


def test_exposures_are_not_changed(exposure, flat_field, hidden):
    before = exposure.image.copy(), exposure.unobserved.copy(), flat_field.copy()
    simulate_pair(exposure, flat_field, np.random.default_rng(1), hidden=hidden)
    for array, copy in zip((exposure.image, exposure.unobserved, flat_field), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_simulated_images_are_coronas(exposure, pairs):
    """Brighter or fainter, with structure and noise, but brighter near the Sun and above the bias."""
    inner = np.hypot(*(np.indices(exposure.image.shape) - np.reshape(exposure.center[::-1], (2, 1, 1)))) < 45
    for observation, truth in pairs:
        light = truth - observation.bias
        shown = ~observation.unobserved
        assert np.median(light[shown & inner]) > 1.5 * np.median(light[shown & ~inner])
        assert np.mean(light[shown] > 0) > 0.99


def test_neighbours_are_similar_to_the_truth(pairs):
    found = []
    for observation, truth in pairs:
        if observation.neighbours is None:
            continue
        seen = np.isfinite(observation.neighbours)
        assert not (seen & observation.unobserved).any()
        both = seen & ~observation.unobserved
        found.append(np.corrcoef(np.log(truth[both].clip(1)), np.log(observation.neighbours[both].clip(1)))[0, 1])
    assert len(found) >= 2
    assert np.median(found) > 0.9


@pytest.mark.parametrize("view", VIEWS_OF_NETWORKS)
def test_patches_are_finite_in_scored_pixels(pairs, view):
    total = 0
    for number, pair in enumerate(pairs[:4]):
        for channels, truth in patches_of(pair, np.random.default_rng(number), count=5, side=96, view=view):
            total += 1
            assert channels.shape == (len(CHANNELS), 96, 96)
            assert truth.shape == (1, 96, 96)
            assert channels.dtype == truth.dtype == np.float16
            assert np.isfinite(channels).all()
            named = dict(zip(CHANNELS, channels, strict=True))
            scored = (named["mask"] > 0) & np.isfinite(truth[0])
            assert scored.mean() >= 0.003
            assert named["unobserved"].mean() <= 0.5
            valid = (named["mask"] == 0) & (named["unobserved"] == 0)
            np.testing.assert_allclose(named["image"][valid], truth[0][valid], rtol=1e-2, atol=1e-2)
    assert total >= 8


@pytest.mark.parametrize("view", ["pixel", "equalized"])
def test_truth_has_the_units_of_the_view(pairs, view):
    pair = pairs[0]
    presented = VIEWS[view](pair.observation)
    expected = presented.forward(np.where(pair.observation.unobserved, 0, pair.truth)).astype(np.float16)
    channels, truth = patches_of(pair, np.random.default_rng(0), count=1, side=256, view=view)[0]
    scored = channels[MASK] > 0
    np.testing.assert_array_equal(scored, pair.observation.mask)
    np.testing.assert_array_equal(truth[0][scored], expected[scored])


def test_truth_of_polar_patches_is_sampled_before_the_loss(exposure, monkeypatch):
    """It is known also at the borders of missing blocks, except next to unobserved pixels."""
    monkeypatch.setattr(forward, "KINDS", {"single": 1.0})
    monkeypatch.setattr(module, "_SHARES", (0.01, 0.02))
    pair = simulate_pair(exposure, None, np.random.default_rng(1))
    patches = patches_of(pair, np.random.default_rng(0), count=4, side=96, view="polar")
    assert patches
    for channels, truth in patches:
        unknown = ~np.isfinite(truth[0])
        assert unknown[channels[UNOBSERVED] > 0].all()
        assert np.isfinite(truth[0])[channels[MASK] > 0].mean() > 0.5


@pytest.mark.parametrize("view", VIEWS_OF_NETWORKS)
def test_patches_are_reproducible_for_a_seed(pairs, view):
    one, other = (patches_of(pairs[2], np.random.default_rng(4), count=3, side=64, view=view) for _ in range(2))
    assert len(one) == len(other) > 0
    for first, second in zip(one, other, strict=True):
        for array, again in zip(first, second, strict=True):
            np.testing.assert_array_equal(array, again)


def test_flat_fields_are_those_of_c3(make_exposure):
    names = {"a": "2000-01-01", "b": "2002-02-01", "c": "2004-01-01"}
    exposures = [make_exposure("C3", name=name, date=date, seed=ord(name)) for name, date in names.items()]
    flat_fields = flat_fields_of([*exposures, make_exposure("C2", name="d")])
    assert set(flat_fields) == set(names)


@pytest.fixture(scope="module")
def patches():
    """Random channels with a hole in the middle."""
    rng = np.random.default_rng(0)
    channels = rng.normal(size=(3, len(CHANNELS), 96, 96)).astype(np.float16)
    channels[:, MASK], channels[:, UNOBSERVED], channels[:, SEEN] = 0, 0, 1
    channels[:, MASK, 32:64, 32:64] = 1
    return [(patch, patch[:1] + 1) for patch in channels]


def parts(patches, side, turned):
    """All parts of all patches in all allowed orientations."""
    for channels, truth in patches:
        both = np.concatenate([channels, truth])
        for flips in np.ndindex(2, 2 if turned else 1, 2 if turned else 1):
            image = both[:, :, ::-1] if flips[0] else both
            image = image[:, ::-1] if flips[1] else image
            image = image.swapaxes(1, 2) if flips[2] else image
            for top, left in np.ndindex(97 - side, 97 - side):
                yield image[:, top : top + side, left : left + side]


@pytest.mark.parametrize("turnable", [True, False])
def test_items_are_parts_of_patches(patches, turnable):
    """With or without neighbours; rows and columns are exchanged only if they are equivalent."""
    dataset = PatchDataset(patches, 40, patch_size=93, seed=0, turnable=turnable)
    known = {part[0].tobytes(): part for part in parts(patches, 93, turnable)}
    neighbours = [CHANNELS.index("neighbours"), SEEN]
    with_neighbours = 0
    for channels, truth in (dataset[index] for index in range(40)):
        expected = known[channels[0].numpy().astype(np.float16).tobytes()].astype(np.float32).copy()
        np.testing.assert_array_equal(truth, expected[-1:])
        with_neighbours += bool(channels[SEEN].any())
        expected[neighbours] *= bool(channels[SEEN].any())
        np.testing.assert_array_equal(channels, expected[:-1])
        assert channels[MASK].any()
    assert 0.5 < with_neighbours / 40 < 0.9
