"""Training and evaluation of all tasks, which need the ``train`` extra."""

from sunpy_restore.training.dataset import build_dataset, build_pairs, format_manifest
from sunpy_restore.training.evaluation import evaluate, evaluate_observations
from sunpy_restore.training.export import export_weights
from sunpy_restore.training.loop import train
from sunpy_restore.training.summary import format_table, scores

__all__ = [
    "build_dataset",
    "build_pairs",
    "evaluate",
    "evaluate_observations",
    "export_weights",
    "format_manifest",
    "format_table",
    "scores",
    "train",
]
