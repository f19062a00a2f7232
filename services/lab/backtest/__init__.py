"""A proposed agreement tried on the past, before anyone signs it.

`course.py` says what would have become of one lead, `counts.py` adds up many, whatever their
order, `changes.py` lays two agreements side by side, `run.py` goes through a history on all
cores, and `report.py` says what was found, as Markdown and as one HTML page.
"""
