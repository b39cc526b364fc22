/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "pushgateway_kit.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"

void gw_kit_on_closed(void *context)
{
	((struct gw_kit *)context)->closed = true;
}

void gw_kit_close(struct gw_kit *kit)
{
	struct pushgateway *gateway = kit->gateway;

	kit->gateway = NULL;
	kit->closed = false;
	pushgateway_close(gateway, gw_kit_on_closed, kit);
	assert_false(kit->closed);
}

static void on_begin(void *context, struct source *source,
                     const struct reading *reading)
{
	struct gw_kit *kit = context;

	assert_string_equal(source->name, kit->peer.url);
	assert_int_equal(kit->n_begun, kit->n_ended);
	kit->n_begun++;
	kit->result = reading->result;
	(void)snprintf(kit->detail, sizeof(kit->detail), "%s", reading->detail);
	kit->n_observed = 0;
	for (size_t i = 0; i < N_MAX; i++)
		kit->ages[i] = NOTHING;
	if (kit->act == CLOSE_IN_BEGIN)
		gw_kit_close(kit);
}

static void on_observe(void *context, struct source *source,
                       uint32_t subscription,
                       const struct observation *observation)
{
	struct gw_kit *kit = context;

	assert_non_null(kit->gateway);
	assert_int_equal(kit->n_begun, kit->n_ended + 1);
	assert_true(subscription < N_MAX);
	assert_int_equal(kit->ages[subscription], NOTHING);
	kit->n_observed++;
	kit->ages[subscription] = observation->kind == OBSERVATION_UNKNOWN
	                                  ? UNKNOWN
	                          : observation->kind == OBSERVATION_MISSING
	                                  ? MISSING
	                                  : (int64_t)observation->age_ms;
	if (kit->act == CLOSE_IN_OBSERVE)
		gw_kit_close(kit);
}

static void on_end(void *context, struct source *source)
{
	struct gw_kit *kit = context;

	assert_non_null(kit->gateway);
	kit->n_ended++;
	kit->published = true;
	if (kit->act == CLOSE_IN_END)
		gw_kit_close(kit);
}

static void on_log(void *context, enum log_level level, struct slice line)
{
	struct gw_kit *kit = context;

	kit->n_log_lines++;
	(void)snprintf(kit->last_log_line, sizeof(kit->last_log_line),
	               SLICE_FMT, SLICE_ARG(line));
}

void gw_kit_say_raw(struct gw_kit *kit, const char *text, enum peer_then then)
{
	assert_true(kit->n_steps < MAX_STEPS);
	kit->answers[kit->n_steps] = text ? strdup(text) : NULL;
	kit->steps[kit->n_steps] =
		(struct peer_step){ .answer = kit->answers[kit->n_steps],
		                    .then = then };
	kit->n_steps++;
	test_peer_script(&kit->peer, kit->steps, kit->n_steps);
}

void gw_kit_say(struct gw_kit *kit, const char *head, const char *body)
{
	struct buf answer;

	buf_init(&answer, 1u << 20);
	(void)buf_printf(&answer, "%sContent-Length: %zu\r\n\r\n%s", head,
	                 strlen(body), body);
	gw_kit_say_raw(kit, buf_text(&answer), PEER_KEEP);
	buf_fini(&answer);
}

void gw_kit_init(struct gw_kit *kit)
{
	*kit = (struct gw_kit){ 0 };
	test_loop_init(&kit->loop);
	test_peer_listen(&kit->peer, &kit->loop.uv, "127.0.0.1", 0);
	kit->log = (struct log){ .emit = on_log,
		                 .context = kit,
		                 .level = LOG_LEVEL_INFO };
	kit->client = http_client_new(&kit->loop.uv, NULL);
	assert_non_null(kit->client);
	kit->options = (struct pushgateway_options){
		.loop = &kit->loop.uv,
		.client = kit->client,
		.log = &kit->log,
		.url = kit->peer.url,
		.interval_ms = INTERVAL_MS,
		.timeout_ms = 5000,
		.max_body = MAX_BODY,
		.seed = 42,
	};
}

int gw_kit_new(struct gw_kit *kit)
{
	struct source_listener listener = { .begin = on_begin,
		                            .observe = on_observe,
		                            .end = on_end,
		                            .context = kit };

	return pushgateway_new(&kit->options, &listener, &kit->gateway, NULL);
}

int gw_kit_subscribe(struct gw_kit *kit, uint32_t number, const char *job,
                     const char *metric, enum push_value value)
{
	struct label pair = { slice_from("job"), slice_from(job) };
	struct push_query query = { .labels = &pair,
		                    .n_labels = 1,
		                    .metric_name = metric,
		                    .value = value };

	return pushgateway_subscribe(kit->gateway, number, &query);
}

void gw_kit_start(struct gw_kit *kit)
{
	assert_int_equal(gw_kit_new(kit), 0);
	assert_int_equal(
		gw_kit_subscribe(kit, 0, "a", NULL, PUSH_VALUE_PUSH_TIME), 0);
	pushgateway_start(kit->gateway);
}

void gw_kit_wait(struct gw_kit *kit)
{
	kit->published = false;
	test_loop_until(&kit->loop, &kit->published);
}

void gw_kit_fini(struct gw_kit *kit)
{
	if (kit->gateway)
		gw_kit_close(kit);
	if (!kit->closed)
		test_loop_until(&kit->loop, &kit->closed);
	kit->closed = false;
	if (kit->client) {
		http_client_close(kit->client, gw_kit_on_closed, kit);
		test_loop_until(&kit->loop, &kit->closed);
	}
	test_peer_close(&kit->peer);
	for (size_t i = 0; i < kit->n_steps; i++)
		free(kit->answers[i]);
	test_loop_fini(&kit->loop);
}

size_t gw_kit_count(const struct gw_kit *kit, const char *line)
{
	size_t n = 0;

	for (const char *p = test_peer_received(&kit->peer);
	     (p = strstr(p, line)); p++)
		n++;
	return n;
}
