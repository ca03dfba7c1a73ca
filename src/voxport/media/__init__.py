"""What comes in and goes out as audio: uploads, the safe fetch, decoding, the sample check, encoding."""
