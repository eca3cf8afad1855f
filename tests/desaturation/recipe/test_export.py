"""Over-exposure samples as files: the four parts as Zhao et al. (2019) define them, and where they are from."""

import csv

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from astropy.io import fits

from sunpy_restore.cli.main import main
from sunpy_restore.desaturation.recipe.export import PARTS, four_parts
from sunpy_restore.desaturation.recipe.losses import edge_band

pytest.importorskip("lightning")


def smooth(seed, shape, width=4):
    """A smooth random image from 0 to 1."""
    image = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), width)
    return (image - image.min()) / np.ptp(image)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(20, 50), st.integers(20, 50))
def test_parts_are_those_of_the_paper(seed, ny, nx):
    image = smooth(seed, (ny, nx))
    parts = four_parts(image)
    assert tuple(parts) == PARTS
    assert all(part.dtype == np.uint8 and part.shape == (ny, nx) for part in parts.values())
    truth, mask, edge = parts["truth"], parts["mask"] > 0, parts["edge"] > 0
    np.testing.assert_allclose(truth / 255, image, atol=0.5 / 255 + 1e-9)
    # Pixels within 3 pixels of one above 0.8 of the range
    bright = truth > 0.8 * 255
    near = ndimage.distance_transform_edt(~bright) <= 3
    np.testing.assert_array_equal(mask, near)
    np.testing.assert_array_equal(parts["overexposed"], np.where(near, 255, truth))
    # 5 pixels along the border: within 2 pixels outside, and 3 inside
    outside, inside = (ndimage.distance_transform_edt(part) for part in (~near, near))
    width = np.where(near, inside, outside)
    expected = np.where(near, width <= 3, width <= 2) if not near.all() else np.zeros_like(near)
    np.testing.assert_array_equal(edge, expected)
    # The loss of the network looks at the same band
    np.testing.assert_array_equal(edge_band(torch.from_numpy(mask[None, None].astype(np.float32)))[0, 0] > 0, edge)
    assert {value for part in ("mask", "edge") for value in np.unique(parts[part])} <= {0, 255}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """8-bit AIA images of four days, with one tile of four that is bright."""
    folder = tmp_path_factory.mktemp("own")
    header = {"TELESCOP": "SDO/AIA", "INSTRUME": "AIA_3", "WAVELNTH": 171, "WAVEUNIT": "angstrom", "CUNIT1": "arcsec"}
    header |= {"CUNIT2": "arcsec", "CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN", "CDELT1": 0.6, "CDELT2": 0.6}
    for day in range(1, 5):
        image = 0.7 * smooth(day, (512, 520), 8)
        image[300:340, 100:140] = 0.95
        data = np.round(255 * image).astype(np.uint8)
        fits.writeto(folder / f"{day}", data, fits.Header(header | {"DATE-OBS": f"2014-01-{2 * day:02d}T00:00:00"}))
    return folder


def test_export_of_a_data_set(tmp_path, folder, capsys):
    arguments = ["dataset", "desaturate", "--from", str(folder), "--out", str(tmp_path / "data")]
    assert main([*arguments, "--export-pairs", str(tmp_path / "files")]) == 0
    assert "3 pairs for train, 1 pairs for validation" in capsys.readouterr().out
    with (tmp_path / "files" / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["train"] * 3 + ["validation"]
    assert len({row["image"] for row in rows}) == 4
    for row in rows:
        data = fits.getdata(folder / row["image"].rpartition("/")[2])
        assert (row["row"], row["column"]) == ("256", "0")
        tile = data[256:512, :256][::-1]
        found = {part: np.asarray(Image.open(tmp_path / "files" / row["split"] / part / row["name"])) for part in PARTS}
        np.testing.assert_array_equal(found["truth"], tile)
        expected = four_parts(tile / 255)
        for part in PARTS:
            np.testing.assert_array_equal(found[part], expected[part])
        assert float(row["masked"]) == pytest.approx((found["mask"] > 0).mean(), abs=1e-4)
    # An earlier export is not mixed with a new one
    assert main([*arguments, "--export-pairs", str(tmp_path / "files")]) == 1
    assert "earlier export" in capsys.readouterr().err


def test_other_tasks_have_no_export(tmp_path, capsys):
    from sunpy_restore.core.recipes.recipe import recipe_of
    from sunpy_restore.tasks import get_task

    with pytest.raises(ValueError, match="pairs of inpaint cannot be exported"):
        recipe_of(get_task("inpaint")).export_samples(tmp_path, tmp_path / "files")
