"""What `fmn submit` and `fmn receive` do and show: a submission with its records as one signed file, out and in."""
