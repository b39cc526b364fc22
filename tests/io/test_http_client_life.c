/* SPDX-License-Identifier: Apache-2.0 */
/* http_client: names and addresses, deadlines, cancel and close at every
 * stage, and memory that runs out. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "io/http_client_kit.h"
#include "support/names.h"

#include "io/http_connection.h"

#define OK_4 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
#define HALF "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo"

static char big[4 << 20]; /* more than a socket takes */

static void expect_failure(const struct kit_call *call, int code,
                           const char *format, ...) PRINTF_LIKE(3, 4);

static void expect_failure(const struct kit_call *call, int code,
                           const char *format, ...)
{
	char expected[ERR_MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	assert_string_equal(call->http.err.message, expected);
	assert_int_equal(call->http.err.code, code);
	assert_int_equal(call->n_done, 1);
}

/* --- names and addresses ------------------------------------------------ */

static void get_from(struct kit *kit, struct kit_call *call, const char *method,
                     const char *host)
{
	kit_prepare(kit, call, method);
	call->http.url.host = slice_from(host);
	kit_run(kit, call);
}

static void test_failures_to_connect(void **state)
{
	static const struct {
		const char *host;
		int code;
		const char *message; /* after "http://HOST:PORT: " */
	} rows[] = {
		{ "127.0.0.9", UV_ECONNREFUSED, "connect: connection refused" },
		{ "two.test", UV_ECONNREFUSED,
		  "connect to 127.0.0.2: connection refused" },
		{ "many.test", UV_ECONNREFUSED,
		  "connect to 127.0.0.9: connection refused" },
		{ "none.test", UV_EAI_NONAME,
		  "resolve: unknown node or service" },
		{ "empty.test", UV_EAI_NONAME,
		  "resolve: unknown node or service" },
	};
	struct kit kit;

	kit_init(&kit, "127.0.0.3"); /* nobody else listens on its port */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_call call;

		get_from(&kit, &call, "GET", rows[i].host);
		expect_failure(&call, rows[i].code, "http://%s:%u: %s",
		               rows[i].host, kit.peer.port, rows[i].message);
	}
	assert_int_equal(kit.peer.n_accepted, 0);
	kit_fini(&kit);
}

static void test_unix_sockets_that_do_not_work(void **state)
{
	char path[URL_MAX_SOCKET_PATH + 2];
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "unix");
	kit_prepare(&kit, &call, "GET");
	call.http.url.host = slice_from("/nowhere/x.sock");
	kit_run(&kit, &call);
	expect_failure(
		&call, UV_ENOENT,
		"unix:/nowhere/x.sock: connect: no such file or directory");

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	kit_prepare(&kit, &call, "GET");
	call.http.url.host = slice_from(path);
	kit_run(&kit, &call);
	expect_failure(&call, UV_ENAMETOOLONG,
	               "unix:%s: connect: name too long", path);
	kit_fini(&kit);
}

#if !BOUNCER_TLS /* else it is test_http_client_tls.c that has it */
static void test_https_without_tls(void **state)
{
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "127.0.0.1");
	kit_prepare(&kit, &call, "GET");
	call.http.url.scheme = URL_HTTPS;
	kit_run(&kit, &call);
	expect_failure(&call, UV_ENOTSUP,
	               "https://127.0.0.1:%u: TLS is not built into this "
	               "program: use http://",
	               kit.peer.port);
	kit_fini(&kit);
}
#endif

static void test_next_address_when_refused(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_4) };
	static const struct {
		const char *address;
		const char *host;
	} rows[] = {
		{ "127.0.0.1", "two.test" },  /* 127.0.0.2, 127.0.0.1 */
		{ "127.0.0.1", "localhost" }, /* 127.0.0.1, ::1 */
		{ "::1", "LocalHost" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_call call;
		struct kit kit;

		kit_init(&kit, rows[i].address);
		test_peer_script(&kit.peer, steps, 1);
		get_from(&kit, &call, "GET", rows[i].host);
		kit_expect(&call, 200, "body");
		kit_fini(&kit);
	}
}

/* The first address accepts and hangs up, as a balancer with nobody behind
 * it does. */
