"""Write src/rules.json, what the page says of each kind of layer, or say with --check that it is stale."""

import json
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).parent.parent / "src" / "rules.json"


def text() -> str:
    """Return what the file should hold: of what `rfcalc rules` says, what the page shows."""
    command = [sys.executable, "-m", "rfcalc", "rules", "--format", "json"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout)
    kinds = {
        kind["kind"]: {
            "summary": kind["summary"],
            "settings": {setting["name"]: setting["doc"] for setting in kind["settings"]},
            "formulas": kind["formulas"],
        }
        for kind in said["kinds"]
    }
    return json.dumps(kinds, ensure_ascii=False, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        FILE.write_text(text(), encoding="utf-8")
    elif FILE.read_text(encoding="utf-8") != text():
        sys.exit(f"{FILE.name} is stale: python page/scripts/rules.py")
