"""The checkpoints of a training: the last one, and the best one by validation."""

import math
from pathlib import Path

from lightning.pytorch import callbacks

from sunpy_restore.core.exceptions import TrainingError
from sunpy_restore.training.guards import check_weights

__all__ = ["BEST", "LAST", "Checkpoints", "measured"]

LAST, BEST = "last.ckpt", "best.ckpt"


class Checkpoints(callbacks.Checkpoint):
    """
    Write ``last.ckpt`` after each validation, and ``best.ckpt`` if its score is the best so far; stop early.

    A process that is killed while it writes leaves the earlier checkpoint. The score is what
    `~sunpy_restore.training.module.RestorationModule` logs as ``"score"``, lower is better. It is that of the averaged
    weights, which are also the ``state_dict`` of a checkpoint.

    Parameters
    ----------
    out : path-like
        Folder of the checkpoints.
    patience : `int`
        Validations without a better score after which the training stops; 0 for never.
    """

    def __init__(self, out, patience=0):
        self.out, self.patience = Path(out), patience
        self.score, self.step, self.metrics = math.inf, 0, {}
        self.waited, self.validated = 0, 0

    def state_dict(self):
        return {key: vars(self)[key] for key in ("score", "step", "metrics", "waited", "validated")}

    def load_state_dict(self, state):
        vars(self).update(state)

    def on_train_start(self, trainer, pl_module):
        # A training that had stopped early is not continued
        if self.patience and self.waited >= self.patience:
            trainer.should_stop = True

    def on_validation_end(self, trainer, pl_module):
        """Write the checkpoints of a validation during training."""
        if trainer.state.fn != "fit":
            return
        check_weights(pl_module, trainer.global_step)
        self.validated = trainer.global_step
        if self.note(trainer):
            self.waited = 0
            trainer.save_checkpoint(self.out / BEST)
        else:
            self.waited += 1
        trainer.save_checkpoint(self.out / LAST)
        if self.patience and self.waited >= self.patience:
            trainer.should_stop = True

    def note(self, trainer):
        """
        Note the scores of a validation if they are the best so far.

        Parameters
        ----------
        trainer : `lightning.pytorch.Trainer`
            The trainer, just after a validation.

        Returns
        -------
        `bool`
        """
        score = float(trainer.callback_metrics.get("score", math.nan))
        if not score < self.score:
            return False
        self.score, self.step, self.metrics = score, trainer.global_step, measured(trainer)
        return True

    def load_best(self, trainer, module):
        """
        Load the weights of the best validation.

        Parameters
        ----------
        trainer : `lightning.pytorch.Trainer`
            The trainer.
        module : `~sunpy_restore.training.module.RestorationModule`
            Where they are loaded.

        Raises
        ------
        ~sunpy_restore.core.exceptions.TrainingError
            The checkpoint is gone.
        """
        path = self.out / BEST
        if not path.exists():
            raise TrainingError(
                f"Found no checkpoint {path}; expected that of step {self.step}, which has the best score. Resume with "
                "export='last', or train again."
            )
        # Tensors and numbers only
        module.load_state_dict(trainer.strategy.load_checkpoint(path, weights_only=True)["state_dict"])


def measured(trainer):
    """Scores of the last validation by ``score/source``."""
    return {key: float(value) for key, value in trainer.callback_metrics.items() if "/" in key}
