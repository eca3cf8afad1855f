"""Frames to train on, as they are read, and the structure that is added to them."""

import numpy as np
import pytest

from sunpy_restore.inpainting.recipe.scenes import TRAINING, VALIDATION, read_frames
from sunpy_restore.inpainting.recipe.structure import _ejection, front_through, streamer_through, structure

SHAPE, CENTER = (192, 224), (101.3, 88.8)
STRENGTHS = (0.02, 0.05, 0.2)


@pytest.mark.parametrize(("split", "table"), [("training", TRAINING), ("validation", VALIDATION)])
def test_frames_are_read(folder, dates, split, table):
    frames = read_frames(folder, split)
    assert [frame.name for frame in frames] == [name for names in table.values() for name in names]
    for frame in frames:
        assert frame.name in table[frame.detector]
        assert frame.date == dates[frame.name].replace("/", "-")
        assert frame.blind[:32, :32].all()
        assert frame.blind[int(frame.center[1]), int(frame.center[0])]
        assert 0.05 < frame.blind.mean() < 0.15
        assert (frame.image[~frame.blind] > frame.bias).all()
    assert {frame.level for frame in frames} == ({0.5} if split == "training" else {0.5, 1.0})


def test_counts_and_centres_are_those_of_the_file(folder, make_exposure):
    frame = read_frames(folder)[-1]
    expected = make_exposure("C3", name=frame.name, date=frame.date, seed=4)
    assert frame.center == pytest.approx(expected.center)
    assert frame.bias == pytest.approx(expected.bias)
    np.testing.assert_array_equal(frame.blind, expected.blind)
    np.testing.assert_allclose(frame.image, expected.image, atol=0.5)


def test_masked_pixels_of_level_1_are_blind(folder, make_exposure):
    """They all hold one value, which is no brightness."""
    (frame,) = (frame for frame in read_frames(folder, "validation") if frame.level == 1)
    np.testing.assert_array_equal(frame.blind, make_exposure("C3", 1.0).blind)
    assert frame.bias == 0
    assert frame.image[~frame.blind].max() < 1e-8


def test_missing_frames_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"comet_22104858\.fts\.gz, expected the frames"):
        read_frames(tmp_path)
    with pytest.raises(KeyError):
        read_frames(tmp_path, "test")


def test_structure_is_the_same_for_a_seed_and_another_for_another():
    one, again, other = (structure(SHAPE, CENTER, np.random.default_rng(seed), 0.1) for seed in (1, 1, 2))
    assert one.shape == SHAPE
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.01


def test_structure_leaves_a_corona():
    """A relative change that no brightness becomes negative by, and that is no small one."""
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


def test_structure_some_time_away_is_much_the_same():
    """It has moved by a few columns and grown; what is drawn for the image itself is not affected."""
    similar = []
    for seed in range(6):
        now, later = structure(SHAPE, CENTER, np.random.default_rng(seed), 0.1, moved=np.random.default_rng(99))
        alone = structure(SHAPE, CENTER, np.random.default_rng(seed), 0.1)
        np.testing.assert_allclose(now, alone, atol=1e-6)
        assert later.shape == now.shape
        similar.append(np.corrcoef(now.ravel(), later.ravel())[0, 1])
    # The texture alone stays where it is
    assert 0.6 < np.median(similar) < 1 - 1e-6


def test_mass_ejections_are_clumpy_or_smooth():
    """But for their steep sides, which both have."""

    def roughness(rippled):
        fields = [_ejection(200, np.random.default_rng(seed), 1.0, rippled)(0.0, 1.0) for seed in range(8)]
        return np.array([np.abs(np.diff(field, 2, axis=1)).mean() / np.abs(field).mean() for field in fields])

    smooth, mixed, clumpy = map(roughness, (0.0, 0.5, 1.0))
    assert (smooth < 0.8 * clumpy).sum() >= 4
    assert (smooth < 1.05 * clumpy).all()
    # Each is one or the other
    assert set(np.isclose(mixed, clumpy) | np.isclose(mixed, smooth)) == {True}
    assert 0 < np.isclose(mixed, clumpy).sum() < 8


def test_structure_goes_round_without_a_seam():
    """Beyond the azimuth at which the columns begin there is no step that others have not."""
    center = (20.0, 96.0)
    for seed in range(4):
        change = structure(SHAPE, center, np.random.default_rng(seed), 0.1)
        # Beside the seam, which runs along the row of the Sun's centre, and a little away from it
        across = np.abs(np.diff(change[:, 60:], axis=0))
        assert np.abs(across[94:98]).max() < 3 * max(across[80:94].max(), across[98:112].max()) + 1e-3


@pytest.mark.parametrize("through", [streamer_through, front_through])
def test_structure_through_a_place_is_there(through):
    place = (40.0, 170.0)
    for seed in range(10):
        change = through(SHAPE, CENTER, place, np.random.default_rng(seed))
        assert change.shape == SHAPE
        near = np.abs(change[32:49, 162:179]).max()
        # A front is wavy and may pass some pixels away
        assert near > (0.5 if through is streamer_through else 0.2) * np.abs(change).max()
        assert 0.02 < np.abs(change).max() < 1
        assert change.min() > -0.5
        np.testing.assert_array_equal(change, through(SHAPE, CENTER, place, np.random.default_rng(seed)))


def test_streamers_run_away_from_the_sun():
    """Through the place, and on a straight line from the Sun's centre, but for a small tilt."""
    place = (88.8, 170.3)
    change = np.abs(streamer_through(SHAPE, CENTER, place, np.random.default_rng(0)))
    brightest = change[:, 140:210].argmax(axis=0)
    assert np.abs(brightest - place[0]).max() < 12
    assert change[:, 80].max() < 1.05 * change[:, 170].max()
