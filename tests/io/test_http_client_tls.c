/* SPDX-License-Identifier: Apache-2.0 */
/* http_client over TLS: what is believed, what is whole, what is kept, and
 * how it ends at every stage. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "io/http_client_kit.h"
#include "io/tls_peer.h"

#include <stdlib.h>
#include "io/http_connection.h"

#define HEAD(n) "HTTP/1.1 200 OK\r\nContent-Length: " n "\r\n\r\n"
#define OK_4    HEAD("4") "body"
#define OPEN    "HTTP/1.1 200 OK\r\n\r\n"

static struct tls_kit_files files;

struct world {
	struct kit kit;
	struct tls_peer peer;
};

static void world_init_for(struct world *world, enum tls_kit_name name,
                           const char *client_ca)
{
	struct tls_options options = { .ca = files.ca };

	kit_init(&world->kit, "127.0.0.1");
	tls_peer_listen(&world->peer, &world->kit.loop.uv, files.of[name],
	                client_ca);
	assert_int_equal(http_client_set_tls(world->kit.client, &options), 0);
}

static void world_init(struct world *world)
{
	world_init_for(world, TLS_KIT_GOOD, NULL);
}

static void world_fini(struct world *world)
{
	if (!world->kit.closing)
		kit_close_client(&world->kit);
	kit_wait_closed(&world->kit);
	tls_peer_close(&world->peer);
	kit_fini(&world->kit);
}

static void script(struct world *world, const struct tls_peer_step *steps,
                   size_t n)
{
	world->peer.steps = steps;
	world->peer.n_steps = n;
}

static void prepare(struct world *world, struct kit_call *call,
                    const char *method)
{
	kit_prepare(&world->kit, call, method);
	assert_int_equal(url_parse(slice_from(world->peer.url), 80,
	                           &call->http.url, NULL),
	                 0);
}

static void get(struct world *world, struct kit_call *call)
{
	prepare(world, call, "GET");
	kit_run(&world->kit, call);
}

static void expect_failure(const struct world *world,
                           const struct kit_call *call, int code,
                           const char *words)
{
	char expected[ERR_MESSAGE_SIZE];

	(void)snprintf(expected, sizeof(expected), "%s: %s", world->peer.url,
	               words);
	assert_string_equal(call->http.err.message, expected);
	assert_int_equal(call->http.err.code, code);
	assert_int_equal(call->n_done, 1);
}

/* --- answers ------------------------------------------------------------- */

static void test_kept_connections(void **state)
{
	static const struct tls_peer_step steps[] = { { .answer = OK_4 },
		                                      { .answer = OK_4 },
		                                      { .answer = OK_4 } };
	struct world world;
	struct kit_call call;

	world_init(&world);
	script(&world, steps, ARRAY_SIZE(steps));
	for (size_t i = 0; i < 2; i++) {
		get(&world, &call);
		kit_expect(&call, 200, "body");
	}
	assert_int_equal(world.peer.n_accepted, 1);
	assert_non_null(strstr(world.peer.received.p, "Host: 127.0.0.1:"));

	/* the peer has had enough of it, and says so */
	tls_peer_end_all(&world.peer);
	kit_until_idle(&world.kit, 0);
	get(&world, &call);
	kit_expect(&call, 200, "body");
	assert_int_equal(world.peer.n_accepted, 2);
	assert_int_equal(kit_n_idle(&world.kit), 1);
	world_fini(&world);
	/* and when we have had enough, we say so */
	assert_int_equal(world.peer.n_ended, 1);
}

static void test_pieces(void **state)
{
	static const struct tls_peer_step steps[] = { { .answer = OK_4 },
		                                      { .answer = OK_4 } };
	static const size_t pieces[] = { 1, 3, 100 };

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct world world;
		struct kit_call call;

		world_init(&world);
		script(&world, steps, ARRAY_SIZE(steps));
		world.peer.piece = pieces[i];
		get(&world, &call);
		kit_expect(&call, 200, "body");
		get(&world, &call);
		kit_expect(&call, 200, "body");
		assert_int_equal(world.peer.n_accepted, 1);
		world_fini(&world);
	}
}

