"""Stands in for django.conf."""


class Settings:
    """Has each name in capitals of the settings module, once django.setup() was called."""

    def load(self, module):
        for name in dir(module):
            if name.isupper():
                setattr(self, name, getattr(module, name))


settings = Settings()
