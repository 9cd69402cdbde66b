"""What outlives the kernel: the work directory."""
