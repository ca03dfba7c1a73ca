"""The speech synthesis network, Kokoro: its weights, its voices and the text chunks that it speaks."""
