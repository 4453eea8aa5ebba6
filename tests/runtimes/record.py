"""The record of what runtimes made of the cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("record.json")


def read() -> dict[str, Any]:
    """Return what each runtime made of each case; empty where there is no record."""
    if not RECORD.exists():
        return {}
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return record


def write(record: dict[str, Any]) -> None:
    """Keep a record, a line for each case."""
    parts = []
    for runtime, kept in record.items():
        rows = ",\n".join(
            f"   {json.dumps(case)}: {json.dumps(made)}" for case, made in kept["makes"].items()
        )
        head = "".join(f"  {json.dumps(key)}: {json.dumps(kept[key])},\n" for key in ("version", "date"))
        parts.append(f' {json.dumps(runtime)}: {{\n{head}  "makes": {{\n{rows}\n  }}\n }}')
    RECORD.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
