/* SPDX-License-Identifier: Apache-2.0 */
/* A body that is lent to many answers: it comes whole, and it is given back
 * exactly once, whatever becomes of the answer. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "http_server_kit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"

#define SHARED "GET /shared HTTP/1.1\r\nHost: x\r\n\r\n"
#define LARGE  16000000

static struct kit kit;

static int set_up(void **state)
{
	kit_init(&kit);
	kit.shared = mem_alloc(LARGE);
	assert_non_null(kit.shared);
	for (size_t i = 0; i < LARGE; i++)
		kit.shared[i] = (char)('a' + i % 23);
	kit.big = 5;
	return 0;
}

static int tear_down(void **state)
{
	kit_fini(&kit);
	assert_int_equal(kit.n_lent, 0);
	mem_free(kit.shared);
	return 0;
}

static void await_given_back(void)
{
	for (unsigned i = 0; kit.n_lent && i < LOOP_WAIT_MS / LOOP_TICK_MS; i++)
		test_loop_for(&kit.loop, LOOP_TICK_MS);
	assert_int_equal(kit.n_lent, 0);
}

static void expect_shared(const struct response *response)
{
	assert_int_equal(response->status, 200);
	assert_true(response->whole);
	assert_int_equal(response->body.n, kit.big);
	assert_memory_equal(response->body.p, kit.shared, kit.big);
}

static void many_answers_share_it(void **state)
{
	struct client clients[3];
	struct response response;

	kit_start(&kit);
	for (size_t i = 0; i < 3; i++)
		client_connect(&clients[i], &kit);
	for (size_t i = 0; i < 9; i++) {
		client_send(&clients[i % 3], SHARED);
		client_response(&clients[i % 3], &response, false);
		expect_shared(&response);
		assert_true(response.keep_alive);
		response_fini(&response);
		assert_int_equal(kit.n_lent, 0);
	}
	/* what comes after it is not made of it */
	client_ask(&clients[0], "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", 200,
	           "hello\n");
	for (size_t i = 0; i < 3; i++)
		client_close(&clients[i]);
}

static void head_is_told_the_length(void **state)
{
	struct client client;
	struct response response;

	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, "HEAD /shared HTTP/1.1\r\nHost: x\r\n\r\n");
	client_response(&client, &response, true);
	assert_int_equal(response.status, 200);
	assert_true(response.has_length);
	assert_int_equal(response.content_length, 5);
	assert_true(response.keep_alive);
	response_fini(&response);
	assert_int_equal(kit.n_lent, 0);
	client_ask(&client, SHARED, 200, "abcde");
	client_close(&client);
}

static void a_slow_reader_gets_it_whole(void **state)
{
	struct client client;
	struct response response;

	kit.big = LARGE;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, SHARED);
	client_await(&client, 1);
	for (unsigned i = 0; i < 20; i++) {
		client_pump(&client, 1000);
		assert_int_equal(kit.n_lent, 1);
	}
	client_response(&client, &response, false);
	expect_shared(&response);
	response_fini(&response);
	await_given_back();
	client_close(&client);
}

static void a_client_may_go_away(void **state)
{
	struct client client;

	kit.big = LARGE;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, SHARED);
	client_await(&client, 100000);
	assert_int_equal(kit.n_lent, 1);
	client_abort(&client);
	await_given_back();
}

static void the_server_may_close(void **state)
{
	struct client client;

	kit.big = LARGE;
	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, SHARED);
	client_await(&client, 1);
	assert_int_equal(kit.n_lent, 1);
	kit_close(&kit, 0);
	assert_int_equal(kit.n_lent, 0);
	client_close(&client);
}

static void who_has_gone_is_lent_nothing(void **state)
{
	struct client client;

	kit_start(&kit);
	client_connect(&client, &kit);
	client_send(&client, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	kit_await_count(&kit, &kit.n_held, 1);
	client_abort(&client);
	kit_close(&kit, 0);
	kit.n_held = 0; /* it is ours now */
	kit_respond_shared(&kit, kit.held[0]);
	assert_int_equal(kit.n_lent, 0);
}

static void faulty_life(void)
{
	static const char requests[] =
		SHARED "HEAD /shared HTTP/1.1\r\nHost: x\r\n\r\n" SHARED;
	struct client client;
	struct err err;

	kit.server = kit_new_server(&kit);
	if (!kit.server)
		return;
	if (http_server_listen(kit.server, slice_from("127.0.0.1:0"), &err) ==
	    0) {
		client_connect(&client, &kit);
		(void)client_send_bytes(&client, requests,
		                        sizeof(requests) - 1);
		/* what it reads, it would have to keep */
		(void)shutdown(client.fd, SHUT_WR);
		kit_await_connections(&kit, 0);
		(void)close(client.fd);
	}
	kit_close(&kit, 0);
	assert_int_equal(kit.n_lent, 0);
}

static void survives_lack_of_memory(void **state)
{
	size_t n;

	kit.log.emit = NULL;
	kit.big = 1000;
	faulty_life(); /* what the loop itself allocates once is there now */
	faults_count();
	faulty_life();
	n = faults_end();
	assert_true(n > 5);
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
		TEST(many_answers_share_it),
		TEST(head_is_told_the_length),
		TEST(a_slow_reader_gets_it_whole),
		TEST(a_client_may_go_away),
		TEST(the_server_may_close),
		TEST(who_has_gone_is_lent_nothing),
		TEST(survives_lack_of_memory),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
