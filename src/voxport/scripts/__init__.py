"""core-tts-batch: whole scripts with a cast, line by line, and what is made of them (SPEC.md section 14)."""
