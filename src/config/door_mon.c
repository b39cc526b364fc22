/* SPDX-License-Identifier: Apache-2.0 */
#include "config/door_options.h"

#include <errno.h>
#include <string.h>
#include "base/macros.h"

#define INTERVAL_MS     10000 /* of its README; its code has 5000 */
#define STOP_TIMEOUT_MS 10000
#define RESYNC_MIN_MS   1000
#define DEFAULT_CONTROL "unix:///var/run/docker.sock"

enum { CONTROL, PREFIX, INTERVAL, RETRIES, QUIET, VOLUMES, N_OPTIONS };

static const struct door_option options[N_OPTIONS] = {
	[CONTROL] = { .variable = "MON_CONTROL", .flag = "control" },
	[PREFIX] = { .variable = "MON_PREFIX", .flag = "prefix" },
	[INTERVAL] = { .variable = "MON_INTERVAL", .flag = "interval" },
	[RETRIES] = { .variable = "MON_RETRIES",
	              .flag = "retries",
	              .lost = "what failed is tried again with each report of "
	                      "the engine, and every interval" },
	[QUIET] = { .variable = "MON_QUIET", .flag = "quiet", .boolean = true },
	[VOLUMES] = { .variable = "MON_VOLUMES",
	              .flag = "volumes",
	              .boolean = true },
};

static const struct door_table table = { .prefixes = { "MON_" },
	                                 .options = options,
	                                 .n = N_OPTIONS,
	                                 .environment_wins = true };

struct settings {
	const char *control;
	const char *prefix; /* NULL: any */
	uint64_t interval_ms;
	bool quiet;
	bool volumes;
};

/* A variable that makes no sense is passed over, a flag is an error; as there.
 * @r: what reading the value said. */
static int excuse(struct door *door, const struct door_value *value, int r,
                  struct err *err)
{
	if (r == 0 || value->flag)
		return r;
	door_warn(door, "%s; it is ignored", err->message);
	err_clear(err);
	return 0;
}

static int read_settings(struct door *door, const struct door_value *values,
                         struct settings *settings, struct err *err)
{
	uint64_t interval_ms = settings->interval_ms;
	int r;

	if (values[CONTROL].text)
		settings->control = values[CONTROL].text;
	settings->prefix = values[PREFIX].text;
	/* the original needed the slash with which the engine begins names */
	if (settings->prefix && settings->prefix[0] == '/')
		settings->prefix++;
	if (settings->prefix && settings->prefix[0] == '\0')
		settings->prefix = NULL;

	r = door_time(&values[INTERVAL], 1, &interval_ms, err);
	if (r == 0 && interval_ms == 0)
		r = err_set(err, -EINVAL, "%s%s: must be more than 0",
		            values[INTERVAL].flag ? "-" : "",
		            values[INTERVAL].origin);
	if (r == 0)
		settings->interval_ms = interval_ms;
	r = excuse(door, &values[INTERVAL], r, err);
	if (r == 0)
		r = excuse(door, &values[QUIET],
		           door_bool(&values[QUIET], &settings->quiet, err),
		           err);
	if (r == 0)
		r = excuse(door, &values[VOLUMES],
		           door_bool(&values[VOLUMES], &settings->volumes, err),
		           err);
	return r;
}

/* --- the text -------------------------------------------------------------- */

static void write_global(struct door *door, const struct settings *settings)
{
	struct buf *out = &door->text;

	(void)buf_puts(out, "# bouncer mon: as docker-mon, at once instead of "
	                    "every interval\n"
	                    "global:\n");
	door_put_text(door, "  socket_docker", settings->control);
	(void)buf_puts(out, "  addr: none\n");
	if (settings->quiet)
		(void)buf_puts(out, "  log_level: error\n");
	door_put_time(door, "  resync_interval",
	              MAX(settings->interval_ms, RESYNC_MIN_MS));
	(void)buf_puts(out, "  storm_share: 0\n"
	                    "  max_bounces: 0\n"
	                    "  backoff_factor: 1\n"
	                    "  start_grace: 0s\n");
	door_put_time(door, "  cooldown", settings->interval_ms);
}

static void write_rule(struct door *door, const struct settings *settings,
                       const char *watch)
{
	bool health = strcmp(watch, "health") == 0;
	struct buf *out = &door->text;

	(void)buf_printf(
		out,
		"  - name: %s\n"
		"    watch: %s\n"
		"    type: docker\n"
		"    select:\n"
		"      label: [\"mon.observe?\", \"mon.checks.%s?\"]\n",
		health ? "health" : "cleanup", watch,
		health ? "health" : "cleanup");
	if (settings->prefix) {
		(void)buf_puts(out, "      prefix: [");
		door_quote(door, slice_from(settings->prefix));
		(void)buf_puts(out, "]\n");
	}
	(void)buf_puts(out, "    include: [swarm, auto_remove, own_action]\n"
	                    "    max_containers: 20000\n");
}

static void write_text(struct door *door, const struct settings *settings)
{
	struct buf *out = &door->text;

	write_global(door, settings);
	(void)buf_puts(out, "monitors:\n");
	write_rule(door, settings, "health");
	door_put_time(door, "    stop_timeout", STOP_TIMEOUT_MS);
	(void)buf_puts(out,
	               "    stop_timeout_label: mon.checks.health.timeout\n"
	               "    stop_timeout_label_unit: ms\n"
	               "    steps:\n"
	               "      - type: restart\n");
	write_rule(door, settings, "exited");
	(void)buf_printf(out,
	                 "    exit_codes: \"0\"\n"
	                 "    exit_codes_label: mon.checks.cleanup.code\n"
	                 "    steps:\n"
	                 "      - type: remove\n"
	                 "        volumes: %s\n",
	                 settings->volumes ? "true" : "false");
}

int door_mon(struct door *door, int argc, char *const *argv,
             const char *const *envp, struct err *err)
{
	struct door_value values[N_OPTIONS] = { 0 };
	struct settings settings = { .control = DEFAULT_CONTROL,
		                     .interval_ms = INTERVAL_MS };
	int r = door_begin(door, &table, argc, argv, envp, values, err);

	if (r == 0 && !door->help)
		r = read_settings(door, values, &settings, err);
	if (r == 0 && !door->help)
		write_text(door, &settings);
	return door_end(door, r, err);
}
