"""Prints, as a dispatcher.yml, what the product's settings have told dispatcherd."""

import django
import yaml
from dispatcherd.config import settings

django.setup()
print(yaml.safe_dump(settings.serialize(), sort_keys=False), end="")
