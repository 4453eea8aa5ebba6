"""What other libraries claim about fields, strides, map sizes and costs, held against the truth and rfcalc.

    python -m tests.claims                   # write docs/claims.md from the record and rfcalc's own answers
    python -m tests.claims --check           # say whether the page is stale
    python -m tests.claims measure [NAME...] # ask the installed libraries again, and keep what they say

The record is claims.json. Libraries are pinned in requirements.txt; each has a module here.
"""
