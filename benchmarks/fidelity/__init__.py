"""What tools of the field read before and after de-identification: images, b-values, sidecars."""
