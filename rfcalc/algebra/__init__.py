"""Numbers that may be unknown or symbolic, and the algebra of which index depends on which.

Numbers are in `number` (`extent`, `symbols`, `batch` for those that are formulas or many). What a rule says
of an axis is a `window`; `steps` are what it says of a tensor. What windows come to is a `relation` (the same
again every period), or `rows` at one size. A `dependence` is made of them. How steps are carried over
it, by which modules and in which order: docs/architecture.md, "How a field passes a reshape".
"""
