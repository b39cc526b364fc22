/* SPDX-License-Identifier: Apache-2.0 */
/* health: /-/healthy says that the loop turns, /-/ready that it can work. */
#include "api/routes.h"

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
