"""Masks of many origins for training, and the families for evaluation."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.desaturation.recipe import masks
from sunpy_restore.desaturation.recipe.families import FAMILIES, family_masks, tiles
from sunpy_restore.desaturation.recipe.scenes import Disk
from sunpy_restore.desaturation.recipe.views import Views, displayed, exposed
from sunpy_restore.desaturation.task import CHANNELS, TASK

KINDS = ("injected", "paper", "threshold", "foreign", "shapes", "strips")


def texture(seed, shape=(128, 128)):
    """Smooth structure with a bright region, values from 0 to 1."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3)
    y, x = np.indices(shape) - np.reshape(shape, (2, 1, 1)) / 2
    return np.clip(0.3 + 0.1 * noise / noise.std() + 0.6 * np.exp(-(x**2 + y**2) / (2 * 20**2)), 0, 1)


@pytest.fixture(scope="module")
def disks():
    image = (255 * np.tile(texture(0), (4, 4))).astype(np.uint8)
    places = {204: np.argwhere(image[::32, ::32] > 180) * 32}
    return [Disk("disk", "2014-01-01", image, places)]


@pytest.mark.parametrize("name", ["threshold_mask", "foreign_mask", "boxes", "blobs", "strips", "strokes"])
def test_masks_vary_and_are_reproducible(name):
    function, image = getattr(masks, name), texture(1)
    found = [function(image, np.random.default_rng(seed)) for seed in range(12)]
    for mask in found:
        assert mask.shape == image.shape
        assert mask.dtype == bool
    assert sum(mask.any() and not mask.all() for mask in found) >= 10
    assert len({mask.tobytes() for mask in found}) >= 10
    np.testing.assert_array_equal(found[3], function(image, np.random.default_rng(3)))


def test_only_threshold_masks_follow_the_brightness():
    image = texture(2)
    contrast = {}
    for name in ("threshold_mask", "foreign_mask", "boxes", "blobs", "strips", "strokes"):
        chosen = [getattr(masks, name)(image, np.random.default_rng(seed)) for seed in range(30)]
        contrast[name] = np.mean([image[mask].mean() - image.mean() for mask in chosen if mask.any()])
    assert contrast.pop("threshold_mask") > 0.2
    assert max(contrast.values()) < 0.2


def test_outliers_are_near_the_mask_and_few():
    image, mask = texture(3), np.zeros((128, 128), dtype=bool)
    mask[60:70, 60:70] = True
    for seed in range(10):
        changed = masks.add_outliers(image, mask, np.random.default_rng(seed)) - image
        strong = (np.abs(changed) > 0.1) & ~mask
        assert strong.sum() < 8 * 60
        assert ndimage.distance_transform_edt(~mask)[strong].max(initial=0) < 50
    np.testing.assert_array_equal(masks.add_outliers(image, np.ones_like(mask), np.random.default_rng(0)), image)


@pytest.mark.parametrize("kind", KINDS)
def test_views_are_the_truth_outside_of_the_mask_apart_from_outliers(disks, kind):
    views = Views(disks, 4, {kind: 1.0}, side=128, seed=0)
    for channels, truth, transposable in views:
        assert channels.dtype == truth.dtype == np.float16
        assert channels.shape == (len(CHANNELS), 128, 128)
        assert np.isfinite(channels).all()
        assert np.isfinite(truth).all()
        assert transposable == (kind != "injected")
        mask = channels[CHANNELS.index("mask")] > 0
        assert 0 < mask.mean() < 0.35
        assert not channels[CHANNELS.index("level")][~mask].any()
        if kind != "injected":
            assert (channels[0] == truth[0])[~mask].mean() > 0.95


def test_strips_along_an_edge_are_mirrored_there(disks):
    options = {"side": 128, "seed": 0}
    whole, parts = (Views(disks, 12, {"strips": 1.0}, **options, mirrored=mirrored) for mirrored in (True, False))
    shapes = {view[0].shape[1:] for view in parts}
    assert shapes == {(128, 128), (64, 128), (128, 64)}
    for one, part in zip(whole, parts, strict=True):
        rows, columns = part[0].shape[1:]
        np.testing.assert_array_equal(one[0][:, -rows:, -columns:], part[0])
        if rows < 128:
            np.testing.assert_array_equal(one[0], one[0][:, ::-1])
        if columns < 128:
            np.testing.assert_array_equal(one[0], one[0][:, :, ::-1])


