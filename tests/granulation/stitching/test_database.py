"""Pools contain the tiles that the source generates from their latent vectors, also in files."""

import numpy as np
import pytest

from sunpy_restore.granulation.stitching import database
from sunpy_restore.granulation.stitching.database import TileDatabase
from sunpy_restore.granulation.stitching.layout import EDGES, edge_strip
from sunpy_restore.granulation.stitching.mosaic import Mosaic
from sunpy_restore.granulation.stitching.stitch import stitch


@pytest.mark.parametrize("border", [1, 5, 8, 16])
@pytest.mark.parametrize("edge", EDGES)
def test_strips_are_those_of_the_tiles(source, border, edge):
    pool = TileDatabase.generate(source, 7, 3, border=border)
    tiles = source.tiles(pool.z)
    for overlap in {1, border}:
        np.testing.assert_array_equal(
            pool.strips(np.array([5, 2]), edge, overlap), edge_strip(tiles[[5, 2]], edge, overlap)
        )
        np.testing.assert_array_equal(pool.strips(4, edge, overlap), edge_strip(tiles[4], edge, overlap))


def test_the_same_seed_gives_the_same_pool(source):
    one, same, another = (TileDatabase.generate(source, 100, seed, border=4) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.z, same.z)
    np.testing.assert_array_equal(one.pixels, same.pixels)
    assert (one.z != another.z).all()
    assert len(one) == 100
    assert one.z.std() == pytest.approx(1, abs=0.1)


def test_large_pools_use_half_precision(source, monkeypatch):
    fine = TileDatabase.generate(source, 20, 0, border=8)
    monkeypatch.setattr(database, "_SINGLE_PRECISION_BYTES", 10_000)
    coarse = TileDatabase.generate(source, 20, 0, border=8)
    assert (fine.pixels.dtype, coarse.pixels.dtype) == (np.float32, np.float16)
    assert coarse.strips(3, "left", 8).dtype == np.float32
    np.testing.assert_allclose(coarse.pixels, fine.pixels, rtol=1e-3)
    coarse.check(source)


@pytest.mark.parametrize("large", [database._SINGLE_PRECISION_BYTES, 0])
def test_pools_are_equal_after_save_and_load(source, tmp_path, monkeypatch, large):
    monkeypatch.setattr(database, "_SINGLE_PRECISION_BYTES", large)
    pool = TileDatabase.generate(source, 9, 3, border=8)
    pool.save(tmp_path / "pool.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["pool.npz"]
    found = TileDatabase.load(tmp_path / "pool.npz", source)
    np.testing.assert_array_equal(found.z, pool.z)
    np.testing.assert_array_equal(found.pixels, pool.pixels)
    assert found.pixels.dtype == pool.pixels.dtype
    assert (found.side, found.border) == (pool.side, pool.border)
    mosaics = [stitch(source, (80, 60), overlap=8, pool=each, seed=2).z for each in (pool, found)]
    np.testing.assert_array_equal(*mosaics)


def test_tiles_of_another_source_are_refused(source, other, noise, tmp_path):
    TileDatabase.generate(source, 9, 3, border=8).save(tmp_path / "pool.npz")
    with pytest.raises(ValueError, match="another source"):
        TileDatabase.load(tmp_path / "pool.npz", other)
    with pytest.raises(ValueError, match=r"tiles of 32 px and latent vectors of length 12; expected 64 px and 1"):
        TileDatabase.load(tmp_path / "pool.npz", noise)


def test_other_files_are_refused(source, tmp_path):
    path = tmp_path / "pool.npz"
    with pytest.raises(FileNotFoundError):
        TileDatabase.load(path)
    contents = {
        "text": lambda file: file.write(b"<html>"),
        "nothing": lambda file: None,
        "array": lambda file: np.save(file, np.zeros(3)),
        "arrays": lambda file: np.savez(file, z=np.zeros(3)),
        "objects": lambda file: np.savez(file, sunpy_restore=np.array([{}], dtype=object)),
    }
    for write in contents.values():
        with path.open("wb") as file:
            write(file)
        with pytest.raises(ValueError, match=r"pool\.npz is damaged or something else"):
            TileDatabase.load(path)
    Mosaic.save(stitch(source, (40, 40), overlap=8, seed=0), path)
    with pytest.raises(ValueError, match=r"a mosaic of tiles in the file .*pool\.npz; expected a tile database"):
        TileDatabase.load(path)
    for suffix in ("npy", "pkl"):
        with pytest.raises(ValueError, match=r"ends in '\.npz'"):
            TileDatabase.load(tmp_path / f"pool.{suffix}")


def test_truncated_files_are_refused(source, tmp_path):
    path = tmp_path / "pool.npz"
    TileDatabase.generate(source, 9, 3, border=8).save(path)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ValueError, match="damaged"):
        TileDatabase.load(path)


def test_borders_must_fit_the_latent_vectors(source):
    pool = TileDatabase.generate(source, 9, 3, border=8)
    with pytest.raises(ValueError, match="borders of shape"):
        TileDatabase(pool.z[:5], pool.pixels, pool.side, pool.border)
    with pytest.raises(ValueError, match="number of tiles"):
        TileDatabase.generate(source, 0, 3, border=8)


class Wrong:
    side, latent = 8, 2

    def __init__(self, tiles):
        self.tiles = tiles


def test_tiles_must_be_finite_and_of_the_side_of_the_source():
    with pytest.raises(ValueError, match=r"shape \(3, 8, 9\) from the source; expected \(3, 8, 8\)"):
        TileDatabase.generate(Wrong(lambda z: np.zeros((3, 8, 9))), 3, 0, border=2)
    with pytest.raises(ValueError, match="not finite"):
        TileDatabase.generate(Wrong(lambda z: np.full((3, 8, 8), np.nan)), 3, 0, border=2)


def test_half_precision_that_overflows_is_refused(monkeypatch):
    monkeypatch.setattr(database, "_SINGLE_PRECISION_BYTES", 0)
    with pytest.raises(ValueError, match="not finite in float16"):
        TileDatabase.generate(Wrong(lambda z: np.full((3, 8, 8), 1e5)), 3, 0, border=2)
