"""The commands. Before anything else is imported, the working directory is no place to look."""

from orchestration.cli.inherited import leave_working_directory

leave_working_directory()
