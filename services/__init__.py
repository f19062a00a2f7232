"""The four services, the embedded mode, the demo and the command line."""
