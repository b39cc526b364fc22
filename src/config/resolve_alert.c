/* SPDX-License-Identifier: Apache-2.0 */
/* Monitors of Alertmanager's alerts. */
#include "config/resolve.h"

#include <errno.h>
#include "base/text.h"
#include "core/matcher.h"

#define MAX_ALERTS    1000
#define HOUR_MS       3600000
#define KILL_AFTER_MS 10000

/* --- which alerts ------------------------------------------------------------- */

/* `"=~a|b"` is an operator and what it is for; without one it is equality.
 * "=" itself is one, for values that begin like one. */
static const char *take_operator(const char **valuep)
{
	static const char *const operators[] = { "=~", "!~", "!=", "=" };

	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		size_t n = strlen(operators[i]);

		if (strncmp(*valuep, operators[i], n) != 0)
			continue;
		*valuep += n;
		return operators[i];
	}
	return "=";
}

static bool check_label(const struct reader *reader, const char *name,
                        const char *value)
{
	(void)value;
	return read_identifier(reader, name, name, false);
}

/* name="value",…, as core/matcher.h has it. */
static void write_matcher(const struct config_label *pair, struct buf *out)
{
	const char *value = pair->value;
	const char *op = take_operator(&value);

	(void)buf_printf(out, "%s%s\"", pair->name, op);
	text_escape_label(out, slice_from(value));
	(void)buf_putc(out, '"');
}

/* Each by itself, so that it is known whose fault a problem is. */
static void check_matcher(struct resolve *resolve, const struct place *section,
                          const struct config_label *pair)
{
	struct place at = { .up = section, .key = pair->name };
	struct matchers *matchers = NULL;
	struct err err = { 0 };
	struct buf text;
	int r;

	buf_init(&text, 2 * MATCHER_MAX_TEXT);
	write_matcher(pair, &text);
	r = text.failed;
	if (!r)
		r = matchers_parse(buf_slice(&text), &matchers, &err);
	if (r == -ENOMEM)
		resolve->failed = -ENOMEM;
	else if (text.failed)
		problem_at(resolve->problems, &at, "is longer than %d bytes",
		           MATCHER_MAX_TEXT);
	else if (r < 0)
		problem_value(resolve->problems, &at, slice_from(pair->value),
		              "%s", err.message);
	matchers_free(matchers);
	buf_fini(&text);
}

const char *resolve_matchers(struct resolve *resolve, const struct place *place)
{
	struct config_label pairs[CONFIG_MAX_LABELS];
	const char *kept = NULL;
	struct buf text;
	uint8_t n = 0;

	resolve_pairs(resolve, place,
	              "{alertname: DiskFull, severity: \"=~critical|page\"}",
	              check_label, pairs, &n);
	buf_init(&text, MATCHER_MAX_TEXT);
	for (size_t i = 0; i < n && !resolve->failed; i++) {
		check_matcher(resolve, place, &pairs[i]);
		if (i > 0)
			(void)buf_putc(&text, ',');
		write_matcher(&pairs[i], &text);
	}
	if (text.failed == -ENOMEM)
		resolve->failed = -ENOMEM;
	else if (text.failed)
		problem_at(resolve->problems, place, "is longer than %d bytes",
		           MATCHER_MAX_TEXT);
	else if (n > 0)
		kept = resolve_text(resolve, buf_text(&text));
	buf_fini(&text);
	return kept;
}

static const char *read_matchers(struct resolve *resolve,
                                 const struct reader *reader, const char *key)
{
	const struct place place = reader_place(reader, key);

	return place_find(&place) ? resolve_matchers(resolve, &place) : NULL;
}

/* --- when one is resolved ------------------------------------------------------ */

static bool has_command(const struct config_monitor *monitor)
{
	for (uint8_t i = 0; i < monitor->n_steps; i++) {
		const struct step *step = &monitor->steps[i];

		if (step->kind == STEP_RUN ||
		    (step->kind == STEP_PLUGIN && step->plugin &&
		     step->plugin->path))
			return true;
	}
	return false;
}

static void read_interruption(struct resolve *resolve,
                              const struct reader *reader,
                              const struct raw_alert *raw,
                              const struct config_monitor *monitor,
                              struct config_alert *alert)
{
	alert->kill_after_ms = KILL_AFTER_MS;
	(void)read_duration(reader, "kill_after", raw->kill_after, 0,
	                    &alert->kill_after_ms);
	if (!raw->on_resolved_signal) {
		if (raw->kill_after)
			reader_problem(reader, "kill_after",
			               "is of on_resolved_signal, which is not "
			               "given");
		return;
	}
	if (!read_signal(reader, "on_resolved_signal", raw->on_resolved_signal))
		return;
	alert->interrupt = true;
	alert->signal = resolve_text(resolve, raw->on_resolved_signal);
	if (monitor->n_steps > 0 && !has_command(monitor))
		reader_problem(reader, "on_resolved_signal",
		               "is for commands that still run, and there is "
		               "no run step");
}

static void read_retry(const struct reader *reader, const char *text,
                       struct policy_rules *rules)
{
	bool retry = true;

	if (!read_bool(reader, "retry", text, &retry))
		return;
	if (text && !rules->once)
		reader_problem(reader, "retry", "is for once: true");
	rules->no_retry = !retry;
}

/* --- the whole ----------------------------------------------------------------- */

void resolve_alert(struct resolve *resolve, const struct raw_monitor *raw,
                   const struct reader *reader, struct config_monitor *monitor)
{
	static const char *const words[] = { "alert", "group" };
	struct config_alert *alert =
		arena_calloc(resolve->memory, 1, sizeof(*alert));
	unsigned per = 0;

	if (!alert) {
		resolve->failed = -ENOMEM;
		return;
	}
	monitor->alert = alert;
	monitor->rules.exact = true;
	resolve->alerts.enabled = true;
	resolve_rule_name(reader, monitor, "alerts");
	alert->match_labels = read_matchers(resolve, reader, "match_labels");
	alert->match_annotations =
		read_matchers(resolve, reader, "match_annotations");
	(void)read_word(reader, "per", raw->alert.per, words, ARRAY_SIZE(words),
	                &per);
	alert->per_group = per == 1;
	(void)read_bool(reader, "once", raw->alert.once, &monitor->rules.once);
	read_retry(reader, raw->alert.retry, &monitor->rules);
	alert->max_alerts = MAX_ALERTS;
	(void)read_number(reader, "max_alerts", raw->alert.max_alerts, 1,
	                  CONFIG_MAX_ALERTS, &alert->max_alerts);
	alert->forget_ms = HOUR_MS;
	(void)read_duration(reader, "forget_after",
	                    raw->containers.forget_after, 0, &alert->forget_ms);
	read_interruption(resolve, reader, &raw->alert, monitor, alert);
}
