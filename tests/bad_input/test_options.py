"""Values of keywords that do not exist, or that do not fit the image."""

import math
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import astropy.units as u

import sunpy_restore
from sunpy_restore.core.exceptions import WeightsError

MAGNETOGRAM, CONTINUUM = "enhance magnetogram", "enhance continuum"
AIA, LASCO, STIX = "desaturate", "inpaint", "backproj_to_clean"
CASES = (MAGNETOGRAM, CONTINUUM, AIA, LASCO, STIX)
every_case = pytest.mark.parametrize("name", CASES)
pytestmark = pytest.mark.filterwarnings("ignore")

COMMON = {
    "method": ["", "Network", "clean ", "nonsense", 3, None, True, b"network", ["network"], {"network": 1}, math.nan],
}
OWN = {
    MAGNETOGRAM: {
        "product": ["", "vector", 3, "continuum", ["magnetogram"], True],
        "noise": [10, -10 * u.G, 0 * u.G, math.nan * u.G, math.inf * u.G, "10 G", "loud", [1, 2] * u.G, True, []],
    },
    CONTINUUM: {"product": ["magnetogram", "Ic"], "noise": [10 * u.G, 3]},
    AIA: {
        "saturated": [0, -1, math.nan, math.inf, "16383", [1, 2], True, 3 * u.m, np.ones((3, 3)), {}],
        "exposure": [0, -1, math.nan, math.inf, "2 s", [1, 2], [], True, 3 * u.m, [1, 2] * u.s, {}, np.ones((3, 3))],
        "consistency": ["", "all", 3, True, ["diffraction"]],
    },
    LASCO: {
        "neighbours": ["", "sequence", "next", 3, [], [None], [3], True, {}, np.ones((3, 3)), ["a.fits"]],
        "texture": ["yes", 3, [], "", 0.5],
    },
    STIX: {
        "subcollimators": [0, 11, -3, 3.5, "a", "3", [], [3, 99], [3, "b"], math.nan, {}, [[3]], True],
        "weighting": ["", "robust", 3, True, ["natural"]],
        "clean_weighting": ["", "robust", 3, ["natural"]],
        "instrument": ["", "RHESSI", 3, ["STIX"]],
        "residual": ["yes", 3, [], ""],
        "visibilities": [3, "a", [], np.ones(24), np.ones(24, complex), {}, [None], True],
    },
}  # fmt: skip
ALL = [
    pytest.param(name, key, value, id=f"{name}-{key}-{index}")
    for name in CASES
    for key, values in (COMMON | OWN[name]).items()
    for index, value in enumerate(values)
]


@pytest.mark.parametrize(("name", "key", "value"), ALL)
def test_wrong_values(law, name, key, value):
    law.refused(name, law.observed(name), **{key: value})


MASKS = {
    "all": lambda shape: np.ones(shape, bool),
    "integers": lambda shape: np.eye(*shape, dtype=int),
    "floats": lambda shape: np.eye(*shape),
    "NaN": lambda shape: np.full(shape, math.nan),
    "another shape": lambda shape: np.zeros((3, 3), bool),
    "transposed": lambda shape: np.zeros((shape[0] + 1, shape[1]), bool),
    "empty": lambda shape: np.zeros((0, 0), bool),
    "a row": lambda shape: np.zeros(shape[1], bool),
    "a cube": lambda shape: np.zeros((2, *shape), bool),
    "list": lambda shape: np.zeros(shape, bool).tolist(),
    "text": lambda shape: "mask.fits",
    "masked pixels": lambda shape: np.ma.masked_array(np.eye(*shape, dtype=bool), np.eye(*shape, k=1)),
    "masked pixels in a list": lambda shape: [np.ma.masked_array(np.eye(*shape, dtype=bool), np.eye(*shape, k=1))],
    "objects": lambda shape: np.full(shape, None),
    "True": lambda shape: True,
    "number": lambda shape: 3,
    "no masks": lambda shape: [],
    "two masks": lambda shape: [np.zeros(shape, bool)] * 2,
    "dictionary": lambda shape: {},
}


@pytest.mark.parametrize("name", [AIA, LASCO])
@pytest.mark.parametrize("kind", MASKS)
def test_wrong_masks(law, name, kind):
    smap = law.observed(name)
    law.refused(name, smap, mask=MASKS[kind](smap.data.shape))


DEVICES = ["", "abacus", "cuda:99", 3, "cpu:-1", ["cpu"], True, "meta", math.nan]


@pytest.mark.parametrize("device", DEVICES, ids=map(repr, DEVICES))
def test_wrong_devices(law, device):
    law.refused(MAGNETOGRAM, law.observed(MAGNETOGRAM), method="network", device=device)


WEIGHTS = ["", "nonsense", 3, True, b"enhance", ["enhance"], {}, "missing.safetensors", "/", ".", "a\0b.safetensors"]


