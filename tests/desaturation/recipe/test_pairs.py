"""Training pairs: consistent with the forward model, and splits without common days."""

import struct

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from sunpy_restore.desaturation.forward import FULL_WELL, paper_damage
from sunpy_restore.desaturation.recipe.datasets import PairDataset
from sunpy_restore.desaturation.recipe.pairs import (
    injected,
    injected_pair,
    paper_crops,
    paper_pair,
    paper_views,
)
from sunpy_restore.desaturation.recipe.scenes import Disk, crop, flare, read_disks

DAYS = ("2014-01-01", "2014-02-03", "2017-08-07", "2017-08-08", "2022-01-01")
KEPT_DAYS = ("2014-02-03", "2022-01-01")


def scene(seed, shape=(224, 224)):
    """Values from 0 to 1 with a bright region."""
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.normal(size=shape), 6)
    y, x = np.indices(shape) - np.reshape(shape, (2, 1, 1)) / 2
    image = 0.3 + 0.1 * image / image.std() + 0.7 * np.exp(-(x**2 + y**2) / (2 * 16**2))
    return np.clip(image, 0, 1)


def write_jp2(path, date, seed, side=512):
    """A file as written by Helioviewer: the FITS header as XML in a box before the pixels."""
    Image.fromarray((255 * scene(seed, (side, side))).astype(np.uint8)).save(path)
    data = path.read_bytes()
    text = f"<meta><fits><TELESCOP>SDO</TELESCOP><DATE-OBS>{date}T12:00:00.34</DATE-OBS></fits></meta>".encode()
    pixels = data.index(b"jp2c") - 4
    path.write_bytes(data[:pixels] + struct.pack(">I4s", 8 + len(text), b"xml ") + text + data[pixels:])


def write_list(directory):
    """A list of own images, which are split by day."""
    entry = '[[source]]\nname = "disks"\nunit = "8-bit"\nsplit = "{}"\nfiles = [{}]\ntimes = [{}]\n'
    parts = []
    for split in ("train", "validation"):
        chosen = [number for number, day in enumerate(DAYS) if (day in KEPT_DAYS) == (split == "validation")]
        files = ", ".join(f'"aia/jp2/disk{number}.jp2"' for number in chosen)
        parts.append(entry.format(split, files, ", ".join(DAYS[number] for number in chosen)))
    (directory / "desaturate.toml").write_text("\n".join(parts))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    (directory / "aia" / "jp2").mkdir(parents=True)
    for number, day in enumerate(DAYS):
        write_jp2(directory / "aia" / "jp2" / f"disk{number}.jp2", day, number)
    write_list(directory)
    return directory


@pytest.fixture(scope="module")
def disks(folder):
    return read_disks(folder)


def test_splits_have_no_common_days(folder, disks):
    kept = read_disks(folder, "validation")
    days, kept_days = ({full.date[:10] for full in part} for part in (disks, kept))
    assert not days & kept_days
    assert days | kept_days == set(DAYS)
    assert kept_days == set(KEPT_DAYS)


def test_disks_are_read(disks):
    assert [full.name for full in disks] == ["disk0", "disk2", "disk3"]
    expected = (255 * scene(0, (512, 512))).astype(np.uint8)
    assert disks[0].image.dtype == np.uint8
    assert np.abs(disks[0].image.astype(int) - expected).mean() < 3
    for level, places in disks[0].places.items():
        for row, column in places:
            assert disks[0].image[row - 8 : row + 8, column - 8 : column + 8].mean() > level


def test_folder_without_images_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*aia.jp2.*; expected the images that desaturate.toml lists"):
        read_disks(tmp_path)


def test_crops_have_their_side_and_range(disks):
    rng = np.random.default_rng(0)
    for side in (64, 224, 256):
        for _ in range(6):
            image = crop(disks[0], rng, side)
            assert image.shape == (side, side)
            assert 0 <= image.min() < image.max() <= 1


