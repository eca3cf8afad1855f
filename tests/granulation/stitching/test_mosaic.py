"""Mosaics of tiles."""

import pickle
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunpy_restore.granulation.stitching.database import TileDatabase
from sunpy_restore.granulation.stitching.layout import Layout
from sunpy_restore.granulation.stitching.mosaic import Mosaic
from sunpy_restore.granulation.stitching.stitch import stitch
from sunpy_restore.granulation.task import STITCHINGS

EVERYTHING = slice(None), slice(None)
WAYS = [(name, "linear") for name in STITCHINGS] + [("greedy", "variance"), ("latent", "variance")]


def random_mosaic(source, stitching, blending, shape, overlap=8):
    layout = Layout(shape, source.side, overlap)
    z = np.random.default_rng(1).standard_normal((*layout.grid, source.latent))
    return Mosaic(source, layout, z, stitching=stitching, blending=blending)


@pytest.mark.parametrize(("stitching", "blending"), WAYS)
def test_parts_equal_the_whole_image(source, stitching, blending):
    @settings(max_examples=20, deadline=None)
    @given(st.tuples(st.integers(1, 120), st.integers(1, 120)), st.sampled_from([4, 8, 16]), st.data())
    def check(shape, overlap, data):
        mosaic = random_mosaic(source, stitching, blending, shape, overlap)
        part = []
        for length in shape:
            start = data.draw(st.integers(0, length - 1))
            part.append(slice(start, data.draw(st.integers(start + 1, length))))
        window = mosaic.window(*part)
        # By another mosaic, with an empty cache
        whole = random_mosaic(source, stitching, blending, shape, overlap).window(*EVERYTHING)
        assert (window.dtype, whole.shape, mosaic.shape) == (np.float32, shape, shape)
        np.testing.assert_allclose(window, whole[tuple(part)], rtol=1e-5)

    check()


@pytest.mark.parametrize(("stitching", "blending"), WAYS)
@pytest.mark.parametrize("overlap", [4, 8, 16])
def test_pieces_of_one_image_give_this_image(crops, stitching, blending, overlap):
    crops = crops((4, 3), overlap)
    height, width = crops.image.shape
    mosaic = Mosaic(crops, Layout((height, width - 5), 32, overlap), crops.z, stitching=stitching, blending=blending)
    np.testing.assert_allclose(mosaic.window(*EVERYTHING), crops.image[:, : width - 5], rtol=1e-5)
    np.testing.assert_array_equal(mosaic.distances(), 0)


def test_drawing_in_bands_generates_each_tile_once(source):
    mosaic = random_mosaic(source, "greedy", "linear", (200, 150))
    source.generated = 0
    for start in range(0, 200, 10):
        mosaic.window(slice(start, start + 10), slice(None))
    assert source.generated == np.prod(mosaic.layout.grid)


def test_distances_are_the_largest_of_each_tile(source):
    mosaic = random_mosaic(source, "greedy", "linear", (80, 80))
    tiles = source.tiles(mosaic.z.reshape(-1, 12)).reshape(3, 3, 32, 32)
    single = Mosaic(source, Layout((32, 56), 32, 8), mosaic.z[:1, :2]).distances()
    assert single.shape == (1, 2)
    assert single[0, 0] == single[0, 1]
    offsets = np.arange(8) - 3.5
    weights = np.exp(-0.5 * (offsets / 2) ** 2)
    weights /= weights.sum()
    across = ((tiles[:, :-1, :, -8:] - tiles[:, 1:, :, :8]) ** 2).mean(axis=2) @ weights
    down = ((tiles[:-1, :, -8:] - tiles[1:, :, :8]) ** 2).mean(axis=3) @ weights
    found = mosaic.distances()
    assert found[1, 1] == pytest.approx(max(across[1, 0], across[1, 1], down[0, 1], down[1, 1]), rel=1e-5)
    assert found[2, 0] == pytest.approx(max(across[2, 0], down[1, 0]), rel=1e-5)
    assert single[0, 0] == pytest.approx(across[0, 0], rel=1e-5)


