"""Scoring: the verdict on each lead under the agreement in force, with parts that add up."""
