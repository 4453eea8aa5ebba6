"""What all commands share: options, their place in the help, exit codes."""
