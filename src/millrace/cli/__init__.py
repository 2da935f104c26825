"""The command line: one module for each noun, imported when its command is called."""
