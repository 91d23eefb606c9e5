"""Views of instances for reviewers: frames in full size, and headers before and after. Nothing is kept."""
