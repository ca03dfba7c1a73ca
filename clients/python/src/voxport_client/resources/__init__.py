"""The calls, by area. Each area has a class for either client; both send the same `Call`."""
