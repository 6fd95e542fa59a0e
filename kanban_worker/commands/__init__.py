"""One command, one module: `options(parser)`, and `run(arguments)` for the exit status."""
