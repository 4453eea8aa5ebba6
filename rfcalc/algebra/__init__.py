"""Numbers that may be unknown or symbolic, and the algebra of which index depends on which."""
