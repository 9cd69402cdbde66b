"""What is so and what follows from it. Pure: no clock, thread, disk or randomness in this room."""
