"""A local server that answers in the form of TensorFlow Serving's REST interface."""
