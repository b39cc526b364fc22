/* SPDX-License-Identifier: Apache-2.0 */
/* status, second part: what a person sees of it. */
#include "command/status.h"

#include <math.h>
#include <string.h>
#include "base/number.h"
#include "base/text.h"
#include "command/when.h"
#include "proto/timestamp.h"

#define CELL_MAX   512 /* bytes of a cell; what is longer is cut */
#define OTHER_ROWS 3   /* of a screen: the table's head, "and more", the end */

#define N_COLUMNS 6
#define SEEN      2 /* the column of what was seen last */

static const struct table_column columns[N_COLUMNS] = {
	{ "MONITOR", true },      { "STATE", false }, { "AGE / LIMIT", false },
	{ "LAST BOUNCE", false }, { "NEXT", false },  { "HELD BY", true },
};

static const char *text_of(const struct json_t *object, const char *name)
{
	struct slice text = json_as_text(json_get(object, name));

	return text.p ? text.p : "";
}

/* False: it is no time. */
static bool time_of(const struct json_t *object, const char *name,
                    int64_t *wall_msp)
{
	struct slice text = json_as_text(json_get(object, name));

	return text.p && timestamp_parse_rfc3339(text, wall_msp) == 0;
}

/* --- the cells ------------------------------------------------------------ */

static enum table_style state_style(const struct json_t *monitor)
{
	struct slice state = json_as_text(json_get(monitor, "state"));

	if (slice_is(state, "good"))
		return TABLE_GOOD;
	if (slice_is(state, "paused") || slice_is(state, "starting"))
		return TABLE_DIM;
	return slice_is(state, "gave_up") ? TABLE_BAD : TABLE_WARN;
}

/* "unhealthy (3)", "exited 5m ago / 1h"; false: it is about pushes. */
static bool write_container(const struct json_t *monitor, uint64_t age_ms,
                            uint64_t limit_ms, char out[static CELL_MAX])
{
	const char *health = text_of(monitor, "seen");
	int64_t streak = json_as_int(json_get(monitor, "streak"), 0);
	char age[WHEN_TEXT_MAX];
	char limit[WHEN_TEXT_MAX] = "";

	if (health[0] && streak > 0) {
		(void)snprintf(out, CELL_MAX, "%s (%lld)", health,
		               (long long)streak);
	} else if (health[0]) {
		(void)snprintf(out, CELL_MAX, "%s", health);
	} else if (strcmp(text_of(monitor, "observation"), "exited") == 0) {
		if (limit_ms && limit_ms != UINT64_MAX)
			(void)when_span(limit_ms, limit);
		(void)snprintf(out, CELL_MAX, "exited %s ago%s%s",
		               when_span(age_ms, age), limit[0] ? " / " : "",
		               limit);
	} else {
		return false;
	}
	return true;
}

/* "104.5 / >100", of a value. */
static bool write_value(const struct json_t *monitor, char out[static CELL_MAX])
{
	double value = json_as_double(json_get(monitor, "value"), (double)NAN);
	const char *threshold = text_of(monitor, "threshold");
	const char *words = text_of(monitor, "value"); /* not finite */
	char number[NUMBER_TEXT_MAX];

	if (!threshold[0])
		return false;
	if (!words[0])
		words = text_of(monitor, "observation");
	if (!isnan(value)) {
		(void)number_format_double(value, number);
		words = number;
	}
	(void)snprintf(out, CELL_MAX, "%s / %s", words, threshold);
	return true;
}

static void add_age(struct table *table, const struct json_t *monitor)
{
	uint64_t age_ms =
		json_as_ms(json_get(monitor, "age_seconds"), UINT64_MAX);
	uint64_t limit_ms =
		json_as_ms(json_get(monitor, "limit_seconds"), UINT64_MAX);
	bool over = age_ms != UINT64_MAX && age_ms > limit_ms;
	char age[WHEN_TEXT_MAX];
	char limit[WHEN_TEXT_MAX];
	char cell[CELL_MAX];

	if (write_value(monitor, cell) ||
	    write_container(monitor, age_ms, limit_ms, cell)) {
		table_add(table, TABLE_PLAIN, cell);
		return;
	}
	(void)snprintf(cell, sizeof(cell), "%s / %s",
	               age_ms == UINT64_MAX ? text_of(monitor, "observation")
	                                    : when_span(age_ms, age),
	               limit_ms == UINT64_MAX || !limit_ms
	                       ? "-"
	                       : when_span(limit_ms, limit));
	table_add(table, over ? TABLE_WARN : TABLE_PLAIN, cell);
}

