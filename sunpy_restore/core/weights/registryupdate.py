"""Update entries of the registry of weights in its file."""

import hashlib
import json
import re
import tomllib
from pathlib import Path

from sunpy_restore.core.weights.registry import REGISTRY, entry_named

__all__ = ["add_urls", "refresh"]


def refresh(file, *, registry=None):
    """
    Update the SHA-256 and the size of a file in its entry of the registry; all else stays as it is.

    Parameters
    ----------
    file : path-like
        The weights file; its entry is found by the file name.
    registry : path-like, optional
        The registry; by default that of the package.

    Raises
    ------
    ValueError
        The registry does not have exactly one entry with that file name, or a key is not on a line of its own.
    """
    file, path = Path(file), Path(registry or REGISTRY)
    data = file.read_bytes()
    new = {"sha256": f'"{hashlib.sha256(data).hexdigest()}"', "size": str(len(data))}
    tables = re.split(r"(?m)^(?=\[)", path.read_text(encoding="utf-8"))
    mine = [i for i, table in enumerate(tables) if re.search(rf'(?m)^file\s*=\s*"{re.escape(file.name)}"', table)]
    if len(mine) != 1:
        raise ValueError(f"Found {len(mine)} entries with the file {file.name!r} in {path}; expected exactly one.")
    for key, value in new.items():
        tables[mine[0]], count = re.subn(rf"(?m)^{key}\s*=.*$", f"{key} = {value}", tables[mine[0]])
        if count != 1:
            raise ValueError(
                f"Found {count} lines '{key} = ...' in the entry of {file.name!r} in {path}; expected one."
            )
    path.write_text("".join(tables), encoding="utf-8")


def add_urls(name, urls, *, registry=None):
    """
    Add addresses to an entry of the registry; all else stays as it is.

    Parameters
    ----------
    name : `str`
        Name in the registry.
    urls : iterable of `str`
        The addresses. They come after those that the entry has, and replace those of the same host.
    registry : path-like, optional
        The registry; by default that of the package.

    Raises
    ------
    ValueError
        The registry has no entry of that name, its urls are not on one line, or an address is no ``https`` or ``http``
        address.
    """
    urls, path = tuple(urls), Path(registry or REGISTRY)
    for url in urls:
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"Found the address {url!r} for the weights {name!r}; expected https://...")
    entry_named(name, registry=path)
    text = path.read_text(encoding="utf-8")
    tables = re.split(r"(?m)^(?=\[)", text)
    data = tomllib.loads(text)["weights"]
    hosts = {url.split("/")[2] for url in urls}
    kept = [url for url in data[name].get("urls", []) if url.split("/")[2] not in hosts]
    line = f"urls = {json.dumps([*kept, *urls])}"
    mine = next(i for i, table in enumerate(tables) if name in tomllib.loads(table).get("weights", {}))
    if "urls" in data[name]:
        new, count = re.subn(r"(?m)^urls\s*=\s*\[.*\][ \t]*$", lambda _: line, tables[mine])
    else:
        new, count = re.subn(r"(?m)^size\s*=.*$", lambda match: f"{match[0]}\n{line}", tables[mine])
    if count != 1:
        raise ValueError(f"Found {count} lines for the urls of {name!r} in {path}; expected urls = [...] on one line.")
    tables[mine] = new
    path.write_text("".join(tables), encoding="utf-8")
