/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/stock_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/json_writer.h"
#include "base/number.h"
#include "base/slice.h"
#include "base/text.h"
#include "core/pattern.h"

struct stock_rule {
	const char *name;
	const char *severity;
	const char *summary;
	const char *description;
	void (*write)(const struct stock_options *options, const char *exclude,
	              struct buf *out);
	uint64_t (*minutes)(const struct stock_options *options);
};

const struct stock_options stock_defaults = {
	.cpu = 85,
	.cpu_minutes = 20,
	.memory_mb = 500,
	.memory_minutes = 5,
	.down_minutes = 1,
	.disk_minutes = 5,
	.job = "node",
	.filesystems = "tmpfs|ramfs|devtmpfs|overlay|squashfs|erofs|iso9660|"
		       "nsfs|fuse[.].*",
	.mounts = "",
};

/* --- clauses ------------------------------------------------------------------ */

/* A string of PromQL. */
static void put_string(struct buf *out, const char *text)
{
	(void)buf_putc(out, '"');
	text_escape_label(out, slice_from(text));
	(void)buf_putc(out, '"');
}

/* What every selector begins with; @exclude is the macro, or nothing. */
static void put_job(const struct stock_options *options, const char *exclude,
                    struct buf *out)
{
	(void)buf_puts(out, "{job=");
	put_string(out, options->job);
	(void)buf_printf(out, "%s%s", exclude[0] ? "," : "", exclude);
}

static void write_down(const struct stock_options *options, const char *exclude,
                       struct buf *out)
{
	(void)options;
	if (exclude[0])
		(void)buf_printf(out, "up{%s} == 0", exclude);
	else
		(void)buf_puts(out, "up == 0");
}

static void write_cpu(const struct stock_options *options, const char *exclude,
                      struct buf *out)
{
	char limit[NUMBER_TEXT_MAX];

	(void)number_format_double(options->cpu, limit);
	(void)buf_puts(out, "100 - 100 * avg without (cpu, mode) "
	                    "(rate(node_cpu_seconds_total");
	put_job(options, exclude, out);
	(void)buf_printf(out, ",mode=\"idle\"}[5m])) > %s", limit);
}

static void write_memory(const struct stock_options *options,
                         const char *exclude, struct buf *out)
{
	(void)buf_puts(out, "node_memory_MemAvailable_bytes");
	put_job(options, exclude, out);
	(void)buf_printf(out, "} / 1e6 < %" PRIu64, options->memory_mb);
}

static void put_filesystem(const struct stock_options *options,
                           const char *exclude, struct buf *out)
{
	put_job(options, exclude, out);
	if (options->filesystems[0]) {
		(void)buf_puts(out, ",fstype!~");
		put_string(out, options->filesystems);
	}
	if (options->mounts[0]) {
		(void)buf_puts(out, ",mountpoint!~");
		put_string(out, options->mounts);
	}
	(void)buf_putc(out, '}');
}

/* One that cannot be written to does not fill up. */
static void write_disk(const struct stock_options *options, const char *exclude,
                       struct buf *out)
{
	(void)buf_puts(out, "predict_linear(node_filesystem_avail_bytes");
	put_filesystem(options, exclude, out);
	(void)buf_puts(out,
	               "[1h], 4 * 3600) < 0 unless node_filesystem_readonly");
	put_filesystem(options, exclude, out);
	(void)buf_puts(out, " == 1");
}

static uint64_t down_minutes(const struct stock_options *options)
{
	return options->down_minutes;
}

static uint64_t cpu_minutes(const struct stock_options *options)
{
	return options->cpu_minutes;
}

static uint64_t memory_minutes(const struct stock_options *options)
{
	return options->memory_minutes;
}

static uint64_t disk_minutes(const struct stock_options *options)
{
	return options->disk_minutes;
}

static const struct stock_rule rules[STOCK_RULES] = {
	{ "service_down", "critical", "{{ $labels.instance }} is down",
	  "{{ $labels.instance }} of job {{ $labels.job }} cannot be scraped.",
	  write_down, down_minutes },
	{ "cpu_threshold_exceeded", "warning",
	  "{{ $labels.instance }} uses much CPU",
	  "{{ $labels.instance }} uses {{ printf \"%.0f\" $value }}% of its "
	  "CPU time.",
	  write_cpu, cpu_minutes },
	{ "mem_threshold_exceeded", "warning",
	  "{{ $labels.instance }} has little memory left",
	  "{{ $labels.instance }} has {{ printf \"%.0f\" $value }} MB of "
	  "memory "
	  "available.",
	  write_memory, memory_minutes },
	{ "disk_will_fill_up_in_4hours", "critical",
	  "{{ $labels.mountpoint }} of {{ $labels.instance }} fills up",
	  "At the rate of the last hour {{ $labels.device }} on "
	  "{{ $labels.mountpoint }} of {{ $labels.instance }} is full within "
	  "four hours.",
	  write_disk, disk_minutes },
};

/* --- options -------------------------------------------------------------------- */

static int check_pattern(const char *option, const char *text, struct err *err)
{
	regex_t pattern;
	int r = pattern_compile(slice_from(text), &pattern, err);

	if (r < 0)
		err_wrap(err, "%s", option);
	else
		regfree(&pattern);
	return r;
}

