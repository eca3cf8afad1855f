"""Tests of the scores of real flares: files that are read, and figures of images whose scores are known."""

import shutil
import warnings

import numpy as np
import pytest

import sunpy.map

from sunpy_restore.backprojection.fitting.scenes import ellipse, image_of, joined, point, visibilities_of_scene
from sunpy_restore.backprojection.imaging.agreement import chi_squared
from sunpy_restore.backprojection.imaging.beam import BEAM, beam_area
from sunpy_restore.backprojection.recipe.flares import FlareObservation, compare_images, open_flares
from sunpy_restore.backprojection.task import TASK
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.restoration.methods import load_method, restore_observation
from sunpy_restore.data import sample_path

POINTS = stix_uv()
SCENE = joined([ellipse(2.0, 21.3, -14.8, 5, 5, 0), ellipse(1.5, -17.9, 9.1, 8, 8, 0)])


@pytest.fixture
def folder(tmp_path):
    """A flare with measured errors, one without them, and files that are no back-projections."""
    shutil.copy(sample_path("stix_flare"), tmp_path / "measured.fits")
    smap = sunpy.map.Map(sample_path("stix_flare"))
    (tmp_path / "more").mkdir()
    smap.save(tmp_path / "more" / "estimated.fits")
    shutil.copy(sample_path("aia_171_quiet"), tmp_path / "aia.fits")
    (tmp_path / "broken.fits").write_bytes(b"SIMPLE  =")
    (tmp_path / "notes.txt").write_text("no FITS file")
    return tmp_path


def observed(scene, noise=0.01):
    return FlareObservation(
        visibilities=visibilities_of_scene(scene, POINTS), points=POINTS, matrix=2 * np.eye(2), shape=(96, 90),
        noise=np.full(24, noise),
    )  # fmt: skip


def seen(scene, observation):
    return image_of(scene, observation.own_axes()[1], BEAM) / beam_area()


def test_back_projections_are_read_and_other_files_are_named(folder):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        flares = dict(open_flares(folder))
    assert list(flares) == ["measured", "more/estimated"]
    texts = [str(one.message) for one in caught if issubclass(one.category, RestoreWarning)]
    assert len(texts) == 2
    assert any("aia.fits is left out" in text and "AIA" in text for text in texts)
    assert any("broken.fits is left out" in text for text in texts)
    measured, estimated = flares["measured"], flares["more/estimated"]
    assert measured.errors is not None
    np.testing.assert_array_equal(measured.noise, measured.errors)
    assert estimated.errors is None
    # The errors of the table contain 5 % for the calibration, which the noise between the visibilities does not
    assert 0.2 < np.mean(estimated.noise) / np.mean(measured.noise) < 2
    for flare in flares.values():
        assert flare.own_axes()[1].pixel == pytest.approx((2, 2))


def test_visibilities_are_those_of_the_file(folder):
    (folder / "aia.fits").unlink()
    (folder / "broken.fits").unlink()
    flares = dict(open_flares(folder))
    measured, found = (
        dict(zip(flare.points.labels, np.abs(flare.visibilities), strict=True)) for flare in flares.values()
    )
    assert measured == pytest.approx(found, abs=2e-3 * max(measured.values()))


def test_images_of_large_pixels_are_compared_on_small_ones_around_the_maximum(tmp_path, make_backprojection):
    make_backprojection(point(1.0, 240, -150), shape=(110, 120), pixel=(8.0, 8.0)).save(tmp_path / "wide.fits")
    ((_, flare),) = open_flares(tmp_path)
    assert flare.shape == (192, 192)
    restored = restore_observation(flare, load_method(TASK, "clean")).data
    row, column = np.unravel_index(restored.argmax(), restored.shape)
    assert max(abs(row - 95.5), abs(column - 95.5)) < 5


def test_a_folder_without_fits_files_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no FITS file in"):
        list(open_flares(tmp_path))


def test_scores_of_images_that_are_known():
    observation = observed(SCENE)
    truth = seen(SCENE, observation)
    bright = np.maximum(truth, 1.5 * truth) > 0.1 * truth.max()
    scores = compare_images(observation, {"true": truth, "again": truth, "bright": 1.5 * truth})
    amplitude = np.abs(observation.visibilities[-6:]).mean()
    assert scores["true"]["flux"] == pytest.approx(3.5 / amplitude, rel=1e-3)
    assert 1 < scores["true"]["flux"] < 1.3
    assert scores["bright"]["flux"] == pytest.approx(1.5 * scores["true"]["flux"])
    assert scores["true"]["chi_squared"] < 0.1
    expected = chi_squared(1.5 * observation.visibilities, observation.visibilities, observation.noise)
    assert scores["bright"]["chi_squared"] == pytest.approx(expected, rel=0.02)
    assert scores["true"]["spread"] == scores["again"]["spread"] == 0
    difference = np.sqrt(np.mean(np.square(0.5 * truth[bright]))) / truth.max()
    assert scores["bright"]["spread"] == pytest.approx(difference)
    assert [one["sources"] for one in scores.values()] == [2, 2, 2]


def test_an_empty_image_has_no_flux_and_no_sources():
    observation = observed(SCENE)
    scores = compare_images(observation, {"empty": np.zeros(observation.shape)})["empty"]
    assert (scores["flux"], scores["spread"], scores["sources"]) == (0, 0, 0)
