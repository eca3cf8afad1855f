"""Data of other types, shapes, layouts and values."""

import re

import dask.array
import numpy as np
import pytest

CASES = ("enhance magnetogram", "enhance continuum", "desaturate", "inpaint", "backproj_to_clean")
every_case = pytest.mark.parametrize("name", CASES)
pytestmark = pytest.mark.filterwarnings("ignore")


def read_only(data):
    data = data.copy()
    data.flags.writeable = False
    return data


def strided(data):
    large = np.zeros((2 * data.shape[0], 3 * data.shape[1]), data.dtype)
    large[::2, ::3] = data
    return large[::2, ::3]


SAME = {
    "big-endian": lambda data: data.astype(data.dtype.newbyteorder(">")),
    "little-endian": lambda data: data.astype(data.dtype.newbyteorder("<")),
    "double": lambda data: data.astype(float),
    "big-endian double": lambda data: data.astype(">f8"),
    "long double": lambda data: data.astype(np.longdouble),
    "read-only": read_only,
    "fortran": np.asfortranarray,
    "strided": strided,
    "reversed twice": lambda data: np.ascontiguousarray(data[::-1, ::-1])[::-1, ::-1],
    "dask": lambda data: dask.array.from_array(data, chunks=17),
    "dask of one row": lambda data: dask.array.from_array(data, chunks=(1, -1)),
    "subclass": lambda data: data.view(np.recarray),
}


@every_case
@pytest.mark.parametrize("kind", SAME)
def test_layout_does_not_matter(law, name, kind):
    smap = law.observed(name)
    law.same(name, law.with_data(smap, SAME[kind](np.asarray(smap.data))))


REFUSED = {
    "complex": lambda data: data + 1j,
    "complex without imaginary part": lambda data: data.astype("c8"),
    "objects": lambda data: data.astype(object),
    "flags": lambda data: data > np.median(data),
    "text": lambda data: data.astype("U8"),
    "bytes": lambda data: data.astype("S8"),
    "times": lambda data: np.zeros(data.shape, "M8[s]"),
    "durations": lambda data: np.zeros(data.shape, "m8[s]"),
    "records": lambda data: np.zeros(data.shape, [("a", "f4"), ("b", "f4")]),
    "empty": lambda data: data[:0, :0],
    "no rows": lambda data: data[:0],
    "no columns": lambda data: data[:, :0],
    "beyond 1e30": lambda data: np.full(data.shape, 1e300),
    "NaN": lambda data: np.full(data.shape, np.nan),
    "inf": lambda data: np.full(data.shape, np.inf),
    "-inf": lambda data: np.full(data.shape, -np.inf),
}


@every_case
@pytest.mark.parametrize("kind", REFUSED)
def test_no_image(law, name, kind):
    smap = law.observed(name)
    law.refused(name, law.with_data(smap, REFUSED[kind](np.asarray(smap.data))))


AXES = {
    "a row": lambda data: data[0],
    "a number": lambda data: data[0, 0:1].reshape(()),
    "a cube": lambda data: np.stack([data, data]),
    "colours": lambda data: np.stack([data] * 3, axis=-1),
}


def with_values(number, value):
    """Replace some pixels."""

    def change(data):
        data = data.astype(float)
        data.ravel()[np.random.default_rng(1).choice(data.size, min(number, data.size), replace=False)] = value
        return data

    return change


