/* SPDX-License-Identifier: Apache-2.0 */
/* notifier: receivers on good days and on bad ones. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"
#include "support/peer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "action/notifier.h"
#include "base/buf.h"
#include "io/http_client.h"

#define OK_ANSWER "HTTP/1.1 204 No Content\r\n\r\n"
#define ANSWER(status, headers, body, length)                        \
	"HTTP/1.1 " status "\r\n" headers "Content-Length: " #length \
	"\r\n\r\n" body

struct world {
	struct test_loop loop;
	struct test_peer peer;
	struct http_client *client;
	struct notifier *notifier;
	struct webhook webhook;
	char url[200];
	bool client_closed;
	bool notifier_closed;
};

struct sent {
	struct notifier_send *handle;
	enum notifier_result result;
	char words[NOTIFIER_WORDS_MAX];
	uint64_t at_ms;
	struct world *world;
	bool done;
};

static const struct notice notice = {
	.event = NOTICE_BOUNCED,
	.monitor = "web",
	.rule = "web",
	.container = "web-1",
	.image = "",
	.runtime = "docker",
	.host = "box",
	.reason = "container is unhealthy",
	.step = "restart",
	.result = "ok",
	.detail = "",
	.output = "",
	.exit_code = -1,
	.attempt = 1,
};

static void world_init(struct world *world)
{
	*world = (struct world){ 0 };
	test_loop_init(&world->loop);
	test_peer_listen(&world->peer, &world->loop.uv, "127.0.0.1", 0);
	world->client = http_client_new(&world->loop.uv, NULL);
	assert_non_null(world->client);
	world->notifier = notifier_new(&world->loop.uv, world->client, NULL, 1);
	assert_non_null(world->notifier);
	(void)snprintf(world->url, sizeof(world->url), "%s/hook?c={{ host }}",
	               world->peer.url);
	world->webhook = (struct webhook){ .url = world->url,
		                           .method = "POST",
		                           .max_tries = 3,
		                           .timeout_ms = 300 };
}

static void set_flag(void *context)
{
	*(bool *)context = true;
}

static void world_close(struct world *world, uint64_t grace_ms)
{
	notifier_close(world->notifier, grace_ms, set_flag,
	               &world->notifier_closed);
}

static void world_fini(struct world *world)
{
	if (world->notifier && !world->notifier_closed) {
		world_close(world, 0);
		test_loop_until(&world->loop, &world->notifier_closed);
	}
	http_client_close(world->client, set_flag, &world->client_closed);
	test_loop_until(&world->loop, &world->client_closed);
	test_peer_close(&world->peer);
	test_loop_fini(&world->loop);
}

static void on_sent(void *context, enum notifier_result result,
                    const char *words)
{
	struct sent *sent = context;

	assert_false(sent->done);
	sent->done = true;
	sent->result = result;
	sent->at_ms = uv_now(&sent->world->loop.uv);
	(void)snprintf(sent->words, sizeof(sent->words), "%s", words);
}

static void send_as(struct world *world, struct sent *sent, const char *name)
{
	*sent = (struct sent){ .world = world };
	sent->handle = notifier_send(world->notifier, name, &world->webhook,
	                             &notice, 0, on_sent, sent);
	assert_non_null(sent->handle);
	assert_false(sent->done);
}

static void expect(struct world *world, struct sent *sent,
                   enum notifier_result result, const char *words)
{
	test_loop_until(&world->loop, &sent->done);
	if (sent->result != result || !strstr(sent->words, words))
		fail_msg("%d: %s", sent->result, sent->words);
}

static void run(struct world *world, const struct peer_step *steps, size_t n,
                enum notifier_result result, const char *words)
{
	struct sent sent;

	test_peer_script(&world->peer, steps, n);
	send_as(world, &sent, "ops");
	expect(world, &sent, result, words);
	assert_int_equal(notifier_n_queued(world->notifier), 0);
}

/* --- tests -------------------------------------------------------------- */

