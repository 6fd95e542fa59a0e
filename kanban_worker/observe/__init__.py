"""What comes in: the place, tmux's servers, processes and the agents' files, as one value."""
