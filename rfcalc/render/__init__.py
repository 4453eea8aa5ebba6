"""Reports: pure functions from a result to text, one module for each kind of output."""