def test_level_is_known_in_some_views_of_saturation_alone(disks):
    known = {
        kind: [view[0][CHANNELS.index("level")].any() for view in Views(disks, 8, {kind: 1.0}, side=64, seed=1)]
        for kind in ("paper", "foreign", "shapes")
    }
    assert 0 < sum(known["paper"]) < 8
    assert not any(known["foreign"])
    assert not any(known["shapes"])


def test_views_depend_on_seed_and_index_alone(disks):
    shares = dict.fromkeys(KINDS, 1.0)
    one, two, other = (Views(disks, 3, shares, side=96, seed=seed) for seed in (0, 0, 1))
    for index in (2, 0, 1):
        np.testing.assert_array_equal(one[index][0], two[index][0])
        assert one[index] is one[index]
    assert any(one[index][0].tobytes() != other[index][0].tobytes() for index in range(3))


def test_scalings_keep_the_order_of_brightness():
    image = texture(4)
    for seed in range(6):
        shown = displayed(image, np.random.default_rng(seed))
        assert 0 <= shown.min() < shown.max() <= 1
        assert (np.diff(shown.ravel()[np.argsort(image.ravel())]) >= 0).all()
        counts = exposed(image, np.random.default_rng(seed))
        assert np.corrcoef(counts.ravel(), image.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("name", list(FAMILIES))
def test_families_mask_a_suitable_share(name):
    images = [texture(seed, (256, 256)) for seed in range(6)]
    found = list(family_masks(name, images))
    assert len(found) >= 2
    for image, mask in found:
        assert mask.shape == image.shape
        assert 0.01 < mask.mean() < 0.2
        if name in ("ellipses over cores", "boxes over cores", "over-exposed, cleaned", "smoothed and shifted"):
            assert image[mask].mean() > image[~mask].mean()
    np.testing.assert_array_equal(found[0][1], next(family_masks(name, images))[1])


def test_tiles_are_reproducible(disks):
    places = {204: np.array([[256, 256], [128, 300]])}
    disk = Disk("disk", "2014-02-03", disks[0].image, places)
    one, two = (list(tiles([disk], 3)) for _ in range(2))
    assert len(one) == 3
    np.testing.assert_array_equal(one, two)
    assert one[0].shape == (256, 256)


def test_training_starts_with_the_results_of_a_network_without_the_other_fill():
    recipe, options = recipe_of(TASK), {"architecture": "FillingUNet", "widths": [4, 6]}
    old, new = TASK.build_network(options), TASK.build_network(options | {"others": 1, "brightest": "channel"})
    torch.nn.init.normal_(old.leave.weight)
    new.load_state_dict(recipe.starting_weights(new, old.state_dict()))
    observed = torch.rand(1, len(CHANNELS), 32, 32)
    observed[:, CHANNELS.index("brightest")] = 0
    torch.testing.assert_close(new(observed), old(observed))
    unknown = observed.clone()
    unknown[:, [2, 3]] = unknown[:, [3, 2]]
    torch.testing.assert_close(new(unknown), old(observed))
    assert recipe.starting_weights(old, old.state_dict()).keys() == old.state_dict().keys()


def test_loss_is_zero_for_the_truth_and_counts_the_mask_alone():
    recipe = recipe_of(TASK)
    config = recipe.configs()["compact"]
    observed = torch.rand(2, len(CHANNELS), 16, 16)
    observed[:, 1] = 0
    observed[:, 1, 4:9, 5:12] = 1
    truth = torch.rand(2, 1, 16, 16)
    mask = observed[:, 1:2]

    def loss(restored):
        return float(recipe.loss(lambda _: restored, (observed, truth), config))

    assert loss(truth) == 0
    assert loss(truth + (1 - mask)) == 0
    one, two = loss(truth + 0.1 * mask), loss(truth + 0.2 * mask)
    assert 0 < one < two
    # An error of the flux counts more than errors that cancel
    signs = torch.sign(torch.rand(truth.shape) - 0.5)
    assert loss(truth + 0.1 * signs * mask) < one
