"""Pictures, movies and JPEG 2000 files."""

import gc

import numpy as np
import pytest
from PIL import Image

import sunpy.map

from sunpy_restore.data import sample_path
from sunpy_restore.studio.jobs.export import picture, write_jp2, write_movie, write_picture

SPOT = str(sample_path("hmi_continuum_spot"))


def test_a_picture_has_each_pixel_once_and_the_first_row_at_the_bottom():
    smap = sunpy.map.Map(SPOT)
    image = picture(smap)
    assert image.shape == (*smap.data.shape, 3)
    grey = image[::-1, :, 0].astype(float)
    assert np.corrcoef(grey.ravel(), smap.data.ravel())[0, 1] > 0.99


def test_png_files_of_a_pair_have_one_range(tmp_path):
    bright = sunpy.map.Map(SPOT)
    write_picture(SPOT, str(tmp_path / "a.png"), reference=SPOT)
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), picture(bright))


def test_jp2_files_contain_the_header_as_helioviewer_does(tmp_path):
    glymur = pytest.importorskip("glymur", reason="glymur is not installed")
    if glymur.version.openjpeg_version_tuple < (2, 0, 0):
        pytest.skip("OpenJPEG is not installed")
    out = tmp_path / "a.jp2"
    write_jp2(SPOT, str(out))
    smap = sunpy.map.Map(SPOT)
    (box,) = (box for box in glymur.Jp2k(out).box if box.box_id == "xml ")
    root = box.xml.getroot()
    assert root.tag == "meta"
    assert root.find("fits/TELESCOP").text == smap.meta["telescop"]
    assert float(root.find("fits/CDELT1").text) == smap.meta["cdelt1"]
    read = sunpy.map.Map(out)
    assert type(read) is type(smap)
    assert read.data.dtype == np.uint8
    assert read.scale.axis1 == smap.scale.axis1
    assert np.corrcoef(read.data.ravel(), smap.data.ravel())[0, 1] > 0.98


# imageio leaves the pipes of ffmpeg to the garbage collector
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_movies_have_a_frame_for_each_image(tmp_path):
    imageio = pytest.importorskip("imageio.v2", reason="imageio is not installed")
    pytest.importorskip("imageio_ffmpeg", reason="ffmpeg is not installed")
    out = tmp_path / "a.mp4"
    write_movie([SPOT, SPOT, SPOT], str(out))
    with imageio.get_reader(out) as movie:
        # The length that the reader tells is infinite
        frames = [np.asarray(frame) for frame in movie]
    del movie
    gc.collect()
    assert len(frames) == 3
    assert frames[0].shape == (128, 128, 3)
