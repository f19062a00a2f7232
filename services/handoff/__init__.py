"""Handoff: every qualified lead gets an owner, clocks that run in business time, and an end."""
