"""Folders of own files, made of the samples of the package and of simulated images, under other names."""

import numpy as np
import pytest
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
