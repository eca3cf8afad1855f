"""The training loop of all tasks, with Lightning."""

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

from sunpy_restore.core.made import Made
from sunpy_restore.core.manifest import described
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

    If Lightning trains on several devices, the first one writes the file.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    data : path-like
        Folder of the training data: one that `~sunpy_restore.training.build_dataset` made, or one in the layout that
        the task's recipe describes.
    out : path-like
        Folder for checkpoints, logs and ``<task>-<config>.safetensors``.
    config : `str` or `~sunpy_restore.core.config.TrainingConfig`
        Configuration, or its name.
    resume : `bool`
        Continue from ``last.ckpt`` in ``out``. The result is the same as without the interruption. Checkpoints are
        pickles, which can run any code: resume only your own.
    start : path-like, optional
        Weights file of a network of the same architecture, from which the training starts.
    steps : `int`, optional
        Number of optimiser steps, instead of that of the configuration.
    progress : `bool`
        Show a progress bar.
    workers : `int`
        Processes that prepare batches, and before that the views from which some recipes cut the patches.

    Returns
    -------
    `pathlib.Path`
        The weights file.

    Raises
    ------
    ValueError
        Unknown task or configuration, or the checkpoint is of another configuration.
    FileNotFoundError
        The data or the checkpoint are missing.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights to start from cannot be read or do not fit the network.
    FileExistsError
        ``out`` has a checkpoint of an earlier training, and ``resume`` is False.
    """
    task = get_task(task)
    recipe = recipe_of(task)
    config = _configuration(recipe, config, steps)
    data, out = Path(data), Path(out)
    checkpoint = _checkpoint(out, resume)
    if not data.is_dir():
        raise FileNotFoundError(f"Found no folder {data}; expected one with the training data.")
    commit = _commit()
    out.mkdir(parents=True, exist_ok=True)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    pairs, validation = recipe.datasets(data, config)
    if workers and isinstance(getattr(pairs, "views", None), Made):
        pairs.views.make_all(workers)
    pairs = Continued(pairs)
    continuation = Continuation(pairs, config)
    module = (AdversarialModule if config.adversary else RestorationModule)(recipe, config, validation)
    if start is not None and not resume:
        fit(module.network, resolve(start, task=task.name), convert=recipe.starting_weights)
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
            # Lightning does not call this if the checkpoint was written at the last step; a second call is harmless
            callback.on_train_end(trainer, module)
        if not trainer.callback_metrics or config.steps % trainer.val_check_interval:
            trainer.validate(module, loaders, verbose=False)
    path = out / f"{task.name}-{config.name}.safetensors"
    if trainer.is_global_zero:
        recipe.calibrate(module.network, data, config)
        metadata = _metadata(recipe, config, trainer, continuation.seconds) | {"commit": commit}
        metadata |= described(data) | recipe.metadata(data, config)
        write(path, module.network.state_dict(), metadata)
    return path


def _checkpoint(out, resume):
    """The checkpoint to resume from, or `None`."""
    path = out / "last.ckpt"
    if not resume and path.exists():
        raise FileExistsError(
            f"Found the checkpoint {path} of an earlier training; expected a folder without one. Resume that training, "
            "or use another folder."
        )
    if resume and not path.exists():
        raise FileNotFoundError(f"Found no checkpoint {path}; expected one to resume from. Train without resume first.")
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
        raise ValueError(f"Found {config.steps} steps; expected at least 1.")
    return config


def _trainer(config, out, progress, more_callbacks):
    every = min(config.validation_interval, config.steps)
    # Without the version counter, so that the newest checkpoint is last.ckpt even if the folder was moved
    saving = callbacks.ModelCheckpoint(
        dirpath=out, save_last=True, save_top_k=0, every_n_train_steps=every, enable_version_counter=False
    )
    return pl.Trainer(
        max_steps=config.steps,
        precision=config.precision,
        # AdversarialModule clips by itself
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
    """Hide the hints of Lightning, its report of the machine, and its warnings about intended behaviour."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Continuation restores the position in the data
            warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before the epoch ended")
            # The user chooses the number of workers
            warnings.filterwarnings("ignore", ".*does not have many workers")
            warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty|The dirpath has changed")
            # Checkpoints hold the state after a step, as in automatic optimization
            warnings.filterwarnings("ignore", "Using ModelCheckpoint with manual optimization")
            # A deprecation in PyTorch that concerns Lightning
            warnings.filterwarnings("ignore", ".*treespec.*LeafSpec", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


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
