"""
Fuzz the reader of weights files with atheris, by hand: ``python tests/fuzz/fuzz_weights.py -max_total_time=300``.

Any bytes give tensors and metadata, or a ``WeightsError``.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sunpy_restore"]):
    from sunpy_restore.core.exceptions import WeightsError
    from sunpy_restore.core.weights import weightsfile

PATH = Path(tempfile.mkdtemp()) / "net.safetensors"
HEADER = (
    b'{"__metadata__":{"task":"enhance","architecture":"Net","hyperparameters":"{}"},'
    b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
)


def read(data):
    """Read a file of any bytes, or of a valid length and bytes that begin as the header of a valid file."""
    provider = atheris.FuzzedDataProvider(data)
    if provider.ConsumeBool():
        content = provider.ConsumeBytes(4096)
    else:
        header = bytearray(HEADER)
        for _ in range(provider.ConsumeIntInRange(0, 6)):
            header[provider.ConsumeIntInRange(0, len(header) - 1)] = provider.ConsumeIntInRange(0, 255)
        content = len(header).to_bytes(8, "little") + bytes(header) + provider.ConsumeBytes(64)
    PATH.write_bytes(content)
    try:
        state, metadata = weightsfile.read(PATH)
    except WeightsError:
        return
    assert isinstance(metadata["hyperparameters"], dict)
    assert all(tensor.isfinite().all() for tensor in state.values())


if __name__ == "__main__":
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
