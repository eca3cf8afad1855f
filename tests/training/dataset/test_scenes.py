"""Images of unknown time that overlap, or show one scene with noise or pixels of their own, are split at one place."""

import numpy as np
import pytest
from scipy import ndimage

pytest.importorskip("lightning")

import sunpy_restore
from sunpy_restore.core.datasets.item import Item
from sunpy_restore.training import build_dataset
from sunpy_restore.training.dataset import overlaps
from sunpy_restore.training.dataset.placement import ORIENTATIONS, Placement
from sunpy_restore.training.dataset.scenes import Scenes, thumbnail_of

TASK = "enhance-continuum"
FIRST = 350  # column of the field at which the second image begins


def with_noise(image, share=0.3, seed=0):
    noise = np.random.default_rng(seed).normal(0, share * image.std(), image.shape)
    return (image + noise).astype(np.float32)


SECOND = {  # what is done to the second image, its pixel size, and the column of the field of each of its columns
    "same pixels": (lambda image: image, 0.1, lambda column: FIRST + column),
    "mirrored": (lambda image: image[::-1, ::-1], 0.1, lambda column: 900 - column),
    "noise": (with_noise, 0.1, lambda column: FIRST + column),
    "mirrored noise": (lambda image: with_noise(image)[:, ::-1], 0.1, lambda column: 900 - column),
    "larger pixels": (
        lambda image: ndimage.zoom(image, 0.8, order=1, mode="nearest", grid_mode=True),
        0.125,
        lambda column: FIRST + column / 0.8,
    ),
}


@pytest.fixture
def write_array(tmp_path):
    (tmp_path / "own").mkdir()

    def write_array(name, array, pixel_scale=0.1, text=""):
        np.save(tmp_path / f"own/{name}.npy", np.ascontiguousarray(array))
        (tmp_path / f"own/{name}.toml").write_text(f"pixel_scale = {pixel_scale}\n{text}")

    return write_array


def fields(manifest, split, columns):
    """Columns of the field in the images of a split, where ``columns`` gives those of an image."""
    items = [item for item in manifest.items if item.split == split]
    return [sorted(map(columns[item.origin.partition("/")[2]], item.columns)) for item in items]


def distance(manifest, columns):
    """Least distance between columns of the field for training and for validation; negative if they overlap."""
    train, kept = (fields(manifest, split, columns) for split in ("train", "validation"))
    return min(max(b[0] - a[1], a[0] - b[1]) for a in train for b in kept)


@pytest.mark.parametrize("name", SECOND)
def test_images_that_overlap_in_part_are_split_at_one_place(tmp_path, granules, write_array, name):
    change, pixel_scale, place = SECOND[name]
    field = granules((300, 900), 0)
    write_array("first", field[:, :600])
    write_array("second", change(field[:, FIRST:]), pixel_scale)
    manifest = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert {item.origin for item in manifest.items} == {"own/first.npy", "own/second.npy"}
    columns = {"first.npy": lambda column: column, "second.npy": place}
    assert distance(manifest, columns) >= 19
    # What only the second image has is used
    assert max(last for split in ("train", "validation") for _, last in fields(manifest, split, columns)) >= 895
    assert build_dataset(TASK, tmp_path / "own", tmp_path / "data") == manifest


def test_an_overlapping_image_that_is_added_later_is_split_at_the_same_place(tmp_path, granules, write_array):
    field = granules((300, 1300), 1)
    write_array("a", field[:, :600])
    before = build_dataset(TASK, tmp_path / "own", tmp_path / "data").items
    # The last one overlaps with the first one by way of another one only
    write_array("b", with_noise(field[:, 400:900]))
    write_array("c", field[:, 640:1100][:, ::-1])
    manifest = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert manifest.items[: len(before)] == before
    columns = {"a.npy": lambda c: c, "b.npy": lambda c: 400 + c, "c.npy": lambda c: 1100 - c}
    assert {item.origin.partition("/")[2] for item in manifest.items} == set(columns)
    assert distance(manifest, columns) >= 19


def test_an_image_between_others_that_are_split_at_different_places_is_left_out(tmp_path, granules, write_array):
    field = granules((300, 1300), 1)
    write_array("a", field[:, :600])
    write_array("b", with_noise(field[:, 400:900]))
    write_array("c", field[:, 640:1290])
    manifest = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert {item.origin for item in manifest.items} == {"own/a.npy", "own/c.npy"}
    assert "which are split at different places" in dict(manifest.refused)["own/b.npy"]


