"""The decoder written anew for ONNX Runtime, made once and cached. `onnx` is imported only in here and in `cut.py`."""
