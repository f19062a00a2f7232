"""What Leadloop must reach, measured by commands; README.md says against whom."""
