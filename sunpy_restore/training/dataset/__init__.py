"""Build training data sets from folders of own files."""

from sunpy_restore.training.dataset.build import build_dataset
from sunpy_restore.training.dataset.pairs import build_pairs
from sunpy_restore.training.dataset.table import format_manifest

__all__ = ["build_dataset", "build_pairs", "format_manifest"]
