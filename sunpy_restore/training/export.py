"""Export trained weights for others: the file, its entry for a registry, and its model card."""

import hashlib
import json
import re
from pathlib import Path

from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.inference.network import load_network
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.restoration.methods import load_method
from sunpy_restore.core.weights.modelcard import card
from sunpy_restore.core.weights.registry import WeightsEntry, available
from sunpy_restore.core.weights.store import read, write
from sunpy_restore.tasks import function_of, get_task
from sunpy_restore.training.evaluation import score_images
from sunpy_restore.training.guards import BAD_BATCH
from sunpy_restore.training.onnxfile import write_onnx
from sunpy_restore.training.summary import intervals, scores, together

__all__ = ["export_weights"]

_UNSCORED = "These weights were not scored on images that were kept back from training."


def export_weights(run, out, *, name=None, licence=None, data=None, methods=None, onnx=False, device=None):
    """
    Export the weights of a training.

    Three files are written: ``<name>.safetensors``, ``<name>.toml`` with the entry for a registry, and ``<name>.rst``
    with the model card. The card has the scores, if there are data to score on, with intervals of a bootstrap over the
    images, the intended use and the limits.

    Parameters
    ----------
    run : path-like
        Folder of the training, or a weights file.
    out : path-like
        Folder for the files.
    name : `str`, optional
        Name in the registry; by default ``<task>-<configuration>``, or ``<task>-<folder>`` with the name of the folder
        of the training where the package has weights of that name.
    licence : `str`, optional
        SPDX identifier of the licence under which you share the weights, such as ``"CC-BY-4.0"``; by default the one in
        the metadata, or "not stated". The terms of the training data are in the metadata and in the card.
    data : path-like, optional
        Folder of the training data, see `~sunpy_restore.training.evaluate`; by default the scores in the metadata are
        kept, if there are some.
    methods : iterable of `str`, optional
        Rows of the table of scores, see `~sunpy_restore.training.evaluate`.
    onnx : `bool`
        Also write ``<name>.onnx``, see `~sunpy_restore.training.onnxfile.write_onnx`.
    device : `str`, optional
        See `sunpy_restore.enhance`.

    Returns
    -------
    `list` of `~pathlib.Path`
        The files; the first one can be passed to the function as ``weights``.

    Raises
    ------
    FileNotFoundError
        The folder has no weights file.
    ValueError
        The folder has several, or ``onnx`` is set for a generator.
    ~sunpy_restore.core.exceptions.WeightsError
        The file cannot be read, or its tensors do not fit its network.
    RuntimeError
        The network cannot be written as ONNX.
    """
    source, out = _weights_of(Path(run)), Path(out)
    state, metadata = read(source)
    task = get_task(metadata["task"])
    if onnx and not hasattr(task, "channels"):
        raise ValueError(
            f"Found onnx=True for the task {task.name!r}, which generates images; expected one that restores images. "
            "Use the .safetensors file."
        )
    # The tensors fit the network, so the file works at once
    load_method(task, weights=source, device=device)
    recipe = recipe_of(task).for_networks([metadata["hyperparameters"]])
    if data is not None:
        found = score_images(task.name, data, methods=methods, weights=source, device=device)
        rows = [{"source": place, "method": label} | together(images) for (place, label), images in found.items()]
        metadata |= {"scores": scores(rows), "intervals": intervals(found)}
    metadata |= {"intended_use": recipe.intended_use or _use(task), "limits": _limits(recipe, metadata)}
    metadata |= {} if licence is None else {"licence": licence}
    name = name or _name(source, task, metadata)
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{name}.safetensors"
    write(target, state, metadata)
    entry = _entry(name, target, task, metadata)
    files = [target, out / f"{name}.toml", out / f"{name}.rst"]
    files[1].write_text(_toml(entry), encoding="utf-8")
    text = card(entry, metadata, task.title, function_of(task).name, columns=recipe.score_columns)
    files[2].write_text(text, encoding="utf-8")
    if onnx:
        files.append(out / f"{name}.onnx")
        write_onnx(load_network(task, target)[0], files[-1], _inputs(task), names=task.channels)
    return files


def _weights_of(run):
    if run.is_file():
        return run
    found = sorted(path for path in run.glob("*.safetensors") if not path.stem.startswith(Path(BAD_BATCH).stem))
    if not found:
        raise FileNotFoundError(
            f"Found no weights file in {run}; expected one, which a training writes at its end. Resume the training."
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ValueError(f"Found several weights files in {run} ({names}); expected one. Pass the path of the file.")
    return found[0]


def _name(source, task, metadata):
    """A name that the package has no weights of."""
    taken = {entry.name for entry in available()}
    folder = re.sub(r"\W+", "-", source.resolve().parent.name, flags=re.ASCII).strip("-")
    names = [f"{task.name}-{part}" for part in (metadata.get("config", "own"), folder or "own", f"{folder}-own")]
    return next(name for name in names if name not in taken)


def _use(task):
    return f"{task.title}, with sunpy_restore.{function_of(task).name}."


def _limits(recipe, metadata):
    """What the recipe says, and how far the scores reach."""
    scored = metadata.get("scores") or {}
    reach = f"Scored on: {', '.join(scored)}. For other data, compare with a classical method." if scored else _UNSCORED
    return " ".join(filter(None, (recipe.limits, reach)))


def _entry(name, path, task, metadata):
    data = path.read_bytes()
    architecture = metadata["architecture"]
    try:
        return WeightsEntry(
            name=name,
            task=task.name,
            kind="full",
            file=path.name,
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            licence=metadata.get("licence", "not stated"),
            doi=metadata.get("doi", task.doi),
            description=f"{architecture}, configuration {metadata.get('config', 'own')}; input in {task.unit}.",
            trained_on=" ".join(metadata.get("training_data", "unknown").split()),
        )
    except ValueError as error:
        raise WeightsError(f"{error} Use another name.") from error


def _toml(entry):
    """An entry as it stands in the registry; strings of TOML have the escapes of JSON."""
    keys = ("task", "kind", "file", "sha256", "size", "licence", "doi", "description", "trained_on")
    lines = [f"{key} = {json.dumps(getattr(entry, key), ensure_ascii=False)}" for key in keys]
    note = "# Add urls = [...] where the file is hosted, and append this table to a registry."
    return "\n".join([note, f"[weights.{json.dumps(entry.name)}]", *lines, ""])


def _inputs(task):
    """Random inputs of the network of a task: noise, and a mask of two boxes where it has one."""
    import torch

    def inputs(side):
        generator = torch.Generator().manual_seed(side)
        channels = list(task.channels)
        batch = 1 + 0.1 * torch.randn((1, len(channels), side, side), generator=generator)
        if "mask" in channels:
            mask = torch.zeros((side, side))
            mask[side // 4 : side // 2, side // 4 : side // 2] = mask[-side // 4 : -4, 4 : side // 3] = 1
            batch[:, channels.index("mask")] = mask
        return batch

    return inputs
