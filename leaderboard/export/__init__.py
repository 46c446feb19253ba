"""The board as a static site: the same numbers from the same code, as files that any web server can host."""
