"""Rewrites the decoder for ONNX Runtime, once, from the weights in Kokoro's file. `onnx` is imported only then."""
