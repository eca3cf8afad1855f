"""
Upload the full weights and write their addresses into the registry.

    python tools/publish_weights.py [NAME ...] [--out DIR]
    python tools/publish_weights.py [NAME ...] --zenodo "$ZENODO_TOKEN" --huggingface OWNER/REPOSITORY

The first form compares the files of all full weights, or of those named, with the registry, and prepares the upload: a
folder for each with the .safetensors file and the model card as README.md.

The second form also uploads them: to a new Zenodo record, which is published and cannot be deleted, and to a repository
of the Hugging Face Hub, which is created if necessary. The Zenodo token needs the scopes deposit:write and
deposit:actions; the Hugging Face token is that of "hf auth login" or HF_TOKEN. Each address is downloaded once and
compared with the SHA-256 before it is added to the urls of the entry in the registry. For a rehearsal, use
--zenodo-url https://sandbox.zenodo.org and restore the registry afterwards.
"""

import argparse
import hashlib
import json
import shutil
import time
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path

import requests

from sunpy_restore import __version__
from sunpy_restore.core.exceptions import WeightsError
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.task import MapFunction
from sunpy_restore.core.weights.markup import MARKDOWN
from sunpy_restore.core.weights.modelcard import card
from sunpy_restore.core.weights.registry import WeightsEntry, available, entry_named
from sunpy_restore.core.weights.registryupdate import add_urls
from sunpy_restore.core.weights.store import read_metadata, verify
from sunpy_restore.tasks import function_of, get_task

ROOT = Path(__file__).parents[1]
TITLE = "Weights of sunpy_restore"
TIMEOUT = (10, 300)  # s, to connect and for the next bytes
WAITS = (0, 10, 60)  # s, before each attempt to download what was published


@dataclass(frozen=True)
class Prepared:
    """Weights that are ready for an upload: their entry, and the folder with the file and the card."""

    entry: WeightsEntry
    folder: Path

    @property
    def file(self):
        return self.folder / self.entry.file

    @property
    def card(self):
        return self.folder / "README.md"


def front_matter(licences, tags, pipeline=None):
    """The metadata that the Hugging Face Hub reads at the top of a README.md; JSON values are YAML."""
    known = {licence.lower() for licence in licences}
    values = {"license": known.pop() if len(known) == 1 else "other", "library_name": "sunpy_restore"}
    if pipeline:
        values["pipeline_tag"] = pipeline
    values["tags"] = ["solar-physics", "sunpy", *tags]
    lines = [f"{key}: {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(["---", *lines, "---", ""])


def readme(entry, metadata):
    """The model card of weights, with front matter and how to use them."""
    task = get_task(entry.task)
    function = function_of(task)
    pipeline = "image-to-image" if isinstance(function, MapFunction) else "unconditional-image-generation"
    use = f'Pass `weights="{entry.name}"` to `sunpy_restore.{function.name}`, or the path of the file.\n'
    text = card(entry, metadata, task.title, function.name, MARKDOWN, recipe_of(task).score_columns)
    return "\n".join([front_matter([entry.licence], [entry.task], pipeline), text, MARKDOWN.heading("Use", 1), use])


def index(entries):
    """The front page of a repository with the weights of several entries."""
    rows = [
        [
            MARKDOWN.link(MARKDOWN.escape(entry.name), f"{entry.name}/README.md"),
            MARKDOWN.escape(entry.description),
            f"{entry.size / 1e6:.1f}",
        ]
        for entry in entries
    ]
    note = "The registry of sunpy_restore refers to these files and has their SHA-256.\n"
    parts = [MARKDOWN.heading(TITLE), note, MARKDOWN.table(rows, ["Weights", "Network and input", "Size [MB]"])]
    tags = sorted({entry.task for entry in entries})
    return "\n".join([front_matter([entry.licence for entry in entries], tags), *parts])


def selected(names, registry):
    """The entries of full weights: all of them, or those named."""
    full = [entry for entry in available(registry=registry) if entry.kind == "full"]
    found = [entry_named(name, registry=registry) for name in dict.fromkeys(names)] or full
    wrong = [entry for entry in found if entry.kind != "full"]
    if wrong:
        raise ValueError(f"Found {wrong[0].name!r}, of the kind {wrong[0].kind!r}; expected full weights.")
    if not found:
        raise ValueError("Found no full weights in the registry; expected at least one entry of the kind 'full'.")
    return found


def prepare(entries, out, hosted):
    """Compare the files with the registry, and write a folder for each, and a front page that lists hosted ones too."""
    files = {entry.name: verify(entry).path for entry in entries}
    prepared = []
    for entry in entries:
        item = Prepared(entry, out / entry.name)
        item.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files[entry.name], item.file)
        item.card.write_text(readme(entry, read_metadata(item.file)), encoding="utf-8")
        prepared.append(item)
    shown = {entry.name: entry for entry in [*hosted, *entries]}
    (out / "README.md").write_text(index([shown[name] for name in sorted(shown)]), encoding="utf-8")
    return prepared


def zenodo_metadata(entries):
    """The description of a record."""
    licences = sorted({entry.licence for entry in entries})
    if len(licences) > 1:
        raise ValueError(
            f"Found the licences {', '.join(licences)}; a record has one. Name the weights of one licence."
        )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    items = [
        f"<li><b>{escape(entry.name)}</b>: {escape(entry.description)} Trained on: {escape(entry.trained_on)}</li>"
        for entry in entries
    ]
    return {
        "title": TITLE,
        "upload_type": "dataset",
        "description": f"<p>Weights of networks, with model cards.</p><ul>{''.join(items)}</ul>",
        "creators": [{"name": author["name"]} for author in project["authors"]],
        "access_right": "open",
        "license": licences[0].lower(),
        "version": __version__,
        "keywords": ["solar physics", "image restoration", "neural network"],
        "related_identifiers": [
            {"identifier": doi, "relation": "references"} for doi in sorted({entry.doi for entry in entries})
        ],
    }