static void test_next_address_when_accepted_in_vain(void **state)
{
	static const struct peer_step good[] = { PEER_SAYS(OK_4) };
	static const struct peer_step bad[] = {
		PEER_SAYS_THEN(NULL, PEER_CLOSE),
		PEER_SAYS_THEN(NULL, PEER_CLOSE),
	};
	struct kit_call call;
	struct test_peer other;
	struct kit kit;

	kit_init(&kit, "127.0.0.1");
	test_peer_script(&kit.peer, good, ARRAY_SIZE(good));
	test_peer_listen(&other, &kit.loop.uv, "127.0.0.2", kit.peer.port);
	test_peer_script(&other, bad, ARRAY_SIZE(bad));

	get_from(&kit, &call, "GET", "two.test");
	kit_expect(&call, 200, "body");
	assert_int_equal(other.n_accepted, 1);

	get_from(&kit, &call, "POST", "two.test"); /* not twice */
	expect_failure(&call, UV_EOF,
	               "http://two.test:%u: head: the peer closed without an "
	               "answer",
	               kit.peer.port);
	assert_int_equal(other.n_accepted, 2);
	assert_int_equal(kit.peer.n_accepted, 1);
	test_peer_close(&other);
	kit_fini(&kit);
}

/* --- deadlines ---------------------------------------------------------- */

static void test_lookup_that_hangs(void **state)
{
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "127.0.0.1");
	names_hang();
	kit_prepare(&kit, &call, "GET");
	call.http.url.host = slice_from("hang.test");
	call.http.timeout_ms = 20;
	kit_run(&kit, &call);
	expect_failure(&call, UV_ETIMEDOUT,
	               "http://hang.test:%u: resolve: timed out after 20ms",
	               kit.peer.port);
	/* nor does the client wait for it */
	kit_close_client(&kit);
	kit_wait_closed(&kit);
	names_release();
	kit_fini(&kit);
}

static void test_silence(void **state)
{
	static const struct {
		struct peer_step step;
		uint64_t timeout_ms;
		uint64_t idle_timeout_ms;
		const char *message;
	} rows[] = {
		{ PEER_SAYS(NULL), 20, 0, "head: timed out after 20ms" },
		{ PEER_SAYS(HALF), 20, 0, "body: timed out after 20ms" },
		{ PEER_SAYS(NULL), 0, 20, "head: nothing came for 20ms" },
		{ PEER_SAYS(HALF), 0, 20, "body: nothing came for 20ms" },
		{ PEER_SAYS(HALF), HTTP_CLIENT_TIMEOUT_NONE, 20,
		  "body: nothing came for 20ms" },
		{ PEER_SAYS(HALF), 20, 100000, "body: timed out after 20ms" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_call call;
		struct kit kit;

		kit_init(&kit, "unix");
		test_peer_script(&kit.peer, &rows[i].step, 1);
		kit_prepare(&kit, &call, "GET");
		call.http.timeout_ms = rows[i].timeout_ms;
		call.http.idle_timeout_ms = rows[i].idle_timeout_ms;
		kit_run(&kit, &call);
		expect_failure(&call, UV_ETIMEDOUT, "%s: %s", kit.peer.url,
		               rows[i].message);
		kit_fini(&kit);
	}
}

static void test_request_that_nobody_reads(void **state)
{
	static const struct peer_step steps[] = { { .at_accept = true,
		                                    .deaf = true } };
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "unix");
	test_peer_script(&kit.peer, steps, 1);
	kit_prepare(&kit, &call, "PUT");
	call.http.body = slice_make(big, sizeof(big));
	call.http.timeout_ms = 20;
	kit_run(&kit, &call);
	expect_failure(&call, UV_ETIMEDOUT, "%s: write: timed out after 20ms",
	               kit.peer.url);
	kit_fini(&kit);
}

/* An address that swallows every packet leaves time for the next one. */
static void test_address_that_swallows_everything(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_4) };
	struct kit_call call;
	struct black_hole hole;
	struct kit kit;

	kit_init(&kit, "127.0.0.1");
	test_peer_script(&kit.peer, steps, 1);
	black_hole_open(&hole, "127.0.0.2", kit.peer.port);

	kit_prepare(&kit, &call, "GET");
	call.http.url.host = slice_from("127.0.0.2");
	call.http.timeout_ms = 20;
	kit_run(&kit, &call);
	expect_failure(&call, UV_ETIMEDOUT,
	               "http://127.0.0.2:%u: connect: timed out after 20ms",
	               kit.peer.port);

	kit_prepare(&kit, &call, "GET");
	call.http.url.host = slice_from("two.test");
	call.http.timeout_ms = 1000; /* half of it for the first */
	kit_run(&kit, &call);
	kit_expect(&call, 200, "body");
	black_hole_close(&hole);
	kit_fini(&kit);
}