@pytest.mark.parametrize(("stitching", "blending"), WAYS)
def test_images_are_equal_after_save_and_load(source, tmp_path, stitching, blending):
    mosaic = random_mosaic(source, stitching, blending, (60, 81))
    mosaic.save(tmp_path / "mosaic.npz")
    found = Mosaic.load(tmp_path / "mosaic.npz", source)
    assert (found.stitching, found.blending, found.layout) == (stitching, blending, mosaic.layout)
    np.testing.assert_array_equal(found.z, mosaic.z)
    np.testing.assert_array_equal(found.window(*EVERYTHING), mosaic.window(*EVERYTHING))


def test_refinements_are_equal_after_save_and_load(source, tmp_path):
    mosaic = random_mosaic(source, "greedy", "linear", (60, 81))
    for positions in ([(0, 0), (1, 2)], [(1, 1)]):
        mosaic.replace(positions, seed=3, population=10, generations=1)
    mosaic.save(tmp_path / "mosaic.npz")
    found = Mosaic.load(tmp_path / "mosaic.npz", source).refinements
    assert [len(done.replaced) for done in found] == [2, 1]
    for done, expected in zip(found, mosaic.refinements, strict=True):
        for field in fields(done):
            np.testing.assert_array_equal(getattr(done, field.name), getattr(expected, field.name))


def test_files_of_another_source_or_kind_are_refused(source, other, noise, tmp_path):
    path = tmp_path / "mosaic.npz"
    random_mosaic(source, "greedy", "linear", (60, 81)).save(path)
    with pytest.raises(ValueError, match="mosaic of tiles made from another source"):
        Mosaic.load(path, other)
    with pytest.raises(ValueError, match="expected 64 px and 1 for this source"):
        Mosaic.load(path, noise)
    TileDatabase.generate(source, 5, 0, border=8).save(path)
    with pytest.raises(ValueError, match=r"a tile database in the file .*; expected a mosaic of tiles"):
        Mosaic.load(path, source)


def test_refinement_changes_the_image(source):
    for stitching in STITCHINGS:
        mosaic = random_mosaic(source, stitching, "linear", (60, 60))
        before = mosaic.window(*EVERYTHING)
        mosaic.refine_worst(2, seed=0, generations=3)
        after = mosaic.window(*EVERYTHING)
        assert (before != after).any()
        again = Mosaic(source, mosaic.layout, mosaic.z, stitching=stitching)
        np.testing.assert_array_equal(again.window(*EVERYTHING), after)


def test_linear_weights_lower_gradients_at_seams_and_cuts_do_not(noise):
    """For independent tiles."""
    layout = Layout((500, 500), 64, 16)
    z = np.arange(np.prod(layout.grid)).reshape(*layout.grid, 1)
    seams, found = layout.seams(), {}
    for stitching, blending in [("greedy", "linear"), ("greedy", "variance"), ("seam", "linear")]:
        image = Mosaic(noise, layout, z, stitching=stitching, blending=blending).window(*EVERYTHING)
        along = np.abs(np.gradient(image, axis=1)) + np.abs(np.gradient(image, axis=0))
        inside = along[np.ix_(~seams.row_band, ~seams.column_band)].mean()
        found[stitching, blending] = along[seams.rows].mean() / inside, image[seams.rows].std() / image.std()
    gradients, contrasts = ({way: pair[part] for way, pair in found.items()} for part in (0, 1))
    assert gradients["greedy", "linear"] < 0.85
    assert contrasts["greedy", "linear"] < 0.85
    for way in [("greedy", "variance"), ("seam", "linear")]:
        assert gradients[way] == pytest.approx(1, abs=0.1)
        assert contrasts[way] == pytest.approx(1, abs=0.1)


