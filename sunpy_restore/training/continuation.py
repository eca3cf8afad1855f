"""Resume a training after an interruption, in addition to the checkpoints of Lightning."""

import json
import time

from lightning.pytorch import callbacks
from torch.utils.data import Dataset

__all__ = ["Continuation", "Continued", "as_json"]


def as_json(config):
    """Encode a configuration without its name as JSON."""
    values = {key: dict(value) if hasattr(value, "items") else value for key, value in vars(config).items()}
    return json.dumps({key: value for key, value in values.items() if key != "name"})


class Continued(Dataset):
    """
    A data set that begins at another item of a data set.

    Parameters
    ----------
    pairs : `torch.utils.data.Dataset`
        The data set.
    """

    def __init__(self, pairs):
        self.pairs, self.start = pairs, 0

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        return self.pairs[(self.start + index) % len(self)]


class Continuation(callbacks.Callback):
    """
    Store the configuration and the elapsed time in checkpoints, and restore the position in the training data.

    Parameters
    ----------
    pairs : `Continued`
        Training data.
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.
    """

    def __init__(self, pairs, config):
        self.pairs, self.config = pairs, as_json(config)
        self.earlier, self.begin = 0.0, time.monotonic()

    @property
    def seconds(self):
        """Elapsed time of the training in seconds, with that before interruptions."""
        return self.earlier + time.monotonic() - self.begin

    def state_dict(self):
        return {"seconds": self.seconds, "config": self.config}

    def load_state_dict(self, state):
        self.earlier = state["seconds"]
        found, expected = json.loads(state["config"]), json.loads(self.config)
        # These change what is kept or where it is computed, but no weights. The number of steps is part of the
        # one-cycle schedule only
        free = {"accumulate", "export", "patience"} | (set() if expected["schedule"] == "one-cycle" else {"steps"})
        changed = [key for key in expected if key not in free and found.get(key) != expected[key]]
        if changed:
            raise ValueError(
                "Found a checkpoint of another configuration: "
                + "; ".join(f"{key} = {found.get(key)!r}, expected {expected[key]!r}" for key in changed)
                + ". Resume with the same configuration, or start a new training in another folder."
            )

    def on_load_checkpoint(self, trainer, pl_module, checkpoint):
        self.pairs.start = checkpoint["global_step"] * pl_module.config.batch_size
