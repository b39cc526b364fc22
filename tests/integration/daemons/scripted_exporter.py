# SPDX-License-Identifier: Apache-2.0
"""An exporter whose values the test sets: what a Prometheus scrapes, or the
program itself."""

from .scripted import ScriptedGateway, TEXT


def series(name, labels):
    """name{a="b"}, as it stands in an exposition."""
    inside = ",".join(f'{key}="{value}"'
                      for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name


class ScriptedExporter(ScriptedGateway):
    """Starts empty. All that a ScriptedGateway can be told to answer instead,
    it can, too; show() goes back to the values."""

    def __init__(self):
        super().__init__()
        self._values = {}
        self.show()

    @property
    def address(self):
        """As Prometheus' targets are written."""
        return self.url[len("http://"):]

    def set(self, name, value, /, **labels):
        """From the next scrape on; NaN, +Inf as text or float."""
        self._values = {**self._values, series(name, labels): value}

    def remove(self, name, /, **labels):
        """The series is gone: Prometheus marks it stale at the next scrape."""
        self._values = {key: value for key, value in self._values.items()
                        if key != series(name, labels)}

    def text(self):
        return "".join(f"{key} {value}\n"
                       for key, value in self._values.items())

    def show(self):
        self.say(self.text, content_type=TEXT)
