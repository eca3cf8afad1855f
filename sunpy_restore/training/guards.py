"""Stop a training that cannot succeed, and say why."""

from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch import callbacks
from safetensors.torch import save_file

from sunpy_restore.core.exceptions import TrainingError
from sunpy_restore.core.system.memory import is_out_of_memory

__all__ = ["BAD_BATCH", "FiniteLoss", "check_weights", "explained_memory"]

BAD_BATCH = "bad_batch.safetensors"
"""File in the folder of a training with the batch whose loss is not finite."""

_REMEDY = (
    "Inspect the batch, or lower learning_rate or gradient_clip, or use precision='32-true'. The last checkpoint is "
    "that of an earlier step (resume)."
)
"""Parts of the messages of PyTorch's `RuntimeError` where the memory is too small."""


class FiniteLoss(callbacks.Callback):
    """
    Stop at a loss that is NaN or infinite, before it changes the weights, and keep its batch.

    The batch is written to ``bad_batch.safetensors``: the tensors ``observed`` and ``truth``, and ``extra_2`` and so on
    if a recipe has more. Of several processes, each writes its own batch if its own loss is the cause; the files of all
    but the first have the number of the process in their names.

    Parameters
    ----------
    out : path-like
        Folder of the file.
    """

    def __init__(self, out):
        self.out, self.batch = Path(out), ()

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.batch = batch

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batch = ()

    def on_before_backward(self, trainer, pl_module, loss):
        """
        Check the loss of a batch.

        Raises
        ------
        ~sunpy_restore.core.exceptions.TrainingError
            The loss of this or of another process is not finite.
        """
        finite = bool(torch.isfinite(loss.detach()).all())
        # All processes stop, so that none waits for another
        if trainer.world_size > 1:
            everywhere = trainer.strategy.reduce_boolean_decision(finite, all=True)
        else:
            everywhere = finite
        if everywhere:
            return
        step = trainer.global_step + 1
        if finite:
            raise TrainingError(f"Found a loss that is not finite at step {step} in another process. {_REMEDY}")
        rank = trainer.global_rank
        path = self.out / (BAD_BATCH if rank == 0 else f"{Path(BAD_BATCH).stem}.{rank}.safetensors")
        names = ("observed", "truth", *(f"extra_{index}" for index in range(2, len(self.batch))))
        tensors = {
            name: tensor.detach().cpu().contiguous().clone() for name, tensor in zip(names, self.batch, strict=False)
        }
        save_file(tensors, path, metadata={"step": str(step), "loss": str(loss.item())})
        wrong = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
        where = f"{' and '.join(wrong)} in it are not finite everywhere" if wrong else "it is finite itself"
        raise TrainingError(
            f"Found a loss of {loss.item()} at step {step}; expected a finite one. The batch is kept in {path}; "
            f"{where}. {_REMEDY}"
        )


def check_weights(module, step):
    """
    Check that all weights are finite, so that no checkpoint is replaced by one that is of no use.

    Parameters
    ----------
    module : `torch.nn.Module`
        The network.
    step : `int`
        Number of steps so far, for the message.

    Raises
    ------
    ~sunpy_restore.core.exceptions.TrainingError
        Some are NaN or infinite.
    """
    bad = [name for name, tensor in module.state_dict().items() if not tensor.isfinite().all()]
    if bad:
        raise TrainingError(
            f"Found weights that are not finite after step {step}: {', '.join(bad[:3])}. The checkpoints before that "
            f"step are kept. Lower learning_rate or gradient_clip, or use precision='32-true', and resume."
        )


@contextmanager
def explained_memory(config):
    """
    Say what to lower where the memory of the computer or of the device is too small for a training.

    Parameters
    ----------
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.

    Raises
    ------
    ~sunpy_restore.core.exceptions.TrainingError
        Instead of any error that says that memory could not be allocated.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        if not is_out_of_memory(error):
            raise
        views = f", or the option views (now {config.options['views']})" if "views" in config.options else ""
        raise TrainingError(
            f"The memory is too small for batches of {config.batch_size} patches of {config.patch_size} pixels in "
            f"{config.accumulate} part(s) ({reason or type(error).__name__}). Raise accumulate, which computes a batch "
            f"in more parts, or lower batch_size, patch_size or the number of workers{views}, or use "
            "precision='bf16-mixed'."
        ) from error
