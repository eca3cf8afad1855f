"""Networks and the data consistency of their tasks, applied in tiles to images of any size."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from sunpy_restore.core.inference.function import choose_device, network_function
from sunpy_restore.core.numerics.nearest import fill_invalid
from sunpy_restore.core.system.memory import device_memory
from sunpy_restore.core.system.threads import allowed_threads, in_one_thread, single_threaded, workers_for
from sunpy_restore.core.task import Restoration, resolve
from sunpy_restore.core.tiles.local import apply_tiled
from sunpy_restore.core.tiles.tilegrid import plan_grid, plan_tiles

__all__ = ["TiledNetwork"]

_BYTES_PER_PIXEL = 1500  # of the input of a network with 64 channels
_LARGEST = 2**24  # pixels of a tile; kernels of GPUs count the numbers of a tensor with 31 bits
_NARROWEST = 8  # pixels
_SMALLEST = 128**2  # pixels of a tile, even if memory is small
_CONSISTENT = 768**2  # pixels of a tile for the data consistency


@dataclass(frozen=True)
class TiledNetwork:
    """
    A network and the data consistency of its task, applied in tiles.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    module : `torch.nn.Module`
        The network.
    function : callable
        Applies the network, and the data consistency if that concerns single pixels, to a batch of tiles, see
        `~sunpy_restore.core.tiles.local.apply_tiled`.
    receptive_radius : `int` or `None`
        Receptive radius in input pixels; `None` if the image is not cut into tiles.
    stride : `int`
        Step of the coarsest grid on which the network samples its input.
    device : `str`, optional
        See `sunpy_restore.enhance`.
    trim : `int`, optional
        Border of a tile for which the network returns no result, see `~sunpy_restore.core.tiles.local.apply_tiled`.
    consistent : callable, optional
        Data consistency of neighbouring pixels, ``consistent(restored, channels)``.
    choose : callable, optional
        Chooses the engine, see `~sunpy_restore.core.inference.engines.EngineFunction`.
    """

    task: Restoration
    module: object
    function: Callable
    receptive_radius: int | None
    stride: int = 1
    device: str | None = None
    trim: int | None = None
    consistent: Callable | None = None
    choose: Callable | None = None

    @classmethod
    def of(cls, task, module, device=None):
        """
        Prepare a network of a task.

        Parameters
        ----------
        task : `~sunpy_restore.core.task.Restoration`
            The task.
        module : `torch.nn.Module`
            The network. If it has an attribute ``trim``, it takes a keyword of this name: the width of a border that it
            uses, but for which it returns no result.
        device : `str`, optional
            See `sunpy_restore.enhance`.
        """
        trim = getattr(module, "trim", None)
        function = network_function(module, device, **({} if trim is None else {"trim": trim}))
        choose = getattr(function, "choose", None)
        consistent, local = _data_consistency(task), resolve(task.consistency_radius) == 0
        if consistent is not None and local:
            function, consistent = _after(function, consistent), None
        return cls(
            task,
            module,
            function,
            module.receptive_radius,
            getattr(module, "stride", 1),
            device,
            trim,
            consistent,
            choose,
        )

    def __call__(self, channels, *, active=None, progress=False, tile=None):
        """
        Apply the network.

        Parameters
        ----------
        channels : `numpy.ndarray`
            Finite, shape ``(ny, nx)`` for a task of one channel, else ``(len(task.channels), ny, nx)``.
        active : `numpy.ndarray` of `bool`, optional
            Where a result is needed; tiles without any such pixel stay NaN.
        progress : `bool`
            Show a progress bar.
        tile : `int`, optional
            Side of a tile in input pixels; by default tiles that need little time and memory.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(task.scale * ny, task.scale * nx)``.

        Raises
        ------
        ValueError
            Another number of channels.
        """
        channels, names = np.asarray(channels), self.task.channels
        leading = () if len(names) == 1 else (len(names),)
        if channels.ndim != len(leading) + 2 or channels.shape[:-2] != leading:
            expected = ", ".join([*map(str, leading), "ny", "nx"])
            raise ValueError(
                f"Found an input of shape {channels.shape}; expected ({expected}) for the {self.task.name} task: "
                f"{', '.join(names)}."
            )
        ny, nx = channels.shape[-2:]
        if self.trim is not None and min(ny, nx) < _NARROWEST:
            # Reflection by the network itself needs some pixels
            channels, active = _widened(channels), None if active is None else _widened(active)
        device = choose_device(self.device)
        workers, shape = workers_for(device), channels.shape[-2:]
        radius = 0 if self.consistent is None else resolve(self.task.consistency_radius)
        with single_threaded():
            if self.choose is not None:
                self.choose(len(names), math.prod(shape), workers)
            restored = apply_tiled(
                in_one_thread(self.function), channels, scale=self.task.scale, halo=self.receptive_radius,
                tile=tile or self._tile(shape, workers, device), stride=self.stride, batch=1, active=active,
                reach=radius, trim=self.trim, workers=workers, progress=progress, description=self.task.name,
            )  # fmt: skip
            if self.consistent is not None:
                # On the CPU, wherever the network is
                threads = 1 if workers == 1 else allowed_threads()
                restored = self._made_consistent(restored, channels, active, radius, threads)
        return restored[: self.task.scale * ny, : self.task.scale * nx]

    def several(self, inputs, *, progress=False):
        """
        Apply the network to several images at once.

        Parameters
        ----------
        inputs : `list` of ``(channels, active)``
            See the call of the network.
        progress : `bool`
            Show progress bars.

        Returns
        -------
        `list` of `numpy.ndarray`
        """
        device = choose_device(self.device)
        workers = min(workers_for(device), len(inputs))
        if workers < 2 or device.type != "cpu":
            return [self(channels, active=active, progress=progress) for channels, active in inputs]
        with single_threaded(), ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda given: self(given[0], active=given[1]), inputs))

    def _tile(self, shape, workers, device):
        if self.receptive_radius is None:
            return max(shape)
        largest = device_memory(device) / workers / getattr(self.module, "bytes_per_pixel", _BYTES_PER_PIXEL)
        largest = min(max(largest, _SMALLEST), _LARGEST)
        return plan_grid(shape, self.receptive_radius, largest, trim=self.trim, stride=self.stride, workers=workers)

    def _made_consistent(self, restored, channels, active, radius, workers):
        """The restored image after the data consistency, which is applied in tiles of its own."""
        scale, shape = self.task.scale, channels.shape[-2:]
        result = np.full_like(restored, np.nan)
        _, tiles = plan_tiles(shape, plan_grid(shape, radius, _CONSISTENT, trim=0, workers=workers), active)

        def apply(tile):
            ends = [
                (max(part.start - radius, 0), min(part.stop + radius, length))
                for part, length in zip(tile, shape, strict=True)
            ]
            around = tuple(slice(*pair) for pair in ends)
            image = restored[tuple(slice(scale * start, scale * stop) for start, stop in ends)]
            if not np.isfinite(image).all():
                # No result is needed there; what follows may be a Fourier transform of the whole tile
                image, _ = fill_invalid(image)
            found = self.consistent(image, channels[(..., *around)])
            inner = [scale * (part.start - start) for part, (start, _) in zip(tile, ends, strict=True)]
            y, x = (slice(scale * part.start, scale * part.stop) for part in tile)
            result[y, x] = found[inner[0] : inner[0] + y.stop - y.start, inner[1] : inner[1] + x.stop - x.start]

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(apply, tiles))
        return result


def _widened(image):
    """Continue a narrow image by reflection."""
    more = [(0, max(_NARROWEST - length, 0)) for length in image.shape[-2:]]
    return np.pad(image, [(0, 0)] * (image.ndim - 2) + more, mode="symmetric")


def _after(function, consistent):
    """A function of tiles, followed by the data consistency of each."""

    def together(batch):
        restored = function(batch)
        return np.stack(
            [consistent(image, _channels(tile))[None] for image, tile in zip(restored[:, 0], batch, strict=True)]
        )

    return together


def _data_consistency(task):
    consistent = resolve(task.data_consistency)
    if "mask" not in task.channels:
        return consistent
    mask = task.channels.index("mask")
    consistent = consistent or (lambda restored, observed: restored)
    return lambda restored, observed: np.where(observed[mask] > 0, consistent(restored, observed), observed[0])


def _channels(tile):
    """The channels of a tile of shape (channels, h, w): a single one is an image."""
    return tile[0] if len(tile) == 1 else tile
