"""The process of a study: what the commands find out, for a service that asked for it."""
