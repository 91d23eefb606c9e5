"""What reviewers see of instances: frames in full size, and headers before and after. Nothing is kept."""
