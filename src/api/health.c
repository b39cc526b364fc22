/* SPDX-License-Identifier: Apache-2.0 */
/* health: /-/healthy says that the loop turns, /-/ready that it can work. */
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
	(void)rest;
	if (api->stopping) {
		http_respond_text(exchange, 503, "stopping");
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
	return n;
}

/* Unlike /-/ready, which is about us alone, also: are the sources read? */
void api_health(struct api *api, struct http_exchange *exchange,
                struct slice rest)
{
	struct json_writer json;
	struct buf problems;
	struct buf body;
	unsigned n;

	(void)rest;
	buf_init(&problems, API_BODY_MAX);
	json_write_init(&json, &problems);
	json_write_array(&json);
	n = write_problems(api, &json);
	json_write_array_end(&json);

	buf_init(&body, API_BODY_MAX);
	if (n == 0)
		(void)buf_puts(&body, "{\"ok\":true}\n");
	else
		(void)buf_printf(&body, "{\"ok\":false,\"problems\":%s}\n",
		                 buf_text(&problems));
	buf_fini(&problems);
	http_respond(exchange, n ? 503 : 200, "application/json", NULL, &body);
}
