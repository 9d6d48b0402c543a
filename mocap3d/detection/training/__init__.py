"""Teaching the network: pictures, variation, steps, checkpoints, validation."""
