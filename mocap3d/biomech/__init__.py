"""What motion means to people who study bodies: joint angles, signals, gait."""
