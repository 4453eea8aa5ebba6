"""Keras models.

- model: walks a document, model by model, and collects its layers
- entries, nodes, wiring: what is listed, how each is called, which call feeds which
- inputs: shapes and axes of the model's inputs
- calls: what one call computes, from the tables of layer classes (layers) and of operations (ops), whose
  families have modules of their own, named as those of the rules
- config, operation, settings: checked access to settings and arguments, and the settings that many share
"""

from rfcalc.readers.keras.model import read_keras

__all__ = ["read_keras"]
