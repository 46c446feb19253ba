"""Images as uint8 tensors, their digests, batches of views on the device, and named random streams."""
