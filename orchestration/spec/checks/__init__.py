"""What is wrong with a section of a sweep file."""
