"""Files that are scanned, and what a catalogue holds of them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

TABLES = ("models", "layers", "notes", "places", "failures")


def net(filters: int = 4, kernel: int = 3, **more: Any) -> dict[str, Any]:
    layers = [
        {"kind": "conv", "name": "c", "filters": filters, "kernel": kernel},
        {"kind": "max_pool", "name": "p", "kernel": 2},
    ]
    return {"rfcalc": 1, "input": [28, 28, 1], "layers": layers, **more}


def net_bytes(filters: int = 4, **more: Any) -> bytes:
    return json.dumps(net(filters, **more)).encode()


def write(path: Path, *args: Any, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(net_bytes(*args, **more))
    return path


def contents(catalogue: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that a catalogue says of models: no table but the one that says what files looked like."""
    db = sqlite3.connect(catalogue)
    try:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TABLES}
    finally:
        db.close()


def asked(catalogue: Path, sql: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(catalogue)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()
