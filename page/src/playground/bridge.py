"""What the worker asks of Python: the report of a model, or where and why there is none."""

import json
import os
import traceback
from pathlib import Path

import rfcalc
from rfcalc.errors import RfcalcError

FOLDER = Path("/models")
FOLDER.mkdir(exist_ok=True)
os.chdir(FOLDER)  # so that a model is called what its file is called

INSTEAD = "; rfcalc report on your machine may take it"


def answer(content, name):
    """Return, for the bytes of a file of that name, {"report": ...} or {"error": ...} as JSON."""
    path = Path(Path(name).name or "model")
    path.write_bytes(bytes(content))
    try:
        with path.open("rb") as file:  # not its name, which could be taken for that of Python code
            report = rfcalc.report(file)
        return '{"report":' + json.dumps(report.to_dict(), separators=(",", ":")) + "}"
    except RfcalcError as error:
        return failed(error.message, error.where)
    except ModuleNotFoundError as error:
        if error.name == "networkx":
            raise  # it is fetched then
        return failed(f"this needs the package {error.name}, which does not run in this page{INSTEAD}")
    except RecursionError:
        return failed(f"the model is nested too deeply for a browser{INSTEAD}")
    except MemoryError:
        return failed(f"the model needs more memory than a browser gives{INSTEAD}")
    except Exception as error:
        traceback.print_exc()
        return failed(f"rfcalc failed at this model, which it should not: {type(error).__name__}: {error}")
    finally:
        path.unlink()


def failed(message, where=None):
    """Return why there is no report, and where in the model that is."""
    return json.dumps({"error": {"where": where, "message": message}})
