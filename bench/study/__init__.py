"""The founding study in a day on one GPU: updates at its scale, views, its own loop, the hours that its grid takes."""
