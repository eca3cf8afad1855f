"""Networks as sources of tiles, and mosaics of them."""

import numpy as np
import pytest
import torch

from sunpy_restore.granulation.stitching import genetic
from sunpy_restore.granulation.stitching.database import TileDatabase
from sunpy_restore.granulation.task import STITCHINGS
from sunpy_restore.granulation.tiles import TileSource, mosaic_of
from sunpy_restore.networks.granulation_gan import TileGenerator
from sunpy_restore.networks.granulation_vae import TileVAE

WIDTHS = (8, 8, 8, 8, 4, 4)
NETWORKS = {"gan": lambda: TileGenerator(8, WIDTHS), "vae": lambda: TileVAE(8, 8, WIDTHS)}
EVERYTHING = slice(None), slice(None)


@pytest.fixture(autouse=True)
def _short_evolution(monkeypatch):
    """In place of a thousand tiles for each place."""
    for name, value in {"population": 20, "generations": 3}.items():
        monkeypatch.setitem(genetic.refine.__kwdefaults__, name, value)


@pytest.fixture(params=list(NETWORKS))
def network(request, with_all_weights):
    torch.manual_seed(0)
    network = with_all_weights(NETWORKS[request.param]())
    # Normalised units of -1 and 1 are 0.4 and 1.8
    knots = torch.linspace(-3, 3, network.calibration.knots)
    network.calibration.set_curve(knots, 1.1 + 0.7 * knots)
    return network


@pytest.fixture
def source(network):
    return TileSource(network, "cpu")


def latent(number, seed=0):
    return np.random.default_rng(seed).standard_normal((number, 8))


def test_tiles_are_drawn_of_features(source):
    z = latent(3)
    tiles, features = source.tiles(z), source.features(z)
    assert (tiles.shape, tiles.dtype) == ((3, source.side, source.side), np.float32)
    assert features.shape[2:] == (source.side // source.stride,) * 2
    assert source.latent == z.shape[1]
    for tile, one in zip(tiles, features, strict=True):
        np.testing.assert_allclose(source.draw(one), tile, atol=1e-5)


def test_features_are_drawn_on_any_grid_and_seen_no_further_than_the_reach(source):
    one, other = source.features(latent(2))
    wide = np.concatenate([one, other, one[:, :, :5]], axis=2)
    whole = source.draw(wide)
    assert whole.shape == (128, 256 + 5 * source.stride)
    inner = slice(source.receptive_radius * source.stride, -source.receptive_radius * source.stride)
    np.testing.assert_allclose(whole[:, :128][:, : inner.stop], source.draw(one)[:, : inner.stop], atol=1e-5)
    np.testing.assert_allclose(whole[:, 128:256][:, inner], source.draw(other)[:, inner], atol=1e-5)


def test_more_tiles_than_a_batch_are_the_same(source):
    z = latent(37)
    np.testing.assert_allclose(source.tiles(z)[30:], source.tiles(z[30:]), atol=1e-5)
    np.testing.assert_allclose(source.features(z)[:5], source.features(z[:5]), atol=1e-5)


def test_sources_do_not_train(network):
    """An autoencoder in training draws its own noise, and a gradient would keep all tiles in memory."""
    network.train()
    source = TileSource(network, "cpu")
    np.testing.assert_array_equal(source.tiles(latent(2)), source.tiles(latent(2)))
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("stitching", STITCHINGS)
def test_mosaics_are_reproducible_and_drawn_in_parts(network, stitching):
    shape = 203, 150
    whole, same, other = (
        mosaic_of(network, shape, stitching=stitching, seed=seed, device="cpu").window(*EVERYTHING)
        for seed in (1, 1, 2)
    )
    assert (whole.shape, whole.dtype) == (shape, np.float32)
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(whole, same)
    assert (whole - other).std() > 0.5 * whole.std()
    texture = mosaic_of(network, shape, stitching=stitching, seed=1, device="cpu")
    assert texture.shape == shape
    bands = [texture.window(slice(row, min(row + 37, shape[0])), slice(0, shape[1])) for row in range(0, shape[0], 37)]
    np.testing.assert_allclose(np.concatenate(bands), whole, atol=1e-4)
    np.testing.assert_allclose(texture.window(slice(90, 120), slice(33, 90)), whole[90:120, 33:90], atol=1e-4)


def test_mosaics_are_calibrated(network):
    """Of a single tile: one of the pool, as intensity."""
    texture = mosaic_of(network, (128, 128), stitching="seam", seed=3, device="cpu")
    tile = texture.mosaic.source.tiles(texture.mosaic.z[0])[0]
    np.testing.assert_allclose(texture.window(*EVERYTHING), 1.1 + 0.7 * tile, atol=3e-3)


def test_tiles_of_a_mosaic_are_of_the_pool(network):
    mosaic = mosaic_of(network, (150, 200), stitching="greedy", seed=3, device="cpu").mosaic
    assert isinstance(mosaic.pool, TileDatabase)
    assert len(mosaic.pool) == 10 * 4
    pool = {one.tobytes() for one in mosaic.pool.z}
    used = {one.tobytes() for one in mosaic.z.reshape(-1, 8)}
    assert used <= pool
    assert len(used) == 4


def test_refinement_lowers_the_worst_distance(network):
    options = {"stitching": "greedy", "seed": 1, "device": "cpu"}
    before = mosaic_of(network, (150, 150), **options).mosaic
    after = mosaic_of(network, (150, 150), refine_worst=1, **options).mosaic
    assert after.distances().max() < before.distances().max()
    # Of one tile alone
    assert (after.z != before.z).any(axis=2).sum() == 1


def test_no_more_tiles_are_refined_than_there_are(network):
    """In place of an error; a single tile has no neighbours."""
    texture = mosaic_of(network, (100, 100), stitching="seam", seed=1, device="cpu", refine_worst=5)
    assert texture.window(*EVERYTHING).shape == (100, 100)
