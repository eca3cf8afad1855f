"""Weights that Keras wrote as HDF5, converted to safetensors."""

from pathlib import Path

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.task import resolve
from sunpy_restore.core.weights.weightsfile import read_metadata, write

__all__ = ["converted", "read_keras"]


def read_keras(path):
    """
    Read the layers of an HDF5 file of Keras, by ``save_weights`` or ``save``.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    `list` of (`str`, `dict`)
        Layers that have weights, in the order of the network: the name of the layer, and the name of each weight, such
        as ``"kernel"``, to a `numpy.ndarray`.

    Raises
    ------
    ModuleNotFoundError
        The package h5py is missing.
    ~sunpy_restore.core.exceptions.WeightsError
        The file is no such file.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'Weights of Keras ({Path(path).name}) need the package h5py. Run: pip install "sunpy_restore[keras]"',
            name="h5py",
        ) from error
    try:
        with h5py.File(path) as file:
            root = file["model_weights"] if "model_weights" in file else file
            return [
                (layer, {_text(name).rpartition("/")[2].partition(":")[0]: root[layer][name][()] for name in names})
                for layer in map(_text, root.attrs["layer_names"])
                if len(names := root[layer].attrs["weight_names"])
            ]
    except (KeyError, OSError) as error:
        raise WeightsError(f"The file {path} cannot be read as weights of Keras ({error}). Fetch it again.") from error


def _text(name):
    return name.decode() if isinstance(name, bytes) else str(name)


def converted(source, entry, folder):
    """
    Convert a file of Keras, unless that was done before.

    Parameters
    ----------
    source : path-like
        The HDF5 file, which was verified.
    entry : `~sunpy_restore.core.weights.registry.WeightsEntry`
        Its entry in the registry. Its ``convert`` names a function that makes architecture, hyperparameters and tensors
        from the layers that `read_keras` gives.
    folder : path-like
        Folder of the converted file.

    Returns
    -------
    `~pathlib.Path`
        The file, whose name begins with that of the HDF5 file and with its git blob id.

    Raises
    ------
    ModuleNotFoundError, ~sunpy_restore.core.exceptions.WeightsError
        See `read_keras`; or the layers are not those of the network.
    """
    folder = Path(folder)
    path = folder / f"{Path(entry.file).stem}-{entry.git_blob[:12]}.safetensors"
    if path.exists():
        try:
            if read_metadata(path).get("git_blob") == entry.git_blob:
                return path
        except WeightsError:
            # Convert it again
            pass
    try:
        hyperparameters, state = resolve(entry.convert)(read_keras(source))
    except ValueError as error:
        raise WeightsError(f"The file {source} does not fit the network of {entry.name!r}: {error}") from error
    metadata = {
        "task": entry.task,
        "architecture": hyperparameters["architecture"],
        "hyperparameters": hyperparameters,
        "config": entry.name.removeprefix(f"{entry.task}-"),
        "training_data": entry.trained_on,
        "licence": entry.licence,
        "doi": entry.doi,
        "git_blob": entry.git_blob,
        "source": entry.urls[0] if entry.urls else entry.file,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(path, state, metadata)
    except OSError as error:
        raise WeightsError(
            f"The converted weights {entry.name!r} cannot be written to {folder} ({error.strerror or error}). Set "
            "SUNPY_RESTORE_CACHE to a writable folder."
        ) from error
    return path
