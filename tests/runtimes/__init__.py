"""Where the runtimes of a model part: what each makes of the same layer, held against rfcalc.

    python -m tests.runtimes                   # write docs/runtimes.md from the record and rfcalc's answers
    python -m tests.runtimes --check           # say whether the page is stale
    python -m tests.runtimes measure [NAME...] # run the cases with the runtimes that are installed

The record is record.json. Runtimes are pinned in requirements.txt; each has a function in asking.py.
"""
