"""The model in a document of TensorFlow.js, which has the topology of Keras under keys of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rfcalc.readers.parsing import parse_json


def model_in_topology(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the model in the ``model.json`` of TensorFlow.js; any other document as it is.

    >>> model_in_topology({"modelTopology": {"model_config": {"class_name": "Sequential", "config": []}}})
    {'class_name': 'Sequential', 'config': []}
    """
    topology = document.get("modelTopology")
    if not isinstance(topology, Mapping):
        return document
    model = topology.get("model_config", topology)
    model = parse_json(model) if isinstance(model, str) else model
    if not isinstance(model, Mapping):
        return topology
    version = topology.get("keras_version")
    return model if version is None else {"keras_version": version, **model}
