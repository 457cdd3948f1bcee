"""What is known of a collision, as a row of numbers: 57 columns for a trigger, 64 for two jets."""
