/* SPDX-License-Identifier: Apache-2.0 */
/* The server on bad days: late, slow, many and dying clients, its own end. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "http_server_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HELLO "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
#define HOLD  "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
#define BIG   "GET /big HTTP/1.1\r\nHost: x\r\n\r\n"
#define WHOLE "GET /whole HTTP/1.1\r\nHost: x\r\n\r\n"

#define SOON_MS 100 /* a deadline that a test waits for */

static struct kit kit;

static int set_up(void **state)
{
	(void)state;
	kit_init(&kit);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kit_fini(&kit);
	return 0;
}

/* --- who may send much ------------------------------------------------------- */

#define STRANGERS_BYTES 10

static uint64_t body_limit(void *context, const struct http_message *message)
{
	(void)context;
	return http_message_header(message, "x-known").p ? UINT64_MAX
	                                                 : STRANGERS_BYTES;
}

static void a_stranger_may_send_little(void **state)
{
	static const struct {
		uint16_t status;
		const char *request;
	} rows[] = {
		{ 200, "Content-Length: 2\r\n\r\nab" },
		{ 200, "Content-Length: 10\r\n\r\n0123456789" },
		{ 401, "Content-Length: 11\r\n\r\n" },
		{ 401, "Expect: 100-continue\r\nContent-Length: 11\r\n\r\n" },
		{ 413, "Transfer-Encoding: chunked\r\n\r\nb\r\n" },
		{ 413, "Content-Length: 100001\r\n\r\n" },
		{ 200, "X-Known: a\r\nContent-Length: 11\r\n\r\n0123456789a" },
		{ 413, "X-Known: a\r\nContent-Length: 100001\r\n\r\n" },
	};

	(void)state;
	kit.options.body_limit = body_limit;
	kit_start(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct client client;
		struct response response;

		client_connect(&client, &kit);
		client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\n");
		client_send(&client, rows[i].request);
		client_response(&client, &response, false);
		if (response.status != rows[i].status)
			fail_msg("%u instead of %u for %s", response.status,
			         rows[i].status, rows[i].request);
		response_fini(&response);
		client_close(&client);
	}
}

/* --- late ---------------------------------------------------------------------- */

static void late_requests_get_408(void **state)
{
	static const char *const requests[] = {
		"G",
		"GET /hello HTTP/1.1\r\nHost: x\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na",
	};

	(void)state;
	kit.options.head_timeout_ms = SOON_MS;
	kit.options.body_timeout_ms = SOON_MS;
	kit_start(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct client client;

		client_connect(&client, &kit);
		client_ask(&client, requests[i], 408, NULL);
		client_await_end(&client);
		assert_true(client.ended);
		client_close(&client);
	}
	kit_await_connections(&kit, 0);
	assert_int_equal(kit.n_handled, 0);
}

/* The head has one deadline, however often a byte comes. */
static void a_dripping_head_is_late(void **state)
{
	struct client client;
	int n;

	(void)state;
	kit.options.head_timeout_ms = SOON_MS;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, "GET /hello HTTP/1.1\r\nA: ");
	for (n = 0; n < 1000 && client.in.n == 0; n++) {
		(void)client_send_bytes(&client, "a", 1);
		test_loop_for(&kit.loop, 10);
		client_pump(&client, SIZE_MAX);
	}
	assert_true(n < 1000);
	client_ask(&client, "", 408, NULL);
	client_close(&client);
}

/* A body may take its time as long as it comes. */
static void a_dripping_body_is_not(void **state)
{
	struct client client;

	(void)state;
	kit.options.body_timeout_ms = 200;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\n"
	                     "Content-Length: 10\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		test_loop_for(&kit.loop, 40);
		client_send(&client, "a");
	}
	client_ask(&client, "", 200, "aaaaaaaaaa");
	client_close(&client);
}

static void idle_connections_are_closed(void **state)
{
	struct client fresh;
	struct client kept;

	(void)state;
	kit.options.head_timeout_ms = SOON_MS;
	kit.options.idle_timeout_ms = SOON_MS;
	kit_start(&kit);
	client_connect(&fresh, &kit);
	client_connect(&kept, &kit);
	client_ask(&kept, HELLO, 200, "hello\n");
	client_await_end(&fresh);
	client_await_end(&kept);
	assert_true(fresh.ended && kept.ended);
	assert_int_equal(fresh.in.n + kept.in.n, 0); /* without a word */
	client_close(&fresh);
	client_close(&kept);
}

