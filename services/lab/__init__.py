"""Agreements tried before they are signed: on the past, in virtual time, against outcomes."""
