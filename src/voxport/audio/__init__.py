"""Audio processing without a synthesis model: measurement, cleaning, voice activity and speakers."""
