"""Readers: from a model file to a layer graph; those of operations on tensors run the rules as they read."""
