"""Images of one folder that overlap on the Sun, or are copies of one another, leak from no split into the other."""

import json

import numpy as np
import pytest

pytest.importorskip("lightning")

from sunpy_restore.core.datasets.fields import corners_of
from sunpy_restore.core.datasets.manifest import read_manifest
from sunpy_restore.training import build_dataset
from sunpy_restore.training.dataset import overlaps
from sunpy_restore.training.dataset.copies import find_copies, points_of
from sunpy_restore.training.dataset.notes import read_notes

TASK = "enhance-magnetogram"
COPIES = {
    "crop": lambda image: image[:, 60:],
    "mirrored": lambda image: image[:, ::-1],
    "transposed": lambda image: image.T,
    "rotated": lambda image: np.rot90(image),
    "brighter crop": lambda image: 1.5 * image[8:, :-50] + 0.1,
}


@pytest.fixture
def cutout(sample, write):
    """Write some columns of the magnetogram, with coordinates, a time and noise of its own."""
    field, header = sample("hmi_magnetogram")
    noise = np.random.default_rng(0)

    def cutout(name, first, last, minute, shift=0.0):
        part = field[:, first:last] + noise.normal(0, 5, (len(field), last - first)).astype(np.float32)
        crpix, crval = header["CRPIX1"] - first, header["CRVAL1"] + shift
        write(name, part, header, DATE_OBS=f"2011-02-14T20:{minute}:12", CRPIX1=crpix, CRVAL1=crval)

    return cutout


def taken(manifest):
    return {item.origin.partition("/")[2] for item in manifest.items}


def test_shifted_cutouts_of_one_time_are_not_split_at_different_places(tmp_path, cutout):
    for number, (first, last) in enumerate([(0, 160), (20, 180), (40, 200)]):
        cutout(f"own/{number}.fits", first, last, 10 + 12 * number)
    manifest = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert taken(manifest) == {"0.fits"}
    assert len(manifest.refused) == 2
    assert all("closer than 2 h to images of another group, shape or field" in reason for _, reason in manifest.refused)


def test_cutouts_of_one_field_and_of_separate_fields_are_all_split(tmp_path, cutout):
    cutout("own/a.fits", 0, 200, 10)
    cutout("own/later.fits", 0, 200, 22)
    cutout("own/tracked.fits", 0, 200, 34, shift=3.0)
    cutout("own/elsewhere.fits", 0, 200, 10, shift=-400.0)
    manifest = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert taken(manifest) == {"a.fits", "later.fits", "tracked.fits", "elsewhere.fits"}
    assert len({item.columns for item in manifest.items}) == 2
    assert build_dataset(TASK, tmp_path / "own", tmp_path / "data") == manifest
    # The check before a training finds a cutout that overlaps, too
    path = tmp_path / "data/manifest.json"
    content = json.loads(path.read_text())
    next(item for item in content["items"] if "later" in item["origin"])["corners"][0][0] += 20
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="not independent"):
        read_manifest(tmp_path / "data")


def test_a_cutout_that_is_added_later_joins_its_field_only(tmp_path, cutout):
    cutout("own/a.fits", 0, 160, 10)
    build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    cutout("own/b.fits", 30, 190, 22)
    cutout("own/c.fits", 0, 160, 34)
    assert taken(build_dataset(TASK, tmp_path / "own", tmp_path / "data")) == {"a.fits", "c.fits"}


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("task", ["enhance-continuum", "synthesize-convolutional"])
def test_copies_of_an_array_are_left_out(tmp_path, granules, task, name):
    (tmp_path / "own").mkdir()
    image = granules((200, 480), 0)
    for file, array in (("whole", image), ("copy", COPIES[name](image)), ("other", granules((200, 480), 1))):
        np.save(tmp_path / f"own/{file}.npy", np.ascontiguousarray(array))
        (tmp_path / f"own/{file}.toml").write_text("pixel_scale = 0.1\n")
    manifest = build_dataset(task, tmp_path / "own", tmp_path / "data")
    kept, left = ({"copy.npy"}, "whole.npy") if name == "mirrored" else ({"whole.npy"}, "copy.npy")
    assert taken(manifest) == kept | {"other.npy"}
    (refused,) = manifest.refused
    assert refused[0] == f"own/{left}"
    assert "pixels in common" in refused[1]


def test_copies_of_another_day_are_left_out_now_and_in_a_second_run(tmp_path, sample, write):
    field, header = sample("hmi_magnetogram")
    write("own/a.fits", field, header, DATE_OBS="2011-02-14T20:34:12")
    write("own/b.fits", np.roll(field, 50, axis=0)[:, ::-1] + 3, header, DATE_OBS="2011-02-20T20:34:12")
    assert taken(build_dataset(TASK, tmp_path / "own", tmp_path / "data")) == {"a.fits"}
    write("own/c.fits", field.T[:200].copy(), header, DATE_OBS="2011-02-24T20:34:12")
    manifest = build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    assert taken(manifest) == {"a.fits"}
    assert len(manifest.refused) == 2


