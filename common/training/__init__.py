"""From a compiled model to a trained one: optimizer, checkpoints, the resumable `fit`, diagnosis."""