def test_crops_anywhere_are_not_chosen_by_brightness(disks):
    rng = np.random.default_rng(1)
    bright, anywhere = (
        np.mean([crop(disks[0], rng, 64, anywhere=choice).mean() for _ in range(24)]) for choice in (False, True)
    )
    assert anywhere < 0.8 * bright


def test_paper_pairs_are_the_image_outside_of_the_mask():
    """In the mask the truth is bright."""
    image = scene(1)
    mask = paper_damage(image)[1]
    channels, truth = paper_pair(image)
    assert channels.shape == (5, *image.shape)
    assert truth.shape == (1, *image.shape)
    assert channels.dtype == truth.dtype == np.float32
    np.testing.assert_array_equal(channels[1] > 0, mask)
    np.testing.assert_array_equal(channels[0][~mask], truth[0][~mask])
    scale = image.max() / truth.max()
    np.testing.assert_allclose(truth[0] * scale, image, rtol=1e-5, atol=1e-7)
    assert truth[0][image > 0.8].min() > channels[0][~mask].mean()


def test_share_of_masked_pixels_is_limited():
    image = scene(2)
    share = paper_damage(image)[1].mean()
    assert paper_pair(image, shares=(share - 1e-6, share + 1e-6)) is not None
    assert paper_pair(image, shares=(share + 1e-6, 1)) is None
    assert paper_pair(image, shares=(0, share - 1e-6)) is None
    assert paper_pair(np.zeros_like(image)) is None
    assert paper_pair(np.ones_like(image)) is None
    image = scene(2, (128, 128))
    found = [injected_pair(image, np.random.default_rng(seed), shares=(0.01, 0.1)) for seed in range(8)]
    shares = [channels[1].mean() for channels, _ in filter(None, found)]
    assert shares
    assert 0.01 < min(shares) <= max(shares) < 0.1


def test_paper_crops_are_tiles_with_a_suitable_share_of_saturation():
    tiles = [(255 * scene(seed, (256, 256))).astype(np.uint8) for seed in (0, 1)]
    dark, bright = np.zeros_like(tiles[0]), np.full_like(tiles[0], 255)
    full = Disk("disk", DAYS[0], np.block([[tiles[0], dark], [bright, tiles[1]]]), {})
    crops = list(paper_crops([full], shares=(0.005, 0.2)))
    assert len(crops) == 2
    for (image, mask), tile in zip(crops, tiles, strict=True):
        np.testing.assert_array_equal(image, tile / 255.0)
        np.testing.assert_array_equal(mask, paper_damage(image)[1])
    assert not list(paper_crops([full], shares=(0.2, 0.3)))


@pytest.mark.parametrize("blooming", [True, False])
def test_injected_flares_saturate_above_the_full_well(blooming):
    image = np.full((160, 150), 500.0)
    observed, truth = injected(image, 193, np.random.default_rng(3), 5.0, blooming=blooming)
    assert observed.max() == FULL_WELL
    saturated, noise = observed >= FULL_WELL, 6 * np.sqrt(FULL_WELL)
    assert saturated[truth > FULL_WELL + noise].all()
    assert (truth[~saturated] < FULL_WELL + noise).all()
    bloomed = saturated & (truth < FULL_WELL - noise)
    assert bloomed.any() == blooming
    columns = (truth > FULL_WELL - noise).any(axis=0)
    assert not bloomed[:, ~columns].any()
    quiet = ~saturated[:, ~columns]
    assert np.abs(observed - truth)[:, ~columns][quiet].max() < noise
    # The flare of 5 full wells and its fringes, which add about a quarter of its light
    assert truth.max() == pytest.approx(5 * FULL_WELL, rel=0.15)
    assert truth.min() > image.min()