def test_wrong_inputs_are_refused(source):
    layout = Layout((60, 60), 32, 8)
    z = np.zeros((*layout.grid, source.latent))
    with pytest.raises(ValueError, match=r"latent vectors of shape \(1, 3, 12\) and .*; expected \(3, 3, 12\)"):
        Mosaic(source, layout, z[:1])
    with pytest.raises(ValueError, match=r"shape \(7, 7, 12\) and tiles of 16 px"):
        Mosaic(source, Layout((60, 60), 16, 8), np.zeros((7, 7, 12)))
    with pytest.raises(ValueError, match="Unknown stitching 'quilt'; expected one of 'seam'"):
        Mosaic(source, layout, z, stitching="quilt")
    with pytest.raises(ValueError, match="Unknown blending 'cubic'; expected one of 'linear'"):
        Mosaic(source, layout, z, blending="cubic")
    with pytest.raises(ValueError, match="Leave it out"):
        Mosaic(source, layout, z, stitching="seam", blending="variance")
    with pytest.raises(ValueError, match="not empty"):
        Mosaic(source, layout, z).window(slice(5, 5), slice(None))


@pytest.mark.usefixtures("short_evolution")
@pytest.mark.parametrize("stitching", STITCHINGS)
def test_the_same_seed_gives_the_same_image(source, stitching):
    first, same, another = (
        stitch(source, (50, 50), stitching=stitching, overlap=8, seed=seed).window(*EVERYTHING) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    # About √2 times the contrast for independent textures
    assert (first - another).std() > first.std()


def test_the_pool_has_ten_tiles_per_position_or_is_given(source, noise):
    assert len(stitch(source, (60, 60), overlap=8, seed=0).pool) == 10 * 9
    assert len(stitch(source, (60, 60), overlap=8, seed=0, pool=12).pool) == 12
    pool = TileDatabase.generate(source, 40, 0, border=8)
    mosaic = stitch(source, (60, 60), overlap=6, seed=0, pool=pool)
    rows = {one.tobytes() for one in pool.z}
    assert mosaic.pool is pool
    assert all(one.tobytes() in rows for one in mosaic.z.reshape(-1, 12))
    with pytest.raises(ValueError, match=r"an overlap of 16 px .* Make a pool with border=16"):
        stitch(source, (60, 60), overlap=16, seed=0, pool=pool)
    with pytest.raises(ValueError, match="a pool of 40 tiles"):
        stitch(source, (300, 300), overlap=8, seed=0, pool=pool)
    with pytest.raises(ValueError, match="a pool of 5 tiles"):
        stitch(source, (60, 60), overlap=8, seed=0, pool=5)
    with pytest.raises(ValueError, match="tile database with tiles of 32 px"):
        stitch(noise, (60, 60), overlap=8, seed=0, pool=pool)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stitching": "quilt"}, "Unknown stitching"),
        ({"blending": None}, "Unknown blending"),
        ({"shape": (60, 0)}, "two positive integers"),
        ({"shape": 60}, "two integers"),
        ({"overlap": 17}, "expected 1 to 16"),
        ({"overlap": 6, "stitching": "latent"}, "multiple of 4 px"),
    ],
)
def test_wrong_options_are_refused_before_tiles_are_generated(source, options, message):
    options = {"shape": (60, 60), "overlap": 8} | options
    with pytest.raises(ValueError, match=message):
        stitch(source, options.pop("shape"), **options)
    assert source.generated == 0


def test_latent_stitching_requires_features(noise):
    with pytest.raises(ValueError, match="Choose another stitching"):
        stitch(noise, (60, 60), stitching="latent", overlap=8)


def test_errors_do_not_advise_to_load_files_unsafely(tmp_path):
    path = tmp_path / "bad.npz"
    for content in (b"nothing", b"", pickle.dumps([1])):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged or something else") as caught:
            Mosaic.load(path, None)
        assert "pickle" not in str(caught.value)