def test_images_of_one_scene_that_cannot_be_split_at_one_place_are_left_out(
    tmp_path, granules, write_array, monkeypatch
):
    field = granules((300, 600), 2)
    write_array("whole", field)
    write_array("turned", with_noise(field[:, :250]).T)
    write_array("timed", with_noise(field[:250], seed=1), text='time = "2014-01-01T00:00:00"\n')
    manifest = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert {item.origin for item in manifest.items} == {"own/whole.npy"}
    reasons = dict(manifest.refused)
    assert "a scene in common with own/whole.npy, whose rows are its columns" in reasons["own/turned.npy"]
    assert "Add the time of both in the header" in reasons["own/timed.npy"]
    # A folder that has been built without the comparison leaks, which the next run finds
    with monkeypatch.context() as patch:
        patch.setattr(overlaps.Scenes, "place", lambda *_: None)
        build_dataset(TASK, tmp_path / "own", tmp_path / "leak")
    with pytest.raises(ValueError, match=r"not independent: own/\w+.npy and own/\w+.npy have a scene in common"):
        build_dataset(TASK, tmp_path / "own", tmp_path / "leak")


def test_frames_of_one_scene_are_all_used(tmp_path, granules, write_array):
    field = granules((300, 600), 3)
    write_array("series", np.stack([with_noise(field, seed=seed) for seed in range(4)]))
    manifest = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert len(manifest.items) == 8
    columns = {f"series.npy[{number}]": lambda c: c for number in range(4)}
    assert distance(manifest, columns) >= 19


def test_the_search_for_scenes_ends_with_a_warning(tmp_path, granules, write_array, monkeypatch):
    for seed in range(3):
        write_array(f"{seed}", granules((200, 400), seed))
    monkeypatch.setattr(overlaps, "_MOST_PAIRS", 2)
    with pytest.warns(sunpy_restore.RestoreWarning, match="only the first 2 were searched"):
        build_dataset(TASK, tmp_path / "own", tmp_path / "data")


@pytest.mark.parametrize("name", ["hmi_magnetogram", "hmi_continuum_spot", "aia_171_quiet", "aia_193_flare"])
@pytest.mark.parametrize("matrix", ORIENTATIONS, ids=str)
def test_a_noisy_part_is_found_in_every_orientation(sample, name, matrix):
    image, _ = sample(name)
    ny, nx = image.shape
    part = with_noise(image)[ny // 5 :, nx // 4 :]
    copy = part if matrix[0, 0] else part.T
    copy = copy[tuple(slice(None, None, int(sign)) for sign in matrix.sum(axis=1))]
    scenes = Scenes([thumbnail_of(image), thumbnail_of(copy)], [image.shape, copy.shape], [0.5, 0.5])
    found = scenes.place(0, 1)
    np.testing.assert_array_equal(found.matrix, matrix.T)
    corners = np.sort([found.offset, found.matrix @ copy.shape + found.offset], axis=0)
    np.testing.assert_allclose(corners, [(ny // 5, nx // 4), (ny, nx)], atol=found.error)


def test_different_images_have_no_scene_in_common(sample, granules):
    images = [sample(name)[0] for name in ("hmi_magnetogram", "hmi_continuum_spot", "aia_171_quiet", "aia_193_flare")]
    images += [granules((200, 480), seed) for seed in range(4)]
    # Steep spectra have few independent pixels
    images += [ndimage.gaussian_filter(np.random.default_rng(n).normal(size=(200, 200)), 5 * n + 3) for n in range(4)]
    images += [np.full((90, 90), np.nan), np.zeros((90, 90)), np.ones((3, 200))]
    scenes = Scenes([thumbnail_of(image) for image in images], [image.shape for image in images], [1.0] * len(images))
    pairs = [(one, other) for other in range(len(images)) for one in range(other)]
    assert [pair for pair in pairs if scenes.place(*pair) is not None] == []


@pytest.mark.parametrize("matrix", ORIENTATIONS, ids=str)
def test_placements_are_inverted_and_follow_one_another(matrix):
    one, other = Placement(2 * matrix, np.array([3.0, -5.0]), 1.0), Placement(matrix, np.array([1.0, 4.0]))
    point = np.array([7.0, 2.0])

    def applied(placement, point):
        return placement.matrix @ point + placement.offset

    np.testing.assert_allclose(applied(one.inverse(), applied(one, point)), point)
    np.testing.assert_allclose(applied(other.within(one), point), applied(one, applied(other, point)))
    assert one.inverse().error == 0.5
    assert Placement(np.eye(2), np.array([0.0, 5.0])).covered((4, 10), (4, 10)) == 0.5


def test_scenes_of_images_with_times_are_not_compared(tmp_path, monkeypatch):
    """The number of their pairs would be too large."""
    items = [
        Item(
            origin=f"{n}", sha256=f"{n}", shard="", shape=(40, 40), group="", unit="", pixel_scale=1.0,
            time=None if n == 2 else f"2014-01-0{n + 1}",
        )
        for n in range(5)
    ]  # fmt: skip
    compared = []
    monkeypatch.setattr(overlaps, "_tensor", lambda *_: np.zeros((0, 11)))
    monkeypatch.setattr(overlaps._Links, "_place", lambda self, one, other: compared.append((one, other)))
    kept, refused, placed = overlaps.find_overlaps(items, [], tmp_path, 2.0)
    assert (kept, refused, placed) == (items, [], {})
    assert compared == [(0, 2), (1, 2), (2, 3), (2, 4)]
