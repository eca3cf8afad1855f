"""Imports go one way: networks, core <- folders of the functions <- training, command line, top of the package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sunpy_restore
from sunpy_restore.tasks import FUNCTIONS

ROOT = Path(sunpy_restore.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
FOLDERS = {function.module.split(".")[1] for function in FUNCTIONS}
INTERNET = {"aiohttp", "ftplib", "http", "httpx", "parfive", "pooch", "requests", "socket", "ssl", "urllib", "urllib3"}
ALLOWED = {
    "networks": {"networks"},
    "core": {"core", "networks", "version"},
    "training": {"core", "networks", "tasks", "training", "version"},
    **{folder: {folder, "core", "data", "networks", "version"} for folder in FOLDERS},
}
"""Parts of the package that a part may import."""

ROOMS = {
    "core": (
        "system",
        "tiles",
        "numerics",
        "weights",
        "inference",
        "uncertainty",
        "images",
        "fits",
        "reports",
        "restoration",
        "datasets",
        "recipes",
    ),
    "backprojection": ("visibilities", "imaging", "fitting", "provenance", "recipe"),
    "inpainting": ("lasco", "corona", "temporal", "filling", "recipe"),
    "enhancement": ("optics", "deconvolution", "detector", "hmi", "recipe"),
    "studio": ("display", "jobs", "state", "tabs"),
}
"""Folders of a part, each of which imports only from those before it."""

BEFORE_ROOMS = {
    "core": {"exceptions", "messages", "task"},
    "backprojection": set(),
    "inpainting": {"likeness", "task"},
    "enhancement": {"task"},
    "studio": set(),
}
"""Modules outside of the folders that the folders may import, except for ``recipe``."""


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


def part(path):
    """The part of the package that a module belongs to."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def references(path):
    """Modules of the package that a module names in strings, which are imported when they are used."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text.partition(":")[0] for text in texts if text.startswith("sunpy_restore.") and " " not in text}


def own(path):
    """Parts of the package that a module imports from or refers to."""
    return {name.split(".")[1] for name in imports_of(path) | references(path) if name.startswith("sunpy_restore.")}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def test_reader_sees_all_kinds_of_imports():
    source = "import a.b\nfrom . import c\ndef f():\n    from ..d import e\n    from g import h as i\n"
    assert imported(source, "p.q") == {"a.b", "p.q", "p.q.c", "p.d", "p.d.e", "g", "g.h"}
    assert len(FILES) > 100
    assert "enhancement" in FOLDERS
    assert own(ROOT / "enhancement" / "task.py") == {"core", "enhancement"}
    assert own(ROOT / "tasks.py") >= FOLDERS


def test_imports_go_one_way():
    wrong = {name_of(path): own(path) - ALLOWED[part(path)] for path in FILES if part(path) in ALLOWED}
    assert {name: parts for name, parts in wrong.items() if parts} == {}


def members(names, folder):
    """Modules and folders of a part, among names."""
    return {name.split(".")[2] for name in names if name.startswith(f"sunpy_restore.{folder}.")}


@pytest.mark.parametrize("folder", ROOMS)
def test_imports_of_folders_go_one_way(folder):
    rooms = ROOMS[folder]
    assert {path.name for path in (ROOT / folder).iterdir() if (path / "__init__.py").exists()} == set(rooms)
    flat = {path.stem for path in (ROOT / folder).glob("*.py")}
    for path in (path for path in FILES if part(path) == folder):
        room = path.relative_to(ROOT).parts[1]
        if room not in rooms:
            later = rooms if folder == "core" else ("recipe",)
            assert not members(imports_of(path), folder) & set(later), name_of(path)
            continue
        used = members(imports_of(path) | references(path), folder)
        assert used & set(rooms) <= set(rooms[: rooms.index(room) + 1]), name_of(path)
        if room != "recipe":
            assert used & flat <= BEFORE_ROOMS[folder], name_of(path)


def test_networks_import_only_torch():
    for path in (path for path in FILES if part(path) == "networks"):
        outside = {name.split(".")[0] for name in imports_of(path)} - {"sunpy_restore"} - set(sys.stdlib_module_names)
        assert outside <= {"torch"}, name_of(path)


def test_core_and_training_know_no_function():
    """No keyword, channel or score of a function stands in what all functions share."""
    words = {
        "rstguess",
        "rstchi0",
        "rstchi2",
        "bmaj",
        "bmin",
        "subcollimator",
        "lasco",
        "stix",
        "hole_error",
        "neighbours",
    }
    for path in (path for path in FILES if part(path) in ("core", "training")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        names |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        }
        assert not {name.lower() for name in names} & words, name_of(path)


def test_only_weights_and_downloads_of_data_touch_the_internet():
    users = {name_of(path) for path in FILES if {name.split(".")[0] for name in imports_of(path)} & INTERNET}
    assert users == {"core/weights/download.py"}
    searches = {
        name_of(path) for path in FILES if any(f"{name}.".startswith("sunpy.net.") for name in imports_of(path))
    }
    assert searches == {"archive/sources.py", "training/dataset/download.py", "training/dataset/query.py"}
    for name in searches:
        nodes = ast.parse((ROOT / name).read_text(encoding="utf-8")).body
        at_import = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
        assert not any(module.startswith("sunpy.net") for module in at_import), name


def test_only_one_module_builds_maps():
    """From an array and a header, that is; a Map of a file is read and not built."""
    builders = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "_new_instance" or (name.endswith("Map") and len(node.args) + len(node.keywords) > 1):
                builders.add(name_of(path))
    assert builders == {"core/images/maps.py"}


def of_torch(attribute):
    return isinstance(attribute.value, ast.Name) and attribute.value.id == "torch"


def test_one_call_unpickles():
    for path in FILES:
        names = imports_of(path)
        assert not names & {"pickle", "dill", "cloudpickle", "joblib", "torch.load"}, path
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        loads = [node for node in nodes if isinstance(node, ast.Attribute) and node.attr == "load" and of_torch(node)]
        if name_of(path) != "core/weights/weightsfile.py":
            assert not loads, path
            continue
        # Files of features only, and these by the unpickler that runs no code
        (call,) = (node for node in nodes if isinstance(node, ast.Call) and node.func in loads)
        assert len(loads) == 1
        keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        assert keywords == {"map_location": "cpu", "weights_only": True}


def test_warnings_have_no_fixed_stack_level():
    """`sunpy_restore.core.messages.warn_user` finds the line of the user."""
    users = {name_of(path) for path in FILES if "stacklevel" in path.read_text(encoding="utf-8")}
    assert users <= {"core/messages.py", "cli/main.py"}


def loaded(code, modules):
    """Which of some modules are loaded after code has run in a process of its own."""
    code += f"\nimport sys\nprint(*sorted({set(modules)!r} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stderr == ""
    return found.stdout.split("\n")[-2].split()


HEAVY = ("bokeh", "lightning", "panel", "numpy", "astropy", "scipy", "sunpy", "tensorboard", "torch", "torchmetrics")


def test_import_loads_nothing():
    lines = ["import sunpy_restore, sunpy_restore.cli.main, sunpy_restore.tasks", "sunpy_restore.__version__"]
    assert loaded("\n".join(lines), HEAVY) == []


def test_help_loads_nothing():
    code = "from sunpy_restore.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert loaded(code, HEAVY) == []


def test_only_the_command_and_the_top_refer_to_the_studio():
    users = {name_of(path) for path in FILES if part(path) != "studio" and "studio" in own(path)}
    assert users == {"cli/commands.py"}
    assert '"studio.start": ["app"]' in (ROOT / "__init__.py").read_text(encoding="utf-8")


@pytest.mark.slow
def test_functions_load_torch_when_they_need_it():
    names = ", ".join(function.name for function in FUNCTIONS)
    code = f"from sunpy_restore import {names}\nimport sunpy_restore.data, sunpy_restore.core.weights.store"
    assert loaded(code, ("lightning", "panel", "bokeh", "tensorboard", "torch", "torchmetrics")) == []
