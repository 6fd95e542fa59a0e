"""What makes this program a part of Hermes Agent: the plugin, its skill, and setting both up."""
