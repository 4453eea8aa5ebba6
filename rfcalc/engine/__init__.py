"""What rfcalc says of a graph: propagation of shapes and dependence, and the figures made from them."""
