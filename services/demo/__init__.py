"""A quarter in the life of a made-up company, in virtual time; it stands on the real rooms."""
