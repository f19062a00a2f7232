"""A proposed agreement scores live traffic without effect."""
