"""Keeps pytest from importing the attacks: `--doctest-modules` would run every one of them on this machine."""

collect_ignore_glob = ["*/*"]
