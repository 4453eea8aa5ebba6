"""Write what the page takes from the table of kinds, or say with --check which file is stale.

src/rules.json is what the page says of each kind of layer; src/playground/poolings.json lists the names of
poolings in a model's text, which the playground can switch off.
"""

import json
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "src"


def rules() -> str:
    """Return what rules.json should hold: of what `rfcalc rules` says, what the page shows."""
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


def poolings() -> str:
    """Return what poolings.json should hold: every name that a pooling may have in the native format."""
    from rfcalc.readers.spellings import spellings

    names = sorted(name for name, spelling in spellings().items() if spelling.kind.family == "pooling")
    return json.dumps(names, indent=4) + "\n"


FILES = {"rules.json": rules, "playground/poolings.json": poolings}

if __name__ == "__main__":
    for name, text in FILES.items():
        file = SOURCES / name
        if "--check" not in sys.argv:
            file.write_text(text(), encoding="utf-8")
        elif file.read_text(encoding="utf-8") != text():
            sys.exit(f"{name} is stale: python page/scripts/rules.py")