def test_injected_pairs_contain_the_level_in_saturated_pixels():
    known = 0
    for seed in range(12):
        pair = injected_pair(scene(4, (128, 128)), np.random.default_rng(seed))
        if pair is None:
            continue
        channels, truth = pair
        assert channels.dtype == truth.dtype == np.float32
        assert np.isfinite(channels).all()
        assert np.isfinite(truth).all()
        mask, level = channels[1] > 0, channels[2]
        assert not level[~mask].any()
        assert (truth[0][mask] / channels[0][mask]).max() > 1
        if set(np.unique(level)) == {0, 1}:
            known += 1
            # Charge comes from the same column: the mean light over its saturated pixels is not below the level
            columns = (level > 0).any(axis=0)
            assert truth[0][:, columns].max(axis=0).min() > 0.9
            assert channels[0][~mask].max() < 1
    assert known > 3


def test_flares_have_a_peak_of_one_near_the_centre():
    for seed in range(20):
        image = flare((120, 100), np.random.default_rng(seed))
        assert image.shape == (120, 100)
        assert image.max() == 1
        assert image.min() >= 0
        row, column = np.unravel_index(image.argmax(), image.shape)
        assert 10 < row < 110
        assert 10 < column < 90


def test_views_of_the_paper(disks):
    (channels, truth, transposable), *_ = paper_views(disks, 2, seed=3)
    assert transposable is True
    assert channels.shape == (5, 256, 256)
    assert truth.shape == (1, 256, 256)


def ramps(transposable):
    """A view whose values distinguish rows from columns."""
    y, x = np.indices((40, 40)).astype(np.float16)
    return np.stack([y, np.ones_like(y), x, x, y]), y[None], transposable


def test_items_are_reproducible_patches():
    views = [ramps(True)]
    one, two = (PairDataset(views, 20, patch_size=16, seed=5) for _ in range(2))
    assert len(one) == 20
    distinct = set()
    for index in reversed(range(20)):
        (channels, truth), (again, _) = one[index], two[index]
        assert channels.shape == (5, 16, 16)
        assert truth.shape == (1, 16, 16)
        assert (channels == again).all()
        assert (channels[0] == truth[0]).all()
        distinct.add(channels.numpy().tobytes())
    assert len(distinct) > 10
    assert any((one[i][0] != PairDataset(views, 20, patch_size=16, seed=6)[i][0]).any() for i in range(3))


@pytest.mark.parametrize("transposable", [False, True])
def test_views_with_blooming_are_not_transposed(transposable):
    items = PairDataset([ramps(transposable)], 40, patch_size=16, seed=7)
    upright = [(np.diff(channels[0].numpy(), axis=1) == 0).all() for channels, _ in map(items.__getitem__, range(40))]
    assert all(upright) == (not transposable)
    assert any(upright)
    signs = {np.sign(float(items[i][0][0, 1, 0] - items[i][0][0, 0, 0])) for i in range(40)}
    assert {-1.0, 1.0} <= signs


def test_patches_contain_damage_if_the_view_does():
    channels, truth, _ = ramps(True)
    channels[1] = 0
    channels[1, 15:25, 15:25] = 1
    items = PairDataset([(channels, truth, True)], 30, patch_size=20, seed=8)
    assert all(items[i][0][1].any() for i in range(30))


def test_images_without_a_date_or_of_another_day_are_refused(tmp_path):
    (tmp_path / "aia" / "jp2").mkdir(parents=True)
    write_list(tmp_path)
    path = tmp_path / "aia" / "jp2" / "disk0.jp2"
    for number in range(len(DAYS)):
        write_jp2(path.with_name(f"disk{number}.jp2"), KEPT_DAYS[0], number)
    with pytest.raises(ValueError, match=rf"image of {KEPT_DAYS[0]} in .*disk0.jp2; expected one of .*{DAYS[0]}"):
        read_disks(tmp_path)
    Image.fromarray(np.zeros((64, 64), dtype=np.uint8)).save(path)
    with pytest.raises(ValueError, match=r"no DATE-OBS in the header of .*disk0.jp2"):
        read_disks(tmp_path)
