/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "query_kit.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"

void query_kit_on_closed(void *context)
{
	((struct query_kit *)context)->closed = true;
}

void query_kit_close(struct query_kit *kit)
{
	struct query *query = kit->query;

	kit->query = NULL;
	kit->closed = false;
	query_close(query, query_kit_on_closed, kit);
	assert_false(kit->closed);
}

static void on_begin(void *context, struct source *source,
                     const struct reading *reading)
{
	struct query_kit *kit = context;

	assert_ptr_equal(source, query_source(kit->query));
	assert_int_equal(kit->n_begun, kit->n_ended);
	assert_int_equal(reading->result == READING_OK, !reading->detail[0]);
	kit->n_begun++;
	kit->result = reading->result;
	(void)snprintf(kit->detail, sizeof(kit->detail), "%s", reading->detail);
	kit->n_samples_calls = 0;
	if (kit->act == CLOSE_IN_BEGIN)
		query_kit_close(kit);
}

static void on_samples(void *context, struct source *source,
                       uint32_t subscription, const struct sample *samples,
                       size_t n)
{
	struct query_kit *kit = context;
	size_t at = 0;

	assert_non_null(kit->query);
	assert_int_equal(kit->n_begun, kit->n_ended + 1);
	assert_int_equal(subscription, 0);
	assert_int_equal(kit->result == READING_OK, samples != NULL);
	kit->n_samples_calls++;
	kit->read = samples != NULL;
	kit->n = n;
	kit->value = samples && n ? samples[0].value : 0;
	kit->labels[0] = '\0';
	for (size_t i = 0; samples && n > 0 && i < samples[0].n_labels; i++)
		at += (size_t)snprintf(kit->labels + at,
		                       sizeof(kit->labels) - at,
		                       SLICE_FMT "=" SLICE_FMT ",",
		                       SLICE_ARG(samples[0].labels[i].name),
		                       SLICE_ARG(samples[0].labels[i].value));
	if (kit->act == CLOSE_IN_SAMPLES)
		query_kit_close(kit);
}

static void on_end(void *context, struct source *source)
{
	struct query_kit *kit = context;

	assert_non_null(kit->query);
	kit->n_ended++;
	assert_int_equal(kit->n_samples_calls, 1);
	kit->published = true;
	if (kit->act == CLOSE_IN_END)
		query_kit_close(kit);
}

static void on_log(void *context, enum log_level level, struct slice line)
{
	struct query_kit *kit = context;

	kit->n_log_lines++;
	(void)snprintf(kit->last_log_line, sizeof(kit->last_log_line),
	               SLICE_FMT, SLICE_ARG(line));
}

void query_kit_say_raw(struct query_kit *kit, unsigned server, const char *text,
                       enum peer_then then)
{
	struct query_kit_server *one = &kit->servers[server];

	assert_true(one->n_steps < MAX_STEPS);
	one->answers[one->n_steps] = text ? strdup(text) : NULL;
	one->steps[one->n_steps] =
		(struct peer_step){ .answer = one->answers[one->n_steps],
		                    .then = then };
	one->n_steps++;
	test_peer_script(&one->peer, one->steps, one->n_steps);
}

void query_kit_say(struct query_kit *kit, unsigned server, const char *head,
                   const char *body)
{
	struct buf answer;

	buf_init(&answer, 1u << 20);
	(void)buf_printf(&answer, "%sContent-Length: %zu\r\n\r\n%s", head,
	                 strlen(body), body);
	query_kit_say_raw(kit, server, buf_text(&answer), PEER_KEEP);
	buf_fini(&answer);
}

void query_kit_init(struct query_kit *kit)
{
	*kit = (struct query_kit){ 0 };
	test_loop_init(&kit->loop);
	for (size_t i = 0; i < N_SERVERS; i++) {
		test_peer_listen(&kit->servers[i].peer, &kit->loop.uv,
		                 "127.0.0.1", 0);
		kit->urls[i] = kit->servers[i].peer.url;
	}
	kit->log = (struct log){ .emit = on_log,
		                 .context = kit,
		                 .level = LOG_LEVEL_INFO };
	kit->client = http_client_new(&kit->loop.uv, NULL);
	assert_non_null(kit->client);
	kit->options = (struct query_options){
		.loop = &kit->loop.uv,
		.client = kit->client,
		.log = &kit->log,
		.urls = kit->urls,
		.n_urls = 1,
		.query = QUERY,
		.interval_ms = INTERVAL_MS,
		.timeout_ms = 5000,
		.max_body = MAX_BODY,
		.seed = 42,
	};
}

int query_kit_new(struct query_kit *kit)
{
	struct samples_listener listener = { .begin = on_begin,
		                             .samples = on_samples,
		                             .end = on_end,
		                             .context = kit };

	return query_new(&kit->options, &listener, &kit->query, NULL);
}

void query_kit_start(struct query_kit *kit)
{
	assert_int_equal(query_kit_new(kit), 0);
	query_start(kit->query);
}

void query_kit_wait(struct query_kit *kit)
{
	kit->published = false;
	test_loop_until(&kit->loop, &kit->published);
}

void query_kit_fini(struct query_kit *kit)
{
	if (kit->query)
		query_kit_close(kit);
	if (!kit->closed)
		test_loop_until(&kit->loop, &kit->closed);
	kit->closed = false;
	if (kit->client) {
		http_client_close(kit->client, query_kit_on_closed, kit);
		test_loop_until(&kit->loop, &kit->closed);
	}
	for (size_t i = 0; i < N_SERVERS; i++) {
		test_peer_close(&kit->servers[i].peer);
		for (size_t k = 0; k < kit->servers[i].n_steps; k++)
			free(kit->servers[i].answers[k]);
	}
	test_loop_fini(&kit->loop);
}

size_t query_kit_count(const struct query_kit *kit, unsigned server,
                       const char *text)
{
	size_t n = 0;

	for (const char *p = test_peer_received(&kit->servers[server].peer);
	     (p = strstr(p, text)); p++)
		n++;
	return n;
}
