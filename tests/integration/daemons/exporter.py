# SPDX-License-Identifier: Apache-2.0
"""What runs in test containers: a busybox shell that pushes, and can hang.

    USR1  it hangs: lives on and pushes no more
    USR2  it pushes again
    TERM  it ends, or ignores that if it is stubborn

One that only pushes once, at its start, shows life with every start and is
quiet after it.
"""

PUSH = """push() {{
    wget -q -O /dev/null --post-data 'up 1
' {url}/metrics/job/{job}
}}
"""

LOOP = """trap 'hangs=1' USR1
trap 'hangs=' USR2
trap '{on_term}' TERM
while :; do
    [ "$hangs" ] || push
    sleep {every}
done
"""

ONCE = """trap '{on_term}' TERM
push
while :; do sleep 1; done
"""


def pushes(pushgateway, job, stubborn=False, once=False, every=0.2):
    """An argument vector for a container on the network of the host; @every
    so many seconds it pushes."""
    script = PUSH.format(url=pushgateway.url, job=job)
    script += (ONCE if once else LOOP).format(
        on_term="" if stubborn else "exit 0", every=every)
    return ["/bin/sh", "-c", script]


WAKE = ["/bin/kill", "-USR2", "1"]
