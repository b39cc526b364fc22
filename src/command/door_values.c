/* SPDX-License-Identifier: Apache-2.0 */
/* bouncer metric-reader, bouncer am-executor: as the other front doors, and
 * with what they find in files. */
#include <errno.h>
#include <limits.h>
#include <unistd.h>
#include "command/door.h"
#include "config/config.h"

/* --- metric-reader ----------------------------------------------------------- */

/* The original reads a file, too. We do not; its keys are the variables. */
static void warn_file(const struct command_io *io)
{
	static const char *const files[] = { "config.toml",
		                             "/etc/metric-reader/config.toml" };
	const char *chosen = command_env(io, "CONFIG_FILE");

	if (chosen && slice_is(slice_from(chosen), "none"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (access(files[i], F_OK) == 0)
			(void)fprintf(io->err,
			              "bouncer metric-reader: %s is not read; "
			              "set its keys as variables "
			              "(SOFT_THRESHOLD for threshold in "
			              "[soft]), and CONFIG_FILE=none to hear "
			              "no more of it\n",
			              files[i]);
	}
}

static int check_plugin(const struct door_plugin *plugin, const char *dir,
                        struct err *err)
{
	struct slice name = slice_from(plugin->name);
	char path[PATH_MAX];

	if (slice_starts(name, DOOR_EXEC)) {
		if (access(plugin->name + strlen(DOOR_EXEC), X_OK) == 0)
			return 0;
		return err_set(err, -EINVAL, "%s: %.128s cannot be run: %s",
		               plugin->variable, plugin->name,
		               err_text(-errno));
	}
	(void)snprintf(path, sizeof(path), "%s/%s.so", dir, plugin->name);
	if (access(path, R_OK) == 0)
		return 0;
	return err_set(err, -EINVAL,
	               "%s: there is no plugin %.64s in PLUGIN_DIR: %s",
	               plugin->variable, plugin->name, err_text(-errno));
}

/* A plugin that is not there is a mistake now, not when it is needed. */
static int check_plugins(const struct door *door, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(door->plugins); i++) {
		if (door->plugins[i].name)
			r = check_plugin(&door->plugins[i], door->plugin_dir,
			                 err);
	}
	return r;
}

static int run_metric_reader(const struct command_io *io, int argc,
                             char *const *argv)
{
	struct door door;
	struct err err;
	int r = door_metric_reader(&door, argc, argv, io->envp, &err);
	int code;

	if (r == 0 && !door.help)
		warn_file(io);
	if (r == 0 && !door.print)
		r = check_plugins(&door, &err);
	code = door_finish(io, &command_metric_reader, &door, r, &err);
	door_fini(&door);
	return code;
}

const struct command command_metric_reader = {
	.name = "metric-reader",
	.group = COMMAND_DAEMON,
	.arguments = "[--compat] [--print-config]",
	.summary = "act on a metric by the variables of metric-reader",
	.help = "Asks a Prometheus server for a value, and acts when it "
		"crosses "
		"a limit.\n"
		"\n"
		"  METRIC_NAME             a metric, or PromQL; required\n"
		"  LABEL_FILTERS           what stands in its braces\n"
		"  PROMETHEUS_ENDPOINT     http://prometheus:9090; several "
		"with "
		"commas\n"
		"  POLLING_INTERVAL        1s\n"
		"  THRESHOLD               \">100\", with THRESHOLD_DURATION, "
		"BACKOFF_DELAY,\n"
		"                          ACTION_PLUGIN\n"
		"  THRESHOLD_OPERATOR      instead: greater_than or less_than, "
		"with\n"
		"                          SOFT_THRESHOLD, SOFT_DURATION,\n"
		"                          SOFT_BACKOFF_DELAY, SOFT_PLUGIN, "
		"and "
		"HARD_...\n"
		"  MISSING_VALUE_BEHAVIOR  zero, last_value, assume_breached\n"
		"  PLUGIN_DIR, FILE_ACTION_DIR, FILE_ACTION_SIZE,\n"
		"  EFS_FILE_SYSTEM_ID, EFS_FILE_SYSTEM_PROMETHEUS_LABEL, "
		"AWS_REGION\n"
		"  LEADER_ELECTION_ENABLED, _LOCK_NAME, _LOCK_NAMESPACE\n"
		"  LOG_LEVEL               debug, info, warn, error\n"
		"  BOUNCER_ADDR            :8081, for probes and metrics; "
		"none\n"
		"\n"
		"  --compat                its state machine, faults "
		"included\n",
	.more = DOOR_MORE,
	.run = run_metric_reader,
	.program = true,
};

/* --- am-executor --------------------------------------------------------------- */

static int read_with_file(struct door *door, int argc, char *const *argv,
                          struct err *err)
{
	const char *name = door_am_executor_file(argc, argv);
	struct slice slice;
	struct buf text;
	int r;

	if (!name)
		return door_am_executor(door, argc, argv, NULL, err);
	*door = (struct door){ 0 };
	buf_init(&text, CONFIG_MAX_FILE);
	r = config_read_file(name, &text);
	slice = buf_slice(&text);
	if (r < 0)
		(void)err_set_code(err, r, "-f: %.128s cannot be read", name);
	else
		r = door_am_executor(door, argc, argv, &slice, err);
	buf_fini(&text);
	return r;
}

static int run_am_executor(const struct command_io *io, int argc,
                           char *const *argv)
{
	struct door door;
	struct err err;
	int r = read_with_file(&door, argc, argv, &err);
	int code = door_finish(io, &command_am_executor, &door, r, &err);

	door_fini(&door);
	return code;
}

const struct command command_am_executor = {
	.name = "am-executor",
	.group = COMMAND_DAEMON,
	.arguments = "[-f FILE] [-l ADDRESS] [-v] [COMMAND [ARGUMENT...]]",
	.summary = "run commands on alerts, as prometheus-am-executor does",
	.help = "Takes the webhook of Alertmanager on any path, and runs a "
		"command for each\n"
		"group of alerts that fires; told what by AMX_* "
		"variables.\n"
		"\n"
		"  -f FILE      its file: listen_address, verbose, commands "
		"(cmd, args,\n"
		"               match_labels, notify_on_failure, max, "
		"ignore_resolved,\n"
		"               resolved_signal)\n"
		"  -l ADDRESS   to listen on; :8080\n"
		"  -v           say more\n",
	.more = DOOR_MORE,
	.run = run_am_executor,
	.program = true,
};
