/* SPDX-License-Identifier: Apache-2.0 */
#include "config/door_options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/macros.h"
#include "base/number.h"
#include "base/text.h"
#include "core/threshold.h"
#include "plugins/linked.h"
#include "proto/url.h"

#define INTERVAL_MS 1000
#define ENDPOINT    "http://prometheus:9090"
#define LOCK_NAME   "metric-reader-leader"
#define FILE_DIR    "/tmp/metric-files"
#define FILE_SIZE   "1048576"
#define SERVER_PORT 9090

enum {
	METRIC_NAME,
	LABEL_FILTERS,
	POLLING_INTERVAL,
	PROMETHEUS_ENDPOINT,
	PLUGIN_DIR,
	LOG_LEVEL,
	MISSING_VALUE_BEHAVIOR,
	/* its first form */
	THRESHOLD,
	THRESHOLD_DURATION,
	BACKOFF_DELAY,
	ACTION_PLUGIN,
	/* its later one */
	THRESHOLD_OPERATOR,
	SOFT_THRESHOLD,
	SOFT_DURATION,
	SOFT_BACKOFF_DELAY,
	SOFT_PLUGIN,
	HARD_THRESHOLD,
	HARD_DURATION,
	HARD_BACKOFF_DELAY,
	HARD_PLUGIN,
	/* of plugins */
	FILE_ACTION_DIR,
	FILE_ACTION_SIZE,
	EFS_FILE_SYSTEM_ID,
	EFS_FILE_SYSTEM_LABEL,
	AWS_REGION,
	/* who acts */
	LEADER_ENABLED,
	LEADER_LOCK_NAME,
	LEADER_LOCK_NAMESPACE,
	POD_NAMESPACE,
	KUBERNETES,
	COMPAT,
	N_OPTIONS,
};

#define VARIABLE(index, name) [index] = { .variable = (name) }

static const struct door_option options[N_OPTIONS] = {
	VARIABLE(METRIC_NAME, "METRIC_NAME"),
	VARIABLE(LABEL_FILTERS, "LABEL_FILTERS"),
	VARIABLE(POLLING_INTERVAL, "POLLING_INTERVAL"),
	VARIABLE(PROMETHEUS_ENDPOINT, "PROMETHEUS_ENDPOINT"),
	VARIABLE(PLUGIN_DIR, "PLUGIN_DIR"),
	VARIABLE(LOG_LEVEL, "LOG_LEVEL"),
	VARIABLE(MISSING_VALUE_BEHAVIOR, "MISSING_VALUE_BEHAVIOR"),
	VARIABLE(THRESHOLD, "THRESHOLD"),
	VARIABLE(THRESHOLD_DURATION, "THRESHOLD_DURATION"),
	VARIABLE(BACKOFF_DELAY, "BACKOFF_DELAY"),
	VARIABLE(ACTION_PLUGIN, "ACTION_PLUGIN"),
	VARIABLE(THRESHOLD_OPERATOR, "THRESHOLD_OPERATOR"),
	VARIABLE(SOFT_THRESHOLD, "SOFT_THRESHOLD"),
	VARIABLE(SOFT_DURATION, "SOFT_DURATION"),
	VARIABLE(SOFT_BACKOFF_DELAY, "SOFT_BACKOFF_DELAY"),
	VARIABLE(SOFT_PLUGIN, "SOFT_PLUGIN"),
	VARIABLE(HARD_THRESHOLD, "HARD_THRESHOLD"),
	VARIABLE(HARD_DURATION, "HARD_DURATION"),
	VARIABLE(HARD_BACKOFF_DELAY, "HARD_BACKOFF_DELAY"),
	VARIABLE(HARD_PLUGIN, "HARD_PLUGIN"),
	VARIABLE(FILE_ACTION_DIR, "FILE_ACTION_DIR"),
	VARIABLE(FILE_ACTION_SIZE, "FILE_ACTION_SIZE"),
	VARIABLE(EFS_FILE_SYSTEM_ID, "EFS_FILE_SYSTEM_ID"),
	VARIABLE(EFS_FILE_SYSTEM_LABEL, "EFS_FILE_SYSTEM_PROMETHEUS_LABEL"),
	VARIABLE(AWS_REGION, "AWS_REGION"),
	VARIABLE(LEADER_ENABLED, "LEADER_ELECTION_ENABLED"),
	VARIABLE(LEADER_LOCK_NAME, "LEADER_ELECTION_LOCK_NAME"),
	VARIABLE(LEADER_LOCK_NAMESPACE, "LEADER_ELECTION_LOCK_NAMESPACE"),
	VARIABLE(POD_NAMESPACE, "POD_NAMESPACE"),
	VARIABLE(KUBERNETES, "KUBERNETES_SERVICE_HOST"),
	[COMPAT] = { .flag = "compat", .boolean = true },
};

