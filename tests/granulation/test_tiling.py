"""Overlap, pool files, the evolutionary search and tiles by place, through the function and the command."""

from types import SimpleNamespace

import numpy as np
import pytest

import astropy.units as u

from sunpy_restore import synthesize_granulation
from sunpy_restore.cli.main import main
from sunpy_restore.granulation.output import texture_header
from sunpy_restore.granulation.stitching.database import TileDatabase
from sunpy_restore.granulation.stitching.genetic import Refinement

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]


def made(**options):
    return synthesize_granulation((150, 220), **{"method": "gan", "seed": 3, "pool_size": 12} | options)


@pytest.mark.parametrize("overlap", [10, 15, 20])
def test_the_overlap_changes_the_image_beyond_the_first_tile(overlap):
    smap, other = made(overlap=overlap), made(overlap=32)
    assert smap.data.shape == (150, 220)
    assert np.isfinite(smap.data).all()
    assert not np.array_equal(smap.data, other.data)


def test_a_pool_file_is_made_once_and_gives_the_same_image(tmp_path):
    path = tmp_path / "tiles.npz"
    first = made(pool=path)
    assert len(TileDatabase.load(path)) == 12
    changed = path.stat().st_mtime_ns
    again = made(pool=path)
    np.testing.assert_array_equal(first.data, again.data)
    assert path.stat().st_mtime_ns == changed
    # With borders as wide as the default overlap, it serves smaller ones
    assert made(pool=path, overlap=10).data.shape == first.data.shape


def test_a_subset_of_the_file_is_drawn_by_the_seed(tmp_path):
    path = tmp_path / "tiles.npz"
    made(pool=path, pool_size=40)
    with pytest.raises(ValueError, match=r"Found 40 tiles in .*tiles\.npz; expected at least pool_size=41\. Leave"):
        made(pool=path, pool_size=41)
    images = [made(pool=path, pool_size=8, seed=seed).data for seed in (1, 1, 2)]
    np.testing.assert_array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


def test_a_subset_has_different_tiles_of_the_pool():
    z = np.arange(20, dtype="f4")[:, np.newaxis]
    pool = TileDatabase(z, np.repeat(z, 12, axis=1), 4, 1)
    drawn = pool.subset(6, 0)
    assert len(set(drawn.z[:, 0])) == 6
    np.testing.assert_array_equal(drawn.pixels[:, 0], drawn.z[:, 0])
    assert pool.subset(20) is pool


def test_a_replaced_tile_changes_its_place_only():
    before, after = made().data, made(replace=[(0, 1)], population=10, generations=1).data
    np.testing.assert_array_equal(before[:, :96], after[:, :96])
    assert np.abs(before[:, 130:190] - after[:, 130:190]).max() > 0.05


def test_the_search_gets_its_options():
    few = {"population": 10, "generations": 2, "replace": [(0, 0)]}
    assert not np.array_equal(made(**few).data, made(**few | {"mutation_rate": 0.9}).data)
    assert not np.array_equal(made(**few).data, made(**few | {"generations": 0}).data)
    kept = made(population=10, generations=1, refine_worst=2, goal=1e9)
    np.testing.assert_array_equal(kept.data, made().data)


@pytest.mark.parametrize(
    ("options", "number", "lines"),
    [
        ({"goal": 1e9}, 0, ["the evolutionary search replaced 0 of 2 tiles"]),
        (
            {"goal": 1e9, "replace": [(0, 1)]},
            1,
            [f"the evolutionary search replaced {text} tiles" for text in ("1 of 1", "0 of 2")],
        ),
        ({"scale": 96 * u.km, "goal": 1e9, "pool_size": 20}, 0, ["the evolutionary search replaced 0 of 2 tiles"]),
    ],
)
def test_the_header_states_how_many_tiles_were_replaced(options, number, lines):
    meta = made(population=10, generations=1, refine_worst=2, **options).meta
    assert meta["rstrepl"] == number
    assert meta["history"].splitlines()[-len(lines) :] == lines
    assert "rstrepl" not in made().meta


def test_a_tile_that_is_replaced_twice_counts_once():
    done = Refinement(np.array([(0, 1), (1, 1)]), np.ones(2), np.zeros(2), np.array([True, False]))
    texture = SimpleNamespace(shape=(150, 220), pixel=48.0, refinements=[done, done])
    header = texture_header(texture, "gan", "gan, seam", SimpleNamespace(model=None, sha256=None), 3)
    assert header["RSTREPL"] == 1
    assert header["HISTORY"].count("replaced 1 of 2 tiles") == 2


def test_tiff_and_png_contain_the_texture_and_its_header(tmp_path):
    import tifffile
    from PIL import Image

    expected = synthesize_granulation((1100, 60), method="spectrum", seed=1)
    written = synthesize_granulation((1100, 60), method="spectrum", seed=1, out=tmp_path / "a.tif")
    np.testing.assert_array_equal(written.data, expected.data)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        np.testing.assert_array_equal(file.asarray()[::-1], expected.data)
        assert '"RSTSEED": 1' in file.pages[0].description
    del written
    png = synthesize_granulation((1100, 60), method="spectrum", seed=1, out=tmp_path / "a.png")
    np.testing.assert_array_equal(png.data, expected.data)
    with Image.open(tmp_path / "a.png") as image:
        assert image.text["SYNTHETIC"] == "True"
        stored = np.asarray(image).astype(float)[::-1] * 2 / 65535
    np.testing.assert_allclose(stored, np.clip(expected.data, 0, 2), atol=2e-5)


def test_the_command_has_all_options(tmp_path, capsys):
    options = "--shape 150 220 --method gan --seed 3 --overlap 16 --pool-size 12 --population 10 --generations 1"
    options += " --mutation_rate 0.2 --goal 0.001 --replace 0 0 --replace 1 1 --refine-worst 1"
    out, pool = tmp_path / "a.tif", tmp_path / "tiles.npz"
    assert main(["synthesize", *options.split(), "--pool", str(pool), "-o", str(out)]) == 0
    assert out.is_file()
    assert pool.is_file()
    assert main(["synthesize", *options.split(), "--replace", "9", "9", "-o", str(tmp_path / "b.fits")]) == 1
    assert "rows 0 to" in capsys.readouterr().err
