"""One Zarr store with the restored images of an archive, and lazy Maps of them."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from astropy.io import fits

__all__ = ["ZarrStore", "open_frames"]

_CHUNK = 1024  # pixels
_FLAGS = {"mask": False, "filled": False}


@dataclass(frozen=True)
class ZarrStore:
    """
    A Zarr store with the arrays ``data``, ``mask``, ``filled`` and ``uncertainty``, all of shape ``(frames, ny, nx)``.

    The arrays exist as far as images have them. The group ``frames/000000`` and so on has the attributes of an image:
    ``header``, which is a FITS header as text, ``source`` and ``key``. It is written last: an image without it is not
    complete.

    Parameters
    ----------
    path : `str`
        Folder of the store.
    """

    path: str

    @property
    def ledger(self):
        """File of the ledger."""
        return Path(f"{self.path}.sqlite")

    @property
    def ready(self):
        """Whether the shape of the images is known."""
        return Path(self.path, "data", "zarr.json").exists()

    def target(self, relative):
        """Name of the result of a source."""
        return relative

    def where(self, frame, path=None):
        """Place of the result in the store, or in another spelling of it."""
        return f"{path or self.path}[{frame.position}]"

    def exists(self, frame):
        """Whether there is a complete image at that position."""
        return self._key(frame) is not None

    def holds(self, frame):
        """Whether the complete result of this source with these settings is there."""
        return self._key(frame) == frame.key

    def wrote(self, path):
        """Whether a file is a result: none is, they are in the store."""
        return False

    def _key(self, frame):
        """Key of the image at that position."""
        if not Path(self.path, _name(frame.position), "zarr.json").exists():
            return None
        return self._group()[_name(frame.position)].attrs.get("key")

    def prepare(self, length):
        """Make place for this number of images."""
        group = self._group("a")
        for _, array in group.arrays():
            if array.shape[0] < length:
                array.resize((length, *array.shape[1:]))
        group.attrs["length"] = max(length, group.attrs.get("length", 0))

    def write(self, image, frame):
        """
        Write a Map at its position.

        Raises
        ------
        ValueError
            Its shape or data type is not that of the other images.
        """
        from sunpy_restore.core.fits.cards import fits_header
        from sunpy_restore.core.images.filled import FILLED_KEYWORD, filled

        group = self._group("r+")
        # An image without its attributes is not complete
        if self.exists(frame):
            del group[_name(frame.position)]
        data = np.asarray(image.data)
        kind = data.dtype.newbyteorder("=")
        parts = {"data": (data, np.result_type(kind, np.float32), 0)}
        if image.mask is not None:
            parts["mask"] = (np.broadcast_to(image.mask, data.shape), bool, False)
        if FILLED_KEYWORD in image.meta:
            parts["filled"] = (filled(image), bool, False)
        if image.uncertainty is not None:
            parts["uncertainty"] = (image.uncertainty.array, np.dtype("f4"), np.nan)
        for name, (values, dtype, empty) in parts.items():
            array = _array(group, name, (group.attrs["length"], *data.shape), dtype, empty)
            if array.shape[1:] != data.shape or not np.can_cast(kind, array.dtype if name == "data" else kind):
                raise ValueError(
                    f"Found a result of shape {data.shape} and type {kind}; expected {array.shape[1:]} and "
                    f"{array.dtype}, those of the first image in the store. Use a folder of FITS files as the sink."
                )
            array[frame.position] = values
        for name, empty in _FLAGS.items():
            if name not in parts and name in group:
                group[name][frame.position] = empty
        text = fits_header(image.meta).tostring(sep="\n", padding=False)
        attributes = {"source": frame.source, "header": text, "key": frame.key}
        group.create_group(_name(frame.position), overwrite=True, attributes=attributes)

    def _group(self, mode="r"):
        return _open(self.path, mode)


def _name(position):
    """Name of the group with the attributes of an image."""
    return f"frames/{position:06d}"


def _open(path, mode):
    try:
        import zarr
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'A Zarr store needs the package zarr. Run: pip install "sunpy_restore[archive]"', name="zarr"
        ) from error
    return zarr.open_group(path, mode=mode)


def _array(group, name, shape, dtype, empty):
    """The array of that name, which another worker may make at the same time in the same way."""
    from zarr.errors import ContainsArrayError

    if name not in group:
        chunks = (1, *(min(_CHUNK, side) for side in shape[1:]))
        with suppress(ContainsArrayError):
            group.create_array(name, shape=shape, dtype=dtype, chunks=chunks, fill_value=empty)
    return group[name]


def open_frames(path):
    """
    Open the images of a Zarr store that `sunpy_restore.restore_archive` has written.

    Parameters
    ----------
    path : path-like
        The store.

    Returns
    -------
    `list` of `~sunpy.map.GenericMap`
        The images in the order of the archive, as far as they are done, with their masks and uncertainties. Their data
        are Dask arrays, which are read when they are needed.

    Raises
    ------
    FileNotFoundError
        There is no such store.
    """
    import dask.array

    from astropy.nddata import StdDevUncertainty

    from sunpy_restore.core.fits.cards import read_meta
    from sunpy_restore.core.images.maps import new_map

    path = os.fspath(path)
    if not Path(path).is_dir():
        raise FileNotFoundError(f"{path}: no such store.")
    group = _open(path, "r")
    arrays = {name: dask.array.from_zarr(array) for name, array in group.arrays()}
    frames = dict(group["frames"].groups()) if "frames" in group else {}
    maps = []
    for name in sorted(frames):
        attributes = frames[name].attrs
        if "header" not in attributes:
            continue
        position = int(name)
        meta = read_meta(fits.Header.fromstring(attributes["header"], sep="\n"))
        smap = new_map(arrays["data"][position], meta)
        # The header says whether an image has what others have
        if "mask" in arrays:
            mask = np.asarray(arrays["mask"][position])
            smap.mask = mask if mask.any() else None
        if "uncertainty" in arrays and "rstcorr" in meta:
            smap.uncertainty = StdDevUncertainty(np.asarray(arrays["uncertainty"][position]))
        maps.append(smap)
    return maps
