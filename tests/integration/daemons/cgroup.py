# SPDX-License-Identifier: Apache-2.0
"""What the kernel counts of a container, of either version of cgroups."""

import os

ROOT = "/sys/fs/cgroup"


class Cgroup:
    """The one of a process. Memory in bytes, times in seconds."""

    def __init__(self, pid):
        self._paths = {}
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as lines:
            for line in lines:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                for one in controllers.split(","):
                    self._paths[one] = path
        self._version1 = "memory" in self._paths

    def _read(self, controller, name):
        if self._version1:
            path = f"{ROOT}/{controller}{self._paths[controller]}/{name}"
        else:
            path = f"{ROOT}{self._paths['']}/{name}"
        with open(os.path.normpath(path), encoding="utf-8") as file:
            return file.read()

    def _table(self, controller, name):
        pairs = (line.split() for line
                 in self._read(controller, name).splitlines())
        return {key: int(value) for key, value in pairs}

    def memory(self):
        """All that counts against the limit, and what of it stays when the
        kernel is short of memory: without files that were only read."""
        used = int(self._read("memory", "memory.usage_in_bytes"
                              if self._version1 else "memory.current"))
        stat = self._table("memory", "memory.stat")
        return used, max(used - stat["inactive_file"] - stat["active_file"],
                         0)

    def memory_limit(self):
        return int(self._read("memory", "memory.limit_in_bytes"
                              if self._version1 else "memory.max"))

    def kills(self):
        """How often somebody was ended for want of memory."""
        return self._table("memory", "memory.oom_control" if self._version1
                           else "memory.events")["oom_kill"]

    def cpu_seconds(self):
        if self._version1:
            return int(self._read("cpuacct", "cpuacct.usage")) / 1e9
        return self._table("cpu", "cpu.stat")["usage_usec"] / 1e6

    def throttled_seconds(self):
        stat = self._table("cpu", "cpu.stat")
        if self._version1:
            return stat["throttled_time"] / 1e9
        return stat["throttled_usec"] / 1e6

    def cpu_limit(self):
        """In processors."""
        if self._version1:
            quota = int(self._read("cpu", "cpu.cfs_quota_us"))
            return quota / int(self._read("cpu", "cpu.cfs_period_us"))
        quota, period = self._read("cpu", "cpu.max").split()
        return int(quota) / int(period)
