"""Errors and warnings name the image, and warnings point to the line of the user."""

import json
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from sunpy_restore.core.exceptions import RestoreWarning, WeightsError
from sunpy_restore.core.messages import named_image, prefixed, warn_user

PACKAGE = """
import contextlib
import dataclasses
import functools
from sunpy_restore.core.messages import warn_user

def direct(): warn_user("Look.")
def deep(depth=50): deep(depth - 1) if depth else direct()
def mapped(): list(map(lambda number: direct(), [1]))
def in_comprehension(): [direct() for _ in [1]]
def in_generator(): list(direct() for _ in [1])
def as_key(): sorted([1], key=lambda number: direct())
def partial(): functools.partial(deep, depth=3)()

@dataclasses.dataclass
class Record:
    number: int = 0
    def __post_init__(self): direct()
    @functools.cached_property
    def late(self): return direct()

def of_property(): object.__new__(Record).late

@contextlib.contextmanager
def entered():
    direct()
    yield

def in_context():
    with entered(): pass
"""
WAYS = [
    "direct", "deep", "mapped", "in_comprehension", "in_generator", "as_key", "partial", "Record", "of_property",
    "in_context",
]  # fmt: skip


@pytest.fixture
def package(monkeypatch):
    """Make a module of the package; other names are those of a user's module."""

    def package(name="sunpy_restore.imaginary"):
        module = ModuleType(name)
        # Dataclasses look for their module there
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(PACKAGE, "imaginary.py", "exec"), vars(module))
        return module

    return package


def place(warning):
    """File and text of the line that a warning points to."""
    path = Path(warning.filename)
    return path.name, path.read_text(encoding="utf-8").splitlines()[warning.lineno - 1].strip()


# Where warnings point to


@pytest.mark.parametrize("way", WAYS)
def test_a_warning_points_to_the_line_that_called_the_package(package, way):
    called = getattr(package(), way)
    with pytest.warns(RestoreWarning, match="^Look.$") as warned:
        called()  # this line
    assert [place(warning) for warning in warned] == [("test_messages.py", "called()  # this line")]


def test_a_package_of_a_similar_name_is_not_this_one(package):
    with pytest.warns(RestoreWarning) as warned:
        package("sunpy_restore_extra").direct()
    assert [warning.filename for warning in warned] == ["imaginary.py"]


def test_a_warning_in_a_thread_is_shown(package):
    """No line of the user is on its stack."""
    with ThreadPoolExecutor(1) as pool, pytest.warns(RestoreWarning, match="Look"):
        pool.submit(package().deep).result()


def test_python_shows_a_warning_once_per_line_of_the_user(package):
    called = package().deep
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")
        for _ in range(3):
            called()
        called()
    assert len(warned) == 2


# Names of images


def test_errors_name_the_image():
    with pytest.raises(ValueError, match=r"^Image 2 of 3: Found 1; expected 2\.$"), named_image(1, 3):
        raise ValueError("Found 1; expected 2.")


def test_warnings_name_the_image():
    with pytest.warns(RestoreWarning, match=r"^Image 3 of 3: Look\.$"), named_image(2, 3):
        warn_user("Look.")


def test_a_single_image_has_no_name():
    error = ValueError("Found 1.")
    with pytest.raises(ValueError, match=r"^Found 1\.$") as raised, named_image(0, 1):
        raise error
    assert raised.value is error
    with pytest.warns(RestoreWarning, match=r"^Look\.$"), named_image(0, 1):
        warn_user("Look.")


def test_names_are_nested():
    with pytest.raises(TypeError, match=r"^a\.fits: Image 1 of 2: Found a str\.$"), prefixed("a.fits: "):
        with named_image(0, 2):
            raise TypeError("Found a str.")
    with pytest.warns(RestoreWarning, match=r"^a\.fits: Image 1 of 2: Look\.$"), prefixed("a.fits: "):
        with named_image(0, 2):
            warn_user("Look.")


@pytest.mark.parametrize("fails", [False, True])
def test_a_name_ends_with_its_image(fails):
    with prefixed("a.fits: "):
        try:
            with named_image(0, 2):
                if fails:
                    raise ValueError
        except ValueError:
            pass
        with pytest.warns(RestoreWarning, match=r"^a\.fits: Look\.$"):
            warn_user("Look.")
    with pytest.warns(RestoreWarning, match=r"^Look\.$"):
        warn_user("Look.")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TypeError("what"), TypeError),
        (ValueError("what"), ValueError),
        # Subclasses whose constructors take more than a text
        (UnicodeDecodeError("ascii", b"what", 0, 1, "why"), ValueError),
        (json.JSONDecodeError("what", "{", 1), ValueError),
    ],
)
def test_named_errors_keep_their_kind_and_their_cause(error, kind):
    with pytest.raises(kind) as raised, named_image(0, 2):
        raise error
    assert type(raised.value) is kind
    assert str(raised.value) == f"Image 1 of 2: {error}"
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [WeightsError("what"), KeyError("what"), FileNotFoundError("what"), KeyboardInterrupt()]
)
def test_other_errors_stay_as_they_are(error):
    with pytest.raises(type(error)) as raised, named_image(0, 2):
        raise error
    assert raised.value is error
