/* SPDX-License-Identifier: Apache-2.0 */
/* daemon: GET /api/v1/daemon, what is to be known of the whole. */
#include "api/routes.h"

#include <unistd.h>

static void write_source(const struct api *api, struct json_writer *json,
                         const struct group *group)
{
	json_write_object(json);
	json_write_key(json, "source");
	json_write_string(json, group->name);
	json_write_key(json, "up");
	json_write_bool(json, group->up);
	json_write_key(json, "result");
	json_write_string(json, reading_result_name(group->result));
	json_write_key(json, "last_read");
	api_write_when(api, json, group->read_ms);
	json_write_key(json, "storm");
	json_write_bool(json, group->storm);
	json_write_key(json, "monitors");
	json_write_u64(json, group->n_monitors);
	json_write_object_end(json);
}

/* null where nobody else could act. */
static void write_leader(const struct api *api, struct json_writer *json)
{
	struct api_leader leader;

	json_write_key(json, "leader");
	if (!api_leader_of(api, &leader)) {
		json_write_null(json);
		return;
	}
	json_write_object(json);
	json_write_key(json, "leads");
	json_write_bool(json, leader.leads);
	json_write_key(json, "identity");
	json_write_string(json, leader.identity);
	json_write_key(json, "holder");
	json_write_string(json, leader.holder);
	json_write_key(json, "epoch");
	json_write_u64(json, leader.epoch);
	json_write_key(json, "trouble");
	json_write_string(json, leader.trouble);
	json_write_object_end(json);
}

bool api_leader_of(const struct api *api, struct api_leader *leader)
{
	return api->ops && api->ops->leader &&
	       api->ops->leader(api->ops->context, leader);
}

static void write_daemon(const struct api *api, struct json_writer *json)
{
	int64_t up_ms = api_wall_ms(api, api_now_ms(api)) - api->start_wall_ms;

	json_write_object(json);
	json_write_key(json, "version");
	json_write_string(json, BOUNCER_VERSION);
	json_write_key(json, "start_time");
	api_write_time(json, api->start_wall_ms);
	json_write_key(json, "uptime_seconds");
	json_write_seconds(json, (uint64_t)MAX(up_ms, 0));
	json_write_key(json, "pid");
	json_write_i64(json, getpid());
	json_write_key(json, "config_file");
	json_write_string(json, api->config_file);
	json_write_key(json, "monitors");
	json_write_u64(json, api->n_monitors);
	json_write_key(json, "reload_ok");
	json_write_bool(json, api->reload_ok);
	json_write_key(json, "pause");
	api_write_pause(api, json, NULL);
	write_leader(api, json);
	json_write_key(json, "sources");
	json_write_array(json);
	for (uint32_t i = 0; i < api->n_groups; i++)
		write_source(api, json, api->groups[i]);
	json_write_array_end(json);
	json_write_key(json, "owed");
	json_write_u64(json, api->n_owed);
	json_write_key(json, "acting");
	json_write_u64(json, api->supervisor->n_acting);
	json_write_object_end(json);
}

void api_daemon(struct api *api, struct http_exchange *exchange,
                struct slice rest)
{
	struct json_writer json;
	struct buf body;

	(void)rest;
	buf_init(&body, API_BODY_MAX);
	json_write_init(&json, &body);
	write_daemon(api, &json);
	(void)buf_putc(&body, '\n');
	http_respond(exchange, 200, "application/json", NULL, &body);
}