@every_case
@pytest.mark.parametrize("weights", WEIGHTS, ids=map(repr, WEIGHTS))
def test_wrong_weights(law, name, weights):
    law.refused(name, law.observed(name), method="network", weights=weights)


METADATA = {
    "task": "enhance-magnetogram",
    "architecture": "ResidualRestorer",
    "hyperparameters": '{"architecture": "ResidualRestorer", "blocks": 1, "channels": 4}',
}


def with_metadata(path, **metadata):
    save_file(
        {"a": torch.zeros(3)}, path, {key: text for key, text in (METADATA | metadata).items() if text is not None}
    )


FILES = {
    "nothing": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("weights\n" * 40),
    "HTML": lambda path: path.write_text("<!doctype html>" * 9),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"a": 1})),
    "checkpoint": lambda path: torch.save({"a": torch.zeros(3)}, path),
    "a folder": lambda path: path.mkdir(),
    "huge header": lambda path: path.write_bytes(b"\xff" * 8 + b"{}" * 40),
    "negative header": lambda path: path.write_bytes(b"\x00" * 7 + b"\x80" + b"{}" * 40),
    "no JSON": lambda path: path.write_bytes((8).to_bytes(8, "little") + b"{{{{{{{{"),
    "a list": lambda path: path.write_bytes((8).to_bytes(8, "little") + b"[1,2,3] "),
    "no metadata": lambda path: save_file({"a": torch.zeros(3)}, path),
    "no tensors": lambda path: save_file({}, path, METADATA),
    "no task": lambda path: with_metadata(path, task=None),
    "another task": lambda path: with_metadata(path, task="inpaint"),
    "unknown task": lambda path: with_metadata(path, task="nonsense"),
    "no architecture": lambda path: with_metadata(path, architecture=None),
    "unknown architecture": lambda path: with_metadata(path, hyperparameters='{"architecture": "Sequential"}'),
    "no hyperparameters": lambda path: with_metadata(path, hyperparameters=None),
    "hyperparameters of another kind": lambda path: with_metadata(path, hyperparameters="[1, 2]"),
    "damaged hyperparameters": lambda path: with_metadata(path, hyperparameters='{"blocks": '),
    "unknown hyperparameters": lambda path: with_metadata(
        path, hyperparameters='{"architecture": "ResidualRestorer", "blocks": 1, "channels": 4, "power": 3}'
    ),
    "wrong hyperparameters": lambda path: with_metadata(
        path, hyperparameters='{"architecture": "ResidualRestorer", "blocks": "many", "channels": []}'
    ),
    "negative hyperparameters": lambda path: with_metadata(
        path, hyperparameters='{"architecture": "ResidualRestorer", "blocks": -1, "channels": -4}'
    ),
    "huge hyperparameters": lambda path: with_metadata(
        path, hyperparameters='{"architecture": "ResidualRestorer", "blocks": 1, "channels": 1000000000}'
    ),
    "other tensors": with_metadata,
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_wrong_weights_files(law, kind, tmp_path):
    path = tmp_path / "net.safetensors"
    FILES[kind](path)
    law.refused(MAGNETOGRAM, law.observed(MAGNETOGRAM), method="network", weights=path)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".npz", ".h5", ".SAFETENSORS.bak"])
def test_other_suffixes(law, suffix, tmp_path):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"weights")
    law.refused(MAGNETOGRAM, law.observed(MAGNETOGRAM), method="network", weights=path)


TEXTURES = {
    "shape": [(), (3,), (3, 3, 3), 3, None, "ab", (0, 3), (-1, 3), (3.5, 3), ("3", "3"), (True, True), (math.nan, 3),
              (10**7, 10**7), (10**300, 2), {}, np.ones((2, 2))],
    "seed": ["a", -1, 3.5, 2**63, True, [], math.nan],
    "scale": [3, "3 km", 0 * u.km, -3 * u.km, math.nan * u.km, math.inf * u.km, 3 * u.s, [3, 4] * u.km, 1e300 * u.km,
              1e-300 * u.km, True],
    "method": ["", "nonsense", 3, None, ["gan"]],
    "stitching": ["seam", "nonsense", 3, ["seam"]],
    "refine_worst": [3, -1, 3.5, "a", math.nan],
    "weights": ["nonsense", 3],
    "out": ["a.jpg", "a", 3, "", "/"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(key, value, id=f"{key}-{index}")
        for key, values in TEXTURES.items()
        for index, value in enumerate(values)
    ],
)
def test_wrong_textures(law, key, value):
    options = {"shape": (16, 16), "method": "spectrum", "seed": 1} | {key: value}
    law.refused("synthesize_granulation", options.pop("shape"), **options)


def test_files_that_cannot_be_restored(tmp_path):
    path = tmp_path / "net.safetensors"
    save_file({"a": torch.tensor([1.0, math.nan])}, path, METADATA)
    with pytest.raises(WeightsError, match=r"NaN or infinite numbers in a; expected"):
        sunpy_restore.core.weights.store.read(path)
