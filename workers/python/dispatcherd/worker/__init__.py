"""What runs tasks: the base of worker classes, and the exceptions that end a task."""
