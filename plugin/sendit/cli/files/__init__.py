"""`sendit deidentify`: files and folders, without a server."""