static const struct door_table table = {
	.prefixes = { "LEADER_ELECTION_", "SOFT_", "HARD_", "THRESHOLD_",
	              "FILE_ACTION_", "EFS_" },
	.options = options,
	.n = N_OPTIONS,
};

/* The variables of one level. */
static const struct form {
	const char *section; /* NULL: the keys are the monitor's */
	int threshold;
	int duration;
	int backoff;
	int plugin;
} first_form = { NULL, THRESHOLD, THRESHOLD_DURATION, BACKOFF_DELAY,
	         ACTION_PLUGIN },
  later_form[] = { { "soft", SOFT_THRESHOLD, SOFT_DURATION, SOFT_BACKOFF_DELAY,
	             SOFT_PLUGIN },
	           { "hard", HARD_THRESHOLD, HARD_DURATION, HARD_BACKOFF_DELAY,
	             HARD_PLUGIN } };

struct level {
	bool given;
	struct threshold limit;
	uint64_t for_ms;
	uint64_t backoff_ms;
	const char *plugin; /* NULL: none */
};

struct settings {
	bool first;             /* of its forms; then levels[0] alone */
	struct level levels[2]; /* soft, hard */
	uint64_t interval_ms;
	const char *endpoint;
	const char *missing;
	enum log_level log_level;
	bool leader;
	bool compat;
};

/* --- values ---------------------------------------------------------------- */

static int is_missing(struct err *err, const char *name, const char *words)
{
	return err_set(err, -EINVAL, "%s: is missing%s", name, words);
}

static bool has_level(const struct door_value *values, const struct form *form)
{
	return values[form->threshold].text || values[form->duration].text ||
	       values[form->backoff].text || values[form->plugin].text;
}

static int read_threshold(const struct door_value *value,
                          struct threshold *limit, struct err *err)
{
	struct err why = { 0 };

	if (threshold_parse(slice_from(value->text), limit, &why) == 0)
		return 0;
	return door_refuse(value, err, "\"%.40s\": %s", value->text,
	                   why.message);
}

static int read_number(const struct door_value *value, struct threshold *limit,
                       struct err *err)
{
	double number;

	if (number_parse_double(slice_from(value->text), &number) < 0 ||
	    isnan(number))
		return door_refuse(
			value, err,
			"\"%.40s\" is not a number; the operator is in "
			"THRESHOLD_OPERATOR",
			value->text);
	limit->value = number;
	return 0;
}

static int read_plugin(struct door *door, const struct door_value *values,
                       const struct form *form, size_t i, struct level *level,
                       struct err *err)
{
	const struct door_value *value = &values[form->plugin];

	level->plugin = value->text;
	if (!value->text || plugin_linked(value->text))
		return 0;
	door->plugins[i] = (struct door_plugin){ .variable = value->origin,
		                                 .name = value->text };
	if (strncmp(value->text, DOOR_EXEC, strlen(DOOR_EXEC)) == 0)
		return 0;
	if (strchr(value->text, '/') || strchr(value->text, '.'))
		return door_refuse(
			value, err,
			"\"%.40s\" is not the name of a plugin: that "
			"of its file without .so",
			value->text);
	if (BOUNCER_STATIC)
		return door_refuse(
			value, err,
			"\"%.40s\" is not one of " PLUGINS_LINKED
			", which this program has; it is linked statically and "
			"loads none, but runs programs: exec:/path",
			value->text);
	if (!values[PLUGIN_DIR].text)
		return door_refuse(
			value, err,
			"\"%.40s\" is looked for in PLUGIN_DIR, which "
			"is not set",
			value->text);
	return 0;
}

