"""Imports go one way: networks, core <- rooms <- training, command line, top of the package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sunpy_restore
from sunpy_restore.tasks import TASKS

ROOT = Path(sunpy_restore.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
NOT_ROOMS = {"core", "data", "networks", "training", "cli"}
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_ROOMS
INTERNET = {"aiohttp", "ftplib", "http", "httpx", "parfive", "pooch", "requests", "socket", "ssl", "urllib", "urllib3"}
HEAVY = {"lightning", "pytorch_lightning", "tensorboard", "torch", "torchmetrics"}


def imported(source, package):
    """Absolute names of all modules and names that a source imports, also inside of functions."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: -node.level + 1 or None] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def imports_of(path):
    package = ".".join(("sunpy_restore", *path.relative_to(ROOT).parts[:-1]))
    return imported(path.read_text(encoding="utf-8"), package)


def place(path):
    """Of a module its folder in the package, or its name where it lies at the top."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def own_imports(path):
    """Places in the package that a module imports from."""
    return {name.split(".")[1] for name in imports_of(path) if name.startswith("sunpy_restore.")}


def in_place(*places):
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in FILES if place(path) in places]


def test_reader_sees_all_kinds_of_imports():
    source = "import a.b\nfrom . import c\ndef f():\n    from ..d import e\n    from g import h as i\n"
    assert imported(source, "p.q") == {"a.b", "p.q", "p.q.c", "p.d", "p.d.e", "g", "g.h"}
    assert len(FILES) > 20
    assert "enhancement" in ROOMS
    assert "sunpy_restore.core.weights" in imports_of(ROOT / "core" / "restorer.py")
    assert own_imports(ROOT / "tasks.py") & ROOMS


@pytest.mark.parametrize("path", in_place("networks"))
def test_networks_know_torch_alone(path):
    assert own_imports(path) <= {"networks"}
    outside = {name.split(".")[0] for name in imports_of(path)} - {"sunpy_restore"} - set(sys.stdlib_module_names)
    assert outside <= {"torch"}


@pytest.mark.parametrize("path", in_place("core"))
def test_core_knows_no_room(path):
    assert own_imports(path) <= {"core", "networks", "version"}


@pytest.mark.parametrize("path", in_place(*ROOMS))
def test_rooms_know_neither_each_other_nor_what_is_above(path):
    assert own_imports(path) <= {place(path), "core", "data", "networks", "version"}


@pytest.mark.parametrize("path", in_place("training"))
def test_training_is_general(path):
    """It knows the rooms through the tasks and their recipes alone."""
    assert own_imports(path) <= {"core", "tasks", "training", "version"}


def test_only_the_weights_touch_the_internet():
    users = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if {name.split(".")[0] for name in imports_of(path)} & INTERNET
    }
    assert users == {"core/weights.py"}


def test_only_one_module_builds_maps():
    """From an array and a header, that is; a Map of a file is read and not built."""
    builders = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "_new_instance" or (name.endswith("Map") and len(node.args) + len(node.keywords) > 1):
                builders.add(path.relative_to(ROOT).as_posix())
    assert builders == {"core/maps.py"}


def of_torch(attribute):
    return isinstance(attribute.value, ast.Name) and attribute.value.id == "torch"


def test_one_call_unpickles():
    for path in FILES:
        names = imports_of(path)
        assert not names & {"pickle", "dill", "cloudpickle", "joblib", "torch.load"}, path
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        loads = [node for node in nodes if isinstance(node, ast.Attribute) and node.attr == "load" and of_torch(node)]
        if path.relative_to(ROOT).as_posix() != "core/weightsfile.py":
            assert not loads, path
            continue
        # Files of features alone, and these by the unpickler that runs no code
        (call,) = (node for node in nodes if isinstance(node, ast.Call) and node.func in loads)
        assert len(loads) == 1
        keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        assert keywords == {"map_location": "cpu", "weights_only": True}


def test_import_loads_neither_torch_nor_lightning():
    verbs = ", ".join(sorted({task.verb for task in TASKS}))
    lines = [
        f"from sunpy_restore import {verbs}",
        "import sunpy_restore.cli.main, sunpy_restore.data, sunpy_restore.tasks",
        "import sunpy_restore.core.inference, sunpy_restore.core.maps, sunpy_restore.core.weights",
        "import sys",
        f"print(*sorted({HEAVY} & sys.modules.keys()))",
    ]
    found = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert found.stderr == ""
    assert found.stdout.split() == []