/* --- cancel and close at every stage ------------------------------------ */

enum stage {
	AT_RESOLVING,
	AT_CONNECTING,
	AT_REOPENING,
	AT_WRITING,
	AT_HEAD,
	AT_BODY,
	AT_KEPT, /* written on a connection that was kept */
	N_STAGES,
};

static const struct peer_step *script_for(enum stage stage)
{
	static const struct peer_step scripts[N_STAGES][2] = {
		[AT_WRITING] = { { .at_accept = true, .deaf = true } },
		[AT_HEAD] = { PEER_SAYS("HTTP/1.1 200 OK\r\nA: ") },
		[AT_BODY] = { PEER_SAYS(HALF) },
		[AT_KEPT] = { PEER_SAYS(OK_4) },
	};

	return scripts[stage];
}

static void until_step_done(struct kit *kit)
{
	while (kit->peer.n_steps_done == 0)
		assert_true(uv_run(&kit->loop.uv, UV_RUN_ONCE));
}

/* Starts @call and brings it to @stage. */
static void bring_to(struct kit *kit, struct kit_call *call, enum stage stage)
{
	struct http_connection *connection;

	test_peer_script(&kit->peer, script_for(stage), 1);
	if (stage == AT_KEPT)
		kit_get(kit, call);
	if (stage == AT_RESOLVING)
		names_hang();
	kit_prepare(kit, call, "PUT");
	if (stage == AT_RESOLVING)
		call->http.url.host = slice_from("hang.test");
	if (stage == AT_WRITING)
		call->http.body = slice_make(big, sizeof(big));
	kit_start(kit, call);
	connection = call->http.connection;

	if (stage == AT_REOPENING)
		http_connection_reopen(connection);
	if (stage == AT_WRITING || stage == AT_HEAD)
		until_step_done(kit);
	if (stage == AT_BODY)
		kit_until_received(kit, call, 2);

	assert_int_equal(connection->state,
	                 stage == AT_RESOLVING    ? HTTP_CONNECTION_RESOLVING
	                 : stage == AT_CONNECTING ? HTTP_CONNECTION_CONNECTING
	                 : stage == AT_REOPENING  ? HTTP_CONNECTION_REOPENING
	                                          : HTTP_CONNECTION_EXCHANGING);
	assert_int_equal(connection->writing,
	                 stage == AT_WRITING || stage == AT_KEPT);
}

static void cancel(struct kit *kit, struct kit_call *call)
{
	http_call_cancel(&call->http);
}

static void cancel_twice(struct kit *kit, struct kit_call *call)
{
	http_call_cancel(&call->http);
	(void)uv_run(&kit->loop.uv, UV_RUN_NOWAIT);
	http_call_cancel(&call->http);
}

static void close_client(struct kit *kit, struct kit_call *call)
{
	kit_close_client(kit);
}

static void cancel_and_close(struct kit *kit, struct kit_call *call)
{
	http_call_cancel(&call->http);
	kit_close_client(kit);
	http_call_cancel(&call->http);
}

static void test_cancel_and_close(void **state)
{
	static void (*const ends[])(struct kit *, struct kit_call *) = {
		cancel, cancel_twice, close_client, cancel_and_close
	};

	for (unsigned i = 0; i < N_STAGES * ARRAY_SIZE(ends); i++) {
		enum stage stage = i % N_STAGES;
		char origin[URL_ORIGIN_MAX];
		struct kit_call call;
		struct kit kit;

		kit_init(&kit, "127.0.0.1");
		bring_to(&kit, &call, stage);
		(void)url_origin(&call.http.url, origin);
		ends[i / N_STAGES](&kit, &call);
		kit_wait(&kit, &call);
		expect_failure(&call, UV_ECANCELED, "%s: cancelled", origin);
		http_call_cancel(&call.http); /* too late, and harmless */
		if (stage == AT_RESOLVING)
			names_release();
		kit_fini(&kit);
	}
}

static int cancel_in_head(struct http_call *call,
                          const struct http_message *message)
{
	http_call_cancel(call);
	return 0;
}

