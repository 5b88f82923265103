"""Where people and programs come in: the command line, and later pages and REST."""
