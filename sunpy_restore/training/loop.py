"""The training loop of all tasks, with Lightning."""

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch import callbacks
from torch.utils.data import DataLoader
from tqdm import tqdm

from sunpy_restore.core.datasets.imagelist import described_list
from sunpy_restore.core.datasets.made import Made
from sunpy_restore.core.datasets.manifest import described
from sunpy_restore.core.inference.network import fit
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.recipes.configfile import changed
from sunpy_restore.core.recipes.recipe import Recipe, recipe_of
from sunpy_restore.core.weights.store import resolve, write
from sunpy_restore.tasks import get_task
from sunpy_restore.training.adversarial import AdversarialModule
from sunpy_restore.training.checkpoints import LAST, Checkpoints, measured
from sunpy_restore.training.continuation import Continuation, Continued, as_json
from sunpy_restore.training.folders import existing_folder, training_data, writable_folder
from sunpy_restore.training.guards import FiniteLoss, check_weights, explained_memory
from sunpy_restore.training.module import RestorationModule
from sunpy_restore.training.trainer import interruptible, loader_of, make_trainer, quiet
from sunpy_restore.version import __version__

__all__ = ["train"]


def train(
    task, data, out, *, config="compact", changes=None, resume=False, start=None, steps=None, progress=True, workers=0,
    devices="auto", nodes=1, accelerator="auto", minutes=None,
):  # fmt: skip
    """
    Train a network of a task and write its weights.

    On several devices, each computes its share of a batch, and the first one writes the files. The result is the same
    as on one device, except for rounding and for random numbers that a network draws. On several CPUs a network with
    batch normalisation gives another result, because each share is normalised by itself.

    Besides the weights file, ``out`` gets ``last.ckpt``, from which a training resumes, ``best.ckpt`` with the best
    validation score so far, and logs. The metadata ``exported`` and ``exported_step`` of the weights file say which
    weights it has, see ``export`` of `~sunpy_restore.core.recipes.config.TrainingConfig`.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    data : path-like
        Folder of the training data: one that `~sunpy_restore.training.build_dataset` made, or one in the layout that
        the task's recipe describes.
    out : path-like
        Folder for checkpoints, logs and ``<task>-<config>.safetensors``.
    config : `str` or `~sunpy_restore.core.recipes.config.TrainingConfig`
        Configuration, or its name.
    changes : mapping, optional
        Values of the configuration to change, such as ``{"batch_size": 8, "network.width": 16, "options.views": 100}``,
        see `sunpy_restore.core.recipes.configfile.changed`.
    resume : `bool`
        Continue from ``last.ckpt`` in ``out``. The result is the same as without the interruption. Checkpoints are
        pickles, which can run any code: resume only your own.
    start : path-like, optional
        Weights file of a network of the same architecture, from which the training starts.
    steps : `int`, optional
        Number of optimiser steps, instead of that of the configuration.
    progress : `bool`
        Show a progress bar, and before it that the data are prepared, which takes minutes for some tasks.
    workers : `int`
        Processes that prepare batches, and before that the views from which some recipes cut the patches.
    devices : `int` or ``"auto"``
        Number of devices on each node; by default all GPUs, or one process on a CPU.
    nodes : `int`
        Number of machines. On each, the same command is started, as SLURM and ``torchrun`` do.
    accelerator : `str`
        Kind of device, such as ``"gpu"`` or ``"cpu"``, in Lightning's spelling.
    minutes : `float`, optional
        End the training after this time, even if steps are left; the weights are then those of the last step. It
        counts from the call, so that the preparation of the data is part of it, but not the last validation and the
        calibration that some tasks need. The preparation is not cut short: if it takes longer, one step follows, with a
        warning.

    Returns
    -------
    `pathlib.Path`
        The weights file.

    Raises
    ------
    ValueError
        Unknown task or configuration, a value of the configuration or ``minutes`` is invalid, the checkpoint is of
        another configuration, or a batch cannot be divided among the devices.
    FileNotFoundError
        The data or the checkpoint are missing.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights to start from cannot be read or do not fit the network.
    FileExistsError
        ``out`` has a checkpoint of an earlier training, and ``resume`` is False.
    NotADirectoryError, PermissionError
        ``out`` is a file, or cannot be written.
    ~sunpy_restore.core.exceptions.TrainingError
        The loss is NaN or infinite, and its batch is kept in ``bad_batch.safetensors``; the weights are not finite; or
        the memory is too small.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        The preparation of the data took all of ``minutes``; or the processor lacks the precision.
    """
    if minutes is not None and not minutes > 0:
        raise ValueError(f"Found minutes = {minutes:g}; expected a positive number.")
    started, task = time.monotonic(), get_task(task)
    recipe = recipe_of(task)
    config = _configuration(recipe, config, (changes or {}) | ({} if steps is None else {"steps": steps}))
    data, out = existing_folder(data, "the training data"), Path(out)
    checkpoint = _checkpoint(out, resume)
    writable_folder(out)
    commit = _commit()
    with training_data(data, task.name):
        if progress:
            tqdm.write(f"Preparing the training data of {task.name}", file=sys.stderr)
        pl.seed_everything(config.seed, workers=True, verbose=False)
        pairs, validation = recipe.datasets(data, config)
    if workers and isinstance(getattr(pairs, "views", None), Made):
        pairs.views.make_all(workers)
    pairs = Continued(pairs)
    continuation, kept = Continuation(pairs, config), Checkpoints(out, config.patience)
    module = (AdversarialModule if config.adversary else RestorationModule)(recipe, config, validation)
    if start is not None and not resume:
        fit(module.network, resolve(start, task=task.name), convert=recipe.starting_weights)
    with quiet(), explained_memory(config), interruptible(out / LAST):
        averaging = [callbacks.EMAWeightAveraging(decay=config.ema_decay)] if config.ema_decay else []
        own = [continuation, FiniteLoss(out), *averaging, kept]
        where = {"devices": devices, "nodes": nodes, "accelerator": accelerator}
        where["seconds"] = _time_left(minutes, time.monotonic() - started, progress)
        trainer = make_trainer(config, out, own, progress=progress, **where)
        loaders = [DataLoader(dataset, config.batch_size) for dataset in validation.values()]
        trainer.fit(
            module,
            loader_of(pairs, config, trainer, workers),
            loaders,
            ckpt_path=checkpoint,
            weights_only=False if resume else None,
        )
        for callback in averaging:
            # Lightning does not call this if the checkpoint was written at the last step; a second call is harmless
            callback.on_train_end(trainer, module)
        exported = _exported(trainer, module, loaders, kept, config)
    path = out / f"{task.name}-{config.name}.safetensors"
    if trainer.is_global_zero:
        if progress and type(recipe).calibrate is not Recipe.calibrate:
            tqdm.write(f"Calibrating the network of {task.name} with the training data", file=sys.stderr)
        recipe.calibrate(module.network, data, config)
        metadata = _metadata(recipe, config, trainer, continuation.seconds) | exported | {"commit": commit}
        own = described_list(data, recipe.list_name(config)) | described(data)
        metadata |= own | recipe.metadata(data, config)
        write(path, module.network.state_dict(), metadata)
    # No process returns a file that is not there yet
    trainer.strategy.barrier()
    return path


