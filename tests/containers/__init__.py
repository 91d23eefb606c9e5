"""The container image and docker/compose.yaml."""
