"""Training pairs do not depend on the pixels that are held out for validation, and are reproducible."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from astropy.io import fits

from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.enhancement import recipe as module
from sunpy_restore.enhancement.recipe.listed import sources_of
from sunpy_restore.tasks import get_task

KINDS = ("continuum", "magnetogram")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(1.0, 0.05, shape).astype(np.float32)


def granules(*shape):
    """Contrast of 0.08 with structures of a granule, as in the image of IMaX."""
    field = ndimage.gaussian_filter(np.random.default_rng(5).standard_normal(shape), 5, mode="wrap")
    return (1000 * (1 + 0.08 * field / field.std())).astype(np.float32)


@pytest.fixture
def layout():
    """Arrays of a folder of training data, by file."""
    return {
        "photosphere/muram_intensity_48km.npy": noise(24, 680),
        "photosphere/imax_focus.fits.gz": granules(240, 952),
        "photosphere/hinode_sp_scan.npz": noise(40, 2, 40),
        "photosphere/camXX_2020-07-27T08:35:09_00000_8542_8542_+65_lc0.fits.gz": noise(120, 120),
        "photosphere/camXX_2019-08-01T08:15:47_00010_8542_8542_+65_lc0.fits.gz": noise(120, 120),
        "photosphere/hinode_sot_nfi_magnetogram_20110214.fits.gz": noise(40, 40) - 1,
        "hmi/hmi_continuum_sunspot_series.fits.gz": noise(30, 40, 40),
        "hmi/hmi_blos_20110214_203412.fits.gz": 1e3 * (noise(60, 495) - 1),
    }


@pytest.fixture
def images(tmp_path, list_without_hashes):
    """Write a folder and read the images of all sources of a split."""
    for name in (f"enhance-{kind}{terms}" for kind in KINDS for terms in ("", "-clean")):
        list_without_hashes(tmp_path, name)

    def images(layout, kind, split):
        for name, array in layout.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            if path.suffix == ".npy":
                np.save(path, array)
            elif path.suffix == ".npz":
                np.savez(path, data=array)
            else:
                fits.writeto(path, array, overwrite=True)
        return {
            (source.name, index): image
            for source in sources_of(f"enhance-{kind}", tmp_path, split)
            for index, image in enumerate(source.images)
        }

    return images


def flipped(array, part):
    """The array with a part upside down, which changes its pixels but no mean."""
    result = array.copy()
    result[part] = array[part][..., ::-1, :]
    return result


def changed(layout, split):
    """The layout with all pixels of the split changed."""
    columns, frames, field = {
        "train": (np.s_[:, :544], np.s_[:20], np.s_[:, :400]),
        "validation": (np.s_[:, 544:], np.s_[27:], np.s_[:, 420:]),
    }[split]
    parts = {
        "photosphere/muram_intensity_48km.npy": columns,
        "hmi/hmi_continuum_sunspot_series.fits.gz": frames,
        "hmi/hmi_blos_20110214_203412.fits.gz": field,
    }
    return {name: flipped(array, parts[name]) if name in parts else array for name, array in layout.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("split", "other"), [("train", "validation"), ("validation", "train")])
def test_splits_do_not_depend_on_the_pixels_of_each_other(layout, images, kind, split, other):
    before = images(layout, kind, split)
    untouched = images(changed(layout, other), kind, split)
    assert before.keys() == untouched.keys()
    for source, image in before.items():
        np.testing.assert_allclose(image, untouched[source], rtol=1e-6, atol=1e-9, err_msg=str(source))
    # They do depend on their own pixels
    own = images(changed(layout, split), kind, split)
    concerned = [source for source in before if source[0].startswith(("MURaM", "HMI"))]
    assert concerned
    for source in concerned:
        assert not np.allclose(before[source], own[source], rtol=1e-3), source


@pytest.mark.parametrize("kind", KINDS)
def test_sources_of_the_validation_are_held_out_parts_of_training_sources(layout, images, kind):
    names = {split: {name for name, _ in images(layout, kind, split)} for split in ("train", "validation")}
    # No image of IMaX trains a network of magnetograms
    assert names["validation"] - names["train"] <= ({"IMaX lanes"} if kind == "magnetogram" else set())


@pytest.fixture
def short_validation(monkeypatch):
    """Validation sets with one view of each source, not 32."""
    data_set = module.PairDataset

    def small(*args, views, **options):
        return data_set(*args, views=views if "distinct" in options else 1, **options)

    monkeypatch.setattr(module, "PairDataset", small)


@pytest.mark.usefixtures("short_validation")
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), [("continuum", "compact"), ("magnetogram", "paper")])
def test_pairs_are_the_same_in_every_run(layout, images, tmp_path, kind, name):
    """In any order, so that an interrupted training continues with the next pair."""
    images(layout, kind, "train")
    recipe = recipe_of(get_task(f"enhance-{kind}"))
    config = recipe.configs()[name]
    options = {key: value for key, value in config.options.items() if key != "data"}
    config = replace(config, patch_size=8, batch_size=2, steps=3, options=options | {"views": 3})
    first, second = (recipe.datasets(tmp_path, config)[0] for _ in range(2))
    assert len(first) == 6
    pairs = [first[index] for index in range(6)]
    side, channels = 8 + 2 * config.options["margin"], len(get_task(f"enhance-{kind}").channels)
    assert {tuple(image.shape for image in pair) for pair in pairs} == {((channels, side, side), (1, 16, 16))}
    for index in (4, 1, 5):
        for image, again in zip(pairs[index], second[index], strict=True):
            np.testing.assert_array_equal(image, again)
    assert not np.array_equal(pairs[0][0], pairs[1][0])


IMAX = "photosphere/imax_focus.fits.gz"
CLEAN = {
    "continuum": (
        IMAX,
        "photosphere/hinode_sp_scan.npz",
        "photosphere/camXX_2020-07-27T08:35:09_00000_8542_8542_+65_lc0.fits.gz",
        "photosphere/camXX_2019-08-01T08:15:47_00010_8542_8542_+65_lc0.fits.gz",
        "hmi/hmi_continuum_sunspot_series.fits.gz",
    ),
    "magnetogram": (
        IMAX,
        "photosphere/hinode_sot_nfi_magnetogram_20110214.fits.gz",
        "hmi/hmi_blos_20110214_203412.fits.gz",
    ),
}
"""Files from repositories with the MIT or BSD-2-Clause licence."""


@pytest.fixture
def clean_layout(layout):
    return {kind: {name: layout[name] for name in names} for kind, names in CLEAN.items()}


@pytest.mark.parametrize(
    ("kind", "train", "validation"),
    [
        (
            "continuum",
            {"IMaX", "Hinode/SP spot", "SST spot", "SST plage", "HMI spot series"},
            {"IMaX", "HMI spot series"},
        ),
        ("magnetogram", {"IMaX lanes", "Hinode/SOT NFI", "HMI NOAA 11158"}, {"IMaX lanes"}),
    ],
)
def test_clean_data_need_no_file_with_unclear_terms(clean_layout, images, tmp_path, kind, train, validation):
    """The folder has nothing else."""
    found = {split: images(clean_layout[kind], f"{kind}-clean", split) for split in ("train", "validation")}
    assert {name for name, _ in found["train"]} == train
    assert {name for name, _ in found["validation"]} == validation
    assert sum(source.weight for source in sources_of(f"enhance-{kind}-clean", tmp_path)) == pytest.approx(1)
    with pytest.raises(FileNotFoundError, match="muram"):
        images(clean_layout[kind], kind, "train")


@pytest.mark.parametrize("split", ["train", "validation"])
def test_clean_granulation_has_the_contrast_of_simulations(clean_layout, images, split):
    granulation = images(clean_layout["continuum"], "continuum-clean", split)["IMaX", 0]
    assert granulation.std() == pytest.approx(0.144, abs=1e-3)
    assert granulation.mean() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("kind", "first"), [("continuum", 618), ("magnetogram", 520)])
@pytest.mark.parametrize(("split", "other"), [("train", "validation"), ("validation", "train")])
def test_splits_of_clean_data_do_not_depend_on_each_other(clean_layout, images, kind, first, split, other):
    layout = clean_layout[kind]
    before = images(layout, f"{kind}-clean", split)
    # Of 952 columns, 90 are cut off at each side
    parts = {"train": (np.s_[:, : 90 + first], np.s_[:20]), "validation": (np.s_[:, 90 + first :], np.s_[27:])}
    for changed_split in (other, split):
        columns, frames = parts[changed_split]
        changed = layout | {IMAX: flipped(layout[IMAX], columns)}
        if "hmi/hmi_continuum_sunspot_series.fits.gz" in layout:
            name = "hmi/hmi_continuum_sunspot_series.fits.gz"
            changed[name] = flipped(changed[name], frames)
        after = images(changed, f"{kind}-clean", split)
        for source in (source for source in before if source[0] in ("IMaX", "IMaX lanes", "HMI spot series")):
            same = np.allclose(before[source], after[source], rtol=1e-5, atol=1e-6)
            assert same == (changed_split == other), source


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_network_trains_on_the_clean_data(monkeypatch, kind):
    recipe = recipe_of(get_task(f"enhance-{kind}"))
    config = recipe.configs()["compact"]
    assert "MURaM" in recipe.training_data(recipe.configs()["paper"])
    described = recipe.training_data(config)
    assert "MIT" in described
    assert not any(word in described for word in ("unclear", "HelioML"))
    calls = []
    monkeypatch.setattr(module, "sources_of", lambda *arguments: calls.append(arguments) or [])
    monkeypatch.setattr(module, "PairDataset", lambda sources, *arguments, **options: sources)
    recipe.datasets("folder", config)
    assert calls == [(f"enhance-{kind}-clean", "folder", split) for split in ("train", "validation")]


def test_an_image_that_cannot_have_the_contrast_is_refused(clean_layout, images):
    with pytest.raises(ValueError, match=r"Found an IMaX image with a contrast of 0\.05"):
        images(clean_layout["continuum"] | {IMAX: noise(240, 952)}, "continuum-clean", "train")


OWN = """
[[source]]
name = "mine"
split = "train"
files = ["x.npy"]
pixel_scale = 0.1
columns = [0, 30]
options = { zoom = 2, gain = [0.9, 1.1] }
[[source]]
name = "mine"
split = "validation"
files = ["x.npy"]
pixel_scale = 0.1
columns = [30, 40]
"""


def test_a_list_in_the_folder_replaces_that_of_the_package(tmp_path):
    image = 700 * noise(20, 40)
    np.save(tmp_path / "x.npy", image)
    (tmp_path / "enhance-continuum.toml").write_text(OWN)
    (train,), (kept,) = (sources_of("enhance-continuum", tmp_path, split) for split in ("train", "validation"))
    assert (train.pixel_scale, train.gain, train.level) == (0.05, (0.9, 1.1), 1)
    assert train.images[0].shape == (40, 60)
    # By default in units of the quiet Sun
    np.testing.assert_allclose(kept.images[0], image[:, 30:] / np.median(image[image > 0.9 * np.median(image)]))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("zoom = 2", "zoom = 0", "Found options.zoom = 0 of 'mine' in .*enhance-continuum.toml; expected an integer"),
        ("zoom = 2", "zooms = 2", "Unknown key 'options.zooms'"),
        ("zoom = 2", 'normalise = "max"', "expected one of mean, median, quiet"),
        ("zoom = 2", 'spectrum_of = "other"', r"Unknown entry 'other' \(spectrum_of\) in .*; expected one of mine"),
        ("[0.9, 1.1]", "[1.1, 0.9]", "Found options.gain = .* the smallest and the largest factor"),
        ("pixel_scale = 0.1\n", "", "Found no pixel_scale of 'mine'"),
        ("[30, 40]", "[29, 40]", "not independent"),
    ],
)
def test_lists_that_cannot_be_used_are_refused(tmp_path, old, new, words):
    np.save(tmp_path / "x.npy", noise(20, 40))
    (tmp_path / "enhance-continuum.toml").write_text(OWN.replace(old, new, 1))
    with pytest.raises(ValueError, match=words):
        sources_of("enhance-continuum", tmp_path)


def test_magnetograms_of_a_list_have_a_unit(tmp_path):
    np.save(tmp_path / "x.npy", noise(20, 40) - 1)
    path = tmp_path / "enhance-magnetogram.toml"
    path.write_text(OWN)
    with pytest.raises(ValueError, match=r"Found the unit '' of 'mine' in .*; expected G or kG, or one of the options"):
        sources_of("enhance-magnetogram", tmp_path)
    images = {}
    for unit in ("G", "kG"):
        path.write_text(OWN.replace("[30, 40]", f'[30, 40]\nunit = "{unit}"'))
        images[unit] = sources_of("enhance-magnetogram", tmp_path, "validation")[0].images[0]
    np.testing.assert_allclose(images["kG"], 1e3 * images["G"])
