"""Random coronas: reproducible, in agreement with their truth, and with holes at the wanted places."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from sunpy_restore.inpainting.filling.fills import FILLS
from sunpy_restore.inpainting.filling.views import LARGEST_DEVIATION
from sunpy_restore.inpainting.recipe import mixtures
from sunpy_restore.inpainting.recipe.correction import weighted_error_in_holes
from sunpy_restore.inpainting.recipe.mixtures import MixtureDataset, polar_exposure
from sunpy_restore.inpainting.task import CHANNELS

SIDE, ITEMS = 64, range(8)


def bands(rows, rng, strength, moved, *, rippled):
    """A fast replacement of the structure, which has its own tests."""
    field = strength * np.sin(np.arange(rows) / rng.uniform(3, 20))[:, np.newaxis] * np.ones(mixtures.STEPS)
    return [field, 0.9 * field]


@pytest.fixture(scope="module")
def make(make_exposure):
    """``make(**options)``: coronas of an image of each coronagraph."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixtures, "structure_fields", bands)
        patch.setattr(mixtures, "_FIELDS", 4)
        patch.setattr(mixtures, "_MASKS", 6)
        exposures = [polar_exposure(make_exposure(detector, seed=2), None) for detector in ("C2", "C3")]
        yield lambda **options: MixtureDataset(exposures, np.array([0.5, 0.5]), 99, side=SIDE, seed=3, **options)


@pytest.fixture(scope="module")
def items(make):
    mixed = make(aimed=0.6, weighted=True)
    return [tuple(part.numpy() for part in mixed[number]) for number in ITEMS]


def test_items_are_reproducible(make, items):
    again = make(aimed=0.6, weighted=True)
    for number in (5, 2):
        for one, other in zip(again[number], items[number], strict=True):
            np.testing.assert_array_equal(one.numpy(), other)
    assert not np.array_equal(items[0][0], items[1][0])


def test_items_have_channels_truth_and_unit(make, items):
    assert [len(make()[0]), len(items[0])] == [2, 3]
    for channels, truth, unit in items:
        assert channels.shape == (len(CHANNELS), SIDE, SIDE)
        assert truth.shape == unit.shape == (1, SIDE, SIDE)
        assert np.isfinite(channels).all()
        named = dict(zip(CHANNELS, channels, strict=True))
        mask, unobserved = named["mask"] > 0, named["unobserved"] > 0
        assert mask.any()
        assert not (mask & unobserved).any()
        np.testing.assert_array_equal(np.isfinite(truth[0]), ~unobserved)
        assert unit[0][mask].mean() == pytest.approx(1, rel=1e-4)
        for name in FILLS:
            fill = named[name]
            np.testing.assert_array_equal(fill[~mask & ~unobserved], truth[0][~mask & ~unobserved], err_msg=name)
            assert np.abs(fill[mask]).max() <= max(LARGEST_DEVIATION, np.abs(named["image"]).max()), name


def test_first_fills_differ(items):
    for first in range(len(FILLS)):
        for second in range(first):
            pair = [CHANNELS.index(FILLS[number]) for number in (first, second)]
            assert any(np.abs(np.subtract(*channels[pair])).max() > 0.01 for channels, _, _ in items)


def places(azimuths=SIDE):
    """Positions of a grid with steps of one pixel."""
    return np.meshgrid(np.arange(200.0), np.arange(float(azimuths)), indexing="ij")


@pytest.mark.parametrize("seed", range(8))
def test_aimed_holes_are_single_rectangles(seed):
    y, x = places(200)
    known = y > 40
    mask = mixtures._aimed_hole(y, x, known, np.zeros_like(y), np.random.default_rng(seed))
    _, number = ndimage.label(mask)
    assert number == 1
    (rows, columns) = ndimage.find_objects(mask.astype(int))[0]
    assert mask[rows, columns].all()
    assert (mask & known).any()


def test_holes_are_aimed_at_edges_and_fronts(monkeypatch):
    y, x = places(200)
    known, change = y > 40, np.tanh((y - 120) / 3)
    monkeypatch.setattr(mixtures, "_HOLES", {(64, 64): 1.0})

    def share(aim, row):
        monkeypatch.setattr(mixtures, "_AIMS", {aim: 1.0})
        masks = [mixtures._aimed_hole(y, x, known, change, np.random.default_rng(seed)) for seed in range(30)]
        return np.mean([mask[row].any() for mask in masks])

    assert share("front", 120) > 0.8 > 0.6 > share("anywhere", 120)
    assert share("edge", 45) > 0.6 > 0.4 > share("anywhere", 45)


def test_unknown_coronas_have_no_hole():
    y, x = places()
    assert not mixtures._aimed_hole(y, x, y < 0, y, np.random.default_rng(0)).any()


def test_profile_is_the_median_of_rows():
    """Also of rows that are unknown in part or as a whole."""
    rng = np.random.default_rng(0)
    fall = np.linspace(9, 5, 50)[:, np.newaxis]
    brightness = fall * rng.choice([1, 1, 1, 30], size=(50, 128))
    known = np.arange(128) > np.arange(50)[:, np.newaxis]
    known[20] = False
    found = mixtures._row_medians(brightness, known)
    assert found.shape == (50, 1)
    np.testing.assert_allclose(found, fall, rtol=0.02)
    assert (mixtures._row_medians(brightness, np.zeros_like(known)) == 1).all()
    assert mixtures._row_medians(-brightness, known).min() > 0


def batch_of(items):
    return [torch.from_numpy(np.stack(part)) for part in zip(*items, strict=True)]


def loss(restored, batch):
    return weighted_error_in_holes(restored, *batch, local=1.0)


def test_loss_of_the_truth_is_zero(items):
    batch = batch_of(items)
    assert loss(torch.nan_to_num(batch[1]), batch) == 0


def test_loss_of_the_best_first_fill_is_the_smallest(items):
    """It is somewhat less than 1 for pixels and for averages."""
    for item in items:
        batch = batch_of([item])
        fills = {name: batch[0][:, [CHANNELS.index(name)]] for name in FILLS}
        losses = [loss(fill, batch) for fill in fills.values()]
        assert 0 < min(losses) < 2.2


def test_bright_pixels_have_more_weight(items):
    observed, truth, unit = batch_of(items[:1])
    scored = (observed[:, [CHANNELS.index("mask")]] > 0) & torch.isfinite(truth)
    half = scored & (unit > unit[scored].median())
    bright, faint = (
        loss(torch.nan_to_num(truth) + 3 * part, (observed, truth, unit)) for part in (half, scored & ~half)
    )
    assert unit[scored].std() > 0.01
    assert bright > faint * half.sum() / (scored & ~half).sum()


def test_pixels_without_a_unit_have_equal_weights(items):
    observed, truth, unit = batch_of(items)
    restored = observed[:, :1] + 1
    expected = loss(restored, (observed, truth, torch.ones_like(unit)))
    torch.testing.assert_close(loss(restored, (observed, truth)), expected)
