"""What outcomes teach about an agreement: pure functions on arrays.

Nothing outside of this package may import it while a module is loading: it brings numpy, which
no service needs to score a lead. `forest.py` and `columns.py`, which judge a lead by a model
that was learned before, need only Python.
"""
