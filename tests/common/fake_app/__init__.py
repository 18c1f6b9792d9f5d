"""An application without TensorFlow, to drive the command line in tests."""
