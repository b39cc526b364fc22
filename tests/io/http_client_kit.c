/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "io/http_client_kit.h"

#include "io/http_connection.h"

void kit_init(struct kit *kit, const char *address)
{
	char path[108];

	memset(kit, 0, sizeof(*kit));
	test_loop_init(&kit->loop);
	if (strcmp(address, "unix") == 0)
		address = test_loop_path(&kit->loop, "peer.sock", path);
	test_peer_listen(&kit->peer, &kit->loop.uv, address, 0);
	kit->client = http_client_new(&kit->loop.uv, NULL);
	assert_non_null(kit->client);
}

static void on_client_closed(void *context)
{
	struct kit *kit = context;

	assert_false(kit->closed);
	kit->closed = true;
	kit->client = NULL;
}

void kit_close_client(struct kit *kit)
{
	kit->closing = true;
	http_client_close(kit->client, on_client_closed, kit);
	assert_false(kit->closed);
}

void kit_wait_closed(struct kit *kit)
{
	test_loop_until(&kit->loop, &kit->closed);
}

void kit_fini(struct kit *kit)
{
	if (!kit->closing)
		kit_close_client(kit);
	kit_wait_closed(kit);
	test_peer_close(&kit->peer);
	test_loop_fini(&kit->loop);
}

static int collect(struct http_call *http, struct slice bytes)
{
	struct kit_call *call = container_of(http, struct kit_call, http);

	assert_true(bytes.n > 0);
	assert_true(call->body.n + bytes.n < sizeof(call->body_bytes));
	memcpy(call->body.p + call->body.n, bytes.p, bytes.n);
	call->body.n += bytes.n;
	call->body.p[call->body.n] = '\0';
	return 0;
}

void kit_prepare(struct kit *kit, struct kit_call *call, const char *method)
{
	memset(call, 0, sizeof(*call));
	call->kit = kit;
	call->body.p = call->body_bytes;
	call->http.method = method;
	call->http.target = slice_from("/x");
	call->http.max_body = KIT_MAX_BODY;
	call->http.on_body = collect;
	assert_int_equal(
		url_parse(slice_from(kit->peer.url), 80, &call->http.url, NULL),
		0);
}

void kit_on_done(struct http_call *http)
{
	struct kit_call *call = container_of(http, struct kit_call, http);

	assert_int_equal(call->n_done++, 0);
	call->done = true;
}

void kit_start(struct kit *kit, struct kit_call *call)
{
	assert_int_equal(
		http_client_call(kit->client, &call->http, kit_on_done), 0);
	assert_false(call->done);
}

void kit_wait(struct kit *kit, struct kit_call *call)
{
	test_loop_until(&kit->loop, &call->done);
}

void kit_run(struct kit *kit, struct kit_call *call)
{
	kit_start(kit, call);
	kit_wait(kit, call);
}

void kit_get(struct kit *kit, struct kit_call *call)
{
	kit_prepare(kit, call, "GET");
	kit_run(kit, call);
}

void kit_expect(const struct kit_call *call, unsigned status, const char *body)
{
	if (call->http.err.code != 0)
		fail_msg("%d: %s", call->http.err.code, call->http.err.message);
	assert_int_equal(call->http.status, status);
	assert_string_equal(call->body.p, body);
}

size_t kit_n_idle(const struct kit *kit)
{
	size_t n = 0;

	LIST_FOR_EACH (node, &kit->client->connections)
		n += container_of(node, struct http_connection, node)->state ==
		     HTTP_CONNECTION_IDLE;
	return n;
}

/* Runs the loop once; fails if that has gone on for too long. */
static void turn(struct kit *kit, uint64_t start_ns, const char *what)
{
	if (uv_hrtime() - start_ns > LOOP_WAIT_MS * 1000000ull)
		fail_msg("waited in vain: %s", what);
	(void)uv_run(&kit->loop.uv, UV_RUN_NOWAIT);
}

void kit_until_idle(struct kit *kit, size_t n)
{
	uint64_t start = uv_hrtime();

	while (kit_n_idle(kit) != n)
		turn(kit, start, "for the number of kept connections");
}

void kit_until_received(struct kit *kit, const struct kit_call *call,
                        uint64_t n)
{
	uint64_t start = uv_hrtime();

	while (call->http.n_received < n)
		turn(kit, start, "for the body");
}

void kit_expire(struct kit *kit)
{
	LIST_FOR_EACH (node, &kit->client->connections) {
		struct http_connection *connection =
			container_of(node, struct http_connection, node);

		if (connection->state == HTTP_CONNECTION_IDLE)
			http_connection_arm(connection, 0);
	}
}
