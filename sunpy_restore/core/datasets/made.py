"""Items that are made from their index, in several processes if there are any."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

__all__ = ["Made"]

_CHUNK = 4  # items that a process makes at a time

_make = None  # of the items that the processes are started for; with them it is not copied for each item


class Made(Sequence):
    """
    Items that a function makes from their index, when they are first needed, and that are kept in memory.

    Parameters
    ----------
    make : callable
        ``make(index)`` returns the item; it depends on nothing else.
    count : `int`
        Number of items.
    """

    def __init__(self, make, count):
        self.make, self.items = make, [None] * count

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        if self.items[index] is None:
            self.items[index] = self.make(index)
        return self.items[index]

    def make_all(self, processes):
        """
        Make the items that are missing.

        Parameters
        ----------
        processes : `int`
            Number of processes that make items. Where processes cannot be forked, this one makes them.
        """
        global _make
        missing = [index for index, item in enumerate(self.items) if item is None]
        if processes < 2 or "fork" not in multiprocessing.get_all_start_methods():
            for index in missing:
                self[index]
            return
        _make = self.make
        try:
            with ProcessPoolExecutor(processes, multiprocessing.get_context("fork"), _alone) as pool:
                for index, item in zip(missing, pool.map(_made, missing, chunksize=_CHUNK), strict=True):
                    self.items[index] = item
        finally:
            _make = None


def _alone():
    """Use one thread, as the processes of PyTorch's `~torch.utils.data.DataLoader` do."""
    import torch

    torch.set_num_threads(1)


def _made(index):
    return _make(index)