static void test_large_bodies(void **state)
{
	static const struct tls_peer_step steps[] = { { .answer = OK_4 } };
	size_t size = 3u << 20;
	char *body = malloc(size);
	struct world world;
	struct kit_call call;
	const char *end;

	assert_non_null(body);
	for (size_t i = 0; i < size; i++)
		body[i] = (char)('a' + i % 23);
	world_init(&world);
	script(&world, steps, 1);
	prepare(&world, &call, "POST");
	call.http.body = slice_make(body, size);
	kit_run(&world.kit, &call);
	kit_expect(&call, 200, "body");
	end = strstr(world.peer.received.p, "\r\n\r\n") + 4;
	assert_int_equal(world.peer.received.n -
	                         (size_t)(end - world.peer.received.p),
	                 size);
	assert_memory_equal(end, body, size);
	world_fini(&world);
	free(body);
}

/* A body that ends with the connection is whole only if TLS ended, too. */
static void test_what_is_cut_short(void **state)
{
	static const char *const cut =
		"body: the peer closed without ending TLS: the answer may be "
		"cut short";
	static const struct {
		struct tls_peer_step step;
		int code;
		const char *words; /* NULL: it is whole */
	} rows[] = {
		{ { OPEN "body", TLS_PEER_END }, 0, NULL },
		{ { OPEN "body", TLS_PEER_END_ONLY }, 0, NULL },
		{ { OPEN "body", TLS_PEER_CUT }, UV_ECONNABORTED, cut },
		{ { HEAD("4") "bo", TLS_PEER_CUT }, UV_ECONNABORTED, cut },
		{ { "HTTP/1.1 200 O", TLS_PEER_CUT },
		  UV_ECONNABORTED,
		  "head: the peer closed without ending TLS: the answer may be "
		  "cut short" },
		{ { NULL, TLS_PEER_CUT },
		  UV_EOF,
		  "head: the peer closed without an answer" },
		{ { NULL, TLS_PEER_END },
		  UV_EOF,
		  "head: the peer closed without an answer" },
		{ { OK_4, TLS_PEER_CUT }, 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world world;
		struct kit_call call;

		world_init(&world);
		script(&world, &rows[i].step, 1);
		get(&world, &call);
		if (rows[i].words)
			expect_failure(&world, &call, rows[i].code,
			               rows[i].words);
		else
			kit_expect(&call, 200, "body");
		kit_until_idle(&world.kit, 0);
		world_fini(&world);
	}
}

/* What came together with an answer must not pass for the next one's. */
static void test_more_than_was_asked_for(void **state)
{
	static const struct tls_peer_step steps[] = { { .answer = OK_4 OK_4 },
		                                      { .answer = OK_4 } };
	struct world world;
	struct kit_call call;

	world_init(&world);
	script(&world, steps, ARRAY_SIZE(steps));
	get(&world, &call);
	kit_expect(&call, 200, "body");
	get(&world, &call);
	kit_expect(&call, 200, "body");
	assert_int_equal(world.peer.n_accepted, 2);
	world_fini(&world);
}

/* --- whom to believe ----------------------------------------------------- */

static void test_who_is_believed(void **state)
{
	static const struct {
		enum tls_kit_name name;
		const char *words;
	} rows[] = {
		{ TLS_KIT_EXPIRED, "TLS handshake: the certificate has "
		                   "expired" },
		{ TLS_KIT_OTHER, "TLS handshake: the certificate is not issued "
		                 "for 127.0.0.1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world world;
		struct kit_call call;

		world_init_for(&world, rows[i].name, NULL);
		get(&world, &call);
		expect_failure(&world, &call, -EPROTO, rows[i].words);
		assert_null(world.peer.received.p); /* not a word of it */
		world_fini(&world);
	}
}

static void test_authorities_of_a_call(void **state)
{
	static const struct tls_peer_step steps[] = { { .answer = OK_4 },
		                                      { .answer = OK_4 } };
	struct tls_options missing = { .ca = "/nowhere/ca.pem" };
	struct tls_options wrong = { .ca = files.of[TLS_KIT_UNKNOWN] };
	struct tls_options none = { 0 };
	struct world world;
	struct kit_call call;

	world_init(&world);
	script(&world, steps, ARRAY_SIZE(steps));
	prepare(&world, &call, "GET");
	call.http.tls = &none; /* then the client's count */
	kit_run(&world.kit, &call);
	kit_expect(&call, 200, "body");

	/* never by a connection of somebody with another opinion */
	prepare(&world, &call, "GET");
	call.http.tls = &wrong;
	kit_run(&world.kit, &call);
	assert_int_equal(call.http.err.code, -EPROTO);
	assert_non_null(strstr(call.http.err.message, "unknown authority"));
	assert_int_equal(world.peer.n_accepted, 2);

	prepare(&world, &call, "GET");
	call.http.tls = &missing;
	kit_run(&world.kit, &call);
	assert_int_equal(call.http.err.code, UV_ENOENT);
	assert_non_null(strstr(call.http.err.message, "/nowhere/ca.pem"));

	/* of many files only some are kept read; all work */
	for (size_t i = 0; i < HTTP_TLS_CONTEXTS; i++) {
		struct tls_options options = { .ca = files.of[i % 5],
			                       .cert = files.of[5 - i % 2] };

		prepare(&world, &call, "GET");
		call.http.tls = &options;
		kit_run(&world.kit, &call);
		assert_int_equal(call.http.err.code, -EPROTO);
	}
	get(&world, &call);
	kit_expect(&call, 200, "body");
	world_fini(&world);
}

static void test_certificates_of_ours(void **state)
{
	static const struct tls_peer_step steps[] = { { .answer = OK_4 } };
	struct tls_options options = { .ca = files.ca,
		                       .cert = files.of[TLS_KIT_CLIENT] };
	struct tls_options wrong = { .ca = files.ca,
		                     .cert = files.of[TLS_KIT_UNKNOWN] };
	struct world world;
	struct kit_call call;

	world_init_for(&world, TLS_KIT_GOOD, files.ca);
	script(&world, steps, 1);
	/* this peer gives no reason; others send an alert */
	get(&world, &call);
	expect_failure(&world, &call, UV_EOF, "TLS handshake: the peer closed");
	assert_null(world.peer.received.p);

	prepare(&world, &call, "GET");
	call.http.tls = &wrong;
	kit_run(&world.kit, &call);
	assert_int_equal(call.http.err.code, -EPROTO);
	assert_non_null(strstr(call.http.err.message,
	                       "it does not accept the certificate in "
	                       "tls_cert"));

	assert_int_equal(http_client_set_tls(world.kit.client, &options), 0);
	get(&world, &call);
	kit_expect(&call, 200, "body");
	world_fini(&world);
}

static void test_a_peer_without_tls(void **state)
{
	static const struct peer_step steps[] = {
		{ .answer = "HTTP/1.0 400 Bad Request\r\n\r\n",
		  .at_accept = true },
	};
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "127.0.0.1");
	test_peer_script(&kit.peer, steps, 1);
	kit_prepare(&kit, &call, "GET");
	call.http.url.scheme = URL_HTTPS;
	call.http.tls = &(struct tls_options){ .ca = files.ca };
	kit_run(&kit, &call);
	assert_int_equal(call.http.err.code, -EPROTO);
	assert_non_null(strstr(call.http.err.message,
	                       ": TLS handshake: the peer does not speak TLS"));
	kit_fini(&kit);
}

/* --- how it ends --------------------------------------------------------- */

static void test_a_handshake_that_hangs(void **state)
{
	struct world world;
	struct kit_call call;

	world_init(&world);
	world.peer.silent = true;
	prepare(&world, &call, "GET");
	call.http.timeout_ms = 50;
	kit_run(&world.kit, &call);
	expect_failure(&world, &call, UV_ETIMEDOUT,
	               "TLS handshake: timed out after 50ms");

	/* its own time is up before the call's is */
	prepare(&world, &call, "POST");
	kit_start(&world.kit, &call);
	while (call.http.connection->state != HTTP_CONNECTION_SHAKING)
		(void)uv_run(&world.kit.loop.uv, UV_RUN_NOWAIT);
	http_connection_arm(call.http.connection, 0);
	kit_wait(&world.kit, &call);
	expect_failure(&world, &call, UV_ETIMEDOUT,
	               "TLS handshake: timed out after 10s");

	world.peer.hangs_up = true;
	get(&world, &call);
	expect_failure(&world, &call, UV_EOF, "TLS handshake: the peer closed");
	world_fini(&world);
}

enum ending { CANCEL, CLOSE, N_ENDINGS };

/* After so many turns of the loop, wherever that is. Returns false when the
 * call was over before. */
static bool end_after(unsigned n_turns, enum ending ending)
{
	static const struct tls_peer_step steps[] = { { .answer = OK_4 } };
	struct world world;
	struct kit_call call;
	bool early;

	world_init(&world);
	world.peer.piece = 20;
	script(&world, steps, 1);
	prepare(&world, &call, "GET");
	kit_start(&world.kit, &call);
	for (unsigned i = 0; i < n_turns && !call.done; i++)
		(void)uv_run(&world.kit.loop.uv, UV_RUN_NOWAIT);
	early = !call.done;
	if (ending == CANCEL)
		http_call_cancel(&call.http);
	else
		kit_close_client(&world.kit);
	kit_wait(&world.kit, &call);
	if (early)
		expect_failure(&world, &call, UV_ECANCELED, "cancelled");
	world_fini(&world);
	return early;
}

static void test_ends_at_every_stage(void **state)
{
	for (int ending = 0; ending < N_ENDINGS; ending++) {
		unsigned n = 0;

		while (end_after(n, (enum ending)ending))
			n++;
		assert_true(n > 5);
	}
}

/* True if the call went well. */
static bool call_with_faults(struct world *world, size_t kth, size_t *seen)
{
	static const struct tls_peer_step steps[] = { { .answer = OK_4 } };
	struct kit_call call;
	int r;

	script(world, steps, 1);
	prepare(world, &call, "GET");
	if (kth)
		faults_fail(kth);
	else
		faults_count();
	world->kit.client = http_client_new(&world->kit.loop.uv, NULL);
	r = world->kit.client
	            ? http_client_set_tls(
			      world->kit.client,
			      &(struct tls_options){
				      .ca = files.ca,
				      .cert = files.of[TLS_KIT_CLIENT],
				      .key = files.of[TLS_KIT_CLIENT] })
	            : -ENOMEM;
	if (r == 0)
		r = http_client_call(world->kit.client, &call.http,
		                     kit_on_done);
	if (r == 0) {
		kit_wait(&world->kit, &call);
		r = call.http.err.code;
	}
	world->kit.closed = world->kit.client == NULL;
	if (world->kit.client)
		kit_close_client(&world->kit);
	kit_wait_closed(&world->kit);
	*seen = faults_end();
	assert_true(r == 0 || r == -ENOMEM);
	return r == 0;
}

static void test_no_memory(void **state)
{
	struct world world;
	size_t ignored;
	size_t n;

	world_init(&world);
	kit_close_client(&world.kit);
	kit_wait_closed(&world.kit);
	/* the loop keeps some of what it takes the first time */
	assert_true(call_with_faults(&world, 0, &n));
	assert_true(call_with_faults(&world, 0, &n));
	assert_true(n > 15);
	/* the last is for the words of farewell, which nobody waits for */
	for (size_t k = 1; k <= n; k++)
		assert_int_equal(call_with_faults(&world, k, &ignored), k == n);
	world_fini(&world);
}

static int set_up(void **state)
{
	faults_install();
	tls_kit_write(&files);
	return 0;
}

static int tear_down(void **state)
{
	tls_kit_remove(&files);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_connections),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_large_bodies),
		cmocka_unit_test(test_what_is_cut_short),
		cmocka_unit_test(test_more_than_was_asked_for),
		cmocka_unit_test(test_who_is_believed),
		cmocka_unit_test(test_authorities_of_a_call),
		cmocka_unit_test(test_certificates_of_ours),
		cmocka_unit_test(test_a_peer_without_tls),
		cmocka_unit_test(test_a_handshake_that_hangs),
		cmocka_unit_test(test_ends_at_every_stage),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
