"""Every design of a family at once: what it sees and costs, and which to choose: ``rfcalc sweep``."""

from __future__ import annotations

__all__: list[str] = []
