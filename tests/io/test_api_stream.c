/* SPDX-License-Identifier: Apache-2.0 */
/* api: events as they happen, to readers of every kind. */
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "api_kit.h"

#define HEAD_END "\r\n\r\n"

static void note(struct api_kit *kit, enum journal_event event,
                 const char *subject, const char *reason)
{
	journal_add(&kit->journal, 1000, event, subject, "from", "to", reason,
	            "");
}

/* What has come must grow to hold @part. */
static void await(struct client *client, const char *part)
{
	uint64_t end = uv_hrtime() + LOOP_WAIT_MS * UINT64_C(1000000);

	while (!strstr(buf_text(&client->in), part)) {
		if (uv_hrtime() > end || client->ended || client->error)
			fail_msg("no %s in %s", part, buf_text(&client->in));
		client_pump(client, SIZE_MAX);
	}
}

static void open_stream(struct api_kit *kit, struct client *client,
                        const char *query, const char *header)
{
	struct buf request;

	buf_init(&request, 4096);
	(void)buf_printf(&request,
	                 "GET /api/v1/stream%s HTTP/1.1\r\nHost: x\r\n%s\r\n",
	                 query, header);
	api_kit_connect(kit, kit->addr, client);
	client_send(client, buf_text(&request));
	buf_fini(&request);
}

static void test_entries_as_they_come(void **state)
{
	struct api_kit kit;
	struct client all;
	struct client one;

	api_kit_init(&kit);
	note(&kit, JOURNAL_STATE, "a", "before");
	open_stream(&kit, &all, "", "");
	open_stream(&kit, &one, "?monitor=b%2Fc", "");
	await(&all, "\r\n:\n\n"); /* it has begun */
	await(&one, "\r\n:\n\n");
	assert_non_null(strstr(buf_text(&all.in),
	                       "Content-Type: text/event-stream\r\n"));
	assert_null(strstr(buf_text(&all.in), "before"));

	note(&kit, JOURNAL_STATE, "a", "moved");
	await(&all, "id: 2\nevent: state\ndata: {\"seq\":2,");
	await(&all, "\"monitor\":\"a\",\"from\":\"from\",\"to\":\"to\","
	            "\"reason\":\"moved\"}\n\n");
	note(&kit, JOURNAL_STEP, "b/c", "ended");
	await(&one, "id: 3\nevent: step\n");
	await(&all, "id: 3\nevent: step\n");
	assert_null(strstr(buf_text(&one.in), "moved"));
	client_close(&all);
	client_close(&one);
	api_kit_fini(&kit);
}

static void test_where_it_begins(void **state)
{
	struct api_kit kit;
	struct client client;

	api_kit_init(&kit);
	for (int i = 0; i < 5; i++)
		note(&kit, JOURNAL_DAEMON, "", "said");
	open_stream(&kit, &client, "?since=3", "");
	await(&client, "\nid: 4\nevent: daemon\n");
	await(&client, "id: 5\n");
	assert_null(strstr(buf_text(&client.in), "id: 3\n"));
	client_close(&client);

	/* what a client says that comes again counts more */
	open_stream(&kit, &client, "?since=1", "Last-Event-ID: 4\r\n");
	await(&client, "\nid: 5\n");
	assert_null(strstr(buf_text(&client.in), "id: 4\n"));
	client_close(&client);

	/* from before our start: all that there is */
	open_stream(&kit, &client, "?since=77", "");
	await(&client, "\nid: 1\n");
	client_close(&client);

	api_kit_ask(&kit, kit.addr,
	            "GET /api/v1/stream HTTP/1.1\r\nLast-Event-ID: x", "", 400,
	            "Last-Event-ID must be a number");
	api_kit_ask(&kit, kit.addr, "GET /api/v1/stream?since=x HTTP/1.1", "",
	            400, "since must be a number");
	api_kit_fini(&kit);
}

/* The journal holds ten entries here. */
static void test_slow_reader_is_told_of_the_gap(void **state)
{
	struct api_kit kit;
	struct client client;

	api_kit_init(&kit);
	open_stream(&kit, &client, "", "");
	await(&client, ":\n\n");
	for (int i = 0; i < 25; i++)
		note(&kit, JOURNAL_DAEMON, "", "said");
	await(&client, "event: gap\nid: 15\ndata: {\"from\":1,\"to\":15}\n\n");
	await(&client, "id: 16\nevent: daemon\n");
	await(&client, "id: 25\n");
	client_close(&client);
	api_kit_fini(&kit);
}

