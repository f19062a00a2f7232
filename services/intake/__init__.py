"""Intake: takes signed webhooks in and keeps one lead a person."""
