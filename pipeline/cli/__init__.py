"""The command line: one module a command, named in `pipeline.cli.main.COMMANDS`."""
