"""What is written, made ready to be spoken: numbers, names and signs in words, sentences, symbols."""
