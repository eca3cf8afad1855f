"""Simulated losses: whole blocks of the grid, the wanted share of them, reproducible for a seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sunpy_restore.inpainting.forward import KINDS, draw_losses, lose
from sunpy_restore.inpainting.lasco.geometry import BLOCK


def cells(mask, block=BLOCK):
    rows, columns = (length // block for length in mask.shape)
    return mask[: rows * block, : columns * block].reshape(rows, block, columns, block).swapaxes(1, 2)


@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 0.6),
    ny=st.integers(32, 400),
    nx=st.integers(32, 400),
    block=st.sampled_from([8, 16, 32]),
)
@settings(max_examples=20, deadline=None)
def test_losses_are_whole_blocks(seed, share, ny, nx, block):
    mask = draw_losses((ny, nx), np.random.default_rng(seed), share, block=block)
    assert mask.shape == (ny, nx)
    assert mask.dtype == bool
    parts = cells(mask, block)
    whole, some = parts.all(axis=(2, 3)), parts.any(axis=(2, 3))
    np.testing.assert_array_equal(whole, some)
    assert mask.sum() == whole.sum() * block**2
    assert whole.any()
    assert whole.mean() >= share
    np.testing.assert_array_equal(draw_losses((ny, nx), np.random.default_rng(seed), share, block=block), mask)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_share_is_exceeded_by_one_loss_at_most(share):
    shares = [draw_losses((256, 256), np.random.default_rng(seed), share, block=8).mean() for seed in range(40)]
    # The largest loss is a square of 8 x 8 blocks
    assert share <= min(shares) <= max(shares) <= share + 64 / 1024
    assert np.mean(shares) < share + 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_have_their_shapes(kind):
    sizes = set()
    for seed in range(60):
        lost = cells(draw_losses((256, 256), np.random.default_rng(seed), 0, block=8, kinds={kind: 1.0}), 8).any(
            axis=(2, 3)
        )
        labels, number = ndimage.label(lost)
        assert number == 1
        rows, columns = (part.stop - part.start for part in ndimage.find_objects(labels)[0])
        count = int(lost.sum())
        sizes.add(count)
        if kind == "single":
            assert count == 1
        elif kind == "row":
            assert (rows, columns) == (1, count)
            assert count <= 16
        elif kind == "square":
            assert rows == columns <= 8
            assert count == rows**2 >= 4
        else:
            assert count <= 24
    assert len(sizes) == 1 if kind == "single" else len(sizes) >= 5


def test_kinds_have_their_probabilities():
    """A row that the edge cuts and a cluster that returns to its start may have one block, too, but rarely."""
    rng = np.random.default_rng(0)
    singles = [cells(draw_losses((256, 256), rng, 0, block=8), 8).any(axis=(2, 3)).sum() == 1 for _ in range(600)]
    assert np.mean(singles) == pytest.approx(KINDS["single"], abs=0.06)
    assert sum(KINDS.values()) == pytest.approx(1)


def test_all_blocks_can_be_lost():
    rng = np.random.default_rng(0)
    hits = np.mean([cells(draw_losses((256, 256), rng, 0.1)).any(axis=(2, 3)) for _ in range(300)], axis=0)
    assert hits.min() > 0.03


def test_too_small_images_are_refused():
    with pytest.raises(ValueError, match=r"shape \(31, 400\); expected at least one block of 32 pixels"):
        draw_losses((31, 400), np.random.default_rng(0), 0.1)


@pytest.mark.parametrize("dtype", [">i2", "u1", "f4", "f8"])
@pytest.mark.parametrize("fill", [0, 3])
def test_missing_pixels_are_removed(dtype, fill):
    image = np.random.default_rng(0).integers(10, 200, (40, 50)).astype(dtype)
    before = image.copy()
    mask = np.random.default_rng(1).random(image.shape) < 0.3
    lost = lose(image, mask, fill)
    assert lost.dtype == np.dtype(dtype).newbyteorder("=")
    assert (lost[mask] == fill).all()
    np.testing.assert_array_equal(lost[~mask], image[~mask])
    np.testing.assert_array_equal(image, before)
    assert np.isnan(lose(image.astype(float), mask, np.nan)[mask]).all()