static void a_handler_may_take_its_time(void **state)
{
	struct client client;

	(void)state;
	kit.options.head_timeout_ms = 30;
	kit.options.body_timeout_ms = 30;
	kit.options.idle_timeout_ms = 30;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, HOLD);
	kit_await_count(&kit, &kit.n_held, 1);
	test_loop_for(&kit.loop, 100);
	kit_release(&kit);
	client_ask(&client, "", 200, "released\n");
	client_close(&client);
}

/* --- slow ------------------------------------------------------------------------- */

static void who_does_not_read_is_dropped(void **state)
{
	static const char *const requests[] = { BIG, WHOLE };

	(void)state;
	kit.options.write_timeout_ms = SOON_MS;
	kit.big = UINT64_C(64) << 20;
	kit_start(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct client client;

		client_connect(&client, &kit);
		client_send(&client, requests[i]);
		kit_await_count(&kit, &kit.n_handled, i + 1);
		kit_await_connections(&kit, 0);
		assert_int_equal(kit.n_producing, 0);
		/* what the sockets hold, and not the rest */
		assert_true(kit.n_produced < UINT64_C(32) << 20);
		client_close(&client);
	}
}

/* Nothing is produced that the peer has not made room for. */
static void a_slow_reader_costs_no_memory(void **state)
{
	uint64_t n_received = 0;
	struct client client;
	int small = 65536;

	(void)state;
	kit.big = UINT64_C(24) << 20;
	kit_start(&kit);
	client_connect(&client, &kit);
	(void)setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small,
	                 sizeof(small));
	client_send(&client, "GET /big HTTP/1.0\r\n\r\n");
	while (!client.ended && !client.error) {
		client_pump(&client, 20000);
		n_received += client.in.n;
		buf_reset(&client.in);
		assert_true(kit.n_produced < n_received + (UINT64_C(8) << 20));
	}
	assert_true(client.ended);
	assert_true(n_received > kit.big && n_received < kit.big + 300);
	assert_int_equal(kit.n_produced, kit.big);
	client_close(&client);
}

static void slow_is_not_dropped(void **state)
{
	struct response response;
	struct client client;
	int small = 65536;

	(void)state;
	/* the whole takes longer, a turn never does, on a busy machine either */
	kit.options.write_timeout_ms = 4 * SOON_MS;
	kit.big = UINT64_C(8) << 20;
	kit_start(&kit);
	client_connect(&client, &kit);
	(void)setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small,
	                 sizeof(small));
	client_send(&client, WHOLE);
	for (int i = 0; i < 40; i++) {
		test_loop_for(&kit.loop, SOON_MS / 5);
		for (int j = 0; j < 2; j++)
			client_pump(&client, 30000);
	}
	assert_true(client.in.n < kit.big);
	client_response(&client, &response, false);
	assert_int_equal(response.body.n, kit.big);
	response_fini(&response);
	client_close(&client);
}

/* One that reads as fast as it can does not starve another. */
static void a_fast_reader_shares(void **state)
{
	struct client fast;
	struct client other;

	(void)state;
	kit.big = UINT64_C(1) << 40;
	kit_start(&kit);
	client_connect(&fast, &kit);
	client_connect(&other, &kit);
	client_send(&fast, BIG);
	client_await(&fast, 1000000);
	client_ask(&other, HELLO, 200, "hello\n");
	client_abort(&fast);
	kit_await_connections(&kit, 1);
	assert_int_equal(kit.n_producing, 0);
	client_close(&other);
}

/* --- many ------------------------------------------------------------------------- */

static void beyond_the_limit_is_503(void **state)
{
	struct client clients[4];
	struct client late[2];

	(void)state;
	kit.options.max_connections = ARRAY_SIZE(clients);
	kit_start(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		client_connect(&clients[i], &kit);
		client_send(&clients[i], HOLD);
	}
	kit_await_count(&kit, &kit.n_held, ARRAY_SIZE(clients));
	for (size_t i = 0; i < ARRAY_SIZE(late); i++) {
		client_connect(&late[i], &kit);
		client_ask(&late[i], HELLO, 503, "too many connections\n");
		client_await_end(&late[i]);
		assert_true(late[i].ended);
		client_close(&late[i]);
	}
	kit_await_connections(&kit, ARRAY_SIZE(clients));

	/* as soon as one is done with, there is room */
	kit_release(&kit);
	client_ask(&clients[0], "", 200, "released\n");
	client_close(&clients[0]);
	kit_await_connections(&kit, ARRAY_SIZE(clients) - 1);
	client_connect(&clients[0], &kit);
	client_ask(&clients[0], HELLO, 200, "hello\n");
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		client_close(&clients[i]);
}

