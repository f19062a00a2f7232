"""Generated from proto/leadloop/v1; never edited."""
