"""Training images and the tiles that are cut from them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.io import imsave

from astropy.io import fits

from sunpy_restore.core.datasets.imagelist import read_list
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.granulation.recipe.textures import (
    LISTS,
    SIDE,
    TrainingTexture,
    read_texture,
)
from sunpy_restore.granulation.recipe.tiledata import TileDataset, tile_positions
from sunpy_restore.granulation.task import CONVOLUTIONAL

FILES = (("image.npy", 48.0),)


@pytest.fixture
def read(tmp_path):
    """Write an image to a file and read its two parts."""

    def read(image, files=FILES):
        np.save(tmp_path / "image.npy", image)
        return [read_texture(tmp_path, split, files) for split in ("train", "validation")]

    return read


@settings(max_examples=20, deadline=None)
@given(st.integers(SIDE, 140), st.integers(4 * SIDE, 530), st.floats(1e-3, 1e5))
def test_images_are_split_by_columns(tmp_path_factory, ny, nx, mean):
    folder = tmp_path_factory.mktemp("split")
    image = mean * np.random.default_rng(nx).uniform(0.5, 1.5, (ny, nx))
    np.save(folder / "image.npy", image)
    seen, kept = (read_texture(folder, split, FILES) for split in ("train", "validation"))
    whole = np.concatenate([seen.images[0], kept.images[0]], axis=1)
    np.testing.assert_allclose(whole, image / image[:, : seen.images[0].shape[1]].mean(), rtol=1e-5)
    assert whole.dtype == np.float32
    assert seen.images[0].shape[1] == pytest.approx(0.75 * nx, abs=0.5)
    assert kept.images[0].shape[1] >= SIDE
    assert seen.span == kept.span == (seen.images[0].min(), seen.images[0].max())
    assert seen.pixel == kept.pixel == 48


@pytest.mark.parametrize("pixel", [48.0, 40.0, 60.0])
def test_training_does_not_depend_on_the_part_kept_back(read, grains, pixel):
    """Training images in normalised units are the same whatever the other columns contain."""
    image = grains((180, 700))
    files = (("image.npy", 48.0), ("image.npy", pixel))
    before = read(image, files)[0]
    # The last quarter of the columns
    changed = image.copy()
    changed[:, 525:] = 1e4
    seen, kept = read(changed, files)
    for one, other in zip(seen.images, before.images, strict=True):
        np.testing.assert_allclose(seen.normalised(one), before.normalised(other), atol=1e-4)
    tiles = TileDataset(seen, 100, seed=3)
    assert max(tiles[index][1].max() for index in range(100)) < 1.1
    assert TileDataset(kept, 1, seed=3)[0][1].min() > 100


def test_file_formats(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (SIDE, 4 * SIDE), dtype=np.uint8)
    np.save(tmp_path / "a.npy", image)
    fits.PrimaryHDU(image.astype(">i2")).writeto(tmp_path / "a.fits")
    imsave(tmp_path / "a.png", image)
    imsave(tmp_path / "colors.png", np.stack([image] * 3, axis=-1))
    images = [
        read_texture(tmp_path, files=[(name, 48.0)]).images[0] for name in ("a.npy", "a.fits", "a.png", "colors.png")
    ]
    for one, other in pairwise(images):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("pixel", [16.0, 30.0, 70.0])
def test_images_are_resampled_to_the_first_pixel_size(tmp_path, pixel):
    """A wave keeps its wavelength in km and its phase."""

    def wave(size, columns):
        # Centres of pixels with a common outer corner
        x = size * (np.arange(columns) + 0.5)
        return np.tile(1 + 0.2 * np.sin(2 * np.pi * x / 1500), (round(SIDE * 48 / size) + 1, 1))

    columns = round(600 * 48 / pixel)
    np.save(tmp_path / "first.npy", wave(48.0, 600))
    np.save(tmp_path / "second.npy", wave(pixel, columns))
    first, second = read_texture(tmp_path, files=[("first.npy", 48.0), ("second.npy", pixel)]).images
    assert second.shape[1] == pytest.approx(first.shape[1], abs=1)
    width = min(first.shape[1], second.shape[1]) - 3
    # Averaging over 48 km and the interpolation reduce the amplitude by less than a percent
    np.testing.assert_allclose(second[5, 3:width], first[5, 3:width], atol=6e-3)


def test_resampling_to_larger_pixels_has_no_aliasing(tmp_path, grains):
    np.save(tmp_path / "first.npy", grains((SIDE, 4 * SIDE)))
    stripes = np.ones((2 * SIDE + 1, 8 * SIDE))
    stripes[:, ::2] = 3
    np.save(tmp_path / "second.npy", stripes)
    _, second = read_texture(tmp_path, files=[("first.npy", 48.0), ("second.npy", 24.0)]).images
    np.testing.assert_allclose(second, 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((200, 600), np.nan), "finite values"),
        (-np.random.default_rng(0).random((200, 600)), "positive mean"),
        (np.ones((200, 600)), "structure"),
        (np.ones((3, 200, 600)), "2-D image"),
        (
            np.random.default_rng(0).random((127, 600)),
            r"shape \(127, 600\) in .*image.npy",
        ),
        (np.random.default_rng(0).random((200, 511)), r"shape \(200, 511\)"),
    ],
)
def test_images_that_are_no_textures_are_refused(read, image, words):
    with pytest.raises(ValueError, match=words):
        read(image)


def test_images_that_are_too_small_after_resampling_are_refused(tmp_path, grains):
    image = grains((SIDE, 4 * SIDE))
    np.save(tmp_path / "a.npy", image)
    with pytest.raises(
        ValueError,
        match=r"shape \(102, 409\) in .*, with the pixel size of the first image; expected at least \(128, 512\)",
    ):
        read_texture(tmp_path, files=[("a.npy", 50.0), ("a.npy", 40.0)])
    with pytest.raises(FileNotFoundError, match=r"no file .*b\.npy"):
        read_texture(tmp_path, files=[("b.npy", 50.0)])
    with pytest.raises(FileNotFoundError, match=r"photosphere.muram"):
        read_texture(tmp_path)


LIST = """
[[source]]
name = "first"
split = "train"
files = ["*.npy"]
trim = 2
columns = [0, 384]
pixel_km = 48
[[source]]
name = "first"
split = "validation"
files = ["a.npy"]
trim = 2
columns = [384, 512]
pixel_km = 48
"""


def test_images_of_a_list_are_those_of_the_same_files(tmp_path, grains):
    """The list in the folder replaces that of the package."""
    for number, name in enumerate("ab"):
        np.save(tmp_path / f"{name}.npy", np.pad(grains((SIDE, 4 * SIDE), number), 2))
    (tmp_path / "synthesize.toml").write_text(LIST)
    files = [("a.npy", 48.0, 2), ("b.npy", 48.0, 2)]
    for split, count in (("train", 2), ("validation", 1)):
        found, expected = read_texture(tmp_path, split), read_texture(tmp_path, split, files)
        assert found[1:] == expected[1:]
        assert len(found.images) == count
        for one, other in zip(found.images, expected.images, strict=False):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[384, 512]", "[383, 512]", "not independent: 'first' for training and 'first' for validation have a part of"),
        (
            "[384, 512]",
            "[384, 500]",
            r"part of shape \(128, 116\) in .*a.npy, with pixels of 48 km; expected",
        ),
        ("[384, 512]", "[384, 520]", r"512 columns in a.npy; expected at least 520"),
        ("pixel_km = 48", "", "no pixel_km or pixel_scale of 'first'"),
        ("pixel_km = 48", "options = { zoom = 2 }", "Unknown key 'options.zoom'"),
    ],
)
def test_lists_that_cannot_be_used_are_refused(tmp_path, grains, old, new, words):
    np.save(tmp_path / "a.npy", np.pad(grains((SIDE, 4 * SIDE)), 2))
    (tmp_path / "synthesize.toml").write_text(LIST.replace(old, new))
    with pytest.raises(ValueError, match=words):
        read_texture(tmp_path, "validation")


def test_edges_are_cut_off(tmp_path, grains):
    image = grains((200, 620))
    np.save(tmp_path / "whole.npy", np.pad(image, 20))
    np.save(tmp_path / "cut.npy", image)
    for split in ("train", "validation"):
        whole = read_texture(tmp_path, split, [("whole.npy", 40.0, 20)])
        cut = read_texture(tmp_path, split, [("cut.npy", 40.0)])
        np.testing.assert_array_equal(whole.images[0], cut.images[0])
        assert whole[1:] == cut[1:]
    for margin in (120, -1):
        with pytest.raises(ValueError, match=f"Found a margin of {margin} pixels for "):
            read_texture(tmp_path, files=[("whole.npy", 40.0, margin)])


def test_the_clean_configuration_names_only_files_with_clear_terms():
    """The image of IMaX is from a repository with the MIT licence."""
    recipe = recipe_of(CONVOLUTIONAL)
    config, compact = (recipe.configs()[name] for name in ("clean", "compact"))
    assert recipe.list_name(compact) == "synthesize"
    entries = read_list(LISTS / f"{recipe.list_name(config)}.toml").entries
    assert {name for entry in entries for name in entry.files} == {"photosphere/imax_focus.fits.gz"}
    assert {entry.licence.partition(",")[0] for entry in entries} == {"MIT"}
    assert "IMaX" in recipe.training_data(config)
    assert not any(word in recipe.training_data(config) for word in ("MURaM", "HelioML", "unclear"))


def test_images_of_a_list_are_deconvolved_and_resampled(tmp_path, list_without_hashes):
    """Both parts of the image of IMaX, each without the other."""
    list_without_hashes(tmp_path, "synthesize-clean")
    field = ndimage.gaussian_filter(np.random.default_rng(5).standard_normal((340, 952)), 5, mode="wrap")
    image = 1 + 0.08 * field / field.std()
    (tmp_path / "photosphere").mkdir()
    for kept in (1, 2):
        image[:, 90 + 579 :] *= kept
        fits.writeto(tmp_path / "photosphere" / "imax_focus.fits.gz", image.astype(np.float32), overwrite=True)
        texture = read_texture(tmp_path, "train", name="synthesize-clean")
        assert texture.pixel == 48.0
        assert texture.images[0].shape == (160 * 399 // 480, 579 * 399 // 480)
        assert texture.images[0].std() == pytest.approx(0.1625, rel=0.02)
        if kept == 1:
            before = texture.images[0]
    np.testing.assert_allclose(texture.images[0], before)


def plane(shape, angle):
    """Intensity with a gradient of 0.01 per pixel at an angle from the axis of the columns."""
    row, column = np.indices(shape)
    return 0.01 * (np.sin(np.deg2rad(angle)) * row + np.cos(np.deg2rad(angle)) * column)


def slopes(tile):
    """Gradient of a tile that is a plane."""
    row, column = np.indices(tile.shape)
    design = np.stack([row.ravel(), column.ravel(), np.ones(tile.size)], axis=1)
    found, *_ = np.linalg.lstsq(design, tile.ravel().astype(float), rcond=None)
    np.testing.assert_allclose((design @ found).reshape(tile.shape), tile, atol=2e-3)
    return found[:2]


def test_tiles_of_the_unrotated_image_are_everywhere():
    (image, corners), _ = tile_positions(plane((SIDE + 60, SIDE + 70), 0))
    assert image.shape == (SIDE + 60, SIDE + 70)
    np.testing.assert_array_equal(corners, np.argwhere(np.ones((61, 71))))


def test_tiles_of_the_rotated_image_are_rotated_by_45_degrees():
    image, corners = tile_positions(plane((220, 260), 10))[1]
    for row, column in corners[:: max(1, len(corners) // 40)]:
        found = slopes(image[row : row + SIDE, column : column + SIDE])
        assert np.hypot(*found) == pytest.approx(0.01, rel=1e-3)
        angle = np.rad2deg(np.arctan2(*found)) - 10
        assert abs(angle) == pytest.approx(45, abs=0.05)


def test_exactly_the_tiles_inside_the_image_are_found():
    shape = (210, 240)
    away = [tile_positions(one)[1] for one in np.indices(shape).astype(float)]
    corners = {tuple(corner) for corner in away[0][1]}
    # Original coordinates of the pixels of the rotated image: linear, extrapolated to the outside
    size = away[0][0].shape
    middle = (np.array(size) - 1) / 2
    inner = tuple(slice(length // 2 - 50, length // 2 + 50) for length in size)
    row, column = np.indices(size)[:, inner[0], inner[1]] - middle[:, None, None]
    design = np.stack([row.ravel(), column.ravel(), np.ones(row.size)], axis=1)
    maps = [np.linalg.lstsq(design, image[inner].ravel(), rcond=None)[0] for image, _ in away]
    row, column = np.indices(np.array(size) - SIDE + 1) - middle[:, None, None]
    room = np.full(row.shape, np.inf)
    for values, length in zip(maps, shape, strict=True):
        for down, right in ((0, 0), (0, SIDE - 1), (SIDE - 1, 0), (SIDE - 1, SIDE - 1)):
            place = values[0] * (row + down) + values[1] * (column + right) + values[2]
            room = np.minimum(room, np.minimum(place, length - 1 - place))
    found = np.zeros(room.shape, bool)
    found[tuple(np.array(sorted(corners)).T)] = True
    assert found.any()
    assert room[found].min() > -0.05
    assert found[room > 1].all()


def test_narrow_images_have_no_rotated_tiles():
    # The diagonal of a tile is 181 pixels long
    assert len(tile_positions(plane((300, 178), 0))) == 1
    assert len(tile_positions(plane((300, 190), 0))) == 2


def test_items_depend_only_on_seed_and_index(grains):
    image = grains((190, 300))
    texture = TrainingTexture([image], 48.0, (float(image.min()), float(image.max())))
    one, same, other = (TileDataset(texture, 50, seed=seed) for seed in (1, 1, 2))
    assert len(one) == 50
    items = [one[index] for index in range(20)]
    for index in reversed(range(20)):
        for first, second in zip(items[index], same[index], strict=True):
            np.testing.assert_array_equal(first, second)
        assert not np.array_equal(items[index][1], other[index][1])
    assert len({tile.tobytes() for _, tile in items}) == 20
    assert items[0][1].shape == (1, SIDE, SIDE)
    assert items[0][1].dtype == np.float32


def test_items_are_pairs_of_noise_or_tile_and_tile(grains):
    texture = TrainingTexture([grains((SIDE, 200))], 48.0, (0.0, 2.0))
    plain, noisy = TileDataset(texture, 9, seed=1), TileDataset(texture, 9, seed=1, noise=(30, 20))
    for index in range(9):
        np.testing.assert_array_equal(plain[index][0], plain[index][1])
        np.testing.assert_array_equal(noisy[index][1], plain[index][1])
    noise = np.stack([noisy[index][0] for index in range(9)])
    assert (noise.shape, noise.dtype) == ((9, 30, 20), np.float32)
    assert noise.mean() == pytest.approx(0, abs=0.06)
    assert noise.std() == pytest.approx(1, abs=0.04)
    assert np.abs(np.corrcoef(noise.reshape(9, -1)) - np.eye(9)).max() < 0.2


def test_tiles_are_mirrored_and_rotated_by_multiples_of_45_degrees():
    """A gradient at 10 degrees: about equally often at 10 and -10 degrees plus multiples of 45 degrees."""
    tiles = TileDataset(TrainingTexture([plane((190, 190), 10)], 48.0, (0.0, 2.0)), 320, seed=0)
    angles = [np.rad2deg(np.arctan2(*slopes(tiles[index][1][0]))) for index in range(320)]
    expected = np.sort((np.array([[10], [-10]]) + 45 * np.arange(8)).ravel() % 360)
    away = np.abs((np.array(angles)[:, None] - expected + 180) % 360 - 180)
    assert away.min(axis=1).max() < 0.1
    counts = np.bincount(away.argmin(axis=1), minlength=16)
    # 20 each on average, with a standard deviation of 4.3
    assert counts.min() > 5
    assert counts.max() < 38


def test_all_images_are_used():
    images = [np.full((SIDE, 200), value) + plane((SIDE, 200), 0) / 1e3 for value in (1.0, 3.0)]
    tiles = TileDataset(TrainingTexture(images, 48.0, (0.0, 2.0)), 100, seed=0)
    means = np.round([tiles[index][1].mean() for index in range(100)])
    assert sorted(set(means)) == [0, 2]
    assert 25 < (means == 0).sum() < 75