static int read_level(struct door *door, const struct door_value *values,
                      const struct form *form, size_t i, struct level *level,
                      struct err *err)
{
	int r = door_duration(&values[form->duration], 0, &level->for_ms, err);

	level->given = true;
	if (r == 0)
		r = door_duration(&values[form->backoff], 0, &level->backoff_ms,
		                  err);
	if (r == 0)
		r = read_plugin(door, values, form, i, level, err);
	return r;
}

/* --- its two forms ------------------------------------------------------------ */

static int read_operator(const struct door_value *value, enum threshold_op *opp,
                         struct err *err)
{
	if (!value->text)
		return is_missing(err, "THRESHOLD_OPERATOR",
		                  "; it is greater_than or less_than");
	if (strcmp(value->text, "greater_than") == 0)
		*opp = THRESHOLD_ABOVE;
	else if (strcmp(value->text, "less_than") == 0)
		*opp = THRESHOLD_BELOW;
	else
		return door_refuse(value, err,
		                   "\"%.40s\" is neither greater_than nor "
		                   "less_than",
		                   value->text);
	return 0;
}

static int check_beyond(const struct door_value *values,
                        const struct settings *settings, struct err *err)
{
	const struct level *soft = &settings->levels[0];
	const struct level *hard = &settings->levels[1];
	double more = hard->limit.value - soft->limit.value;

	if (!soft->given || !hard->given ||
	    (soft->limit.op == THRESHOLD_ABOVE ? more > 0 : more < 0))
		return 0;
	return door_refuse(&values[HARD_THRESHOLD], err,
	                   "\"%.40s\" is not beyond SOFT_THRESHOLD",
	                   values[HARD_THRESHOLD].text);
}

static int read_later(struct door *door, const struct door_value *values,
                      struct settings *settings, struct err *err)
{
	enum threshold_op op = THRESHOLD_ABOVE;
	int r = read_operator(&values[THRESHOLD_OPERATOR], &op, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(later_form); i++) {
		const struct form *form = &later_form[i];
		struct level *level = &settings->levels[i];

		if (!has_level(values, form))
			continue;
		if (!values[form->threshold].text)
			return is_missing(
				err, options[form->threshold].variable,
				", and other variables of it are set");
		level->limit.op = op;
		r = read_number(&values[form->threshold], &level->limit, err);
		if (r == 0)
			r = read_level(door, values, form, i, level, err);
	}
	if (r == 0 && !settings->levels[0].given && !settings->levels[1].given)
		r = is_missing(err, "SOFT_THRESHOLD",
		               ", and so is HARD_THRESHOLD");
	return r == 0 ? check_beyond(values, settings, err) : r;
}

/* Variables of the form that is not meant. */
static int check_form(struct door *door, const struct door_value *values,
                      const struct settings *settings, struct err *err)
{
	if (settings->first) {
		for (int i = THRESHOLD_OPERATOR; i <= HARD_PLUGIN; i++) {
			if (values[i].text)
				return door_refuse(
					&values[i], err,
					"is not for THRESHOLD, which is set, "
					"too; keep one of the two forms");
		}
		return 0;
	}
	for (int i = THRESHOLD_DURATION; i <= ACTION_PLUGIN; i++) {
		if (values[i].text)
			door_warn(door,
			          "%s: has no effect: it is for THRESHOLD, "
			          "which is not set; with SOFT_THRESHOLD it is "
			          "SOFT_%s",
			          values[i].origin,
			          i == THRESHOLD_DURATION ? "DURATION"
			          : i == BACKOFF_DELAY    ? "BACKOFF_DELAY"
			                                  : "PLUGIN");
	}
	return 0;
}

