/* SPDX-License-Identifier: Apache-2.0 */
/* The server and very many clients, or very slow ones. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "http_server_kit.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>

#define HELLO  "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
#define N_MANY 10000

static struct kit kit;

static int set_up(void **state)
{
	faults_count();
	kit_init(&kit);
	return 0;
}

static int tear_down(void **state)
{
	kit_fini(&kit);
	(void)faults_end(); /* nothing is left */
	return 0;
}

static unsigned n_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* Each byte comes in time, but the whole does not. */
static void a_body_that_drips_for_too_long_is_late(void **state)
{
	struct client client;
	int n;

	kit.options.body_timeout_ms = 5000;
	kit.options.body_total_ms = 100;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\n"
	                     "Content-Length: 100000\r\n\r\n");
	for (n = 0; n < 1000 && client.in.n == 0; n++) {
		(void)client_send_bytes(&client, "a", 1);
		test_loop_for(&kit.loop, 5);
		client_pump(&client, SIZE_MAX);
	}
	assert_true(n < 1000);
	client_ask(&client, "", 408, "the body of the request is late\n");
	client_close(&client);
	kit_await_connections(&kit, 0);
	assert_int_equal(kit.n_handled, 0);
}

/* The next request of the connection has its own time. */
static void each_body_has_the_whole_time(void **state)
{
	struct client client;

	kit.options.body_total_ms = 200;
	kit_start(&kit);
	client_connect(&client, &kit);
	for (int i = 0; i < 6; i++) {
		client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\n"
		                     "Content-Length: 2\r\n\r\na");
		test_loop_for(&kit.loop, 50);
		client_ask(&client, "b", 200, "ab");
	}
	client_close(&client);
}

/* Asks on a new connection; the status of the answer. */
static uint16_t try_once(void)
{
	struct response response;
	struct client client;
	uint16_t status;

	client_connect(&client, &kit);
	client_send(&client, HELLO);
	client_response(&client, &response, false);
	status = response.status;
	response_fini(&response);
	client_close(&client);
	return status;
}

static void who_never_says_a_word_gives_way(void **state)
{
	struct client silent[4];
	uint64_t began_ms;

	kit.options.max_connections = ARRAY_SIZE(silent);
	kit_start(&kit);
	began_ms = uv_now(&kit.loop.uv);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		client_connect(&silent[i], &kit);
	kit_await_connections(&kit, ARRAY_SIZE(silent));
	while (try_once() != 200)
		assert_true(uv_now(&kit.loop.uv) <
		            began_ms + HTTP_SERVER_SILENT_MS + LOOP_WAIT_MS);
	/* at once it would have been the one that is about to speak */
	assert_true(uv_now(&kit.loop.uv) >= began_ms + HTTP_SERVER_SILENT_MS);
	client_await_end(&silent[0]);
	client_ask(&silent[3], HELLO, 200, "hello\n");
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		client_close(&silent[i]);
}

/* How many clients there can be beside @n_kept connections of the server. */
static size_t n_clients(size_t n_kept)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(limit.rlim_cur > n_kept + 1000);
	return MIN(N_MANY * 2, limit.rlim_cur - n_kept - 200);
}

/* All stay open at the client, each after an answer. */
static void crowd(size_t n, size_t n_kept)
{
	struct client *clients = calloc(n, sizeof(*clients));
	unsigned before;

	assert_non_null(clients);
	assert_int_equal(try_once(), 200); /* so that the loop has its own */
	kit_await_connections(&kit, 0);
	before = n_descriptors();
	for (size_t i = 0; i < n; i++) {
		client_connect(&clients[i], &kit);
		client_ask(&clients[i], HELLO, 200, "hello\n");
	}
	kit_await_connections(&kit, n_kept);
	/* the youngest are the ones that stayed */
	for (size_t i = n - n_kept; i < n; i += 100)
		client_ask(&clients[i], HELLO, 200, "hello\n");
	for (size_t i = 0; i < n; i++)
		client_close(&clients[i]);
	kit_await_connections(&kit, 0);
	assert_int_equal(n_descriptors(), before);
	free(clients);
}

static void ten_thousand_give_way(void **state)
{
	size_t n = MIN(N_MANY, n_clients(HTTP_SERVER_MAX_CONNECTIONS));

	kit_start(&kit);
	crowd(n, HTTP_SERVER_MAX_CONNECTIONS);
	assert_true(kit.n_handled >= n);
}

static void ten_thousand_are_kept(void **state)
{
	size_t n = MIN(N_MANY, n_clients(0) / 2);

	kit.options.max_connections = N_MANY;
	kit_start(&kit);
	crowd(n, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_body_that_drips_for_too_long_is_late, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(each_body_has_the_whole_time,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_never_says_a_word_gives_way,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(ten_thousand_give_way, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(ten_thousand_are_kept, set_up,
		                                tear_down),
	};

	faults_install();
	return cmocka_run_group_tests_name("http_server_crowd", tests, NULL,
	                                   NULL);
}
