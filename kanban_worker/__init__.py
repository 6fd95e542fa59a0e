"""Touches the world: tmux, processes, transcripts, the clock and the command line."""