static int read_limits(struct door *door, const struct door_value *values,
                       struct settings *settings, struct err *err)
{
	bool later = values[THRESHOLD_OPERATOR].text ||
	             has_level(values, &later_form[0]) ||
	             has_level(values, &later_form[1]);
	int r;

	settings->first = values[THRESHOLD].text != NULL;
	if (!settings->first && !later)
		return is_missing(err, "THRESHOLD",
		                  "; set it, or THRESHOLD_OPERATOR with "
		                  "SOFT_THRESHOLD or HARD_THRESHOLD");
	r = check_form(door, values, settings, err);
	if (r == 0 && !settings->first)
		return read_later(door, values, settings, err);
	if (r == 0)
		r = read_threshold(&values[THRESHOLD],
		                   &settings->levels[0].limit, err);
	if (r == 0)
		r = read_level(door, values, &first_form, 0,
		               &settings->levels[0], err);
	return r;
}

/* --- the rest ------------------------------------------------------------------ */

static bool is_name(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyz"
	                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:") ==
	               strlen(text) &&
	       !(text[0] >= '0' && text[0] <= '9');
}

static int check_metric(const struct door_value *values, struct err *err)
{
	const char *filters = values[LABEL_FILTERS].text;

	if (!values[METRIC_NAME].text)
		return is_missing(err, "METRIC_NAME", "");
	if (filters && !is_name(values[METRIC_NAME].text))
		return door_refuse(&values[LABEL_FILTERS], err,
		                   "cannot be put into the expression in "
		                   "METRIC_NAME; write it into that");
	if (filters &&
	    (filters[0] == '{' || filters[strlen(filters) - 1] == '}'))
		return door_refuse(
			&values[LABEL_FILTERS], err,
			"has braces; write what stands between them");
	return 0;
}

static int check_endpoint(const struct door_value *value, struct err *err)
{
	struct err why = { 0 };
	struct url url;

	if (!value->text || strpbrk(value->text, ", ") ||
	    url_parse(slice_from(value->text), SERVER_PORT, &url, &why) == 0)
		return 0;
	return door_refuse(value, err, "not an address: %s", why.message);
}

static int read_missing(struct door *door, const struct door_value *values,
                        struct settings *settings, struct err *err)
{
	static const char *const words[] = { "zero", "last_value",
		                             "assume_breached" };
	const struct door_value *value = &values[MISSING_VALUE_BEHAVIOR];

	settings->missing = settings->first ? "hold" : "zero";
	if (!value->text) {
		if (!settings->first &&
		    values[THRESHOLD_OPERATOR].text[0] == 'l')
			door_warn(
				door,
				"MISSING_VALUE_BEHAVIOR: is not set, so "
				"that a metric that is not there counts as 0, "
				"which is below the threshold");
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(value->text, words[i]) == 0)
			settings->missing = words[i];
		if (strcmp(value->text, words[i]) == 0)
			return 0;
	}
	return door_refuse(value, err,
	                   "\"%.40s\" is not one of zero, last_value, "
	                   "assume_breached",
	                   value->text);
}

static int read_leader(struct door *door, const struct door_value *values,
                       struct settings *settings, struct err *err)
{
	bool enabled = true;
	int r = door_bool(&values[LEADER_ENABLED], &enabled, err);

	settings->leader = enabled && values[KUBERNETES].text;
	if (r == 0 && values[LEADER_ENABLED].text && enabled &&
	    !settings->leader)
		door_warn(door, "LEADER_ELECTION_ENABLED: has no effect: this "
		                "is no pod of Kubernetes, so we act");
	return r;
}

static bool has_plugin(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings->levels); i++) {
		const char *plugin = settings->levels[i].plugin;

		if (plugin && strcmp(plugin, name) == 0)
			return true;
	}
	return false;
}

