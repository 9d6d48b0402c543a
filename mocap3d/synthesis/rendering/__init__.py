"""Pictures of people with known truth: bodies, clothes, rooms and cameras drawn in software."""
