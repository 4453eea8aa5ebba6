"""The commands, a module each, named as people call them; what a command needs is imported when it runs."""
