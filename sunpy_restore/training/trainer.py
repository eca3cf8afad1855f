"""The trainer of Lightning for a training, and its devices."""

import logging
import signal
import threading
import warnings
from contextlib import contextmanager
from datetime import timedelta

import lightning.pytorch as pl
import torch
from lightning.pytorch import callbacks, loggers
from torch.utils.data import DataLoader, DistributedSampler

from sunpy_restore.core.messages import warn_user

__all__ = ["interruptible", "loader_of", "make_trainer", "quiet"]


def make_trainer(
    config, out, more_callbacks, *, progress=False, devices="auto", nodes=1, accelerator="auto", seconds=None
):
    """
    Make the trainer of a training.

    Parameters
    ----------
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.
    out : path-like
        Folder of the logs.
    more_callbacks : `list` of `lightning.pytorch.Callback`
        Callbacks in addition to the log of the learning rate.
    progress : `bool`
        Show a progress bar.
    devices, nodes, accelerator
        See `sunpy_restore.training.train`.
    seconds : `float`, optional
        Time after which the training ends.

    Returns
    -------
    `lightning.pytorch.Trainer`
    """
    every = min(config.validation_interval, config.steps)
    trainer = pl.Trainer(
        max_steps=config.steps,
        max_time=None if seconds is None else timedelta(seconds=seconds),
        precision=_precision(config, accelerator),
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy=_strategy(config, devices, nodes, accelerator),
        # Statistics of a batch are those of all its patches; on CPUs PyTorch has none over several processes
        sync_batchnorm=torch.cuda.is_available() and accelerator != "cpu",
        # AdversarialModule clips and accumulates by itself
        gradient_clip_val=None if config.adversary else config.gradient_clip or None,
        accumulate_grad_batches=1 if config.adversary else config.accumulate,
        callbacks=[*more_callbacks, callbacks.LearningRateMonitor("step")],
        logger=[loggers.CSVLogger(out, name="logs"), loggers.TensorBoardLogger(out, name="tensorboard")],
        enable_checkpointing=any(isinstance(callback, callbacks.Checkpoint) for callback in more_callbacks),
        val_check_interval=every * (1 if config.adversary else config.accumulate),
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=min(50, every),
        enable_progress_bar=progress,
        enable_model_summary=False,
    )
    _parts(config, trainer.world_size)
    return trainer


def _precision(config, accelerator):
    """The precision of the configuration, unless the processor has to emulate it, which takes 20 times as long."""
    on_cpu = accelerator == "cpu" or not (torch.cuda.is_available() or torch.backends.mps.is_available())
    if config.precision == "bf16-mixed" and on_cpu and not _has_bfloat16():
        warn_user("This processor has no arithmetic in bfloat16: the training uses single precision, '32-true'.")
        return "32-true"
    return config.precision


def _has_bfloat16():
    """Whether the processor computes in bfloat16."""
    try:
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    except (AttributeError, RuntimeError):
        return False


def _strategy(config, devices, nodes, accelerator):
    """Lightning's choice, except that each loss of an adversarial training has gradients of one player only."""
    if not config.adversary:
        return "auto"
    several = nodes > 1 or devices not in ("auto", 1, "1")
    if devices == "auto" and accelerator != "cpu":
        several |= torch.cuda.device_count() > 1
    return "ddp_find_unused_parameters_true" if several else "auto"


def _parts(config, world_size):
    """Number of parts in which a batch is computed, which must divide it."""
    parts = world_size * config.accumulate
    if config.batch_size % parts:
        raise ValueError(
            f"Found batch_size = {config.batch_size} on {world_size} device(s) with accumulate = {config.accumulate}; "
            f"expected a multiple of {parts}. A batch is that of all devices together."
        )
    return parts


def loader_of(pairs, config, trainer, workers=0):
    """
    Make the loader of the training pairs: on each device its share of a batch, in parts if gradients are accumulated.

    Parameters
    ----------
    pairs : `torch.utils.data.Dataset`
        The pairs.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.
    trainer : `lightning.pytorch.Trainer`
        The trainer.
    workers : `int`
        Processes that prepare batches.

    Returns
    -------
    `torch.utils.data.DataLoader`
    """
    parts = trainer.world_size if config.adversary else _parts(config, trainer.world_size)
    # The sampler that Lightning adds would shuffle the pairs, whose order is that of the training on one device
    sampler = None
    if trainer.world_size > 1:
        sampler = DistributedSampler(pairs, trainer.world_size, trainer.global_rank, shuffle=False)
    return DataLoader(pairs, config.batch_size // parts, sampler=sampler, num_workers=workers)


@contextmanager
def interruptible(checkpoint):
    """
    End by a `KeyboardInterrupt` that says how to continue; Lightning ends the process with exit code 1 instead.

    Parameters
    ----------
    checkpoint : `~pathlib.Path`
        The checkpoint from which the training can be resumed.

    Raises
    ------
    KeyboardInterrupt
        The training was interrupted; the class is that of the interruption.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        cause = error if isinstance(error, KeyboardInterrupt) else error.__context__
        if not isinstance(cause, KeyboardInterrupt):
            raise
        advice = "no checkpoint has been written yet: start the training again"
        if checkpoint.exists():
            advice = "continue with resume=True"
        raise type(cause)(advice) from None
    finally:
        # Lightning ignores the signal from then on
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGINT, handler)


@contextmanager
def quiet():
    """Hide the hints of Lightning, its report of the machine, and its warnings about intended behaviour."""
    found = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in found]
    for logger in found:
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
        for logger, level in zip(found, levels, strict=True):
            logger.setLevel(level)
