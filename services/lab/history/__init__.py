"""The past as rules judge it: leads with what they did and what came of them.

`export.py` reads it from CSV files of any origin, `ledger.py` from our own tables. Both give
`PastLead`s, a share at a time, so that a million of them need no more memory than a thousand.
"""