static void the_longest_idle_gives_way(void **state)
{
	struct client clients[4];
	struct client late;

	(void)state;
	kit.options.max_connections = ARRAY_SIZE(clients);
	kit_start(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		client_connect(&clients[i], &kit);
		client_ask(&clients[i], HELLO, 200, NULL);
	}
	client_ask(&clients[0], HELLO, 200, NULL); /* now 1 is the longest */
	client_connect(&late, &kit);
	client_ask(&late, HELLO, 200, "hello\n");
	client_await_end(&clients[1]);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		if (i != 1)
			client_ask(&clients[i], HELLO, 200, "hello\n");
		client_close(&clients[i]);
	}
	client_close(&late);
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void a_thousand_connections(void **state)
{
	enum { N = 1000 };
	struct client *clients = calloc(N, sizeof(*clients));

	(void)state;
	assert_non_null(clients);
	raise_descriptor_limit();
	kit.options.max_connections = N;
	kit_start(&kit);
	for (size_t i = 0; i < N; i++) {
		client_connect(&clients[i], &kit);
		client_send(&clients[i], HELLO);
	}
	for (size_t i = 0; i < N; i++)
		client_ask(&clients[i], "", 200, "hello\n");
	assert_int_equal(http_server_n_connections(kit.server), N);
	for (size_t i = 0; i < N; i++) {
		client_ask(&clients[i], HELLO, 200, "hello\n");
		if (i % 3 == 0)
			client_abort(&clients[i]);
		else
			client_close(&clients[i]);
	}
	kit_await_connections(&kit, 0);
	free(clients);
}

static uint64_t cpu_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void out_of_descriptors_it_waits(void **state)
{
	struct client clients[20];
	struct rlimit before;
	struct rlimit tight;
	uint64_t spent;

	(void)state;
	kit_start(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		client_connect(&clients[i], &kit);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	tight = before;
	tight.rlim_cur = (rlim_t)clients[ARRAY_SIZE(clients) - 1].fd + 6;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	spent = cpu_ms();
	test_loop_for(&kit.loop, 500);
	spent = cpu_ms() - spent;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);

	assert_in_range(http_server_n_connections(kit.server), 1, 6);
	assert_true(spent < 250); /* it did not spin */
	assert_non_null(strstr(buf_text(&kit.log_text),
	                       "cannot accept connections; waiting"));
	/* nobody was dropped, and all are served as soon as it can be done */
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		client_ask(&clients[i], HELLO, 200, "hello\n");
		client_close(&clients[i]);
	}
	assert_non_null(
		strstr(buf_text(&kit.log_text), "accepting connections again"));
}

/* --- dying ------------------------------------------------------------------------- */

static void clients_may_die_at_any_time(void **state)
{
	static const char *const requests[] = {
		"",
		"GET /hel",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
		HELLO,
		(HELLO HELLO HELLO),
		BIG,
		WHOLE,
		"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n and more",
	};

	(void)state;
	kit.big = UINT64_C(32) << 20;
	kit_start(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(requests) * 4; i++) {
		struct client client;

		client_connect(&client, &kit);
		client_send(&client, requests[i / 4]);
		if (i % 2)
			test_loop_for(&kit.loop, 10);
		if (i % 4 < 2)
			client_abort(&client);
		else
			client_close(&client);
		kit_await_connections(&kit, 0);
		assert_int_equal(kit.n_producing, 0);
	}
}

static void a_dead_clients_exchange_is_answered(void **state)
{
	struct client client;

	(void)state;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, HOLD);
	kit_await_count(&kit, &kit.n_held, 1);
	client_abort(&client);
	test_loop_for(&kit.loop, 20);
	kit_release(&kit);
	kit_await_connections(&kit, 0);
}

/* --- the end ------------------------------------------------------------------------ */

static void closes_at_every_stage(void **state)
{
	static const char *const requests[] = {
		"",
		"GET /hel",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
		HELLO,
		HOLD,
		(HOLD HELLO),
		BIG,
		WHOLE,
		"GET / HTTP/9.9\r\n\r\n and more",
	};
	static const uint64_t lingers[] = { 0, 30 };

	(void)state;
	kit.big = UINT64_C(32) << 20;
	for (size_t i = 0; i < ARRAY_SIZE(requests) * 4; i++) {
		struct client client;

		kit_start(&kit);
		client_connect(&client, &kit);
		client_send(&client, requests[i / 4]);
		if (i % 4 < 2)
			test_loop_for(&kit.loop, 10);
		kit_close(&kit, lingers[i % 2]);
		assert_int_equal(kit.n_producing, 0);
		while (kit.n_held)
			kit_release(&kit); /* harmless */
		client_await_end(&client);
		client_close(&client);
	}
}

