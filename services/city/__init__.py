"""A city is data: the files a town edits, loaded and checked."""
