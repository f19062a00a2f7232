"""What runs Leadloop: the development broker and stack, and the files for production."""
