"""The ledger of an archive."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.archive.ledger import Ledger, read_ledger


def states(_, known):
    return "done" if known else "waiting"


def rows(names, key="k"):
    return [(f"{name}.fits", name, key) for name in names]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=5), st.data())
def test_every_frame_is_done_once_and_keeps_its_position(runs, data):
    positions, done = {}, set()
    with Ledger(":memory:") as ledger:
        for names in runs:
            counts = ledger.register(rows(names), states)
            assert (counts["done"], counts["waiting"]) == (len(done & set(names)), len(set(names) - done))
            for name in names:
                positions.setdefault(name, len(positions))
            assert ledger.length() == len(positions)
            waiting = list(ledger.waiting())
            assert {frame.target for frame in waiting} == set(names) - done
            assert [frame.position for frame in waiting] == sorted(positions[frame.target] for frame in waiting)
            failed = {}
            for frame in waiting:
                error = data.draw(st.none() | st.just("why"))
                ledger.record(frame, error)
                if error is None:
                    done.add(frame.target)
                else:
                    failed[frame.source] = error
            assert ledger.failed() == failed


def test_more_frames_than_are_read_at_once_while_others_are_recorded():
    with Ledger(":memory:") as ledger:
        ledger.register(rows(f"{number:04d}" for number in range(1234)), states)
        seen = []
        for frame in ledger.waiting():
            ledger.record(frame)
            seen.append(frame.position)
        assert seen == list(range(1234))
        assert list(ledger.waiting()) == []


def test_other_keys_are_not_done(tmp_path):
    with Ledger(tmp_path / "a.sqlite") as ledger:
        ledger.register(rows("ab"), states)
        for frame in ledger.waiting():
            ledger.record(frame)
        assert ledger.register(rows("ab", key="other"), states)["waiting"] == 2
    with Ledger(tmp_path / "a.sqlite") as ledger:
        assert ledger.register(rows("bc", key="other"), states)["waiting"] == 2
        assert [frame.target for frame in ledger.waiting()] == ["b", "c"]


def test_nothing_is_registered_after_an_error(tmp_path):
    def refuses(frame, _):
        if frame.target == "b":
            raise FileExistsError(frame.target)
        return "waiting"

    with Ledger(tmp_path / "a.sqlite") as ledger:
        with pytest.raises(FileExistsError):
            ledger.register(rows("ab"), refuses)
        assert ledger.length() == 0
        assert ledger.register(rows("ab"), lambda *_: "left out")["left out"] == 2
        assert ledger.length() == 0


def test_one_process_at_a_time_writes_and_others_read(tmp_path):
    path = tmp_path / "a.sqlite"
    with Ledger(path) as ledger:
        ledger.register(rows("ab"), states)
        ledger.record(next(ledger.waiting()), "broken")
        with pytest.raises(BlockingIOError, match="Another run"):
            Ledger(path)
        assert list(read_ledger(path)["state"]) == ["failed", "waiting"]
    table = read_ledger(path)
    assert list(table["message"]) == ["broken", ""]
    assert table.colnames == ["position", "source", "target", "state", "message"]


def test_other_files_are_no_ledgers(tmp_path):
    (tmp_path / "a.sqlite").write_text("no database at all, but long enough for a header of SQLite" * 20)
    with pytest.raises(ValueError, match="no ledger"):
        Ledger(tmp_path / "a.sqlite")


def test_a_ledger_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    with pytest.raises(PermissionError, match="Choose a sink on a disk"):
        Ledger(tmp_path / "folder")
    sqlite3.connect(tmp_path / "read.sqlite").close()
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **options: connect(f"{path.as_uri()}?mode=ro", uri=True, **options)
    )
    with pytest.raises(PermissionError, match="Choose a sink on a disk"):
        Ledger(tmp_path / "read.sqlite")
