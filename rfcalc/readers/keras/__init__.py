"""Keras models: the document's structure (model), calls (nodes), layer classes (layers), operations (ops)."""

from rfcalc.readers.keras.model import read_keras

__all__ = ["read_keras"]
