/* SPDX-License-Identifier: Apache-2.0 */
/* Monitors of a value: where it comes from. */
#include "config/resolve.h"

#include <errno.h>
#include "base/text.h"
#include "core/matcher.h"

#define SERIES_MAX 1000
#define HOUR_MS    3600000
#define QUERY_MAX  65536 /* bytes */
#define METRIC_MAX 256

/* --- which series ----------------------------------------------------------- */

/* Braces around filters are the likeliest mistake. */
static bool check_filters(const struct reader *reader, const char *text)
{
	struct slice filters = slice_trim(slice_from(text));

	if (filters.n == 0) {
		reader_problem(reader, "label_filters",
		               "is empty; remove the key for all series");
		return false;
	}
	if (filters.p[0] != '{' && filters.p[filters.n - 1] != '}')
		return true;
	reader_value(reader, "label_filters", text,
	             "has braces; write what stands between them, such as "
	             "job=\"api\"");
	return false;
}

/* NAME{FILTERS}, as metric-reader makes it. */
static const char *make_query(struct resolve *resolve, const char *name,
                              const char *filters)
{
	struct buf query;
	const char *kept;

	if (!filters)
		return resolve_text(resolve, name);
	buf_init(&query, QUERY_MAX);
	(void)buf_printf(&query, "%s{%s}", name, filters);
	if (query.failed == -ENOMEM)
		resolve->failed = -ENOMEM;
	kept = resolve_text(resolve, buf_text(&query));
	buf_fini(&query);
	return kept;
}

/* An expression has no name that filters could stand behind. */
static bool read_name(const struct reader *reader,
                      const struct raw_monitor *raw)
{
	const char *name = raw->metric_name;
	const char *at = name ? strpbrk(name, "{([+-*/ ") : NULL;

	if (!at)
		return read_identifier(reader, "metric_name", name, true);
	if (raw->metric.label_filters)
		reader_problem(reader, "label_filters",
		               "cannot be put into an expression; write them "
		               "into it, and it as query");
	else
		reader_value(reader, "metric_name", name,
		             "is an expression of PromQL; write it as query");
	return false;
}

static void read_query(struct resolve *resolve, const struct raw_monitor *raw,
                       const struct reader *reader,
                       struct config_metric *metric)
{
	const char *query = raw->metric.query;
	const char *filters = raw->metric.label_filters;
	struct slice text = slice_trim(slice_from(query));

	if (!query) {
		bool good = read_name(reader, raw);

		if (filters)
			good = check_filters(reader, filters) && good;
		if (good)
			metric->query =
				make_query(resolve, raw->metric_name, filters);
		return;
	}
	if (raw->metric_name)
		reader_problem(reader, "metric_name",
		               "is given beside query, which says all; keep "
		               "one");
	else if (filters)
		reader_problem(reader, "label_filters",
		               "is of metric_name; write the filters into the "
		               "query");
	if (text.n == 0)
		reader_problem(reader, "query", "is empty");
	else if (text.n > QUERY_MAX)
		reader_problem(reader, "query", "is longer than %d bytes",
		               QUERY_MAX);
	metric->query = resolve_text(resolve, query);
}

/* --- an exporter ------------------------------------------------------------- */

static void check_matchers(struct resolve *resolve, const struct reader *reader,
                           const char *key, const char *text)
{
	struct matchers *matchers = NULL;
	struct err err = { 0 };
	int r = matchers_parse(slice_from(text), &matchers, &err);

	matchers_free(matchers);
	if (r == -ENOMEM)
		resolve->failed = -ENOMEM;
	else if (r < 0)
		reader_problem(reader, key, "%s", err.message);
}

static void read_exporter(struct resolve *resolve,
                          const struct raw_monitor *raw,
                          const struct reader *reader,
                          struct config_metric *metric)
{
	const char *filters = raw->metric.label_filters;

	if (read_scrape(reader, "scrape", raw->metric.scrape))
		metric->scrape = resolve_text(resolve, raw->metric.scrape);
	if (raw->metric.query)
		reader_problem(reader, "query",
		               "needs a server, and scrape reads an exporter "
		               "itself; use metric_name and label_filters");
	else if (read_required(reader, "metric_name", raw->metric_name) &&
	         read_name(reader, raw))
		metric->metric_name = resolve_text(resolve, raw->metric_name);
	if (raw->metric.prometheus)
		reader_problem(reader, "prometheus",
		               "is given beside scrape; the value comes from "
		               "one of them");
	if (filters && check_filters(reader, filters)) {
		check_matchers(resolve, reader, "label_filters", filters);
		metric->filters = resolve_text(resolve, filters);
	}
}