static int cancel_in_body(struct http_call *call, struct slice bytes)
{
	http_call_cancel(call);
	return 0;
}

static int close_in_body(struct http_call *http, struct slice bytes)
{
	struct kit_call *call = container_of(http, struct kit_call, http);

	kit_close_client(call->kit);
	return 0;
}

static void test_cancel_from_callbacks(void **state)
{
	static const struct {
		int (*on_head)(struct http_call *, const struct http_message *);
		int (*on_body)(struct http_call *, struct slice);
	} rows[] = { { cancel_in_head, NULL },
		     { NULL, cancel_in_body },
		     { NULL, close_in_body } };
	static const struct peer_step steps[] = { PEER_SAYS(OK_4) };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_call call;
		struct kit kit;

		kit_init(&kit, "unix");
		test_peer_script(&kit.peer, steps, 1);
		kit_prepare(&kit, &call, "GET");
		call.http.on_head = rows[i].on_head;
		call.http.on_body = rows[i].on_body;
		kit_run(&kit, &call);
		expect_failure(&call, UV_ECANCELED, "%s: cancelled",
		               kit.peer.url);
		kit_fini(&kit);
	}
}

static void test_no_call_after_close(void **state)
{
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "unix");
	kit_close_client(&kit);
	kit_prepare(&kit, &call, "GET");
	assert_int_equal(http_client_call(kit.client, &call.http, kit_on_done),
	                 UV_ECANCELED);
	kit_fini(&kit);
	assert_int_equal(call.n_done, 0);
}

/* --- memory that runs out ----------------------------------------------- */

/* Either it goes well, or it says that memory was out. */
static void try_call(struct kit *kit, const char *method, const char *host)
{
	struct kit_call call;
	int r;

	kit_prepare(kit, &call, method);
	call.http.url.host = slice_from(host);
	call.http.url.user = slice_from("u:p");
	r = http_client_call(kit->client, &call.http, kit_on_done);
	if (r < 0) {
		assert_int_equal(r, -ENOMEM);
		assert_non_null(strstr(call.http.err.message, "memory"));
		return;
	}
	kit_wait(kit, &call);
	if (call.http.err.code == 0)
		kit_expect(&call, 200, "body");
	else if (call.http.err.code != -ENOMEM)
		fail_msg("%s", call.http.err.message);
}

/* A name and then a number; a new connection, a kept one, and a POST. */
static void try_client(struct kit *kit)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_4),
		                                  PEER_SAYS(OK_4),
		                                  PEER_SAYS(OK_4) };

	kit->client = http_client_new(&kit->loop.uv, NULL);
	if (!kit->client)
		return;
	kit->closed = false;
	test_peer_script(&kit->peer, steps, ARRAY_SIZE(steps));
	try_call(kit, "GET", "two.test");
	try_call(kit, "GET", "two.test");
	try_call(kit, "POST", "127.0.0.1");
	kit_close_client(kit);
	kit_wait_closed(kit);
}

static void test_out_of_memory(void **state)
{
	struct kit kit;
	size_t n;

	kit_init(&kit, "127.0.0.1");
	kit_close_client(&kit);
	kit_wait_closed(&kit);
	try_client(&kit); /* libuv's own tables grow once and stay */
	faults_count();
	try_client(&kit);
	n = faults_end();
	assert_true(n > 10);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		try_client(&kit);
		assert_int_equal(faults_end() > 0, 1);
	}
	kit.closed = true;
	kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures_to_connect),
		cmocka_unit_test(test_unix_sockets_that_do_not_work),
#if !BOUNCER_TLS
		cmocka_unit_test(test_https_without_tls),
#endif
		cmocka_unit_test(test_next_address_when_refused),
		cmocka_unit_test(test_next_address_when_accepted_in_vain),
		cmocka_unit_test(test_lookup_that_hangs),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_request_that_nobody_reads),
		cmocka_unit_test(test_address_that_swallows_everything),
		cmocka_unit_test(test_cancel_and_close),
		cmocka_unit_test(test_cancel_from_callbacks),
		cmocka_unit_test(test_no_call_after_close),
		cmocka_unit_test(test_out_of_memory),
	};

	faults_install();
	return cmocka_run_group_tests_name("http client, life", tests, NULL,
	                                   NULL);
}
