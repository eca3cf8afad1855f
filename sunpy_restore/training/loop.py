"""The one training loop, on Lightning."""

import json
import logging
import subprocess
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch import callbacks, loggers
from torch.utils.data import DataLoader

from sunpy_restore.core.network import fit
from sunpy_restore.core.recipe import recipe_of
from sunpy_restore.core.weights import resolve, write
from sunpy_restore.tasks import get_task
from sunpy_restore.training.adversarial import AdversarialModule
from sunpy_restore.training.continuation import Continuation, Continued, as_json
from sunpy_restore.training.module import RestorationModule
from sunpy_restore.version import __version__

__all__ = ["train"]


def train(task, data, out, *, config="compact", resume=False, start=None, steps=None, progress=True, workers=0):
    """
    Train a network of a task and write its weights.

    Where Lightning trains on several devices, the first one writes.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    data : path-like
        Folder of the training data, in the layout that the task's recipe describes.
    out : path-like
        Folder for checkpoints, logs and ``<task>-<config>.safetensors``.
    config : `str` or `~sunpy_restore.core.recipe.TrainingConfig`
        Configuration, or its name.
    resume : `bool`
        Continue from ``last.ckpt`` in ``out``: the result is that of a training that was not interrupted. Checkpoints
        are pickles, which can run any code: resume only what you trained.
    start : path-like, optional
        Weights file to begin with, of a network of the same architecture.
    steps : `int`, optional
        Another number of optimiser steps than the configuration's.
    progress : `bool`
        Show a progress bar.
    workers : `int`
        Processes that prepare batches.

    Returns
    -------
    `pathlib.Path`
        The weights file.

    Raises
    ------
    ValueError
        No such task or configuration, or the checkpoint belongs to another configuration.
    FileNotFoundError
        The data, or the checkpoint to resume from, are missing.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights to begin with can't be read, or don't fit the network.
    FileExistsError
        ``out`` has the checkpoint of an earlier training, and ``resume`` is False.
    """
    task = get_task(task)
    recipe = recipe_of(task)
    config = _configuration(recipe, config, steps)
    data, out = Path(data), Path(out)
    checkpoint = _checkpoint(out, resume)
    if not data.is_dir():
        raise FileNotFoundError(f"Found no folder {data}, expected one with the training data.")
    commit = _commit()
    out.mkdir(parents=True, exist_ok=True)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    pairs, validation = recipe.datasets(data, config)
    pairs = Continued(pairs)
    continuation = Continuation(pairs, config)
    module = (AdversarialModule if config.adversary else RestorationModule)(recipe, config, validation)
    if start is not None and not resume:
        fit(module.network, resolve(start, task=task.name))
    loaders = [DataLoader(dataset, config.batch_size) for dataset in validation.values()]
    with _quiet():
        averaging = [callbacks.EMAWeightAveraging(decay=config.ema_decay)] if config.ema_decay else []
        trainer = _trainer(config, out, progress, [continuation, *averaging])
        trainer.fit(
            module,
            DataLoader(pairs, config.batch_size, num_workers=workers),
            loaders,
            ckpt_path=checkpoint,
            weights_only=False if resume else None,
        )
        for callback in averaging:
            # Lightning leaves this out when the checkpoint was that of the last step; twice does no harm
            callback.on_train_end(trainer, module)
        if not trainer.callback_metrics or config.steps % trainer.val_check_interval:
            trainer.validate(module, loaders, verbose=False)
    path = out / f"{task.name}-{config.name}.safetensors"
    if trainer.is_global_zero:
        recipe.calibrate(module.network, data, config)
        metadata = _metadata(recipe, config, trainer, continuation.seconds) | {"commit": commit}
        write(path, module.network.state_dict(), metadata)
    return path


def _checkpoint(out, resume):
    """The checkpoint to start from, if any; none is lost or left out by mistake."""
    path = out / "last.ckpt"
    if not resume and path.exists():
        raise FileExistsError(f"Found the checkpoint {path} of an earlier training. Resume it, or give another folder.")
    if resume and not path.exists():
        raise FileNotFoundError(f"Found no checkpoint {path}, expected one to resume from. Train without resume first.")
    return path if resume else None


def _configuration(recipe, config, steps):
    if isinstance(config, str):
        known = recipe.configs()
        if config not in known:
            raise ValueError(
                f"Unknown configuration {config!r} of {recipe.task.name}; expected one of {', '.join(known)}."
            )
        config = known[config]
    config = config if steps is None else replace(config, steps=steps)
    if config.steps < 1:
        raise ValueError(f"Found {config.steps} steps to train, expected at least 1.")
    return config


def _trainer(config, out, progress, more_callbacks):
    every = min(config.validation_interval, config.steps)
    # Without the counter, so that the newest checkpoint is last.ckpt also when the folder has moved
    saving = callbacks.ModelCheckpoint(
        dirpath=out, save_last=True, save_top_k=0, every_n_train_steps=every, enable_version_counter=False
    )
    return pl.Trainer(
        max_steps=config.steps,
        precision=config.precision,
        # An adversarial training clips by itself
        gradient_clip_val=None if config.adversary else config.gradient_clip or None,
        callbacks=[*more_callbacks, callbacks.LearningRateMonitor("step"), saving],
        logger=[loggers.CSVLogger(out, name="logs"), loggers.TensorBoardLogger(out, name="tensorboard")],
        val_check_interval=every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=min(50, every),
        enable_progress_bar=progress,
        enable_model_summary=False,
    )


@contextmanager
def _quiet():
    """Without Lightning's hints, its report of the machine, and its warnings of what is meant to be so."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Continuation takes care of the place in the data
            warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before the epoch ended")
            # The number of workers is the user's choice
            warnings.filterwarnings("ignore", ".*does not have many workers")
            warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty|The dirpath has changed")
            # A checkpoint is that of what follows the step, here as elsewhere
            warnings.filterwarnings("ignore", "Using ModelCheckpoint with manual optimization")
            # Of PyTorch, to Lightning
            warnings.filterwarnings("ignore", ".*treespec.*LeafSpec", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


def _commit():
    """The commit of the recipe, where the package runs from its repository."""
    root = Path(__file__).parents[2]
    if (root / ".git").exists():
        command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
        try:
            return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            pass
    return f"release {__version__}"


def _metadata(recipe, config, trainer, seconds):
    """What a model card says about a training."""
    task, numbers = recipe.task, json.loads(as_json(config))
    numbers.pop("network")
    measured = {key: float(value) for key, value in trainer.callback_metrics.items() if "/" in key}
    return {
        "task": task.name,
        "config": config.name,
        "architecture": config.network["architecture"],
        "hyperparameters": json.dumps(dict(config.network)),
        "normalization": task.unit,
        "training_data": recipe.training_data(config),
        "recipe": json.dumps(numbers),
        "validation": json.dumps(measured),
        "steps": str(trainer.global_step),
        "wall_time": f"{seconds:.0f} s",
        "device": str(trainer.strategy.root_device),
        "licence": "BSD-3-Clause",
        "doi": task.doi,
    }
