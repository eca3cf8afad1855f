"""Arguments that are no Maps, and containers with something else in them."""

import io
import pathlib

import ndcube
import numpy as np
import pytest
import torch

import astropy.units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table
from astropy.wcs import WCS

import sunpy.map

from sunpy_restore.data import sample_path

CASES = ("enhance magnetogram", "desaturate", "inpaint", "backproj_to_clean")
every_case = pytest.mark.parametrize("name", CASES)
pytestmark = pytest.mark.filterwarnings("ignore")


def cube(smap, shape):
    wcs = WCS(naxis=len(shape))
    wcs.wcs.ctype = ["WAVE", "LINEAR", "LINEAR", "TIME"][: len(shape)]
    wcs.wcs.cunit = ["m", "pix", "pix", "s"][: len(shape)]
    wcs.wcs.cdelt = [1.0] * len(shape)
    return ndcube.NDCube(np.ones(shape), wcs=wcs)


OTHERS = {
    "array": lambda smap: smap.data,
    "quantity": lambda smap: smap.data * u.DN,
    "tensor": lambda smap: torch.ones(3, 3),
    "number": lambda smap: 3,
    "nothing": lambda smap: None,
    "text": lambda smap: "image.fits",
    "empty text": lambda smap: "",
    "bytes": lambda smap: b"SIMPLE  =                    T",
    "path": lambda smap: pathlib.Path("image.fits"),
    "file": lambda smap: io.BytesIO(b"SIMPLE"),
    "HDU": lambda smap: fits.ImageHDU(np.ones((3, 3))),
    "HDUs": lambda smap: fits.HDUList([fits.PrimaryHDU(np.ones((3, 3)))]),
    "header": lambda smap: fits.Header(),
    "table": lambda smap: Table({"a": [1, 2]}),
    "CCDData": lambda smap: CCDData(np.ones((3, 3)), unit="adu"),
    "class": lambda smap: sunpy.map.GenericMap,
    "function": lambda smap: len,
    "generator": lambda smap: (one for one in [smap]),
    "iterator": lambda smap: iter([smap]),
    "set": lambda smap: {1, 2},
    "dictionary": lambda smap: {"image": smap},
    "dictionary values": lambda smap: {"image": smap}.values(),
    "array of Maps": lambda smap: np.array([smap, None], dtype=object)[:1],
    "empty list": lambda smap: [],
    "empty tuple": lambda smap: (),
    "list of arrays": lambda smap: [smap.data],
    "list of names": lambda smap: ["image.fits"],
    "list with a hole": lambda smap: [smap, None],
    "list with an array": lambda smap: [smap, smap.data],
    "nested list": lambda smap: [[smap]],
    "list of a tuple": lambda smap: [(smap, smap.meta)],
    "pair of data and header": lambda smap: (smap.data, smap.meta),
    "overlay": lambda smap: sunpy.map.Map(smap, smap, composite=True),
    "spectrum": lambda smap: cube(smap, (7,)),
    "four axes": lambda smap: cube(smap, (2, 2, 5, 5)),
    "cube without header": lambda smap: cube(smap, (5, 5)),
    "empty cube": lambda smap: cube(smap, (0, 5)),
    "complex in a list": lambda smap: [smap, sunpy.map.Map(smap.data * 1j, smap.meta)],
    "another instrument": lambda smap: sunpy.map.Map(smap.data, dict(smap.meta) | {"instrume": "X", "telescop": "X"}),
}  # fmt: skip


@every_case
@pytest.mark.parametrize("kind", OTHERS)
def test_no_maps(law, name, kind):
    law.refused(name, OTHERS[kind](law.observed(name)))


SAMPLES = {"enhance magnetogram": "hmi_magnetogram", "desaturate": "aia_193_flare", "inpaint": "lasco_c3_cme"}
SAMPLES["backproj_to_clean"] = "stix_flare"


@every_case
@pytest.mark.parametrize("sample", sorted(SAMPLES.values()))
def test_images_of_other_functions(law, name, sample):
    if sample == SAMPLES[name]:
        sample = "aia_171_quiet" if sample.startswith("aia") else "hmi_continuum_quiet"
    smap = sunpy.map.Map(sample_path(sample))
    if name.startswith("enhance") and sample.startswith("hmi"):
        law.holds(name, smap)
    elif name == "desaturate" and sample.startswith("aia"):
        assert law.holds(name, smap) is smap
    else:
        law.refused(name, smap)


@every_case
def test_results_are_not_restored_again(law, name):
    law.refused(name, law.reference(name))