static void lingers_for_answers_in_flight(void **state)
{
	struct client idle;
	struct client held;
	struct client reading;
	struct response response;

	(void)state;
	kit.big = 4u << 20;
	kit_start(&kit);
	client_connect(&idle, &kit);
	client_connect(&held, &kit);
	client_connect(&reading, &kit);
	client_ask(&idle, HELLO, 200, NULL);
	client_send(&held, HOLD HELLO);
	client_send(&reading, BIG);
	kit_await_count(&kit, &kit.n_handled, 3);

	kit_begin_close(&kit, 60000);
	client_await_end(&idle);
	client_response(&reading, &response, false);
	assert_int_equal(response.body.n, kit.big);
	response_fini(&response);
	assert_false(kit.closed);

	kit_release(&kit);
	client_response(&held, &response, false);
	assert_int_equal(response.status, 200);
	assert_false(response.keep_alive);
	response_fini(&response);
	client_close(&held); /* its other request was not taken */
	kit_await_closed(&kit);
	assert_int_equal(kit.n_handled, 3);
	client_close(&idle);
	client_close(&reading);
}

static void the_handler_may_close_the_server(void **state)
{
	struct client client;

	(void)state;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_ask(&client, "GET /close HTTP/1.1\r\nHost: x\r\n\r\n" HELLO, 200,
	           "closing\n");
	client_close(&client);
	kit_await_closed(&kit);
	assert_int_equal(kit.n_handled, 1);
}

static void a_producer_may_close_the_server(void **state)
{
	struct client client;

	(void)state;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, "GET /end HTTP/1.1\r\nHost: x\r\n\r\n");
	client_await_end(&client);
	kit_await_closed(&kit);
	assert_int_equal(kit.n_producing, 0);
	client_close(&client);
}

static void exchanges_outlive_the_server(void **state)
{
	struct client client;

	(void)state;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, HOLD);
	kit_await_count(&kit, &kit.n_held, 1);
	kit_close(&kit, 0);
	/* its head and body may be looked at until it is answered */
	assert_true(slice_is(kit.held[0]->path, "/hold"));
	assert_true(slice_is(kit.held[0]->message->method, "GET"));
	kit_release(&kit);
	client_close(&client);
}

/* --- out of memory -------------------------------------------------------------------- */

/* One try; the client takes whatever comes. */
static void faulty_request(const char *request, size_t n)
{
	struct client client;

	client_connect(&client, &kit);
	/* the client itself must not fail, so that it waits for all */
	(void)client_send_bytes(&client, request, n);
	(void)shutdown(client.fd, SHUT_WR);
	kit_await_connections(&kit, 0);
	(void)close(client.fd);
}

static void faulty_life(void)
{
	static const char requests[] =
		HELLO "POST /echo HTTP/1.1\r\nHost: x\r\n"
		      "Content-Length: 5\r\n\r\n12345"
		      "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
		      "GET /whole HTTP/1.1\r\nHost: x\r\n\r\n"
		      "RUBBISH\r\n\r\n";
	struct err err;

	kit.server = kit_new_server(&kit);
	if (!kit.server)
		return;
	if (http_server_listen(kit.server, slice_from("127.0.0.1:0"), &err) ==
	    0) {
		faulty_request(requests, sizeof(requests) - 1);
		faulty_request(requests, 20);
	}
	kit_close(&kit, 0);
	assert_int_equal(kit.n_producing, 0);
}

static void survives_lack_of_memory(void **state)
{
	size_t n;

	(void)state;
	kit.big = 1000;
	kit.log.emit = NULL;
	faulty_life(); /* what the loop itself allocates once is there now */
	faults_count();
	faulty_life();
	n = faults_end();
	assert_true(n > 15);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		faulty_life();
		(void)faults_end();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_stranger_may_send_little),
		TEST(late_requests_get_408),
		TEST(a_dripping_head_is_late),
		TEST(a_dripping_body_is_not),
		TEST(idle_connections_are_closed),
		TEST(a_handler_may_take_its_time),
		TEST(who_does_not_read_is_dropped),
		TEST(a_slow_reader_costs_no_memory),
		TEST(slow_is_not_dropped),
		TEST(a_fast_reader_shares),
		TEST(beyond_the_limit_is_503),
		TEST(the_longest_idle_gives_way),
		TEST(a_thousand_connections),
		TEST(out_of_descriptors_it_waits),
		TEST(clients_may_die_at_any_time),
		TEST(a_dead_clients_exchange_is_answered),
		TEST(closes_at_every_stage),
		TEST(lingers_for_answers_in_flight),
		TEST(the_handler_may_close_the_server),
		TEST(a_producer_may_close_the_server),
		TEST(exchanges_outlive_the_server),
		TEST(survives_lack_of_memory),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_install();
	return cmocka_run_group_tests_name("http_server_limits", tests, NULL,
	                                   NULL);
}
