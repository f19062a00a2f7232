"""The commands of `leadloop`, a file for each group."""
