"""OpenVINO's intermediate representation (``.xml``), spelled in operations of ONNX, and read so.

- document: what the file holds: layers with their settings and the shapes of their ports, and edges
- constants: the elements of small constants, from the ``.bin`` beside the file
- translate: one layer after the other, as operations of ONNX; families have modules of their own
- own: what reads the operations that ONNX does not have
- graph: from a file to a layer graph
"""
