"""Training images as they are read, and the synthetic structure that is added to them."""

import numpy as np
import pytest

from sunpy_restore.inpainting.recipe import structure as module
from sunpy_restore.inpainting.recipe.scenes import read_exposures
from sunpy_restore.inpainting.recipe.structure import _ejection, front_through, streamer_through, structure

SHAPE, CENTER = (192, 224), (101.3, 88.8)
STRENGTHS = (0.02, 0.05, 0.2)


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Log-polar grids of structure with a quarter of the columns, which are much faster."""
    monkeypatch.setattr(module, "STEPS", module.STEPS // 4)
    monkeypatch.setattr(module, "ROWS", module.ROWS // 4)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_images_are_read(folder, dates, names, split):
    exposures, table = read_exposures(folder, split), names(split)
    assert [exposure.name for exposure in exposures] == [name for names in table.values() for name in names]
    for exposure in exposures:
        assert exposure.name in table[exposure.detector]
        assert exposure.date == dates[exposure.name].replace("/", "-")
        assert exposure.unobserved[:32, :32].all()
        assert exposure.unobserved[int(exposure.center[1]), int(exposure.center[0])]
        assert 0.05 < exposure.unobserved.mean() < 0.15
        assert (exposure.image[~exposure.unobserved] > exposure.bias).all()
    assert {exposure.level for exposure in exposures} == ({0.5} if split == "train" else {0.5, 1.0})


def test_counts_and_centres_agree_with_the_file(folder, make_exposure):
    exposure = read_exposures(folder)[-1]
    expected = make_exposure("C3", name=exposure.name, date=exposure.date, seed=4)
    assert exposure.center == pytest.approx(expected.center)
    assert exposure.bias == pytest.approx(expected.bias)
    np.testing.assert_array_equal(exposure.unobserved, expected.unobserved)
    np.testing.assert_allclose(exposure.image, expected.image, atol=0.5)


def test_masked_pixels_of_level_1_are_unobserved(folder, make_exposure):
    """They have one value, which is not a brightness."""
    (exposure,) = (exposure for exposure in read_exposures(folder, "validation") if exposure.level == 1)
    np.testing.assert_array_equal(exposure.unobserved, make_exposure("C3", 1.0).unobserved)
    assert exposure.bias == 0
    assert exposure.image[~exposure.unobserved].max() < 1e-8


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"comet_22104858\.fts\.gz; expected the images that inpaint.toml"):
        read_exposures(tmp_path)


def test_images_of_another_day_than_in_the_list_are_refused(exposures_folder):
    """They might be of the days that are kept back."""
    changed = exposures_folder(planet_32219521=lambda exposure: exposure._replace(date="2002-01-09"))
    with pytest.raises(
        ValueError, match=r"image of 2002-01-09 in .*planet_32219521.*; expected one of 2000-01-20, .*C3"
    ):
        read_exposures(changed)


def test_structure_is_reproducible_for_a_seed():
    one, again, other = (structure(SHAPE, CENTER, np.random.default_rng(seed), 0.1) for seed in (1, 1, 2))
    assert one.shape == SHAPE
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.01


def test_structure_keeps_the_brightness_positive():
    """The relative change is above -0.6, and not small."""
    spreads = []
    for seed in range(7):
        change = structure(SHAPE, CENTER, np.random.default_rng(seed), 0.1)
        assert np.isfinite(change).all()
        assert change.min() >= -0.6
        assert change.max() <= 3
        spreads.append(change.std())
    assert 0.01 < np.median(spreads) < 0.5


def test_structure_grows_with_its_strength():
    spreads = [
        np.median([structure(SHAPE, CENTER, np.random.default_rng(seed), s).std() for seed in range(3)])
        for s in STRENGTHS
    ]
    assert spreads[0] < spreads[1] < spreads[2]


def test_structure_at_another_time_is_similar():
    """It has moved by a few columns and grown; the structure of the image itself is not affected."""
    similar = []
    for seed in range(4):
        now, later = structure(SHAPE, CENTER, np.random.default_rng(seed), 0.1, moved=np.random.default_rng(99))
        alone = structure(SHAPE, CENTER, np.random.default_rng(seed), 0.1)
        np.testing.assert_allclose(now, alone, atol=1e-6)
        assert later.shape == now.shape
        similar.append(np.corrcoef(now.ravel(), later.ravel())[0, 1])
    # Only the texture stays in place
    assert 0.6 < np.median(similar) < 1 - 1e-6


def test_mass_ejections_are_clumpy_or_smooth():
    """Except for their steep sides."""

    def roughness(rippled):
        fields = [_ejection(200, np.random.default_rng(seed), 1.0, rippled)(0.0, 1.0) for seed in range(8)]
        return np.array([np.abs(np.diff(field, 2, axis=1)).mean() / np.abs(field).mean() for field in fields])

    smooth, mixed, clumpy = map(roughness, (0.0, 0.5, 1.0))
    assert (smooth < 0.8 * clumpy).sum() >= 4
    assert (smooth < 1.05 * clumpy).all()
    # Each is one or the other
    assert set(np.isclose(mixed, clumpy) | np.isclose(mixed, smooth)) == {True}
    assert 0 < np.isclose(mixed, clumpy).sum() < 8


def test_structure_has_no_seam_in_azimuth():
    """At the azimuth at which the columns begin, steps are no larger than elsewhere."""
    center = (20.0, 96.0)
    for seed in range(4):
        change = structure(SHAPE, center, np.random.default_rng(seed), 0.1)
        # The seam runs along the row of the centre of the Sun
        across = np.abs(np.diff(change[:, 60:], axis=0))
        assert np.abs(across[94:98]).max() < 3 * max(across[80:94].max(), across[98:112].max()) + 1e-3


@pytest.mark.parametrize("through", [streamer_through, front_through])
def test_structure_passes_through_its_pixel(through):
    place = (40.0, 170.0)
    for seed in range(10):
        change = through(SHAPE, CENTER, place, np.random.default_rng(seed))
        assert change.shape == SHAPE
        near = np.abs(change[32:49, 162:179]).max()
        # A front is wavy and may pass within a few pixels
        assert near > (0.5 if through is streamer_through else 0.2) * np.abs(change).max()
        assert 0.02 < np.abs(change).max() < 1
        assert change.min() > -0.5
        np.testing.assert_array_equal(change, through(SHAPE, CENTER, place, np.random.default_rng(seed)))


def test_streamers_are_radial():
    """Along a straight line from the centre of the Sun through the pixel, except for a small tilt."""
    place = (88.8, 170.3)
    change = np.abs(streamer_through(SHAPE, CENTER, place, np.random.default_rng(0)))
    brightest = change[:, 140:210].argmax(axis=0)
    assert np.abs(brightest - place[0]).max() < 12
    assert change[:, 80].max() < 1.05 * change[:, 170].max()
