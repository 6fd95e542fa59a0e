"""One command, one module: `run(arguments)` returns the exit status."""