def _exported(trainer, module, loaders, kept, config):
    """Bring the weights to export into the module, and describe them; those after the last step may be the best."""
    check_weights(module, trainer.global_step)
    if not trainer.callback_metrics or trainer.global_step != kept.validated:
        trainer.validate(module, loaders, verbose=False)
    last = measured(trainer)
    best = kept.note(trainer) or kept.step in (0, trainer.global_step)
    step, scores = trainer.global_step, last
    if config.export == "best" and not best:
        kept.load_best(trainer, module)
        step, scores = kept.step, kept.metrics
    return {
        "validation": json.dumps(scores),
        "exported": "best" if config.export == "best" else "last",
        "exported_step": str(step),
        "best_step": str(trainer.global_step if best else kept.step),
    }


def _checkpoint(out, resume):
    """The checkpoint to resume from, or `None`."""
    path = out / LAST
    if not resume and path.exists():
        raise FileExistsError(
            f"Found the checkpoint {path} of an earlier training; expected a folder without one. Resume that training, "
            "or use another folder."
        )
    if resume and not path.exists():
        raise FileNotFoundError(f"Found no checkpoint {path}; expected one to resume from. Train without resume first.")
    if resume and not zipfile.is_zipfile(path):
        raise ValueError(
            f"Found the damaged checkpoint {path}; expected one that a training has written. Start the training again "
            "in another folder, or copy best.ckpt over it, if there is one."
        )
    return path if resume else None


def _time_left(minutes, used, progress):
    """Seconds that the preparation of the data leaves for the training; `None` if they are not limited."""
    if minutes is None:
        return None
    left = 60 * minutes - used
    if left < 1:
        warn_user(
            f"The preparation of the data took {used:.0f} s of the {60 * minutes:.0f} s of minutes={minutes:g}: the "
            "training ends after its first step. Set a larger value of minutes, or workers, which prepare the data of "
            "some tasks in several processes."
        )
    elif progress:
        tqdm.write(f"The preparation took {used:.0f} s; {left:.0f} s are left for the training", file=sys.stderr)
    return max(left, 1)


def _configuration(recipe, config, changes):
    if isinstance(config, str):
        known = recipe.configs()
        if config not in known:
            raise ValueError(
                f"Unknown configuration {config!r} of {recipe.task.name}; expected one of {', '.join(known)}."
            )
        config = known[config]
    return recipe.prepared(changed(config, changes, recipe.options))


def _commit():
    """The commit of the package if it runs from its repository, otherwise its release."""
    root = Path(__file__).parents[2]
    if (root / ".git").exists():
        command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
        try:
            return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            pass
    return f"release {__version__}"


def _metadata(recipe, config, trainer, seconds):
    """Metadata of a weights file, for the model card."""
    task, numbers = recipe.task, json.loads(as_json(config))
    numbers.pop("network")
    return {
        "task": task.name,
        "config": config.name,
        "architecture": config.network["architecture"],
        "hyperparameters": json.dumps(dict(config.network)),
        "normalization": task.unit,
        "training_data": recipe.training_data(config),
        "recipe": json.dumps(numbers),
        "steps": str(trainer.global_step),
        "wall_time": f"{seconds:.0f} s",
        "device": str(trainer.strategy.root_device),
        "precision": str(trainer.precision),
        "doi": task.doi,
    }
