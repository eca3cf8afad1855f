"""
Write the reference of the internals: one page for each part of the package, with all of its modules.

The pages are reStructuredText in ``docs/internals``. That folder is made anew at every build, and git ignores it.
"""

import importlib
import pkgutil
import re
import shutil
from pathlib import Path

import sunpy_restore

__all__ = ["setup"]

PARTS = {
    "core": "Core",
    "enhancement": "Enhancement",
    "desaturation": "Desaturation",
    "inpainting": "Inpainting",
    "backprojection": "Back-projection",
    "granulation": "Granulation",
    "networks": "Networks",
    "training": "Training",
    "archive": "Archives",
    "cli": "Command line",
    "studio": "Studio",
}

INTRODUCTION = """\
*********
Internals
*********

These modules are for developers of the package and of new functions (:doc:`/howto/add_task`). They may change between
releases without notice; :doc:`/reference` lists what is stable.

"""


def in_reference(app):
    """Modules that the users' reference documents."""
    text = (Path(app.srcdir) / "reference.rst").read_text(encoding="utf-8")
    return set(re.findall(r"automodapi:: (\S+)", text))


def modules_of(part):
    """Names of the modules of a part that have public names of their own."""
    package = importlib.import_module(f"sunpy_restore.{part}")
    names = [package.__name__]
    names += [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return [name for name in sorted(names) if getattr(importlib.import_module(name), "__all__", None)]


def page(title, modules):
    """One page, as text."""
    lines = ["*" * len(title), title, "*" * len(title), ""]
    for module in modules:
        lines += [f".. automodapi:: {module}", "    :headings: =-", "    :include-all-objects:"]
        lines += ["    :no-inheritance-diagram:", ""]
    return "\n".join(lines)


def write_pages(app):
    """Write all pages and their index."""
    folder = Path(app.srcdir) / "internals"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    known = in_reference(app)
    folders = {path.parent.name for path in Path(sunpy_restore.__file__).parent.glob("*/__init__.py")}
    for part in sorted(folders - {"data"}):
        modules = [name for name in modules_of(part) if name not in known]
        (folder / f"{part}.rst").write_text(page(PARTS.get(part, part), modules), encoding="utf-8")
    order = [part for part in PARTS if part in folders] + sorted(folders - PARTS.keys() - {"data"})
    index = [INTRODUCTION, ".. toctree::", "    :maxdepth: 1", "", *(f"    {part}" for part in order), ""]
    (folder / "index.rst").write_text("\n".join(index), encoding="utf-8")


def setup(app):
    """Write the pages before Sphinx looks for sources; automodapi makes pages only for sources that it finds then."""
    write_pages(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
