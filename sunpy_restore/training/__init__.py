"""Training and evaluation of all tasks; needs the ``train`` extra."""

from sunpy_restore.training.loop import train

__all__ = ["train"]
