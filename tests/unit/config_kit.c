/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"

#include "config_kit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What users of the original tool have, to the letter. */
const char config_seed[] =
	"global:\n"
	"  check_interval: 1m\n"
	"  log_level: info\n"
	"  socket_lxd: /var/snap/lxd/common/lxd/unix.socket\n"
	"  socket_docker: /var/run/docker.sock\n"
	"  push_gw: http://pushgateway:9091\n"
	"  addr: :9090\n"
	"monitors:\n"
	"  - name: API Exporter\n"
	"    max_age: 1h30m\n"
	"    type: docker\n"
	"    container_name: prom-stack_api-exporter_1\n"
	"    label_name: job\n"
	"    label_value: api_exporter\n"
	"    restart_type: container\n"
	"  - name: WeeWX\n"
	"    max_age: 5m\n"
	"    type: lxd\n"
	"    container_name: weewx\n"
	"    label_name: job\n"
	"    label_value: weewx\n"
	"    restart_type: command\n"
	"    restart_command:\n"
	"      - /bin/systemctl\n"
	"      - restart\n"
	"      - weewx\n";

/* Everything but the defaults. */
const char config_full[] =
	"global:\n"
	"  check_interval: 10s\n"
	"  log_level: debug\n"
	"  log_format: json\n"
	"  socket_docker: tcp://docker:2375\n"
	"  socket_podman: /run/podman.sock\n"
	"  socket_lxd: /run/lxd.sock\n"
	"  socket_incus: unix:///run/incus.sock\n"
	"  push_gw: http://gw:9091\n"
	"  port: 9099\n"
	"  state_dir: /tmp/state\n"
	"  fetch_timeout: 3s\n"
	"  max_body: 1MiB\n"
	"  max_parallel: 3\n"
	"  max_connections: 4\n"
	"  journal_size: 5\n"
	"  storm_share: 0\n"
	"  storm_min: 7\n"
	"  storm_window: 8s\n"
	"  shutdown_timeout: 0s\n"
	"  for: 1s\n"
	"  cooldown: 2s\n"
	"  timeout: 3s\n"
	"  verify_within: 40s\n"
	"  max_bounces: 5\n"
	"  window: 6m\n"
	"  backoff_factor: 1.5\n"
	"  backoff_max: 7m\n"
	"  start_grace: 8s\n"
	"monitors:\n"
	"  - name: plain\n"
	"    max_age: 1m\n"
	"    type: podman\n"
	"    container_name: p\n"
	"    label_name: job\n"
	"    label_value: ''\n"
	"    restart_type: container\n"
	"    stop_timeout: 20s\n"
	"    signal: SIGINT\n"
	"  - name: own\n"
	"    max_age: 1m\n"
	"    type: incus\n"
	"    container_name: i\n"
	"    project: web\n"
	"    labels: {job: b, instance: \"x y\"}\n"
	"    push_gw: http://other:1\n"
	"    check_interval: 5s\n"
	"    metric_name: last_success\n"
	"    metric_value: timestamp\n"
	"    match: all\n"
	"    for: 11s\n"
	"    cooldown: 12s\n"
	"    timeout: 13s\n"
	"    verify_within: 14s\n"
	"    max_bounces: 32\n"
	"    window: 16m\n"
	"    backoff_factor: 3\n"
	"    backoff_max: 0s\n"
	"    start_grace: 0s\n"
	"    stop_timeout: 0s\n"
	"    signal: SIGRTMIN+3\n"
	"    dry_run: true\n"
	"    paused: yes\n"
	"    steps:\n"
	"      - {type: log, message: hello}\n"
	"      - {type: exec, command: [/bin/a, -b, ''], timeout: 1s}\n"
	"      - {type: stop, stop_timeout: 2s}\n"
	"      - {type: start}\n"
	"      - {type: kill}\n"
	"      - {type: kill, signal: 9}\n"
	"      - {type: run, command: [/bin/c]}\n"
	"      - type: restart\n"
	"  - name: host\n"
	"    max_age: 10s\n"
	"    type: host\n"
	"    labels:\n"
	"      job: h\n"
	"    match: oldest\n"
	"    restart_type: command\n"
	"    restart_command: [/bin/true]\n";

struct config *config_kit_load_with(const char *text,
                                    const struct config_override *overrides,
                                    size_t n)
{
	struct config *config = NULL;
	struct buf problems;

	buf_init(&problems, 1 << 16);
	if (config_load_text(slice_from(text), "t.yml", overrides, n, &config,
	                     &problems) < 0)
		fail_msg("%s", buf_text(&problems));
	assert_int_equal(problems.n, 0);
	buf_fini(&problems);
	return config;
}

struct config *config_kit_load(const char *text)
{
	return config_kit_load_with(text, NULL, 0);
}

/* --- of one monitor -------------------------------------------------------- */

#define TEXT_MAX    8192
#define PROBLEM_MAX 1024

static void write_monitor(const char *before, const char *monitor,
                          char text[TEXT_MAX])
{
	int n = snprintf(text, TEXT_MAX, "%smonitors: [%s}]\n", before,
	                 monitor);

	assert_true(n > 0 && n < TEXT_MAX);
}

struct config *config_kit_load_monitor(const char *before, const char *monitor)
{
	char text[TEXT_MAX];

	write_monitor(before, monitor, text);
	return config_kit_load(text);
}

static unsigned count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

void config_kit_refuses(const char *before, const char *monitor,
                        const char *problem)
{
	bool section = problem[0] >= 'a' && problem[0] <= 'z';
	struct config *config = NULL;
	struct buf problems;
	char text[TEXT_MAX];
	char line[PROBLEM_MAX];

	write_monitor(before, monitor, text);
	(void)snprintf(line, sizeof(line), "t.yml:%u: %s%s%s",
	               section ? 1 : count_lines(before) + 1,
	               section ? "" : "monitors",
	               section || problem[0] == '[' ? "" : "[0]", problem);
	buf_init(&problems, 1 << 16);
	if (config_load_text(slice_from(text), "t.yml", NULL, 0, &config,
	                     &problems) != -EINVAL)
		fail_msg("%swas not refused", text);
	if (strncmp(buf_text(&problems), line, strlen(line)) != 0 ||
	    count_lines(buf_text(&problems)) != 1)
		fail_msg("%s\nis not\n%s", buf_text(&problems), line);
	buf_fini(&problems);
}

void config_kit_all_differ(const char *before, const char *const *monitors,
                           size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config *a = config_kit_load_monitor(before, monitors[i]);

		for (size_t k = 0; k < n; k++) {
			struct config *b =
				config_kit_load_monitor(before, monitors[k]);

			if (config_monitor_equal(a->monitors, b->monitors) !=
			    (i == k))
				fail_msg("%s / %s", monitors[i], monitors[k]);
			config_free(b);
		}
		config_free(a);
	}
}
