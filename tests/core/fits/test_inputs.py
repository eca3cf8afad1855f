"""Masks out of files."""

import numpy as np
import pytest

from astropy.io import fits

from sunpy_restore.core.fits.inputs import read_mask

MASK = np.zeros((5, 7), dtype=bool)
MASK[1, 2:4] = True


def save(path, data):
    if path.suffix == ".npy":
        np.save(path, data)
    else:
        fits.writeto(path, data)


@pytest.mark.parametrize("name", ["mask.npy", "mask.fits", "mask.fits.gz"])
@pytest.mark.parametrize("kind", ["u1", ">i2", ">f4"])
def test_what_is_not_zero_is_true(tmp_path, name, kind):
    values = MASK * np.array(3, dtype=kind)
    save(tmp_path / name, values.astype(kind))
    found = read_mask(tmp_path / name)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, MASK)


def test_boolean_and_compressed_masks(tmp_path):
    np.save(tmp_path / "mask.npy", MASK)
    fits.CompImageHDU(MASK.astype(np.uint8)).writeto(tmp_path / "mask.fits")
    for name in ("mask.npy", "mask.fits"):
        np.testing.assert_array_equal(read_mask(tmp_path / name), MASK)


def test_refusals(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.fits"):
        read_mask(tmp_path / "nowhere.fits")
    bad = tmp_path / "bad.npy"
    bad.write_bytes(b"no array")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "bad.fits").write_bytes(b"no image")
    for name in ("bad.npy", "objects.npy", "bad.fits"):
        with pytest.raises(ValueError, match=f"{name}.*opened as a mask"):
            read_mask(tmp_path / name)
    fits.HDUList([fits.PrimaryHDU(MASK.astype(int)), fits.ImageHDU(MASK.astype(int))]).writeto(tmp_path / "two.fits")
    fits.PrimaryHDU().writeto(tmp_path / "none.fits")
    for name, number in (("two.fits", 2), ("none.fits", 0)):
        with pytest.raises(ValueError, match=f"{name}.*found {number} images"):
            read_mask(tmp_path / name)
    save(tmp_path / "nan.npy", np.where(MASK, np.nan, 0.0))
    save(tmp_path / "text.npy", np.array([["x"]]))
    for name in ("nan.npy", "text.npy"):
        with pytest.raises(ValueError, match=f"{name}: found NaN or text .*expected numbers"):
            read_mask(tmp_path / name)
