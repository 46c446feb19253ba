"""What commands of `fmn` take as a user runs them: each in a process of its own, in a home made for the measurement."""
