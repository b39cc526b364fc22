/* SPDX-License-Identifier: Apache-2.0 */
/* The section `alerts`: where alerts are posted to us, and by whom. */
#include "config/resolve.h"

#include "base/text.h"

#define PATH_MAX_BYTES 1024

static const struct config_alerts defaults = {
	.hmac_header = "X-Hub-Signature-256",
	.max_body = 4u << 20,
	.queue_size = 1000,
	.max_alerts = 10000,
};

/* What is served there already. */
static bool is_taken(const char *path)
{
	static const char *const taken[] = { "/metrics", "/-/", "/ping",
		                             "/api/v1/" };

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		if (slice_starts(slice_from(path), taken[i]))
			return true;
	}
	return false;
}

static void check_path(struct resolve *resolve, const struct place *at,
                       const char *text)
{
	struct slice path = slice_from(text);
	const char *star = strchr(text, '*');

	if (path.n == 0 || path.p[0] != '/' || path.n > PATH_MAX_BYTES ||
	    !text_is_printable(path) || strpbrk(text, "?#% ") ||
	    (star && star[1]))
		problem_value(resolve->problems, at, path,
		              "is not a path; write it like /alerts, without "
		              "query and escapes; * at its end is any rest");
	else if (is_taken(text))
		problem_value(resolve->problems, at, path,
		              "is a path of ours; alerts are taken at "
		              "/api/v1/alerts in any case, so choose another, "
		              "or none");
}

static void read_paths(struct resolve *resolve, const struct reader *reader,
                       const struct raw_alerts *raw)
{
	struct place list = reader_place(reader, "paths");

	resolve->alerts.paths = resolve_list(resolve, raw->paths, raw->n_paths);
	resolve->alerts.n_paths = raw->n_paths;
	for (unsigned i = 0; i < raw->n_paths; i++) {
		struct place at = { .up = &list, .index = i };

		if (!place_left_out(&at))
			check_path(resolve, &at, raw->paths[i]);
	}
}

static void read_allow(struct resolve *resolve, const struct reader *reader,
                       const struct raw_alerts *raw)
{
	struct place list = reader_place(reader, "allow");

	if (place_find(&list) && raw->n_allow == 0 && !place_reported(&list))
		problem_at(resolve->problems, &list,
		           "is empty, which lets nobody in; remove the key for "
		           "everybody");
	resolve->alerts.allow = resolve_list(resolve, raw->allow, raw->n_allow);
	resolve->alerts.n_allow = raw->n_allow;
	for (unsigned i = 0; i < raw->n_allow; i++) {
		struct place at = { .up = &list, .index = i };
		struct reader item = { .problems = resolve->problems,
			               .place = &at };

		if (!place_left_out(&at))
			(void)read_network(&item, NULL, raw->allow[i]);
	}
}

static void read_who(struct resolve *resolve, const struct reader *reader,
                     const struct raw_alerts *raw)
{
	struct config_alerts *alerts = &resolve->alerts;

	alerts->token_file =
		resolve_file(resolve, reader, "token_file", raw->token_file);
	alerts->basic_auth_file = resolve_file(
		resolve, reader, "basic_auth_file", raw->basic_auth_file);
	if (raw->token_file && raw->basic_auth_file)
		reader_problem(reader, "basic_auth_file",
		               "is given beside token_file; a request has "
		               "only one Authorization, so keep one");
	alerts->hmac_file =
		resolve_file(resolve, reader, "hmac_file", raw->hmac_file);
	alerts->hmac_header = resolve_text(resolve, defaults.hmac_header);
	if (!raw->hmac_header)
		return;
	if (!raw->hmac_file)
		reader_problem(reader, "hmac_header",
		               "is of hmac_file, which is not given");
	if (resolve_is_header(raw->hmac_header))
		alerts->hmac_header = resolve_text(resolve, raw->hmac_header);
	else
		reader_value(reader, "hmac_header", raw->hmac_header,
		             "is not the name of a header");
}

void resolve_alerts(struct resolve *resolve, const struct raw_alerts *raw)
{
	struct config_alerts *alerts = &resolve->alerts;
	struct place place = { .up = &resolve->root, .key = "alerts" };
	struct reader reader = { .problems = resolve->problems,
		                 .place = &place };
	bool watched = alerts->enabled;

	*alerts = defaults;
	alerts->enabled = watched || resolve->registry.enabled;
	if (place_find(&place) && !alerts->enabled)
		problem_at(resolve->problems, &place,
		           "has no effect unless a monitor has watch: alert, "
		           "or there is a registry");
	if (watched && !resolve->global.addr)
		problem_at(resolve->problems, &place,
		           "alerts are posted to global.addr, which is none; "
		           "give it an address");
	read_paths(resolve, &reader, raw);
	read_allow(resolve, &reader, raw);
	read_who(resolve, &reader, raw);
	(void)read_size(&reader, "max_body", raw->max_body, 1u << 10, 1u << 30,
	                &alerts->max_body);
	(void)read_number(&reader, "queue_size", raw->queue_size, 1, 1000000,
	                  &alerts->queue_size);
	(void)read_number(&reader, "max_alerts", raw->max_alerts, 1,
	                  CONFIG_MAX_ALERTS, &alerts->max_alerts);
	(void)read_duration(&reader, "resolve_after", raw->resolve_after, 0,
	                    &alerts->resolve_after_ms);
	(void)read_bool(&reader, "amx_metrics", raw->amx_metrics,
	                &alerts->amx_metrics);
}