@pytest.mark.parametrize("name", ["hmi_magnetogram", "hmi_continuum_spot", "aia_171_quiet"])
@pytest.mark.parametrize("change", COPIES)
def test_points_find_copies_of_samples(sample, name, change):
    image, _ = sample(name)
    changed = COPIES[change](image)
    for copy, still in ((changed, False), (image[:-3], True)):
        ((pair, placement),) = find_copies([points_of(image), points_of(copy)]).items()
        assert (pair, placement.still) == ((0, 1), still)


def test_points_find_nothing_in_common_in_different_images(sample):
    names = ["hmi_magnetogram", "hmi_continuum_spot", "aia_171_quiet"]
    images = [sample(name)[0] for name in names]
    images += [image + np.random.default_rng(1).normal(0, 0.1 * image.std(), image.shape) for image in images]
    assert find_copies([points_of(image) for image in [*images, np.zeros((90, 90)), np.full((90, 90), np.nan)]]) == {}


def test_images_without_coordinates_have_no_corners(sample):
    field, header = sample("hmi_magnetogram")
    assert corners_of({}, (3, 4)) is None
    assert corners_of({key: header[key] for key in header if not key.startswith("CRVAL")}, field.shape) is None
    left, right, top = corners_of(header, field.shape)
    assert np.hypot(*np.subtract(left, right)) == pytest.approx(0.504 * (field.shape[1] - 1), rel=0.01)
    assert np.hypot(*np.subtract(left, top)) == pytest.approx(0.504 * (field.shape[0] - 1), rel=0.01)


def test_patterns_of_compression_are_no_points_in_common():
    """Single wavelet coefficients in dark parts of JPEG 2000 images look alike in all of them."""
    pattern = 30 * np.outer(*[np.exp(-0.5 * (np.arange(-9, 10) / 3) ** 2)] * 2)
    points = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        image = np.zeros((600, 600))
        image[300:] = rng.normal(0, 30, (300, 600))
        for row, column in [(20, 20), (20, 100), (60, 300), (150, 220)]:
            image[row : row + 19, column : column + 19] += pattern
        points.append(points_of(image))
    assert find_copies(points) == {}
    # A pattern that is unique in each image, at places that agree by chance
    few = [np.concatenate([own, [[*place, *profile] for place, profile in LUCKY]]) for own in points]
    assert len(few[0]) > 100
    assert find_copies(few) == {}


LUCKY = [((50.0 * number, 90.0), np.roll(np.eye(9)[0], number)) for number in range(4)]


def test_names_of_toml_files(tmp_path, sample, write):
    field, header = sample("hmi_magnetogram")
    for name in ("own/a.fits.fz", "own/b.fits.gz"):
        write(name, field, header)
        path = tmp_path / name
        for toml in (path.with_suffix(".toml"), path.with_name(f"{path.name[0]}.toml")):
            toml.write_text('credit = "me"\n')
            assert read_notes(path) == {"credit": "me"}
            if toml.name.count(".") > 1:
                toml.unlink()
        path.with_suffix(".toml").write_text('credit = "me"\n')
        assert read_notes(path) == {"credit": "me"}
        path.with_suffix(".toml").write_text('credit = "you"\n')
        with pytest.raises(ValueError, match=rf"different content in {path.name[0]}.fits.toml and {path.name[0]}.toml"):
            read_notes(path)


def test_an_array_of_hmi_needs_its_content(tmp_path, sample):
    (tmp_path / "own").mkdir()
    np.save(tmp_path / "own/a.npy", sample("hmi_magnetogram")[0])
    text = 'pixel_scale = 0.504\ninstrument = "HMI"\nunit = "G"\n'
    (tmp_path / "own/a.toml").write_text(text)
    with pytest.raises(ValueError, match=r"without CONTENT .*'MAGNETOGRAM' there, or as content in a TOML file"):
        build_dataset(TASK, tmp_path / "own", tmp_path / "data")
    (tmp_path / "own/a.toml").write_text(text + 'content = "MAGNETOGRAM"\n')
    assert taken(build_dataset(TASK, tmp_path / "own", tmp_path / "data")) == {"a.npy"}


def test_copies_in_a_folder_of_an_earlier_version_are_refused(tmp_path, granules, monkeypatch):
    (tmp_path / "own").mkdir()
    image = granules((200, 480), 0)
    for file, array in (("whole", image), ("copy", image[:, ::-1])):
        np.save(tmp_path / f"own/{file}.npy", array)
        (tmp_path / f"own/{file}.toml").write_text("pixel_scale = 0.1\n")
    with monkeypatch.context() as patch:
        patch.setattr(overlaps, "find_copies", lambda points: {})
        patch.setattr(overlaps.Scenes, "place", lambda *_: None)
        assert len(build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data").items) == 4
    with pytest.raises(ValueError, match=r"not independent: own/copy.npy and own/whole.npy have pixels in common"):
        build_dataset("enhance-continuum", tmp_path / "own", tmp_path / "data")
