"""The rules behind the numbers, kind by kind: ``rfcalc rules``."""

__all__: list[str] = []
