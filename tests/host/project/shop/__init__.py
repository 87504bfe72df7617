"""The project that the guide has for an example."""
