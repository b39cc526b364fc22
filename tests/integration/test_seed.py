# SPDX-License-Identifier: Apache-2.0
"""The configuration that users of the original tool have, to the letter: only
the addresses of this test stand where theirs were."""

SEED = """global:
  check_interval: 1m
  log_level: info
  socket_lxd: {lxd}
  socket_docker: {docker}
  push_gw: {push_gw}
  addr: :9090
monitors:
  - name: API Exporter
    max_age: 1h30m
    type: docker
    container_name: prom-stack_api-exporter_1
    label_name: job
    label_value: api_exporter
    restart_type: container
  - name: WeeWX
    max_age: 5m
    type: lxd
    container_name: weewx
    label_name: job
    label_value: weewx
    restart_type: command
    restart_command:
      - /bin/systemctl
      - restart
      - weewx
"""

FRESH = {"api_exporter": 60, "weewx": 10}
STALE = {"api_exporter": 90 * 60 + 5, "weewx": 5 * 60 + 5}


def test_seed_restarts_and_runs_the_command(dockerd, lxd, scripted_gateway,
                                            bouncer):
    dockerd.run("prom-stack_api-exporter_1", ["/bin/sleep", "100000"],
                StopTimeout=1)
    lxd.launch("weewx")
    started_at = dockerd.started_at("prom-stack_api-exporter_1")
    init = lxd.pid("weewx")
    scripted_gateway.say_ages(STALE)

    running = bouncer(SEED.format(lxd=lxd.socket, docker=dockerd.socket,
                                  push_gw=scripted_gateway.url))
    # Nothing is bounced in the first half minute of a run.
    running.wait_step("API Exporter", "ok", timeout=60)
    running.wait_step("WeeWX", "ok")

    assert dockerd.state("prom-stack_api-exporter_1")["Running"]
    assert dockerd.started_at("prom-stack_api-exporter_1") != started_at
    assert lxd.read_file("weewx", "/var/log/systemctl") == "restart weewx\n"
    assert lxd.pid("weewx") == init, "a command must not restart the instance"

    scripted_gateway.say_ages(FRESH)
    # An interval of a minute, and a little for the machine.
    running.wait_recovered("API Exporter", timeout=75)
    running.wait_recovered("WeeWX", timeout=75)
    assert running.metric("bouncer_bounces_total", result="recovered") == 2


def test_seed_leaves_alone_what_is_fresh(scripted_gateway, bouncer, directory):
    scripted_gateway.say_ages(FRESH)
    # No engine is there at all: nobody may ask for one.
    running = bouncer(SEED.format(lxd=f"{directory}/no-lxd",
                                  docker=f"{directory}/no-docker",
                                  push_gw=scripted_gateway.url))
    for name in ("API Exporter", "WeeWX"):
        running.wait_state(name, "good")
        assert running.steps(name) == []
    shown = running.monitors()["API Exporter"]
    assert shown["limit_seconds"] == 5400
    assert 59 <= shown["age_seconds"] <= 75
