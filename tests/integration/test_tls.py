# SPDX-License-Identifier: Apache-2.0
"""Gateways and engines behind TLS: a real Pushgateway behind what ends TLS,
and a real dockerd with --tlsverify, which wants a certificate of its client,
too."""

import os
import tempfile

import pytest

from daemons.bouncer import monitor, rule, settings
from daemons.docker import Docker
from daemons.process import free_port
from daemons.tls import Authority, Terminator


@pytest.fixture
def authority(directory):
    return Authority(tempfile.mkdtemp(prefix="tls-", dir=directory))


@pytest.fixture
def secure_gateway(pushgateway, authority):
    terminator = Terminator(pushgateway.port, *authority.issue("gateway"))
    yield terminator
    terminator.stop()


@pytest.fixture
def secure_docker(directory, authority):
    """On a socket, for the tests' own questions, and on a port with TLS."""
    certificate, key = authority.issue("engine")
    port = free_port()
    docker = Docker(tempfile.mkdtemp(prefix="docker-", dir=directory))
    docker.options = ["--host", f"tcp://127.0.0.1:{port}", "--tlsverify",
                      "--tlscacert", authority.certificate,
                      "--tlscert", certificate, "--tlskey", key]
    docker.port = port
    docker.start_first()
    yield docker
    docker.stop()


def on_host(name, **keys):
    return monitor(name, type="host", restart_type="command",
                   restart_command=["/bin/true"], **keys)


# --- gateways ---------------------------------------------------------------

def test_reads_a_gateway_over_https(pushgateway, secure_gateway, authority,
                                    bouncer):
    running = bouncer(settings(on_host("job", max_age="1h"),
                               push_gw=secure_gateway.url,
                               tls_ca=authority.certificate))
    pushgateway.push("job")
    running.wait_state("job", "good")
    # one connection for all its readings
    running.wait_for(lambda b: b.metric("bouncer_source_fetches_total") > 5, 20,
                     "readings")
    assert secure_gateway.n_accepted == 1
    assert secure_gateway.versions <= {"TLSv1.2", "TLSv1.3"}


def test_believes_nobody_it_does_not_know(pushgateway, secure_gateway,
                                          bouncer):
    pushgateway.push("job")
    running = bouncer(settings(on_host("job", max_age="1h"),
                               push_gw=secure_gateway.url))
    running.wait_log("TLS handshake", "unknown authority", "set tls_ca")
    assert running.state("job") == "unknown"


def test_a_certificate_of_somebody_else(pushgateway, authority, bouncer):
    other = Terminator(pushgateway.port,
                       *authority.issue("other", "DNS:other.test"))
    running = bouncer(settings(on_host("job", max_age="1h"),
                               push_gw=other.url,
                               tls_ca=authority.certificate))
    running.wait_log("TLS handshake",
                     "the certificate is not issued for 127.0.0.1")
    other.stop()


def test_authorities_follow_a_reload(pushgateway, secure_gateway, authority,
                                     bouncer):
    keys = {"push_gw": secure_gateway.url}
    pushgateway.push("job")
    running = bouncer(settings(on_host("job", max_age="1h"), **keys))
    running.wait_log("unknown authority")
    running.reload(settings(on_host("job", max_age="1h"),
                            tls_ca=authority.certificate, **keys))
    running.wait_state("job", "good")


# --- engines ----------------------------------------------------------------

def test_an_engine_with_tlsverify(secure_docker, authority, bouncer):
    certificate, key = authority.issue("client", client=True)
    secure_docker.run_checked("web")
    before = secure_docker.started_at("web")
    running = bouncer(settings(
        rule(endpoints=[f"https://127.0.0.1:{secure_docker.port}"]),
        tls_ca=authority.certificate, tls_cert=certificate, tls_key=key))
    running.wait_for(lambda b: b.monitors().get("health/web", {}).get(
        "state") == "good", 20, "health/web good")
    secure_docker.make_sick("web")
    running.wait_recovered("health/web")
    assert secure_docker.started_at("web") != before


def test_an_engine_that_wants_a_certificate(secure_docker, authority,
                                            bouncer):
    running = bouncer(settings(
        rule(endpoints=[f"https://127.0.0.1:{secure_docker.port}"]),
        tls_ca=authority.certificate))
    running.wait_log("set tls_cert")


def test_the_environment_of_dockers_own_client(secure_docker, authority,
                                               bouncer):
    authority.issue("cert", client=True)
    secure_docker.run_checked("web")
    # as `docker` wants to find them
    os.symlink(authority.path("cert.key"), authority.path("key.pem"))
    running = bouncer(settings(rule()), env={
        "DOCKER_HOST": f"tcp://127.0.0.1:{secure_docker.port}",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": authority.path("")})
    running.wait_for(lambda b: b.monitors().get("health/web", {}).get(
        "state") == "good", 20, "health/web good")
