"""The command line: `adain` in `adain.cli.main`, and one module per subcommand."""