static int check_minutes(const struct stock_options *options, struct err *err)
{
	for (size_t i = 0; i < STOCK_RULES; i++) {
		if (rules[i].minutes(options) > STOCK_MAX_MINUTES)
			return err_set(err, -EINVAL,
			               "%s: at most %d minutes, a week",
			               rules[i].name, STOCK_MAX_MINUTES);
	}
	return 0;
}

int stock_check(const struct stock_options *options, struct err *err)
{
	int r;

	if (!(options->cpu > 0 && options->cpu < 100))
		return err_set(err, -EINVAL,
		               "--cpu: percent, more than 0 and less than 100");
	if (options->memory_mb == 0)
		return err_set(err, -EINVAL, "--memory-mb: at least 1");
	if (!options->job[0] || !text_is_printable(slice_from(options->job)))
		return err_set(err, -EINVAL,
		               "--job: the name of a job, as in its targets");
	r = check_minutes(options, err);
	if (r == 0)
		r = check_pattern("--exclude-fstype", options->filesystems,
		                  err);
	if (r == 0)
		r = check_pattern("--exclude-mount", options->mounts, err);
	return r;
}

/* --- written --------------------------------------------------------------------- */

/* In single quotes of YAML. */
static void put_yaml(struct buf *out, struct slice text)
{
	(void)buf_putc(out, '\'');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\'')
			(void)buf_putc(out, '\'');
		(void)buf_putc(out, text.p[i]);
	}
	(void)buf_putc(out, '\'');
}

static void put_member(struct buf *out, const char *key, const char *value)
{
	(void)buf_puts(out, key);
	put_yaml(out, slice_from(value));
	(void)buf_putc(out, '\n');
}

static void write_rule(const struct stock_rule *rule,
                       const struct stock_options *options, struct buf *out)
{
	struct buf clause;

	buf_init(&clause, (size_t)4 * STOCK_MAX_EXPRESSION);
	rule->write(options, "", &clause);
	(void)buf_printf(out, "  - alert: %s\n", rule->name);
	put_member(out, "    expr: ", buf_text(&clause));
	if (rule->minutes(options) > 0)
		(void)buf_printf(out, "    for: %" PRIu64 "m\n",
		                 rule->minutes(options));
	(void)buf_printf(out, "    labels:\n      severity: %s\n",
	                 rule->severity);
	(void)buf_puts(out, "    annotations:\n");
	put_member(out, "      summary: ", rule->summary);
	put_member(out, "      description: ", rule->description);
	if (clause.failed)
		out->failed = clause.failed;
	buf_fini(&clause);
}

void stock_write_rules(const struct stock_options *options, struct buf *out)
{
	(void)buf_puts(out, "groups:\n- name: stock\n  rules:\n");
	for (size_t i = 0; i < STOCK_RULES; i++)
		write_rule(&rules[i], options, out);
}

static void write_text(struct json_writer *json, const char *key,
                       const char *text)
{
	json_write_key(json, key);
	json_write_string(json, text);
}

static void write_fields(struct json_writer *json,
                         const struct stock_rule *rule,
                         const struct stock_options *options,
                         struct slice clause)
{
	char duration[32];

	(void)snprintf(duration, sizeof(duration), "%" PRIu64 "m",
	               rule->minutes(options));
	json_write_object(json);
	write_text(json, "name", rule->name);
	json_write_key(json, "clause");
	json_write_slice(json, clause);
	write_text(json, "duration",
	           rule->minutes(options) > 0 ? duration : "0s");
	json_write_key(json, "labels");
	json_write_object(json);
	write_text(json, "severity", rule->severity);
	json_write_object_end(json);
	json_write_key(json, "annotations");
	json_write_object(json);
	write_text(json, "summary", rule->summary);
	write_text(json, "description", rule->description);
	json_write_object_end(json);
	json_write_object_end(json);
}

void stock_write_document(const struct stock_options *options, struct buf *out)
{
	struct json_writer json;
	struct buf clause;

	buf_init(&clause, (size_t)4 * STOCK_MAX_EXPRESSION);
	json_write_init(&json, out);
	json_write_object(&json);
	json_write_key(&json, "rules");
	json_write_array(&json);
	for (size_t i = 0; i < STOCK_RULES; i++) {
		buf_reset(&clause);
		rules[i].write(options, "<exclude>", &clause);
		write_fields(&json, &rules[i], options, buf_slice(&clause));
		if (clause.failed)
			out->failed = clause.failed;
	}
	json_write_array_end(&json);
	json_write_object_end(&json);
	buf_fini(&clause);
}

/* --- Alertmanager ------------------------------------------------------------------ */

void alertmanager_write_config(const struct alertmanager_options *options,
                               struct buf *out)
{
	(void)buf_puts(out, "route:\n"
	                    "  receiver: bouncer\n"
	                    "  group_by: [service, project]\n"
	                    "  group_wait: 10s\n"
	                    "  group_interval: 1m\n");
	(void)buf_printf(out, "  repeat_interval: %s\n", options->repeat);
	(void)buf_puts(out, "receivers:\n"
	                    "- name: bouncer\n"
	                    "  webhook_configs:\n");
	put_member(out, "  - url: ", options->url);
	(void)buf_puts(out, "    send_resolved: true\n");
	if (!options->token_file)
		return;
	(void)buf_puts(out, "    http_config:\n"
	                    "      authorization:\n"
	                    "        type: Bearer\n");
	put_member(out, "        credentials_file: ", options->token_file);
}