ANY = {
    "half precision": lambda data: np.clip(data, -6e4, 6e4).astype(np.float16),
    "8 bits": lambda data: (255 * (data - data.min()) / np.ptp(data)).astype(np.uint8),
    "8 bits with a sign": lambda data: np.clip(data / 10, -128, 127).astype(np.int8),
    "64-bit integers": lambda data: data.astype(np.int64),
    "unsigned": lambda data: np.abs(data).astype(np.uint64),
    "largest integers": lambda data: np.full(data.shape, 2**63 - 1),
    "zeros": np.zeros_like,
    "constant": lambda data: np.full(data.shape, 7.0),
    "negative": lambda data: -np.abs(data),
    "reversed sign": lambda data: -data.astype(float),
    "denormal": lambda data: np.full(data.shape, 1e-310),
    "tiny": lambda data: 1e-30 * data,
    "times 1e30": lambda data: 1e30 * data,
    "times 1e300": lambda data: 1e300 * data,
    "noise": lambda data: np.random.default_rng(0).normal(size=data.shape),
    "checkerboard": lambda data: 1e4 * (np.indices(data.shape).sum(0) % 2),
    "one inf": with_values(1, np.inf),
    "some inf": with_values(100, np.inf),
    "some -inf": with_values(100, -np.inf),
    "one huge value": with_values(1, 1e30),
    "some huge values": with_values(100, 1e30),
    "largest values": with_values(3, np.finfo(float).max),
    "lowest values": with_values(3, -np.finfo(float).max),
    "some NaN": with_values(200, np.nan),
    "half NaN": lambda data: with_values(data.size // 2, np.nan)(data),
    "almost all NaN": lambda data: with_values(data.size - 1, np.nan)(data),
    "NaN rows": lambda data: np.where(np.arange(len(data))[:, np.newaxis] % 2, data, np.nan),
    "odd": lambda data: data[:31, :29],
    "masked array": lambda data: np.ma.masked_array(data, data > np.percentile(data, 90)),
    "masked array without a mask": np.ma.masked_array,
}


@every_case
@pytest.mark.parametrize("kind", AXES)
def test_other_axes(law, name, kind):
    """sunpy takes two of the axes when it makes a Map, but not when its data are replaced later."""
    smap = law.changed(law.observed(name))
    smap._data = AXES[kind](np.asarray(smap.data))
    law.refused(name, smap)


FEW = {
    "a pixel": np.s_[:1, :1],
    "one row": np.s_[:1],
    "one column": np.s_[:, :1],
    "2 x 2": np.s_[:2, :2],
    "9 pixels": np.s_[:3, :3],
    "three rows": np.s_[:3],
    "three columns": np.s_[:, :3],
}


@every_case
@pytest.mark.parametrize("kind", FEW)
def test_few_pixels(law, name, kind):
    """The surroundings of a pixel, which tell what it hides, are then beyond the edges."""
    smap = law.observed(name)
    message = law.refused(name, law.with_data(smap, np.asarray(smap.data)[FEW[kind]]))
    assert re.search(r"Found an? (image|field) of \d+ x \d+ .*; expected", message), message


@pytest.mark.parametrize("name", [name for name in CASES if name != "backproj_to_clean"])
def test_as_few_pixels_as_are_accepted(law, name):
    smap = law.observed(name)
    assert not isinstance(law.holds(name, law.with_data(smap, np.asarray(smap.data)[:4, :4])), str)


# The orientation of an image that is no back-projection is searched for, which takes some seconds
SEARCHED = ("64-bit integers", "unsigned", "denormal", "noise", "checkerboard", "one huge value", "some huge values")
STRANGE = [
    pytest.param(name, kind, marks=pytest.mark.slow if name == "backproj_to_clean" and kind in SEARCHED else ())
    for name in CASES
    for kind in ANY
]


@pytest.mark.parametrize(("name", "kind"), STRANGE)
def test_strange_images(law, name, kind):
    smap = law.observed(name)
    with np.errstate(all="ignore"):
        data = ANY[kind](np.asarray(smap.data))
    law.holds(name, law.with_data(smap, data))


MASKS = {
    "all": lambda shape: np.ones(shape, bool),
    "none": lambda shape: np.zeros(shape, bool),
    "all but one": lambda shape: np.arange(np.prod(shape)).reshape(shape) != 700,
    "half": lambda shape: np.indices(shape).sum(0) % 2 == 0,
    "integers": lambda shape: np.eye(*shape, dtype=int),
    "floats": lambda shape: np.eye(*shape),
    "read-only": lambda shape: np.broadcast_to(np.arange(shape[1]) == 3, shape),
    "dask": lambda shape: dask.array.from_array(np.eye(*shape, dtype=bool)),
}


NO_MASKS = {
    "another shape": lambda shape: np.zeros((3, 3), bool),
    "a row": lambda shape: np.zeros(shape[1], bool),
    "a cube": lambda shape: np.zeros((2, *shape), bool),
    "text": lambda shape: np.full(shape, "a"),
    "objects": lambda shape: np.full(shape, None),
    "complex": lambda shape: np.ones(shape, complex),
}


@every_case
@pytest.mark.parametrize("kind", NO_MASKS)
def test_no_masks_of_maps(law, name, kind):
    smap = law.changed(law.observed(name))
    smap.mask = NO_MASKS[kind](smap.data.shape)
    law.refused(name, smap)


@every_case
@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_maps(law, name, kind):
    smap = law.observed(name)
    law.holds(name, law.with_data(smap, smap.data.copy(), MASKS[kind](smap.data.shape)))