static void test_sent(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(
		ANSWER("200 OK", "", "ok\n", 3)) };
	static const struct webhook_header headers[] = {
		{ "X-Title", "{{ container }}" },
	};
	struct world world;

	world_init(&world);
	world.webhook.preset = WEBHOOK_NTFY;
	world.webhook.headers = headers;
	world.webhook.n_headers = 1;
	run(&world, steps, 1, NOTIFIER_SENT, "HTTP 200: ok");
	assert_non_null(strstr(test_peer_received(&world.peer),
	                       "POST /hook?c=box HTTP/1.1\r\n"));
	assert_non_null(strstr(test_peer_received(&world.peer),
	                       "Title: box: web-1 bounced\r\n"));
	assert_non_null(
		strstr(test_peer_received(&world.peer), "X-Title: web-1\r\n"));
	assert_non_null(strstr(test_peer_received(&world.peer),
	                       "\r\n\r\nrestarted web-1: container is "
	                       "unhealthy (attempt 1)"));
	assert_null(strstr(test_peer_received(&world.peer), "Authorization"));
	assert_int_equal(notifier_n_results(world.notifier, NOTIFIER_SENT), 1);
	world_fini(&world);
}

static void test_tries_again(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS(ANSWER("500 Oops", "", "later", 5)),
		{ .then = PEER_CLOSE },
		PEER_SAYS(OK_ANSWER),
	};
	struct world world;

	world_init(&world);
	run(&world, steps, 3, NOTIFIER_SENT, "HTTP 204");
	assert_int_equal(world.peer.n_steps_done, 3);
	world_fini(&world);
}

static void test_gives_up(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS(ANSWER("503 Busy", "", "", 0)),
		PEER_SAYS(ANSWER("503 Busy", "", "over\x01quota", 10)),
		PEER_SAYS(OK_ANSWER), /* not asked for any more */
	};
	struct world world;

	world_init(&world);
	world.webhook.max_tries = 2;
	run(&world, steps, 3, NOTIFIER_FAILED,
	    "HTTP 503: over quota (2 tries)");
	assert_int_equal(world.peer.n_steps_done, 2);
	assert_int_equal(notifier_n_results(world.notifier, NOTIFIER_FAILED),
	                 1);
	world_fini(&world);
}

static void test_refused_for_good(void **state)
{
	static const struct {
		const char *answer;
		const char *words;
	} rows[] = {
		{ ANSWER("404 Not Found", "", "no_team", 7),
		  "HTTP 404: no_team" },
		{ ANSWER("400 Bad", "", "", 0), "HTTP 400" },
		{ ANSWER("302 Found", "Location: /\r\n", "", 0),
		  "HTTP 302, a redirect, which is not followed" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct peer_step step = PEER_SAYS(rows[i].answer);
		struct world world;

		world_init(&world);
		run(&world, &step, 1, NOTIFIER_REFUSED, rows[i].words);
		assert_int_equal(world.peer.n_steps_done, 1);
		world_fini(&world);
	}
}

static void test_hangs(void **state)
{
	static const struct peer_step steps[] = { { .then = PEER_KEEP },
		                                  PEER_SAYS(OK_ANSWER) };
	struct world world;

	world_init(&world);
	run(&world, steps, 2, NOTIFIER_SENT, "HTTP 204");
	world.webhook.max_tries = 1;
	run(&world, steps, 1, NOTIFIER_FAILED, "time");
	world_fini(&world);
}

static void test_retry_after(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS(ANSWER("429 Slow", "Retry-After: 2\r\n", "", 0)),
		PEER_SAYS(OK_ANSWER),
	};
	struct world world;
	uint64_t began_ms;
	struct sent sent;

	world_init(&world);
	test_peer_script(&world.peer, steps, 2);
	began_ms = uv_now(&world.loop.uv);
	send_as(&world, &sent, "ops");
	expect(&world, &sent, NOTIFIER_SENT, "HTTP 204");
	assert_true(sent.at_ms - began_ms >= 2000);
	world_fini(&world);
}

/* Nobody hears of the end before the beginning. */
static void test_in_order(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS(ANSWER("500 Oops", "", "", 0)),
		PEER_SAYS(OK_ANSWER),
		PEER_SAYS(OK_ANSWER),
	};
	struct world world;
	struct sent first;
	struct sent second;

	world_init(&world);
	test_peer_script(&world.peer, steps, 3);
	send_as(&world, &first, "ops");
	send_as(&world, &second, "ops");
	expect(&world, &second, NOTIFIER_SENT, "HTTP 204");
	assert_true(first.done && first.result == NOTIFIER_SENT);
	world_fini(&world);
}

