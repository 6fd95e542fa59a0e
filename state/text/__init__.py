"""The registry's text: parsed with positions, edited in place, never dumped."""
