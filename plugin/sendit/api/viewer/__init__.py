"""What reviewers see: frames, headers, projects. Routes and pages."""