/* One receiver hangs with all it may have in the queue; another is told. */
static void test_fair(void **state)
{
	static const struct peer_step ok[] = { PEER_SAYS(OK_ANSWER) };
	struct test_peer other;
	struct world world;
	struct sent dropped;
	struct sent sent;
	char url[200];

	world_init(&world);
	world.webhook.timeout_ms = 60000;
	for (int i = 0; i < NOTIFIER_QUEUE_MAX / 2; i++)
		assert_null(notifier_send(world.notifier, "hangs",
		                          &world.webhook, &notice, 0, NULL,
		                          NULL));
	send_as(&world, &dropped, "hangs");
	expect(&world, &dropped, NOTIFIER_DROPPED, "500 wait already");
	assert_int_equal(notifier_n_queued(world.notifier), 500);

	test_peer_listen(&other, &world.loop.uv, "127.0.0.1", 0);
	test_peer_script(&other, ok, 1);
	(void)snprintf(url, sizeof(url), "%s/", other.url);
	world.webhook.url = url;
	send_as(&world, &sent, "other");
	expect(&world, &sent, NOTIFIER_SENT, "HTTP 204");
	world_close(&world, 0);
	test_loop_until(&world.loop, &world.notifier_closed);
	test_peer_close(&other);
	world_fini(&world);
}

static void test_cancel(void **state)
{
	struct world world;
	struct sent running;
	struct sent waiting;

	world_init(&world);
	world.webhook.timeout_ms = 60000;
	send_as(&world, &running, "ops");
	send_as(&world, &waiting, "ops");
	while (world.peer.n_accepted == 0)
		(void)uv_run(&world.loop.uv, UV_RUN_ONCE);
	notifier_cancel(waiting.handle);
	notifier_cancel(waiting.handle);
	assert_false(waiting.done);
	expect(&world, &waiting, NOTIFIER_DROPPED, "cancelled while it waited");
	notifier_cancel(running.handle);
	assert_false(running.done);
	expect(&world, &running, NOTIFIER_DROPPED, "given up");
	assert_int_equal(notifier_n_queued(world.notifier), 0);
	world_fini(&world);
}

/* What is on its way still arrives; what cannot is dropped after the grace. */
static void test_close_while_sending(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_ANSWER),
		                                  { .then = PEER_KEEP } };
	struct world world;
	struct sent sent[3];

	world_init(&world);
	world.webhook.timeout_ms = 60000;
	test_peer_script(&world.peer, steps, 2);
	for (size_t i = 0; i < ARRAY_SIZE(sent); i++)
		send_as(&world, &sent[i], "ops");
	world_close(&world, 300);
	expect(&world, &sent[0], NOTIFIER_SENT, "HTTP 204");
	assert_false(world.notifier_closed);
	test_loop_until(&world.loop, &world.notifier_closed);
	for (size_t i = 1; i < ARRAY_SIZE(sent); i++)
		expect(&world, &sent[i], NOTIFIER_DROPPED, "");
	world_fini(&world);
}

static void test_closing_takes_no_more(void **state)
{
	struct world world;
	struct sent sent;

	world_init(&world);
	world_close(&world, 1000);
	send_as(&world, &sent, "ops");
	expect(&world, &sent, NOTIFIER_DROPPED, "before the end");
	test_loop_until(&world.loop, &world.notifier_closed);
	world_fini(&world);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static void test_token(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_ANSWER),
		                                  PEER_SAYS(OK_ANSWER) };
	struct world world;
	struct sent sent;
	char path[108];

	world_init(&world);
	world.webhook.token_file = test_loop_path(&world.loop, "token", path);
	world.webhook.max_tries = 1;
	run(&world, NULL, 0, NOTIFIER_FAILED, "token");
	write_file(path, " \n");
	run(&world, NULL, 0, NOTIFIER_FAILED, "holds no token");
	assert_int_equal(world.peer.n_accepted, 0);

	test_peer_script(&world.peer, steps, 2);
	write_file(path, "one\ntwo\n");
	send_as(&world, &sent, "ops");
	expect(&world, &sent, NOTIFIER_SENT, "");
	assert_non_null(strstr(test_peer_received(&world.peer),
	                       "Authorization: Bearer one\r\n"));
	/* read anew each time */
	write_file(path, "three");
	send_as(&world, &sent, "ops");
	expect(&world, &sent, NOTIFIER_SENT, "");
	assert_non_null(strstr(test_peer_received(&world.peer),
	                       "Authorization: Bearer three\r\n"));
	assert_int_equal(unlink(path), 0);
	world_fini(&world);
}