/* Nothing is kept for who reads nothing: one piece, and the kernel's part. */
static void test_reader_that_reads_nothing(void **state)
{
	char reason[64];
	struct api_kit kit;
	struct client client;

	api_kit_init(&kit);
	open_stream(&kit, &client, "", "");
	await(&client, ":\n\n");
	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	for (int i = 0; i < 20000; i++) {
		journal_add(&kit.journal, 1, JOURNAL_DAEMON, "", NULL, NULL,
		            "said", reason);
		if (i % 8 == 0)
			(void)uv_run(&kit.kit.loop.uv, UV_RUN_NOWAIT);
	}
	journal_add(&kit.journal, 1, JOURNAL_DAEMON, "", NULL, NULL, "last",
	            "");
	await(&client, "\"reason\":\"last\"");
	client_close(&client);
	api_kit_fini(&kit);
}

static void test_so_many_and_no_more(void **state)
{
	static struct client clients[API_MAX_STREAMS];
	struct api_kit kit;

	api_kit_init(&kit);
	for (size_t i = 0; i < API_MAX_STREAMS; i++) {
		open_stream(&kit, &clients[i], "", "");
		await(&clients[i], ":\n\n");
	}
	api_kit_ask(&kit, kit.addr, "GET /api/v1/stream HTTP/1.1", "", 503,
	            "too many streams");
	/* one that goes makes room, without a word being sent */
	client_close(&clients[0]);
	while (http_server_n_connections(kit.addr) >= API_MAX_STREAMS)
		test_loop_for(&kit.kit.loop, 5);
	open_stream(&kit, &clients[0], "", "");
	await(&clients[0], ":\n\n");
	for (size_t i = 0; i < API_MAX_STREAMS; i++)
		client_close(&clients[i]);
	api_kit_fini(&kit);
}

/* A whole answer: the client sees that it was not cut short. */
static void test_end_with_the_server(void **state)
{
	struct api_kit kit;
	struct client client;
	struct client old;

	api_kit_init(&kit);
	open_stream(&kit, &client, "", "");
	api_kit_connect(&kit, kit.addr, &old);
	client_send(&old, "GET /api/v1/stream HTTP/1.0\r\n\r\n");
	await(&client, ":\n\n");
	await(&old, HEAD_END ":\n\n");
	note(&kit, JOURNAL_DAEMON, "", "stopping");
	api_kit_begin_close(&kit);
	client_await_end(&client);
	client_await_end(&old);
	assert_non_null(strstr(buf_text(&client.in), "\"stopping\""));
	assert_non_null(strstr(buf_text(&client.in), "\r\n0\r\n\r\n"));
	assert_non_null(strstr(buf_text(&old.in), "\"stopping\""));
	client_close(&client);
	client_close(&old);
	api_kit_fini(&kit);
}

static void test_head_and_methods(void **state)
{
	struct api_kit kit;
	struct client client;

	api_kit_init(&kit);
	api_kit_connect(&kit, kit.addr, &client);
	client_send(&client, "HEAD /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n");
	client_await_end(&client);
	assert_non_null(strstr(buf_text(&client.in), "text/event-stream"));
	assert_null(strstr(buf_text(&client.in), ":\n\n"));
	client_close(&client);
	api_kit_fini(&kit);
}

/* --- sockets with rights ----------------------------------------------------- */

static void test_socket_rights(void **state)
{
	struct http_server_options options = { .unix_mode = 0660,
		                               .has_group = true };
	mode_t before = umask(0);
	struct http_server *server;
	struct kit kit;
	char path[108];
	char address[128];
	struct stat st;
	struct err err;

	kit_init(&kit);
	options.unix_group = (uint32_t)getegid();
	(void)test_loop_path(&kit.loop, "control", path);
	(void)snprintf(address, sizeof(address), "unix:%s", path);
	for (int i = 0; i < 2; i++) {
		kit.options = options;
		server = kit_new_server(&kit);
		assert_non_null(server);
		assert_int_equal(
			http_server_listen(server, slice_from(address), &err),
			0);
		assert_int_equal(stat(path, &st), 0);
		assert_true(S_ISSOCK(st.st_mode));
		assert_int_equal(st.st_mode & 07777, 0660);
		assert_int_equal(st.st_gid, getegid());
		kit.server = server;
		kit_close(&kit, 0);
		assert_int_equal(stat(path, &st), -1);
	}
	/* a group that we may not give: nothing is left behind */
	if (geteuid() != 0) {
		kit.options.unix_group = 0;
		server = kit_new_server(&kit);
		assert_non_null(server);
		assert_true(http_server_listen(server, slice_from(address),
		                               &err) < 0);
		assert_int_equal(stat(path, &st), -1);
		kit.server = server;
	}
	kit_fini(&kit);
	(void)umask(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_as_they_come),
		cmocka_unit_test(test_where_it_begins),
		cmocka_unit_test(test_slow_reader_is_told_of_the_gap),
		cmocka_unit_test(test_reader_that_reads_nothing),
		cmocka_unit_test(test_so_many_and_no_more),
		cmocka_unit_test(test_end_with_the_server),
		cmocka_unit_test(test_head_and_methods),
		cmocka_unit_test(test_socket_rights),
	};

	return cmocka_run_group_tests_name("api_stream", tests, NULL, NULL);
}
