"""The fit: a speaker's timbre by gradient descent through the network. The only part that needs PyTorch."""