static int check_parameters(struct door *door, const struct door_value *values,
                            const struct settings *settings, struct err *err)
{
	const struct door_value *size = &values[FILE_ACTION_SIZE];
	uint64_t bytes;

	for (int i = FILE_ACTION_DIR; i <= EFS_FILE_SYSTEM_LABEL; i++) {
		const char *plugin =
			i <= FILE_ACTION_SIZE ? "file_action" : "efs_emergency";

		if (values[i].text && !has_plugin(settings, plugin))
			door_warn(door,
			          "%s: has no effect: %s is not the plugin",
			          values[i].origin, plugin);
	}
	if (size->text &&
	    (number_parse_u64(slice_from(size->text), &bytes) < 0 ||
	     bytes == 0))
		return door_refuse(
			size, err,
			"\"%.40s\" is not a number of bytes, at least "
			"1",
			size->text);
	return 0;
}

static int read_settings(struct door *door, const struct door_value *values,
                         struct settings *settings, struct err *err)
{
	const struct door_value *level = &values[LOG_LEVEL];
	int r = check_metric(values, err);

	if (r == 0)
		r = read_limits(door, values, settings, err);
	if (r == 0)
		r = door_duration(&values[POLLING_INTERVAL], 1,
		                  &settings->interval_ms, err);
	if (r == 0)
		r = check_endpoint(&values[PROMETHEUS_ENDPOINT], err);
	if (r == 0 && values[PROMETHEUS_ENDPOINT].text)
		settings->endpoint = values[PROMETHEUS_ENDPOINT].text;
	if (r == 0)
		r = read_missing(door, values, settings, err);
	if (r == 0 && level->text &&
	    log_level_parse(slice_from(level->text), &settings->log_level) < 0)
		r = door_refuse(level, err,
		                "\"%.40s\" is not one of debug, info, warn, "
		                "error",
		                level->text);
	if (r == 0)
		r = read_leader(door, values, settings, err);
	if (r == 0)
		r = check_parameters(door, values, settings, err);
	if (r == 0)
		r = door_bool(&values[COMPAT], &settings->compat, err);
	if (r == 0 && settings->compat && !settings->levels[0].given)
		door_warn(door, "HARD_THRESHOLD: is never reached without "
		                "SOFT_THRESHOLD, by the original and so by "
		                "--compat");
	door->plugin_dir = values[PLUGIN_DIR].text;
	return r;
}

/* --- the text -------------------------------------------------------------- */

static void write_global(struct door *door, const struct door_value *values,
                         const struct settings *settings)
{
	struct buf *out = &door->text;

	(void)buf_puts(out, "# bouncer metric-reader: one value, and its "
	                    "limits\n"
	                    "global:\n"
	                    "  addr: none\n");
	door_put_text(door, "  prometheus", settings->endpoint);
	if (values[PLUGIN_DIR].text)
		door_put_text(door, "  plugin_dir", values[PLUGIN_DIR].text);
	if (values[LOG_LEVEL].text)
		door_put_text(door, "  log_level", values[LOG_LEVEL].text);
	(void)buf_puts(out, "  storm_share: 0\n"
	                    "  max_bounces: 0\n"
	                    "  backoff_factor: 1\n"
	                    "  start_grace: 0s\n");
	if (!settings->leader)
		return;
	(void)buf_puts(out, "leader:\n");
	door_put_text(door, "  kubernetes_lease",
	              values[LEADER_LOCK_NAME].text
	                      ? values[LEADER_LOCK_NAME].text
	                      : LOCK_NAME);
	if (values[LEADER_LOCK_NAMESPACE].text)
		door_put_text(door, "  namespace",
		              values[LEADER_LOCK_NAMESPACE].text);
	else if (values[POD_NAMESPACE].text)
		door_put_text(door, "  namespace", values[POD_NAMESPACE].text);
	/* as there: without the API everybody acts */
	(void)buf_puts(out, "  required: false\n");
}

static void write_parameter(struct door *door, const char *indent,
                            const char *name, const char *value)
{
	(void)buf_printf(&door->text, "%s        ", indent);
	door_put_text(door, name, value);
}

