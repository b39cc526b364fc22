/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal: GET /api/v1/journal?monitor=&since=&limit=
 *
 * Entries in rising order of `seq`; `since` gives those with a greater one;
 * `limit` the newest so many of what remains. `next` is the `since` of the
 * next call.
 */
#include "api/routes.h"

#include "base/number.h"

#define JOURNAL_DEFAULT_LIMIT 100

bool api_entry_matches(const struct journal_entry *entry, const char *monitor)
{
	size_t n = monitor ? strlen(monitor) : 0;

	if (!monitor || strcmp(entry->subject, monitor) == 0)
		return true;
	if (!entry->container[0])
		return false;
	return strcmp(entry->container, monitor) == 0 ||
	       (strncmp(entry->subject, monitor, n) == 0 &&
	        entry->subject[n] == '/');
}

void api_write_entry(struct json_writer *json,
                     const struct journal_entry *entry)
{
	bool about_monitor = entry->event == JOURNAL_STATE ||
	                     entry->event == JOURNAL_HELD ||
	                     entry->event == JOURNAL_STEP;

	json_write_object(json);
	json_write_key(json, "seq");
	json_write_u64(json, entry->seq);
	json_write_key(json, "time");
	api_write_time(json, entry->wall_ms);
	json_write_key(json, "event");
	json_write_string(json, journal_event_name(entry->event));
	if (entry->subject[0]) {
		json_write_key(json, about_monitor ? "monitor" : "subject");
		json_write_string(json, entry->subject);
	}
	if (entry->container[0]) {
		json_write_key(json, "container");
		json_write_string(json, entry->container);
	}
	if (entry->event == JOURNAL_STATE) {
		json_write_key(json, "from");
		json_write_string(json, entry->from);
		json_write_key(json, "to");
		json_write_string(json, entry->to);
	} else if (entry->event == JOURNAL_STEP) {
		json_write_key(json, "step");
		json_write_string(json, entry->from);
		json_write_key(json, "result");
		json_write_string(json, entry->to);
	} else if (entry->event == JOURNAL_HELD) {
		json_write_key(json, "guard");
		json_write_string(json, entry->to);
	} else if (entry->event == JOURNAL_SOURCE) {
		json_write_key(json, "result");
		json_write_string(json, entry->to);
	}
	json_write_key(json, "reason");
	json_write_string(json, entry->reason);
	if (entry->detail[0]) {
		json_write_key(json, "detail");
		json_write_string(json, entry->detail);
	}
	json_write_object_end(json);
}

static void write_journal(struct api_stream *stream, struct buf *out)
{
	const struct journal *journal = stream->api->journal;
	struct json_writer json;

	json_write_init(&json, out);
	if (stream->part == 0) {
		(void)buf_puts(out, "{\"entries\":[");
		stream->part = 1;
	}
	while (stream->left > 0 && out->n < API_PIECE_SIZE) {
		const struct journal_entry *entry =
			journal_get(journal, stream->seq++);

		stream->left--;
		if (!entry || !api_entry_matches(entry, stream->filter))
			continue;
		if (stream->part == 2)
			(void)buf_puts(out, ",\n");
		stream->part = 2;
		json_write_init(&json, out);
		api_write_entry(&json, entry);
	}
	if (stream->left > 0)
		return;
	(void)buf_printf(out, "],\"next\":%llu}\n",
	                 (unsigned long long)stream->seq - 1);
	stream->ended = true;
}

/* The first of the newest @limit entries that match, from @seq on. */
static uint64_t skip_to_limit(const struct journal *journal, uint64_t seq,
                              const char *monitor, uint64_t limit)
{
	uint64_t at = journal->next_seq;

	while (at > seq && limit > 0) {
		const struct journal_entry *entry = journal_get(journal, --at);

		if (entry && api_entry_matches(entry, monitor))
			limit--;
	}
	return at;
}

int api_number_query(struct http_exchange *exchange, const char *name,
                     uint64_t *valuep)
{
	char text[32];
	int r = api_query(exchange->query, name, text, sizeof(text));

	if (r == 1)
		r = number_parse_u64(slice_from(text), valuep);
	if (r < 0)
		api_error(exchange, 400, "%s must be a number", name);
	return r;
}

void api_journal(struct api *api, struct http_exchange *exchange,
                 struct slice rest)
{
	uint64_t limit = JOURNAL_DEFAULT_LIMIT;
	uint64_t first = journal_first(api->journal);
	uint64_t since = 0;
	struct api_stream *stream;
	char monitor[512];
	int r;

	(void)rest;
	if (api_number_query(exchange, "since", &since) < 0 ||
	    api_number_query(exchange, "limit", &limit) < 0)
		return;
	r = api_query(exchange->query, "monitor", monitor, sizeof(monitor));
	if (r < 0) {
		api_error(exchange, 400, "monitor is malformed or too long");
		return;
	}
	if (since >= api->journal->next_seq)
		first = api->journal->next_seq;
	else if (since >= first)
		first = since + 1;
	first = skip_to_limit(api->journal, first, r == 1 ? monitor : NULL,
	                      limit);

	stream = api_stream_new(api, exchange, r == 1 ? monitor : NULL,
	                        write_journal);
	if (!stream)
		return;
	stream->seq = first;
	stream->left = api->journal->next_seq - first;
	api_stream_send(stream, exchange, "application/json");
}
