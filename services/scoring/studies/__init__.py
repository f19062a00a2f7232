"""Studies that people ask for by API: kept here, worked out by a process of their own."""
