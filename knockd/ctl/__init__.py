"""The command knockctl: a table of subcommands, a file each."""
