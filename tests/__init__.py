"""The tests, and what they share.

A package with a file of its own, since some libraries install another that is called tests.
"""