static void add_last_bounce(struct table *table, const struct json_t *monitor,
                            int64_t now_ms)
{
	char span[WHEN_TEXT_MAX];
	char cell[CELL_MAX] = "-";
	int64_t at_ms;

	if (time_of(monitor, "last_bounce", &at_ms))
		(void)snprintf(
			cell, sizeof(cell), "%s ago",
			when_span((uint64_t)MAX(now_ms - at_ms, 0), span));
	table_add(table, TABLE_PLAIN, cell);
}

static void add_next(struct table *table, const struct json_t *monitor)
{
	uint64_t next_ms =
		json_as_ms(json_get(monitor, "next_seconds"), UINT64_MAX);
	char span[WHEN_TEXT_MAX];
	char cell[CELL_MAX] = "-";

	if (next_ms != UINT64_MAX)
		(void)snprintf(cell, sizeof(cell), "in %s",
		               when_span(next_ms, span));
	table_add(table, TABLE_PLAIN, cell);
}

/* "paused until 14:05 (deploy)" */
static void write_pause(struct buf *out, const struct json_t *pause,
                        int64_t now_ms)
{
	struct slice reason = json_as_text(json_get(pause, "reason"));
	char clock[WHEN_TEXT_MAX];
	int64_t until_ms;

	(void)buf_puts(out, "paused");
	if (time_of(pause, "until", &until_ms))
		(void)buf_printf(out, " until %s",
		                 when_clock(until_ms, now_ms, clock));
	if (reason.n > 0) {
		(void)buf_puts(out, " (");
		(void)buf_append(out, reason.p, reason.n);
		(void)buf_putc(out, ')');
	}
}

static void add_held(struct table *table, const struct json_t *monitor,
                     int64_t now_ms)
{
	const struct json_t *guards = json_get(monitor, "held_by");
	const struct json_t *pause = json_get(monitor, "pause");
	char clock[WHEN_TEXT_MAX];
	int64_t until_ms;
	struct buf cell;

	if (json_is_missing(guards))
		guards = json_get(monitor, "held");
	buf_init(&cell, TABLE_MAX_BYTES);
	if (!json_is_missing(pause))
		write_pause(&cell, pause, now_ms);
	if (time_of(monitor, "quiet_until", &until_ms))
		(void)buf_printf(&cell, "%squiet until %s", cell.n ? ", " : "",
		                 when_clock(until_ms, now_ms, clock));
	for (size_t i = 0; i < json_count(guards); i++) {
		struct slice guard = json_as_text(json_item(guards, i));

		/* said with more words above */
		if ((slice_is(guard, "pause") && !json_is_missing(pause)) ||
		    slice_is(guard, "quiet"))
			continue;
		(void)buf_printf(&cell, "%s" SLICE_FMT, cell.n ? ", " : "",
		                 SLICE_ARG(guard));
	}
	table_add(table, TABLE_PLAIN, cell.n ? buf_text(&cell) : "-");
	buf_fini(&cell);
}

static void add_monitor(struct table *table, const struct json_t *monitor,
                        int64_t now_ms)
{
	table_add(table, TABLE_PLAIN, text_of(monitor, "name"));
	table_add(table, state_style(monitor), text_of(monitor, "state"));
	add_age(table, monitor);
	add_last_bounce(table, monitor, now_ms);
	add_next(table, monitor);
	add_held(table, monitor, now_ms);
}

