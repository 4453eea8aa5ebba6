"""Budgets: limits on what a model sees and costs, and what of a model lies beyond them."""
