"""LiteRT and ONNX files of a trained run, each tried by its own runtime before it appears."""
