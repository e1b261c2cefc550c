"""What a job ran on."""
