"""What a training needs to go on after an interruption, besides Lightning's own checkpoint."""

import json
import time

from lightning.pytorch import callbacks
from torch.utils.data import Dataset

__all__ = ["Continuation", "Continued", "as_json"]


def as_json(config):
    """A configuration as text, without its name."""
    values = {key: dict(value) if hasattr(value, "items") else value for key, value in vars(config).items()}
    return json.dumps({key: value for key, value in values.items() if key != "name"})


class Continued(Dataset):
    """A data set whose item ``i`` is the given one's ``start + i``: what is left after an interruption comes first."""

    def __init__(self, pairs):
        self.pairs, self.start = pairs, 0

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        return self.pairs[(self.start + index) % len(self)]


class Continuation(callbacks.Callback):
    """What a resumed training needs besides Lightning's own state: its place in the data, and the time spent so far."""

    def __init__(self, pairs, config):
        self.pairs, self.config = pairs, as_json(config)
        self.earlier, self.begin = 0.0, time.monotonic()

    @property
    def seconds(self):
        return self.earlier + time.monotonic() - self.begin

    def state_dict(self):
        return {"seconds": self.seconds, "config": self.config}

    def load_state_dict(self, state):
        self.earlier = state["seconds"]
        found, expected = json.loads(state["config"]), json.loads(self.config)
        # One cycle has an end of its own, other schedules go on
        free = set() if expected["schedule"] == "one-cycle" else {"steps"}
        changed = [key for key in expected if key not in free and found.get(key) != expected[key]]
        if changed:
            raise ValueError(
                "Found a checkpoint of another configuration: "
                + "; ".join(f"{key} is {found.get(key)!r} there and {expected[key]!r} here" for key in changed)
                + ". Resume with the same one, or train anew in another folder."
            )

    def on_load_checkpoint(self, trainer, pl_module, checkpoint):
        self.pairs.start = checkpoint["global_step"] * pl_module.config.batch_size * trainer.world_size
