"""What is said of a graph: the two passes (shapes, dependence), and the figures that are made from them."""
