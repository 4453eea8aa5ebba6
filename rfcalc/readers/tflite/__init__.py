"""Read TensorFlow Lite models: :mod:`~.graph` walks the graph, :mod:`~.ops` knows its operations."""
