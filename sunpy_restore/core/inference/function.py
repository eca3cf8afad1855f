"""Networks of PyTorch as functions of arrays, and the device that computes them."""

from contextlib import nullcontext

import numpy as np

from sunpy_restore.core.inference.engines import EngineFunction

__all__ = ["choose_device", "network_function"]


def choose_device(device=None):
    """
    Choose the PyTorch device.

    Parameters
    ----------
    device : `str` or `torch.device`, optional
        Name of a device, such as ``"cpu"`` or ``"cuda:1"``. By default CUDA, then MPS, then the CPU.

    Returns
    -------
    `torch.device`

    Raises
    ------
    ValueError
        The device does not exist or cannot be used on this computer.
    """
    import torch

    if device is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen).item()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"Found device={device!r}, which cannot be used ({reason}); expected a device of this computer such as "
            "'cpu', 'cuda' or 'mps', or None to choose one."
        ) from error
    return chosen


def network_function(module, device=None, **options):
    """
    Wrap a network as a function of arrays for `~sunpy_restore.core.tiles.local.apply_tiled`.

    Parameters
    ----------
    module : `torch.nn.Module`
        Network that maps shape ``(tiles, C, h, w)`` to ``(tiles, C', scale * h, scale * w)``. It is not changed: a copy
        is used in evaluation mode, in single precision and with the rewrites of
        `sunpy_restore.networks.acceleration.accelerate`.
    device : `str` or `torch.device`, optional
        Device of the copy, see `choose_device`.
    **options
        Keywords with which the network is called.

    Returns
    -------
    callable
        Maps a `numpy.ndarray` to a `numpy.ndarray` of ``float32``; on the CPU an
        `~sunpy_restore.core.inference.engines.EngineFunction`.
    """
    import torch

    from sunpy_restore.networks.acceleration import accelerate

    device = choose_device(device)
    network = accelerate(module).float().to(device)

    def function(tiles):
        tensor = torch.from_numpy(np.array(tiles, dtype=np.float32, order="C"))
        if device.type == "cuda":
            # Pinned memory is copied while the GPU still computes the tile of another thread
            tensor = tensor.pin_memory()
        tensor = tensor.to(device, non_blocking=True)
        with torch.inference_mode(), _full_precision(device):
            result = network(tensor.contiguous(memory_format=torch.channels_last), **options)
        return np.ascontiguousarray(result.float().cpu().numpy())

    return EngineFunction(network, function, options) if device.type == "cpu" else function


def _full_precision(device):
    """Switch off TF32 on CUDA, where convolutions of single precision otherwise have 10-bit mantissas."""
    if device.type != "cuda":
        return nullcontext()
    from torch.backends import cudnn

    return cudnn.flags(
        enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
    )
