"""Readers: from a model file to a layer graph, nothing computed."""
