"""The decoder written anew for ONNX Runtime, once, from the numbers in Kokoro's file. `onnx` is imported only then."""
