"""Networks as ONNX files."""

import contextlib
import io
import logging
import warnings
from pathlib import Path

import numpy as np

from sunpy_restore.core.inference.enginefiles import free_axes

__all__ = ["ONNX_TOLERANCE", "write_onnx"]

ONNX_TOLERANCE = 1e-4
"""Largest difference between the outputs of ONNX Runtime and PyTorch, relative to the range of the output."""

_SIDES = (64, 96)
"""Sides of the images in pixels: for the export, and for the comparison at another size."""


def write_onnx(network, path, inputs, *, names=("image",)):
    """
    Write a network as an ONNX file, whose images may have any size, and compare it with PyTorch.

    The file has the network alone. What the functions of the package do before and after it, such as the normalisation
    and the data consistency, is not in it.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network.
    path : path-like
        The file.
    inputs : callable
        ``inputs(side)`` gives a batch of one input, shape ``(1, channels, side, side)``.
    names : sequence of `str`
        Channels of the input, for the file's description.

    Returns
    -------
    `float`
        The largest difference between the outputs of ONNX Runtime and of PyTorch at two sizes, relative to the range of
        the output.

    Raises
    ------
    ModuleNotFoundError
        The packages onnx, onnxscript and onnxruntime are missing.
    RuntimeError
        The network has an operation that ONNX does not have, or the results differ.
    """
    import onnx
    import onnxruntime
    import onnxscript  # noqa: F401
    import torch

    from sunpy_restore.networks.acceleration import accelerate

    path, network = Path(path), network.cpu().eval()
    with _quiet():
        try:
            # PyTorch 2.5 and 2.6 cannot write batch norms, and fix an axis of length 1
            old = tuple(map(int, torch.__version__.split(".")[:2])) < (2, 7)
            sample = inputs(_SIDES[0])
            sample = torch.cat([sample, sample]) if old else sample
            program = torch.onnx.export(
                accelerate(network) if old else network, (sample,), dynamo=True, verbose=False,
                input_names=["input"], output_names=["output"],
                dynamic_shapes=(free_axes({0: "batch", 2: "ny", 3: "nx"}),),
            )  # fmt: skip
        # PyTorch does not document its errors
        except Exception as error:
            reason = str(error.__cause__ or error).strip().partition("\n")[0] or type(error).__name__
            raise RuntimeError(
                f"The network {type(network).__name__} cannot be written as ONNX ({reason}). Use its .safetensors file."
            ) from error
    model = program.model_proto
    model.doc_string = f"{type(network).__name__} of sunpy_restore. Channels of the input: {', '.join(names)}."
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for side in _SIDES:
        given = inputs(side)
        with torch.no_grad():
            expected = network(given).numpy()
        (found,) = session.run(None, {"input": given.numpy()})
        worst = max(worst, float(np.abs(found - expected).max() / (np.ptp(expected) or 1)))
    if not worst <= ONNX_TOLERANCE:
        path.unlink()
        raise RuntimeError(
            f"Found a difference of {worst:.1e} of the range between ONNX Runtime and PyTorch for the network "
            f"{type(network).__name__}; expected at most {ONNX_TOLERANCE:g}. Use its .safetensors file."
        )
    return worst


@contextlib.contextmanager
def _quiet():
    """Hide what PyTorch prints for its own developers."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
