"""Networks as sources of tiles, and textures stitched from them."""

import numpy as np
import pytest
import torch

from sunpy_restore.granulation.request import Request
from sunpy_restore.granulation.restore import with_tile_network
from sunpy_restore.granulation.stitching.database import TileDatabase
from sunpy_restore.granulation.task import STITCHINGS
from sunpy_restore.granulation.tiles import TileSource
from sunpy_restore.networks.granulation_gan import TileGenerator
from sunpy_restore.networks.granulation_vae import TileVAE

WIDTHS = (8, 8, 8, 8, 4, 4)
NETWORKS = {"gan": lambda: TileGenerator(8, WIDTHS), "vae": lambda: TileVAE(8, 8, WIDTHS)}

every_stitching = pytest.mark.parametrize(
    "stitching", [pytest.param(name, marks=pytest.mark.slow if name == "genetic" else ()) for name in STITCHINGS]
)
pytestmark = pytest.mark.usefixtures("short_evolution", "one_thread")


@pytest.fixture(params=list(NETWORKS))
def network(request, with_all_weights):
    torch.manual_seed(0)
    network = with_all_weights(NETWORKS[request.param]())
    # -1 and 1 in normalised units are 0.4 and 1.8
    knots = torch.linspace(-3, 3, network.calibration.knots)
    network.calibration.set_curve(knots, 1.1 + 0.7 * knots)
    return network.eval()


@pytest.fixture
def source(network):
    return TileSource(network, "cpu")


def latent(number, seed=0):
    return np.random.default_rng(seed).standard_normal((number, 8))


def stitched(network, shape, *, seed=1, **options):
    return with_tile_network(Request(shape=shape, seed=seed, **options), network)


def test_tiles_are_drawn_from_features(source):
    z = latent(3)
    tiles, features = source.tiles(z), source.features(z)
    assert (tiles.shape, tiles.dtype) == ((3, source.side, source.side), np.float32)
    assert features.shape[2:] == (source.side // source.stride,) * 2
    assert source.latent == z.shape[1]
    for tile, one in zip(tiles, features, strict=True):
        np.testing.assert_allclose(source.draw(one), tile, atol=1e-5)


def test_features_of_any_shape_are_drawn_within_the_receptive_radius(source):
    one, other = source.features(latent(2))
    wide = np.concatenate([one, other, one[:, :, :5]], axis=2)
    whole = source.draw(wide)
    assert whole.shape == (128, 256 + 5 * source.stride)
    inner = slice(source.receptive_radius * source.stride, -source.receptive_radius * source.stride)
    np.testing.assert_allclose(whole[:, :128][:, : inner.stop], source.draw(one)[:, : inner.stop], atol=1e-5)
    np.testing.assert_allclose(whole[:, 128:256][:, inner], source.draw(other)[:, inner], atol=1e-5)


def test_tiles_do_not_depend_on_the_batch(source):
    z = latent(37)
    np.testing.assert_allclose(source.tiles(z)[30:], source.tiles(z[30:]), atol=1e-5)
    np.testing.assert_allclose(source.features(z)[:5], source.features(z[:5]), atol=1e-5)


def test_sources_use_evaluation_mode_without_gradients(network):
    """In training mode an autoencoder adds noise, and gradients would keep all tiles in memory."""
    network.train()
    source = TileSource(network, "cpu")
    np.testing.assert_array_equal(source.tiles(latent(2)), source.tiles(latent(2)))
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())


@every_stitching
def test_the_same_seed_gives_the_same_texture(network, stitching):
    whole, same, other = (stitched(network, (90, 150), stitching=stitching, seed=seed).image() for seed in (1, 1, 2))
    assert (whole.shape, whole.dtype) == ((90, 150), np.float32)
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(whole, same)
    assert (whole - other).std() > 0.5 * whole.std()


@every_stitching
def test_parts_equal_the_whole_texture(network, stitching):
    shape = 203, 150
    texture, whole = (stitched(network, shape, stitching=stitching) for _ in range(2))
    whole = whole.image()
    assert texture.shape == shape
    bands = [texture.window(slice(row, min(row + 37, shape[0])), slice(0, shape[1])) for row in range(0, shape[0], 37)]
    np.testing.assert_allclose(np.concatenate(bands), whole, atol=1e-4)
    np.testing.assert_allclose(texture.window(slice(90, 120), slice(33, 90)), whole[90:120, 33:90], atol=1e-4)


def test_textures_are_calibrated(network):
    """A texture of a single tile."""
    texture = stitched(network, (128, 128), seed=3)
    tile = texture.mosaic.source.tiles(texture.mosaic.z[0])[0]
    np.testing.assert_allclose(texture.image(), 1.1 + 0.7 * tile, atol=3e-3)


def test_positions_of_tiles_are_known(network):
    texture = stitched(network, (100, 150))
    assert texture.layout.grid == (1, 2)
    assert texture.layout.step == 96
    assert stitched(network, (30, 40), pixel=2.0 * texture.pixel).layout is None


def test_tiles_are_selected_from_a_pool(network):
    mosaic = stitched(network, (150, 200), stitching="greedy", seed=3).mosaic
    assert isinstance(mosaic.pool, TileDatabase)
    assert len(mosaic.pool) == 10 * 4
    pool = {one.tobytes() for one in mosaic.pool.z}
    used = {one.tobytes() for one in mosaic.z.reshape(-1, 8)}
    assert used <= pool
    assert len(used) == 4


def test_refinement_lowers_the_worst_distance(network):
    before, after = (stitched(network, (150, 150), stitching="greedy", refine_worst=count).mosaic for count in (0, 1))
    assert after.distances().max() < before.distances().max()
    # One tile only
    assert (after.z != before.z).any(axis=2).sum() == 1


def test_more_tiles_to_refine_than_there_are(network):
    """A single tile, which has no neighbours."""
    assert stitched(network, (100, 100), refine_worst=5).image().shape == (100, 100)
