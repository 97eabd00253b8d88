"""What makes things run by themselves: sensors, schedules and the jobs they start."""
