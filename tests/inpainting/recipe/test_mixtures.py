"""Mixed coronas: the same for a seed, true to their truth, with holes where they are aimed, and a loss that is fair."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from sunpy_restore.inpainting.channels import PLANES
from sunpy_restore.inpainting.fills import FILLS
from sunpy_restore.inpainting.recipe import configs, loss, mixtures
from sunpy_restore.inpainting.recipe.mixtures import MixtureDataset, polar_of
from sunpy_restore.inpainting.views import BRIGHTEST

SIDE, ITEMS = 64, range(12)


def bands(rows, rng, strength, moved, *, rippled):
    """In the place of structure, which takes long to draw and has tests of its own."""
    field = strength * np.sin(np.arange(rows) / rng.uniform(3, 20))[:, np.newaxis] * np.ones(mixtures.STEPS)
    return [field, 0.9 * field]


@pytest.fixture(scope="module")
def make(make_exposure):
    """``make(**options)``: coronas of a frame of each coronagraph."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixtures, "structure_fields", bands)
        patch.setattr(mixtures, "_FIELDS", 4)
        patch.setattr(mixtures, "_MASKS", 6)
        frames = [polar_of(make_exposure(detector, seed=2), None) for detector in ("C2", "C3")]
        yield lambda **options: MixtureDataset(frames, np.array([0.5, 0.5]), 99, side=SIDE, seed=3, **options)


@pytest.fixture(scope="module")
def items(make):
    mixed = make(aimed=0.6, weighted=True)
    return [tuple(part.numpy() for part in mixed[number]) for number in ITEMS]


def test_items_are_the_same_in_every_run(make, items):
    again = make(aimed=0.6, weighted=True)
    for number in ITEMS:
        for one, other in zip(again[number], items[number], strict=True):
            np.testing.assert_array_equal(one.numpy(), other)
    assert not np.array_equal(items[0][0], items[1][0])


def test_items_have_the_planes_the_truth_and_the_unit(make, items):
    assert [len(make()[0]), len(items[0])] == [2, 3]
    for planes, truth, unit in items:
        assert planes.shape == (len(PLANES), SIDE, SIDE)
        assert truth.shape == unit.shape == (1, SIDE, SIDE)
        assert np.isfinite(planes).all()
        mask, blind = (planes[PLANES.index(name)] > 0 for name in ("mask", "blind"))
        assert mask.any()
        assert not (mask & blind).any()
        np.testing.assert_array_equal(np.isfinite(truth[0]), ~blind)
        assert unit[0][mask].mean() == pytest.approx(1, rel=1e-4)
        for name in FILLS:
            fill = planes[PLANES.index(name)]
            np.testing.assert_array_equal(fill[~mask & ~blind], truth[0][~mask & ~blind], err_msg=name)
            assert np.abs(fill[mask]).max() <= max(BRIGHTEST, np.abs(planes[0]).max()), name


def test_first_fills_differ(items):
    """Each knows something that the others don't."""
    for first in range(len(FILLS)):
        for second in range(first):
            pair = [PLANES.index(FILLS[number]) for number in (first, second)]
            assert any(np.abs(np.subtract(*planes[pair])).max() > 0.01 for planes, _, _ in items)


def places(azimuths=SIDE):
    """Pixels of a grid on which a step is a pixel."""
    return np.meshgrid(np.arange(200.0), np.arange(float(azimuths)), indexing="ij")


@pytest.mark.parametrize("seed", range(8))
def test_aimed_holes_are_single_rectangles(seed):
    y, x = places(200)
    known = y > 40
    mask = mixtures._aimed(y, x, known, np.zeros_like(y), np.random.default_rng(seed))
    _, number = ndimage.label(mask)
    assert number == 1
    (rows, columns) = ndimage.find_objects(mask.astype(int))[0]
    assert mask[rows, columns].all()
    assert (mask & known).any()


def test_aims(monkeypatch):
    """At the edge of what is hidden, or across a front."""
    y, x = places(200)
    known, change = y > 40, np.tanh((y - 120) / 3)
    monkeypatch.setattr(mixtures, "_HOLES", {(64, 64): 1.0})

    def share(aim, row):
        monkeypatch.setattr(mixtures, "_AIMS", {aim: 1.0})
        masks = [mixtures._aimed(y, x, known, change, np.random.default_rng(seed)) for seed in range(30)]
        return np.mean([mask[row].any() for mask in masks])

    assert share("front", 120) > 0.8 > 0.6 > share("anywhere", 120)
    assert share("edge", 45) > 0.6 > 0.4 > share("anywhere", 45)


def test_nothing_known_has_no_hole():
    y, x = places()
    assert not mixtures._aimed(y, x, y < 0, y, np.random.default_rng(0)).any()


def test_profile_is_the_median_all_around():
    """Where a part of a row is hidden, and where all of it is."""
    rng = np.random.default_rng(0)
    fall = np.linspace(9, 5, 50)[:, np.newaxis]
    brightness = fall * rng.choice([1, 1, 1, 30], size=(50, 128))
    known = np.arange(128) > np.arange(50)[:, np.newaxis]
    known[20] = False
    found = mixtures._medians(brightness, known)
    assert found.shape == (50, 1)
    np.testing.assert_allclose(found, fall, rtol=0.02)
    assert (mixtures._medians(brightness, np.zeros_like(known)) == 1).all()
    assert mixtures._medians(-brightness, known).min() > 0


def batch_of(items):
    return [torch.from_numpy(np.stack(part)) for part in zip(*items, strict=True)]


@pytest.fixture(scope="module")
def compact():
    return configs("inpaint")["compact"]


def test_loss_of_the_truth_is_zero(items, compact):
    batch = batch_of(items)
    assert loss(lambda planes: torch.nan_to_num(batch[1]), batch, compact) == 0


@pytest.mark.parametrize("name", FILLS)
def test_no_first_fill_has_less_than_what_the_best_has(items, compact, name):
    """Which is a little less than one for pixels, and for averages."""
    for item in items:
        batch = batch_of([item])
        best = min(loss(lambda planes, i=PLANES.index(fill): planes[:, i : i + 1], batch, compact) for fill in FILLS)
        index = PLANES.index(name)
        assert loss(lambda planes: planes[:, index : index + 1], batch, compact) >= best
        assert 0 < best < 2.2


def test_bright_pixels_count_more(items, compact):
    observed, truth, unit = batch_of(items[:1])
    scored = (observed[:, 1:2] > 0) & torch.isfinite(truth)
    half = scored & (unit > unit[scored].median())
    bright, faint = (
        loss(lambda planes, part=part: torch.nan_to_num(truth) + 3 * part, (observed, truth, unit), compact)
        for part in (half, scored & ~half)
    )
    assert unit[scored].std() > 0.01
    assert bright > faint * half.sum() / (scored & ~half).sum()


def test_what_has_no_unit_counts_alike(items, compact):
    observed, truth, unit = batch_of(items)

    def network(planes):
        return planes[:, :1] + 1

    alike = loss(network, (observed, truth, torch.ones_like(unit)), compact)
    torch.testing.assert_close(loss(network, (observed, truth), compact), alike)
