"""Feedback: what came of each lead, told to marketing; and the agreement both teams sign."""
