"""What is asked and when, what it took, what that means. Pure: no clock, file or network."""
