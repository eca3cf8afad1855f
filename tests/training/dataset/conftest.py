"""Folders of own files, made of the samples of the package and of simulated images, under other names."""

import struct

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from astropy.io import fits

from sunpy_restore.data import sample_path


@pytest.fixture
def sample():
    """Data and header of a sample of the package."""

    def sample(name):
        with fits.open(sample_path(name)) as hdus:
            hdu = hdus[0] if hdus[0].data is not None else hdus[1]
            header = fits.Header([card for card in hdu.header.cards if card.keyword not in _OF_FILE])
            return hdu.data.astype(np.float32), header

    return sample


_OF_FILE = ("XTENSION", "SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "CHECKSUM", "DATASUM")


@pytest.fixture
def write(tmp_path):
    """Write a FITS file into a folder, and return its path."""

    def write(name, data, header=None, **keywords):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        header = fits.Header() if header is None else header.copy()
        header.update({key.replace("_", "-"): value for key, value in keywords.items()})
        fits.writeto(path, data, header)
        return path

    return write


@pytest.fixture
def granules():
    """Simulated granulation of another instrument: a random field with cells of about an arcsecond."""

    def granules(shape, seed, pixel_scale=0.1):
        field = np.random.default_rng(seed).standard_normal(shape)
        field = ndimage.gaussian_filter(field, 0.35 / pixel_scale, mode="wrap")
        return (1000 * (1 + 0.1 * field / field.std())).astype(np.float32)

    return granules


@pytest.fixture
def other_day():
    """An image of another day: a sample that is shifted and has its own noise, without which it would be a copy."""

    def other_day(image, shift, axis=None):
        noise = np.random.default_rng(shift).standard_normal(image.shape, dtype=np.float32)
        return np.roll(image, shift, axis) + np.float32(0.01 * image.std()) * noise

    return other_day


@pytest.fixture
def write_jp2(tmp_path):
    """Write a file as Helioviewer does: 8-bit pixels, and the FITS header as XML in a box."""

    def write_jp2(name, data, header, **keywords):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # The first row of a JPEG 2000 image is the uppermost one
        Image.fromarray(data[::-1]).save(path, "JPEG2000")
        values = dict(header) | {key.replace("_", "-"): value for key, value in keywords.items()}
        cards = "".join(f"<{key}>{value}</{key}>" for key, value in values.items() if key.replace("-", "").isalnum())
        text = f"<meta><fits>{cards}</fits></meta>".encode()
        content = path.read_bytes()
        pixels = content.index(b"jp2c") - 4
        path.write_bytes(content[:pixels] + struct.pack(">I4s", 8 + len(text), b"xml ") + text + content[pixels:])

    return write_jp2