def answer(response):
    """The JSON of a successful answer."""
    if response.ok:
        return response.json() if response.content else {}
    raise WeightsError(
        f"{response.request.method} {response.url.partition('?')[0]} failed: {response.status_code} {response.reason}. "
        f"{' '.join(response.text.split())[:500]}"
    )


def upload_to_zenodo(prepared, token, url):
    """Publish a record; the addresses of the files by the names of the weights."""
    metadata = zenodo_metadata([item.entry for item in prepared])
    contents = [(item.entry.file, item.file) for item in prepared]
    contents += [(f"{item.entry.name}.md", item.card) for item in prepared]
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        depositions = f"{url.rstrip('/')}/api/deposit/depositions"
        draft = answer(session.post(depositions, json={}, timeout=TIMEOUT))
        this = f"{depositions}/{draft['id']}"
        try:
            for name, path in contents:
                data = path.read_bytes()
                stored = answer(session.put(f"{draft['links']['bucket']}/{name}", data=data, timeout=TIMEOUT))
                expected = f"md5:{hashlib.md5(data, usedforsecurity=False).hexdigest()}"
                if stored["checksum"] != expected:
                    raise WeightsError(
                        f"Zenodo stored {name} with {stored['checksum']}; expected {expected}. Try again."
                    )
            answer(session.put(this, json={"metadata": metadata}, timeout=TIMEOUT))
            record = answer(session.post(f"{this}/actions/publish", timeout=TIMEOUT))
        except (WeightsError, requests.RequestException):
            # A draft that nobody will complete
            with suppress(requests.RequestException):
                session.delete(this, timeout=TIMEOUT)
            raise
    files = f"{url.rstrip('/')}/records/{record.get('record_id', draft['id'])}/files"
    return {item.entry.name: f"{files}/{item.entry.file}?download=1" for item in prepared}


def upload_to_huggingface(prepared, repository):
    """Commit the folders to a repository; the addresses of the files at that commit by the names of the weights."""
    try:
        from huggingface_hub import HfApi, hf_hub_url
    except ImportError as error:
        raise SystemExit("The upload to the Hugging Face Hub needs: pip install huggingface_hub") from error
    api, root = HfApi(), prepared[0].folder.parent
    api.create_repo(repository, repo_type="model", exist_ok=True)
    # Nothing else that is in the folder
    paths = [item.folder / name for item in prepared for name in (item.entry.file, item.card.name)]
    patterns = ["README.md", *(path.relative_to(root).as_posix() for path in paths)]
    commit = api.upload_folder(
        repo_id=repository, folder_path=root, allow_patterns=patterns, commit_message=f"{TITLE} {__version__}"
    )
    return {
        item.entry.name: hf_hub_url(
            repository, f"{item.entry.name}/{item.entry.file}", revision=commit.oid, endpoint=api.endpoint
        )
        for item in prepared
    }


def check(entry, url):
    """Download a file once, as users will, and compare its SHA-256."""
    for wait in WAITS:
        time.sleep(wait)
        try:
            with requests.get(url, stream=True, timeout=TIMEOUT) as response:
                response.raise_for_status()
                digest = hashlib.sha256()
                for part in response.iter_content(2**20):
                    digest.update(part)
        except requests.RequestException as error:
            reason = str(error)
            continue
        if digest.hexdigest() == entry.sha256:
            return
        reason = f"SHA-256 {digest.hexdigest()} instead of {entry.sha256}"
    raise WeightsError(f"The weights {entry.name!r} were uploaded, but {url} does not have them ({reason}).")


def register(prepared, urls, registry):
    """Check the addresses, and write them into the registry."""
    for item in prepared:
        check(item.entry, urls[item.entry.name])
    for item in prepared:
        name = item.entry.name
        add_urls(name, [urls[name]], registry=registry)
        print(f"{name}: {urls[name]}")


def publish(arguments):
    """Prepare and upload what the command line asks for."""
    entries = selected(arguments.names, arguments.registry)
    hosted = [
        entry
        for entry in available(registry=arguments.registry)
        if arguments.huggingface and any(f"/{arguments.huggingface}/resolve/" in url for url in entry.urls)
    ]
    prepared = prepare(entries, arguments.out, hosted)
    for item in prepared:
        print(f"{item.folder}: {item.entry.size / 1e6:.1f} MB")
    if arguments.zenodo:
        register(prepared, upload_to_zenodo(prepared, arguments.zenodo, arguments.zenodo_url), arguments.registry)
    if arguments.huggingface:
        register(prepared, upload_to_huggingface(prepared, arguments.huggingface), arguments.registry)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="full weights in the registry (default: all)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "weights", help="folder (default: build/weights)")
    parser.add_argument("--zenodo", metavar="TOKEN", help="publish a record on Zenodo with this token")
    parser.add_argument("--zenodo-url", metavar="URL", default="https://zenodo.org", help="default: %(default)s")
    parser.add_argument("--huggingface", metavar="OWNER/REPOSITORY", help="commit to this Hugging Face repository")
    parser.add_argument("--registry", type=Path, metavar="FILE", help="default: the registry of the package")
    try:
        publish(parser.parse_args(argv))
    except (OSError, ValueError, WeightsError) as error:
        raise SystemExit(f"publish_weights: {error}") from error


if __name__ == "__main__":
    main()
