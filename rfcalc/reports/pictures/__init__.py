"""Pictures, drawn by matplotlib: how fields grow, what layers cost, what a unit sees."""