static void write_parameters(struct door *door, const struct door_value *values,
                             const char *indent, const char *plugin)
{
	static const struct {
		const char *plugin;
		const char *name;
		int variable;
		const char *otherwise; /* NULL: the plugin's own */
	} rows[] = {
		{ "file_action", "dir", FILE_ACTION_DIR, FILE_DIR },
		{ "file_action", "size", FILE_ACTION_SIZE, FILE_SIZE },
		{ "efs_emergency", "file_system_id", EFS_FILE_SYSTEM_ID, NULL },
		{ "efs_emergency", "file_system_prometheus_label",
		  EFS_FILE_SYSTEM_LABEL, NULL },
		{ "efs_emergency", "aws_region", AWS_REGION, NULL },
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *text = values[rows[i].variable].text;

		if (!text)
			text = rows[i].otherwise;
		if (!text || strcmp(plugin, rows[i].plugin) != 0)
			continue;
		if (!any)
			(void)buf_printf(&door->text, "%s      parameters:\n",
			                 indent);
		any = true;
		write_parameter(door, indent, rows[i].name, text);
	}
}

static void write_level(struct door *door, const struct door_value *values,
                        const struct level *level, const char *section,
                        bool alone)
{
	const char *indent = section ? "  " : "";
	char limit[THRESHOLD_TEXT_MAX];
	struct buf *out = &door->text;
	char key[64];

	if (section)
		(void)buf_printf(out, "    %s:\n", section);
	(void)snprintf(key, sizeof(key), "%s    threshold", indent);
	door_put_text(door, key, threshold_format(&level->limit, limit));
	(void)snprintf(key, sizeof(key), "%s    for", indent);
	door_put_time(door, key, level->for_ms);
	(void)snprintf(key, sizeof(key), "%s    backoff", indent);
	door_put_time(door, key, level->backoff_ms);
	if (!level->plugin && !alone)
		return;
	(void)buf_printf(out, "%s    steps:\n", indent);
	if (!level->plugin) {
		(void)buf_printf(out,
		                 "%s    - type: log\n"
		                 "%s      message: \"{{ value }} is {{ "
		                 "threshold }}\"\n",
		                 indent, indent);
		return;
	}
	(void)buf_printf(out, "%s    - type: plugin\n", indent);
	(void)snprintf(key, sizeof(key), "%s      plugin", indent);
	door_put_text(door, key, level->plugin);
	write_parameters(door, values, indent, level->plugin);
}

static void write_text(struct door *door, const struct door_value *values,
                       const struct settings *settings)
{
	const char *name = values[METRIC_NAME].text;
	const struct level *levels = settings->levels;
	struct buf *out = &door->text;

	write_global(door, values, settings);
	(void)buf_puts(out, "monitors:\n"
	                    "  - name: metric-reader\n"
	                    "    watch: metric\n");
	door_put_text(door, is_name(name) ? "    metric_name" : "    query",
	              name);
	if (values[LABEL_FILTERS].text)
		door_put_text(door, "    label_filters",
		              values[LABEL_FILTERS].text);
	door_put_time(door, "    check_interval", settings->interval_ms);
	(void)buf_printf(out, "    missing: %s\n", settings->missing);
	if (settings->compat)
		(void)buf_puts(out, "    compat: metric-reader\n");
	for (size_t i = 0; i < ARRAY_SIZE(settings->levels); i++) {
		bool alone = i == 0 && !levels[1].plugin;

		if (!levels[i].given)
			continue;
		alone = alone || (i == 1 && !levels[0].given);
		write_level(door, values, &levels[i],
		            settings->first ? NULL : later_form[i].section,
		            alone);
	}
}

int door_metric_reader(struct door *door, int argc, char *const *argv,
                       const char *const *envp, struct err *err)
{
	struct door_value values[N_OPTIONS] = { 0 };
	struct settings settings = { .interval_ms = INTERVAL_MS,
		                     .endpoint = ENDPOINT };
	int r = door_begin(door, &table, argc, argv, envp, values, err);

	if (r == 0 && !door->help)
		r = read_settings(door, values, &settings, err);
	if (r == 0 && !door->help)
		write_text(door, values, &settings);
	return door_end(door, r, err);
}
