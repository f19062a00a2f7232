"""Predictive models at work: kept, judged by, explained."""