static void test_unrenderable(void **state)
{
	char body[400] = "";
	char huge[5000];
	struct notice long_one = notice;
	struct world world;
	struct sent sent;

	world_init(&world);
	world.webhook.url = "http://a b/";
	send_as(&world, &sent, "ops");
	expect(&world, &sent, NOTIFIER_FAILED, "");
	assert_true(sent.words[0]);

	for (int i = 0; i < 20; i++)
		(void)snprintf(body + strlen(body), sizeof(body) - strlen(body),
		               "{{ output }}");
	memset(huge, '\x01', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	long_one.output = huge;
	world.webhook.url = world.url;
	world.webhook.body = body;
	sent = (struct sent){ .world = &world };
	assert_non_null(notifier_send(world.notifier, "ops", &world.webhook,
	                              &long_one, 0, on_sent, &sent));
	expect(&world, &sent, NOTIFIER_FAILED, "too long");
	world_fini(&world);
}

static void until_told(struct world *world, const struct sent *sent)
{
	if (sent->handle)
		test_loop_until(&world->loop, &sent->done);
	if (world->notifier) {
		world_close(world, 0);
		test_loop_until(&world->loop, &world->notifier_closed);
	}
	if (world->client) {
		http_client_close(world->client, set_flag,
		                  &world->client_closed);
		test_loop_until(&world->loop, &world->client_closed);
	}
	test_peer_hang_up(&world->peer);
	test_loop_for(&world->loop, LOOP_TICK_MS);
}

/* The @kth allocation fails (0: none): a result comes all the same, or there
 * was no memory even for one. Returns how many there were. */
static size_t with_fault(size_t kth)
{
	static const struct peer_step steps[] = { PEER_SAYS_THEN(OK_ANSWER,
		                                                 PEER_CLOSE) };
	struct world world = { .webhook = { .method = "POST",
		                            .preset = WEBHOOK_NTFY,
		                            .max_tries = 1 } };
	struct sent sent = { .world = &world };
	size_t n;

	test_loop_init(&world.loop);
	test_peer_listen(&world.peer, &world.loop.uv, "127.0.0.1", 0);
	test_peer_script(&world.peer, steps, 1);
	world.webhook.url = world.peer.url;
	if (kth)
		faults_fail(kth);
	else
		faults_count();
	world.client = http_client_new(&world.loop.uv, NULL);
	if (world.client)
		world.notifier =
			notifier_new(&world.loop.uv, world.client, NULL, 1);
	if (world.notifier)
		sent.handle =
			notifier_send(world.notifier, "ops", &world.webhook,
		                      &notice, 0, on_sent, &sent);
	until_told(&world, &sent);
	n = faults_end();
	if (kth == 0)
		assert_true(sent.done && sent.result == NOTIFIER_SENT);
	if (sent.done && sent.result != NOTIFIER_SENT)
		assert_true(sent.words[0]);
	test_peer_close(&world.peer);
	test_loop_fini(&world.loop);
	return n;
}

static void test_allocation_faults(void **state)
{
	size_t n = with_fault(0);

	assert_in_range(n, 10, 1000);
	for (size_t k = 1; k <= n; k++)
		(void)with_fault(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sent),
		cmocka_unit_test(test_tries_again),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_refused_for_good),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_fair),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_close_while_sending),
		cmocka_unit_test(test_closing_takes_no_more),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_unrenderable),
		cmocka_unit_test(test_allocation_faults),
	};

	faults_install();
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("notifier", tests, NULL, NULL);
}