/* The head of those that follow: how many there are, and what is ordered. */
static void add_rule(struct table *table, const struct json_t *rule,
                     struct slice name, int64_t now_ms)
{
	struct client_covered covered = client_covered(rule);
	int64_t n_left_out = json_as_int(json_get(rule, "left_out"), 0);
	const struct json_t *pause = json_get(rule, "pause");
	char cell[CELL_MAX];
	struct buf held;

	buf_init(&held, TABLE_MAX_BYTES);
	if (!json_is_missing(pause))
		write_pause(&held, pause, now_ms);
	if (n_left_out)
		(void)buf_printf(&held, "%s%lld left out: max_%s",
		                 held.n ? ", " : "", (long long)n_left_out,
		                 covered.noun);
	table_add(table, TABLE_DIM, name.p);
	table_add(table, TABLE_DIM, "rule");
	(void)snprintf(cell, sizeof(cell), "%lld %s", (long long)covered.n,
	               covered.n == 1 ? covered.one : covered.noun);
	table_add(table, TABLE_DIM, cell);
	table_add(table, TABLE_DIM, "-");
	table_add(table, TABLE_DIM, "-");
	table_add(table, n_left_out ? TABLE_WARN : TABLE_DIM,
	          held.n ? buf_text(&held) : "-");
	buf_fini(&held);
}

/* Those of a rule stand below it. */
static void add_monitors(struct table *table, const struct status *status,
                         int64_t now_ms)
{
	struct slice last = { 0 };

	for (size_t i = 0; i < status->n_monitors; i++) {
		const struct json_t *monitor = status->monitors[i];
		struct slice rule = json_as_text(json_get(monitor, "rule"));

		const struct json_t *head =
			rule.p ? status_rule(status, rule) : NULL;

		/* one that was asked for by itself comes without */
		if (head && !slice_equal(rule, last))
			add_rule(table, head, rule, now_ms);
		last = rule.p ? rule : (struct slice){ 0 };
		add_monitor(table, monitor, now_ms);
	}
}

/* Ages, values, or some of each. */
static const char *title_of_seen(const struct status *status)
{
	size_t n_values = 0;

	for (size_t i = 0; i < status->n_monitors; i++)
		n_values += text_of(status->monitors[i], "threshold")[0] != 0;
	if (n_values == 0)
		return columns[SEEN].title;
	return n_values == status->n_monitors ? "VALUE / LIMIT"
	                                      : "SEEN / LIMIT";
}

/* Rules that cover nothing now: nothing else tells of them. */
static void add_empty_rules(struct table *table, const struct status *status,
                            int64_t now_ms)
{
	for (size_t i = 0; i < status->n_calls && !status->bad_only; i++) {
		const struct json_t *rules =
			json_get(status->calls[i].root, "rules");

		for (size_t j = 0; j < json_count(rules); j++) {
			const struct json_t *rule = json_item(rules, j);
			struct slice name =
				json_as_text(json_get(rule, "name"));

			if (name.p && client_covered(rule).n == 0)
				add_rule(table, rule, name, now_ms);
		}
	}
}

/* --- the lines above ------------------------------------------------------ */

static void add_line(const struct screen *screen, struct buf *out,
                     enum table_style style, struct buf *line)
{
	struct buf safe;

	buf_init(&safe, STATUS_FRAME_MAX);
	text_escape_plain(&safe, buf_slice(line));
	screen_write(screen, out, style, buf_slice(&safe));
	(void)buf_putc(out, '\n');
	buf_fini(&safe);
	buf_reset(line);
}

/* Those that are down, each on a line; returns how many. */
static size_t show_sources(const struct json_t *sources,
                           const struct screen *screen, int64_t now_ms,
                           struct buf *out)
{
	size_t n_down = 0;
	struct buf line;

