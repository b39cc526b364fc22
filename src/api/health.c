/* SPDX-License-Identifier: Apache-2.0 */
/* health: /-/healthy says that the loop turns, /-/ready that it can work. */
#include "api/metrics.h"
#include "api/routes.h"

#include "config/config.h"

void api_healthy(struct api *api, struct http_exchange *exchange,
                 struct slice rest)
{
	(void)api;
	(void)rest;
	http_respond_text(exchange, 200, "OK");
}

/* Ready: not on the way out, and every source has been tried once. That a
 * source is down is its own news (bouncer_source_up), not ours. */
void api_ready(struct api *api, struct http_exchange *exchange,
               struct slice rest)
{
	const struct api_extension *extension = api->extension;
	struct err err;

	(void)rest;
	if (api->stopping) {
		http_respond_text(exchange, 503, "stopping");
		return;
	}
	if (extension && !extension->ready(extension->context, &err)) {
		http_respond_text(exchange, 503, "%s", err.message);
		return;
	}
	for (uint32_t i = 0; i < api->n_groups; i++) {
		const struct group *group = api->groups[i];

		if (group->n_monitors > 0 && group->result == READING_OK &&
		    group->read_ms == GROUP_NEVER_READ) {
			http_respond_text(exchange, 503,
			                  "%s has not been read yet",
			                  group->name);
			return;
		}
	}
	http_respond_text(exchange, 200, "OK");
}

/* --- GET /api/v1/health --------------------------------------------------- */

/* Three intervals may pass without a good reading, and one that takes long. */
static uint64_t longest_silence(const struct api *api,
                                const struct group *group)
{
	uint64_t interval_ms = 0;

	LIST_FOR_EACH (node, &group->monitors)
		interval_ms = MAX(interval_ms,
		                  container_of(node, struct monitor, node)
		                          ->config->check_interval_ms);
	return 3 * interval_ms + api->fetch_timeout_ms;
}

static void write_problem(struct json_writer *json, const char *name,
                          const char *what)
{
	struct buf text;

	buf_init(&text, API_PIECE_SIZE);
	(void)buf_printf(&text, "%s %s", name, what);
	json_write_slice(json, buf_slice(&text));
	buf_fini(&text);
}

/* A source that tells of every push is there as long as we are. */
static bool is_read(const struct group *group)
{
	return group->n_monitors > 0 &&
	       !container_of(group->monitors.next, struct monitor, node)
	                ->rules->exact;
}

/* Its containers are listed every so often, whatever its events say. */
static bool is_listed(const struct api *api, const struct api_engine *engine)
{
	uint64_t now_ms = api_now_ms(api);
	uint64_t listed_ms = engine->stats.resync_ms;
	int64_t start_ms =
		(int64_t)now_ms - api_wall_ms(api, now_ms) + api->start_wall_ms;

	if (listed_ms == OBSERVATION_NEVER)
		listed_ms = (uint64_t)MAX(start_ms, 0);
	return now_ms - MIN(listed_ms, now_ms) <=
	       3 * engine->resync_ms + api->fetch_timeout_ms;
}

static unsigned write_engine_problems(const struct api *api,
                                      struct json_writer *json)
{
	struct api_engine engine;
	unsigned n = 0;

	for (uint32_t i = 0; api_engine_at(api, i, &engine); i++) {
		/* what is down is said of its group */
		if (!engine.group->up || is_listed(api, &engine))
			continue;
		write_problem(json, engine.name,
		              "has not listed its containers lately");
		n++;
	}
	return n;
}

/* What is worth a word, and no reason to be called unhealthy. */
static unsigned write_notes(const struct api *api, struct json_writer *json)
{
	struct api_leader leader;
	struct api_engine engine;
	unsigned n = 0;

	if (api_leader_of(api, &leader) && leader.trouble[0]) {
		write_problem(json, "leader:", leader.trouble);
		n++;
	}
	for (uint32_t i = 0; api_engine_at(api, i, &engine); i++) {
		if (engine.stats.connected || engine.stats.polled)
			continue;
		write_problem(json, engine.name,
		              "tells of no events now: the stream is down");
		n++;
	}
	return n;
}

static unsigned write_problems(const struct api *api, struct json_writer *json)
{
	int64_t wall_ms = api_wall_ms(api, api_now_ms(api));
	unsigned n = 0;

	if (api->stopping) {
		json_write_string(json, "the daemon is stopping");
		n++;
	}
	for (uint32_t i = 0; i < api->n_groups; i++) {
		const struct group *group = api->groups[i];
		int64_t read_wall_ms =
			group->read_ms == GROUP_NEVER_READ
				? api->start_wall_ms
				: api_wall_ms(api, group->read_ms);

		if (!group->up && group->result != READING_OK) {
			write_problem(json, group->name,
			              reading_result_name(group->result));
			n++;
		} else if (is_read(group) &&
		           wall_ms - read_wall_ms >
		                   (int64_t)longest_silence(api, group)) {
			write_problem(json, group->name,
			              "has not been read lately");
			n++;
		}
	}
	return n + write_engine_problems(api, json);
}

static void write_texts(const struct api *api, struct buf *out,
                        unsigned (*write)(const struct api *api,
                                          struct json_writer *json),
                        unsigned *np)
{
	struct json_writer json;

	buf_init(out, API_BODY_MAX);
	json_write_init(&json, out);
	json_write_array(&json);
	*np = write(api, &json);
	json_write_array_end(&json);
}

/* Unlike /-/ready, which is about us alone, also: are the sources read? */
void api_health(struct api *api, struct http_exchange *exchange,
                struct slice rest)
{
	struct buf problems, notes;
	struct buf body;
	unsigned n_problems, n_notes;

	(void)rest;
	write_texts(api, &problems, write_problems, &n_problems);
	write_texts(api, &notes, write_notes, &n_notes);
	buf_init(&body, API_BODY_MAX);
	(void)buf_printf(&body, "{\"ok\":%s", n_problems ? "false" : "true");
	if (n_problems)
		(void)buf_printf(&body, ",\"problems\":%s",
		                 buf_text(&problems));
	if (n_notes)
		(void)buf_printf(&body, ",\"notes\":%s", buf_text(&notes));
	(void)buf_puts(&body, "}\n");
	buf_fini(&problems);
	buf_fini(&notes);
	http_respond(exchange, n_problems ? 503 : 200, "application/json", NULL,
	             &body);
}