/* --- a server ---------------------------------------------------------------- */

static void read_servers(struct resolve *resolve, const struct raw_monitor *raw,
                         const struct reader *reader,
                         struct config_metric *metric)
{
	struct servers_given servers = resolve->defaults.servers;

	if (!resolve_servers(resolve, reader, "prometheus",
	                     raw->metric.prometheus, &servers) &&
	    !raw->metric.prometheus && servers.n == 0)
		problem_at(reader->problems, reader->place,
		           "has no server to ask; give prometheus its URL, "
		           "here or in global, or scrape that of an exporter");
	metric->servers = servers.urls;
	metric->n_servers = servers.n;
}

static void read_source(struct resolve *resolve, const struct raw_monitor *raw,
                        const struct reader *reader,
                        struct config_metric *metric)
{
	struct place query = reader_place(reader, "query");
	struct place name = reader_place(reader, "metric_name");

	if (raw->metric.scrape) {
		read_exporter(resolve, raw, reader, metric);
		return;
	}
	if (place_find(&query) || place_find(&name))
		read_query(resolve, raw, reader, metric);
	else
		problem_at(reader->problems, reader->place,
		           "needs query, or metric_name: which value is "
		           "watched");
	read_servers(resolve, raw, reader, metric);
}

/* --- several series ------------------------------------------------------------ */

static void read_series(const struct raw_monitor *raw,
                        const struct reader *reader,
                        const struct config_monitor *monitor,
                        struct config_metric *metric)
{
	const char *names[N_SERIES_CHOICES];
	unsigned series = SERIES_ANY;

	for (unsigned i = 0; i < N_SERIES_CHOICES; i++)
		names[i] = series_choice_name((enum series_choice)i);
	(void)read_word(reader, "series", raw->metric.series, names,
	                ARRAY_SIZE(names), &series);
	metric->series = (enum series_choice)series;
	metric->max_series = SERIES_MAX;
	(void)read_number(reader, "max_series", raw->metric.max_series, 1,
	                  metric->scrape ? SERIES_MAX : CONFIG_MAX_SERIES,
	                  &metric->max_series);
	metric->forget_ms = HOUR_MS;
	(void)read_duration(reader, "forget_after",
	                    raw->containers.forget_after, 0,
	                    &metric->forget_ms);
	if (series == SERIES_EACH) {
		resolve_rule_name(reader, monitor, "series");
		return;
	}
	if (raw->metric.max_series)
		reader_problem(reader, "max_series",
		               "is of series: each; others are one");
	if (raw->containers.forget_after)
		reader_problem(reader, "forget_after",
		               "is of series: each; others are one");
}

/* --- the whole ------------------------------------------------------------------ */

static const struct config_credentials *read_credentials(
	struct resolve *resolve, const struct raw_monitor *raw,
	const struct reader *reader)
{
	struct config_credentials *credentials =
		arena_alloc(resolve->memory, sizeof(*credentials));

	if (!credentials) {
		resolve->failed = -ENOMEM;
		return NULL;
	}
	*credentials = resolve->defaults.credentials;
	resolve_credentials(resolve, reader, &raw->metric.credentials,
	                    credentials);
	return credentials;
}

void resolve_metric(struct resolve *resolve, const struct raw_monitor *raw,
                    const struct reader *reader, struct config_monitor *monitor)
{
	struct config_metric *metric =
		arena_calloc(resolve->memory, 1, sizeof(*metric));

	if (!metric) {
		resolve->failed = -ENOMEM;
		return;
	}
	monitor->metric = metric;
	monitor->check_interval_ms = resolve->global.check_interval_ms;
	(void)read_duration(reader, "check_interval", raw->check_interval, 1,
	                    &monitor->check_interval_ms);
	read_source(resolve, raw, reader, metric);
	metric->credentials = read_credentials(resolve, raw, reader);
	read_series(raw, reader, monitor, metric);
}
