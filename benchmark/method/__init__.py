"""The submission contract: what a method may decide, what its manifest says, how it is admitted and loaded."""
