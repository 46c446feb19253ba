"""What starts before a trainer: the first process of its container, and the look at the node it runs on."""
