"""What is true of the project as a whole: walls, mirror, shipped files and pages."""
