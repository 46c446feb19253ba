"""What a representation is worth: instruments that read trained and pruned encoders. Cannot import a submission."""