	buf_init(&line, STATUS_FRAME_MAX);
	for (size_t i = 0; i < json_count(sources); i++) {
		const struct json_t *source = json_item(sources, i);
		char span[WHEN_TEXT_MAX];
		int64_t at_ms;

		if (json_as_bool(json_get(source, "storm"), false)) {
			(void)buf_printf(&line,
			                 "%s: so many went bad at once that "
			                 "nothing is bounced",
			                 text_of(source, "source"));
			add_line(screen, out, TABLE_BAD, &line);
		}
		if (json_as_bool(json_get(source, "up"), true))
			continue;
		n_down++;
		(void)buf_printf(&line, "%s is down: %s",
		                 text_of(source, "source"),
		                 text_of(source, "result"));
		if (time_of(source, "last_read", &at_ms))
			(void)buf_printf(
				&line, "; last read %s ago",
				when_span((uint64_t)MAX(now_ms - at_ms, 0),
			                  span));
		add_line(screen, out, TABLE_BAD, &line);
	}
	buf_fini(&line);
	return n_down;
}

static void show_daemon(const struct json_t *daemon,
                        const struct screen *screen, int64_t now_ms,
                        struct buf *out)
{
	const struct json_t *sources = json_get(daemon, "sources");
	const struct json_t *pause = json_get(daemon, "pause");
	const struct json_t *leader = json_get(daemon, "leader");
	int64_t n_owed = json_as_int(json_get(daemon, "owed"), 0);
	int64_t n_monitors = json_as_int(json_get(daemon, "monitors"), 0);
	char span[WHEN_TEXT_MAX];
	struct buf line;
	struct buf below;
	size_t n_down;

	buf_init(&line, STATUS_FRAME_MAX);
	buf_init(&below, STATUS_FRAME_MAX);
	n_down = show_sources(sources, screen, now_ms, &below);
	(void)buf_printf(
		&line,
		"bouncer %s, up %s, %lld monitor%s, sources: %zu up, "
		"%zu down",
		text_of(daemon, "version"),
		when_span(json_as_ms(json_get(daemon, "uptime_seconds"), 0),
	                  span),
		(long long)n_monitors, n_monitors == 1 ? "" : "s",
		json_count(sources) - n_down, n_down);
	add_line(screen, out, TABLE_DIM, &line);
	(void)buf_append(out, buf_text(&below), below.n);
	buf_fini(&below);

	if (!json_is_missing(pause)) {
		(void)buf_puts(&line, "everything is ");
		write_pause(&line, pause, now_ms);
		add_line(screen, out, TABLE_WARN, &line);
	}
	if (!json_as_bool(json_get(daemon, "reload_ok"), true)) {
		(void)buf_puts(&line, "the configuration has problems and was "
		                      "not taken over; see the log");
		add_line(screen, out, TABLE_BAD, &line);
	}
	if (!json_is_missing(leader) &&
	    !json_as_bool(json_get(leader, "leads"), true)) {
		(void)buf_printf(&line, "standby: %s",
		                 text_of(leader, "holder")[0]
		                         ? text_of(leader, "holder")
		                         : "nobody leads");
		if (text_of(leader, "holder")[0])
			(void)buf_puts(&line, " leads");
		add_line(screen, out, TABLE_WARN, &line);
	}
	if (n_owed > 0) {
		(void)buf_printf(&line,
		                 "targets that are down because of us and will "
		                 "be started: %lld",
		                 (long long)n_owed);
		add_line(screen, out, TABLE_WARN, &line);
	}
	buf_fini(&line);
}

int status_show(const struct status *status, const struct screen *screen,
                struct buf *out)
{
	int64_t now_ms = when_now_ms();
	size_t max_rows = 0;
	struct table_column titles[N_COLUMNS];
	struct table table;
	int r;

	memcpy(titles, columns, sizeof(titles));
	titles[SEEN].title = title_of_seen(status);
	show_daemon(status->daemon.root, screen, now_ms, out);
	(void)buf_putc(out, '\n');
	if (out->failed)
		return out->failed;
	if (screen->height) {
		size_t n_lines = OTHER_ROWS;

		for (size_t i = 0; i < out->n; i++)
			n_lines += out->p[i] == '\n';
		max_rows =
			screen->height > n_lines ? screen->height - n_lines : 1;
	}
	table_init(&table, titles, N_COLUMNS);
	add_monitors(&table, status, now_ms);
	add_empty_rules(&table, status, now_ms);
	r = table_write(&table, screen, max_rows, out);
	table_fini(&table);
	return r;
}
