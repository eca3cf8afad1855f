"""Networks for other engines than PyTorch: as ONNX, and as functions of arrays."""

import contextlib
import io
import logging
import threading
import warnings

import numpy as np

__all__ = ["built", "exported", "free_axes"]


def exported(module, options, sample):
    """
    Write a network as ONNX, for images of any size.

    Parameters
    ----------
    module : `torch.nn.Module`
        The network.
    options : `dict`
        Keywords with which it is called.
    sample : `numpy.ndarray`
        Input of the network, shape ``(1, channels, ny, nx)``.

    Returns
    -------
    `bytes`
    """
    import torch

    class Called(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, tiles):
            return self.module(tiles, **options)

    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                Called().eval(), (torch.from_numpy(sample),), dynamo=True, verbose=False, input_names=["input"],
                output_names=["output"], dynamic_shapes=(free_axes({2: "ny", 3: "nx"}),),
            )  # fmt: skip
    finally:
        logger.setLevel(level)
    return program.model_proto.SerializeToString()


def free_axes(names):
    """
    Declare axes of any length for `torch.onnx.export`.

    Parameters
    ----------
    names : `dict`
        Name of each axis in the ONNX file. With PyTorch 2.5 and 2.6, which do not take names, the file has others.

    Returns
    -------
    `dict`
        Axes of one input, an item of ``dynamic_shapes``.
    """
    import torch

    version = tuple(map(int, torch.__version__.split(".")[:2]))
    return names if version >= (2, 7) else dict.fromkeys(names, torch.export.Dim.AUTO)


def built(engine, data, workers):
    """
    Load a network into an engine.

    Parameters
    ----------
    engine : ``"onnxruntime"`` or ``"openvino"``
        The engine.
    data : `bytes`
        The network, see `exported`.
    workers : `int`
        Threads that call the function at once; each call computes with one thread.

    Returns
    -------
    callable
        Maps a `numpy.ndarray` of ``float32`` of shape ``(tiles, channels, ny, nx)`` to the result.
    """
    single = {"onnxruntime": _onnxruntime, "openvino": _openvino}[engine](data, workers)
    # The files are for one tile at a time
    return lambda tiles: single(tiles) if len(tiles) == 1 else np.concatenate([single(tile[None]) for tile in tiles])


def _onnxruntime(data, workers):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    run = onnxruntime.RunOptions()
    # Otherwise the memory for all sizes of tiles is kept
    run.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return lambda tiles: session.run(None, {"input": tiles}, run)[0]


def _openvino(data, workers):
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": workers, "NUM_STREAMS": workers, "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }  # fmt: skip
    compiled = core.compile_model(core.read_model(data, b""), "CPU", settings)
    own = threading.local()

    def function(tiles):
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        # The request uses its memory again
        return np.array(own.request.infer({0: tiles})[0])

    return function
