/* SPDX-License-Identifier: Apache-2.0 */
/* The websocket client against a peer that follows a script: what it makes of
 * frames however they are cut, how it ends, and without memory. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/peer.h"
#include "support/scripted.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "base/macros.h"
#include "io/websocket.h"

#define ASKED "GET /events?type=a"
/* "one", then "two" in three pieces around a ping, one in bytes, goodbye */
#define TALK                                                     \
	"%81%03one%01%02tw%89%02hi%00%00%80%01o%82%04%00%01%02x" \
	"%88%02%03%E9"
#define TALK_HEARD "one|two|%00%01%02x|"

struct fixture {
	struct test_loop loop;
	struct scripted daemon;
	struct websocket websocket;
	bool opened;
	bool closed;
	int n_opened;
	int n_closed;
	int n_messages;
	int close_at; /* message number at which it is closed; -1: when open */
	char heard[512];
};

static struct fixture *fixture_of(struct websocket *websocket)
{
	return container_of(websocket, struct fixture, websocket);
}

static void on_opened(struct websocket *websocket)
{
	struct fixture *fixture = fixture_of(websocket);

	fixture->opened = true;
	fixture->n_opened++;
	if (fixture->close_at == -1)
		websocket_close(websocket);
}

static void on_message(struct websocket *websocket, struct slice text)
{
	struct fixture *fixture = fixture_of(websocket);
	char *out = fixture->heard + strlen(fixture->heard);
	char *end = fixture->heard + sizeof(fixture->heard);

	assert_true(fixture->opened && !fixture->closed);
	for (size_t i = 0; i < text.n && end - out > 8; i++)
		out += snprintf(out, (size_t)(end - out),
		                text.p[i] >= ' ' ? "%c" : "%%%02X",
		                (unsigned char)text.p[i]);
	(void)snprintf(out, (size_t)(end - out), "|");
	if (++fixture->n_messages == fixture->close_at)
		websocket_close(websocket);
}

static void on_closed(struct websocket *websocket)
{
	struct fixture *fixture = fixture_of(websocket);

	fixture->closed = true;
	fixture->n_closed++;
}

static void aim(struct fixture *fixture, const char *url)
{
	fixture->websocket = (struct websocket){
		.target = slice_from("/events?type=a"),
		.opened = on_opened,
		.message = on_message,
		.closed = on_closed,
	};
	assert_int_equal(
		url_parse(slice_from(url), 80, &fixture->websocket.url, NULL),
		0);
	fixture->opened = fixture->closed = false;
	fixture->n_opened = fixture->n_closed = fixture->n_messages = 0;
	fixture->heard[0] = '\0';
}

static void fixture_begin(struct fixture *fixture,
                          const struct scripted_row *rows)
{
	*fixture = (struct fixture){ 0 };
	test_loop_init(&fixture->loop);
	scripted_open(&fixture->daemon, &fixture->loop, "peer.sock", rows);
	aim(fixture, fixture->daemon.path);
}

static void fixture_end(struct fixture *fixture)
{
	scripted_close(&fixture->daemon);
	test_loop_fini(&fixture->loop);
	scripted_done(&fixture->daemon);
}

static void start(struct fixture *fixture)
{
	assert_int_equal(websocket_open(&fixture->websocket, &fixture->loop.uv),
	                 0);
	assert_false(fixture->closed);
}

static void run(struct fixture *fixture)
{
	start(fixture);
	test_loop_until(&fixture->loop, &fixture->closed);
	assert_int_equal(fixture->n_closed, 1);
	assert_true(fixture->websocket.err.code != 0);
}

static void expect(const struct fixture *fixture, int code, const char *words)
{
	const struct err *err = &fixture->websocket.err;

	if (err->code != code || !strstr(err->message, words))
		fail_msg("%d %s, not %d %s", err->code, err->message, code,
		         words);
}

/* A talk that is one row of a script. */
static void talk(struct fixture *fixture, uint16_t status, const char *reply)
{
	const struct scripted_row rows[] = { { ASKED, NULL, status, reply },
		                             { 0 } };

	fixture_begin(fixture, rows);
	run(fixture);
	fixture_end(fixture);
}

/* --- frames ------------------------------------------------------------- */

static void test_every_cut(void **state)
{
	static const struct scripted_row rows[] = {
		{ ASKED, NULL, SCRIPTED_WEBSOCKET, TALK },
		{ 0 },
	};

	for (size_t piece = 0; piece < 200; piece += 1 + piece / 40) {
		struct fixture fixture;

		fixture_begin(&fixture, rows);
		fixture.daemon.piece = piece;
		run(&fixture);
		expect(&fixture, UV_EOF, "closed by the peer (code 1001)");
		assert_string_equal(fixture.heard, TALK_HEARD);
		assert_int_equal(fixture.n_opened, 1);
		assert_int_equal(fixture.websocket.status, 101);
		/* the same goodbye; a pong would come too late before it */
		test_loop_for(&fixture.loop, 1);
		assert_non_null(strstr(fixture.daemon.frames, "8:%03%E9 "));
		fixture_end(&fixture);
	}
}

static void test_later_messages(void **state)
{
	static const struct scripted_row rows[] = {
		{ ASKED, NULL, SCRIPTED_WEBSOCKET, NULL },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, rows);
	start(&fixture);
	test_loop_until(&fixture.loop, &fixture.opened);
	assert_string_equal(fixture.heard, "");
	scripted_say(&fixture.daemon, "%81%01a%81%01");
	scripted_say(&fixture.daemon, "b");
	while (fixture.n_messages < 2)
		(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
	assert_string_equal(fixture.heard, "a|b|");
	scripted_say(&fixture.daemon, "%89%04what%89%00");
	while (!strstr(fixture.daemon.frames, "A: "))
		(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
	assert_string_equal(fixture.daemon.frames, "A:what A: ");
	scripted_hang_up(&fixture.daemon);
	test_loop_until(&fixture.loop, &fixture.closed);
	expect(&fixture, UV_EOF, "connection lost");
	fixture_end(&fixture);
}

static void test_too_large(void **state)
{
	static const char *const talks[] = {
		"%81%05fives",
		"%81%7E%40%00x",                   /* 16 KiB are announced */
		"%81%7F%00%00%00%10%00%00%00%00x", /* 64 GiB */
		"%01%02ab%00%02cd%80%01e",         /* in pieces */
		"%01%04abcd%80%7E%FF%FFx",
	};

	for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
		const struct scripted_row rows[] = {
			{ ASKED, NULL, SCRIPTED_WEBSOCKET, talks[i] },
			{ 0 },
		};
		struct fixture fixture;

		fixture_begin(&fixture, rows);
		fixture.websocket.max_message = 4;
		run(&fixture);
		expect(&fixture, -E2BIG, "more than 4 bytes");
		assert_string_equal(fixture.heard, "");
		test_loop_for(&fixture.loop, 1);
		/* 1009 */
		assert_non_null(strstr(fixture.daemon.frames, "8:%03%F1"));
		fixture_end(&fixture);
	}
}

static void test_largest(void **state)
{
	struct fixture fixture;
	const struct scripted_row rows[] = {
		{ ASKED, NULL, SCRIPTED_WEBSOCKET, "%81%04four%88%00" },
		{ 0 },
	};

	fixture_begin(&fixture, rows);
	fixture.websocket.max_message = 4;
	run(&fixture);
	expect(&fixture, UV_EOF, "closed by the peer");
	assert_string_equal(fixture.heard, "four|");
	fixture_end(&fixture);
}

static void test_broken_rules(void **state)
{
	static const struct {
		const char *reply;
		const char *words;
	} rows[] = {
		{ "%81%81aaaab", "not a websocket's frame" }, /* masked */
		{ "%C1%01a", "not a websocket's frame" },     /* compressed */
		{ "%83%01a", "not a websocket's frame" },     /* no such kind */
		{ "%80%01a", "not a websocket's frame" }, /* nothing to go on */
		{ "%01%01a%81%01b", "not a websocket's frame" },
		{ "%09%01a", "not a websocket's frame" }, /* a ping in pieces */
		{ "%89%7E%00%80", "not a websocket's frame" }, /* a long one */
		{ "%81%02%C3%28", "not UTF-8" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;

		talk(&fixture, SCRIPTED_WEBSOCKET, rows[i].reply);
		expect(&fixture, -EPROTO, rows[i].words);
		assert_string_equal(fixture.heard, "");
	}
}

#define PINGS 100
#define PING  (6 + 125) /* as written in a script */

/* A peer that asks and never reads must not fill our memory. */
static void test_flood_of_pings(void **state)
{
	static const struct scripted_row rows[] = {
		{ ASKED, NULL, SCRIPTED_WEBSOCKET, "" },
		{ 0 },
	};
	struct fixture fixture;
	char pings[PINGS * PING + 1];

	memset(pings, 'p', sizeof(pings));
	for (size_t i = 0; i < PINGS; i++)
		memcpy(pings + i * PING, "%89%7D", 6);
	pings[PINGS * PING] = '\0';
	fixture_begin(&fixture, rows);
	fixture.daemon.deaf = true;
	start(&fixture);
	test_loop_until(&fixture.loop, &fixture.opened);
	for (int i = 0; i < 1000 && !fixture.closed; i++) {
		scripted_say(&fixture.daemon, pings);
		(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
	}
	assert_true(fixture.closed);
	expect(&fixture, -EPROTO, "does not read");
	fixture_end(&fixture);
}

/* --- the handshake ------------------------------------------------------ */

#define SWITCHED                                   \
	"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n" \
	"Connection: Upgrade\r\n"

static void test_answers(void **state)
{
	static const struct {
		uint16_t status;
		const char *reply;
		int code;
		const char *words;
	} rows[] = {
		{ 403, "{}", -EPROTO, "HTTP 403 Forbidden" },
		{ 200, "{}", -EPROTO, "HTTP 200 OK" },
		{ SCRIPTED_BYTES,
		  SWITCHED "Sec-WebSocket-Accept: bm8=\r\n\r\n%81%01a", -EPROTO,
		  "Sec-WebSocket-Accept" },
		{ SCRIPTED_BYTES, SWITCHED "\r\n", -EPROTO,
		  "Sec-WebSocket-Accept" },
		{ SCRIPTED_BYTES, "SSH-2.0-x\r\n", -EPROTO, "head: " },
		{ SCRIPTED_BYTES_CLOSE, "HTTP/1.1 1", UV_EOF,
		  "without an answer" },
		{ SCRIPTED_CLOSE, NULL, UV_EOF, "without an answer" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;

		talk(&fixture, rows[i].status, rows[i].reply);
		expect(&fixture, rows[i].code, rows[i].words);
		assert_int_equal(fixture.n_opened, 0);
		/* the message names the peer */
		assert_non_null(
			strstr(fixture.websocket.err.message, "peer.sock: "));
	}
}

static void test_silent_server(void **state)
{
	static const struct scripted_row rows[] = {
		{ ASKED, NULL, SCRIPTED_HANG, NULL },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, rows);
	fixture.websocket.open_ms = 30;
	run(&fixture);
	expect(&fixture, UV_ETIMEDOUT, "head: ");
	fixture_end(&fixture);
}

static void test_request_over_tcp(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS(SWITCHED "Sec-WebSocket-Accept: bm8=\r\n\r\n"),
	};
	struct fixture fixture = { 0 };
	struct test_peer peer;
	char host[64];

	test_loop_init(&fixture.loop);
	test_peer_listen(&peer, &fixture.loop.uv, "127.0.0.1", 0);
	test_peer_script(&peer, steps, 1);
	aim(&fixture, peer.url);
	run(&fixture);
	expect(&fixture, -EPROTO, "Sec-WebSocket-Accept");
	(void)snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n",
	               peer.port);
	assert_non_null(strstr(test_peer_received(&peer), host));
	assert_non_null(strstr(test_peer_received(&peer),
	                       "\r\nUpgrade: websocket\r\n"));
	assert_non_null(strstr(test_peer_received(&peer),
	                       "\r\nSec-WebSocket-Version: 13\r\n"));
	test_peer_close(&peer);

	/* nobody is there now; of localhost's two addresses, at neither */
	aim(&fixture, peer.url);
	run(&fixture);
	expect(&fixture, UV_ECONNREFUSED, "connect: ");
	(void)snprintf(host, sizeof(host), "http://localhost:%u", peer.port);
	aim(&fixture, host);
	run(&fixture);
	expect(&fixture, UV_ECONNREFUSED, "connect: ");
	test_loop_fini(&fixture.loop);
}

static void test_second_address(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"),
	};
	struct fixture fixture = { 0 };
	struct test_peer peer;
	char url[64];

	test_loop_init(&fixture.loop);
	/* one of the two that `localhost` has, whichever comes first */
	test_peer_listen(&peer, &fixture.loop.uv, "127.0.0.1", 0);
	test_peer_script(&peer, steps, 1);
	(void)snprintf(url, sizeof(url), "http://localhost:%u", peer.port);
	aim(&fixture, url);
	run(&fixture);
	expect(&fixture, -EPROTO, "HTTP 404");
	test_peer_close(&peer);
	test_loop_fini(&fixture.loop);
}

static void test_no_way_there(void **state)
{
	struct fixture fixture = { 0 };

	test_loop_init(&fixture.loop);
	aim(&fixture, "unix:/nonexistent/socket");
	run(&fixture);
	expect(&fixture, UV_ENOENT, "connect: ");

	aim(&fixture, "http://127.0.0.1:1");
	fixture.websocket.target = slice_from("not a target");
	assert_int_equal(websocket_open(&fixture.websocket, &fixture.loop.uv),
	                 -EINVAL);
	assert_string_not_equal(fixture.websocket.err.message, "");
	test_loop_fini(&fixture.loop);
}

/* --- the end ------------------------------------------------------------ */

static void test_close(void **state)
{
	static const struct scripted_row rows[] = {
		{ ASKED, NULL, SCRIPTED_WEBSOCKET, TALK },
		{ 0 },
	};
	static const struct {
		int close_at;
		const char *heard;
	} cases[] = { { -1, "" }, { 1, "one|" }, { 2, "one|two|" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture fixture;

		fixture_begin(&fixture, rows);
		fixture.close_at = cases[i].close_at;
		run(&fixture);
		expect(&fixture, UV_ECANCELED, "closed");
		assert_string_equal(fixture.heard, cases[i].heard);
		test_loop_for(&fixture.loop, 1);
		assert_non_null(strstr(fixture.daemon.frames, "8:%03%E8"));
		fixture_end(&fixture);
	}
}

static void test_close_of_a_deaf_peer(void **state)
{
	static const struct scripted_row rows[] = {
		{ ASKED, NULL, SCRIPTED_WEBSOCKET, NULL },
		{ 0 },
	};
	struct fixture fixture;
	uint64_t begun_ms;

	fixture_begin(&fixture, rows);
	fixture.daemon.deaf = true;
	start(&fixture);
	test_loop_until(&fixture.loop, &fixture.opened);
	begun_ms = uv_now(&fixture.loop.uv);
	websocket_close(&fixture.websocket);
	websocket_close(&fixture.websocket);
	test_loop_until(&fixture.loop, &fixture.closed);
	assert_true(uv_now(&fixture.loop.uv) - begun_ms >= WEBSOCKET_CLOSE_MS);
	expect(&fixture, UV_ECANCELED, "closed");
	fixture_end(&fixture);
}

static void test_silence(void **state)
{
	static const struct scripted_row rows[] = {
		{ ASKED, NULL, SCRIPTED_WEBSOCKET, NULL },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, rows);
	fixture.websocket.idle_ms = 20;
	start(&fixture);
	while (!strstr(fixture.daemon.frames, "9: "))
		(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
	/* an answer is a sign of life; then another ping, without one */
	scripted_say(&fixture.daemon, "%8A%00");
	test_loop_until(&fixture.loop, &fixture.closed);
	expect(&fixture, UV_ETIMEDOUT, "nothing was heard");
	assert_non_null(strstr(fixture.daemon.frames, "9: 9: "));
	fixture_end(&fixture);
}

static void test_close_at_every_turn(void **state)
{
	static const struct scripted_row rows[] = {
		{ ASKED, NULL, SCRIPTED_WEBSOCKET, TALK },
		{ 0 },
	};
	bool finished = false;

	for (int turns = 0; !finished; turns++) {
		struct fixture fixture;

		fixture_begin(&fixture, rows);
		fixture.daemon.piece = 7;
		fixture.daemon.any_order = true;
		start(&fixture);
		for (int t = 0; t < turns && !fixture.closed; t++)
			(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
		finished = fixture.closed;
		if (!finished)
			websocket_close(&fixture.websocket);
		test_loop_until(&fixture.loop, &fixture.closed);
		assert_int_equal(fixture.n_closed, 1);
		fixture.daemon.all_asked = true;
		fixture_end(&fixture);
		assert_true(turns < 1000);
	}
}

static void faulty_run(struct fixture *fixture)
{
	aim(fixture, fixture->daemon.path);
	if (websocket_open(&fixture->websocket, &fixture->loop.uv) < 0) {
		assert_string_not_equal(fixture->websocket.err.message, "");
		return;
	}
	test_loop_until(&fixture->loop, &fixture->closed);
	assert_int_equal(fixture->n_closed, 1);
	assert_string_not_equal(fixture->websocket.err.message, "");
	while (!list_empty(&fixture->daemon.connections))
		(void)uv_run(&fixture->loop.uv, UV_RUN_ONCE);
}

static void test_no_memory(void **state)
{
	static const struct scripted_row rows[] = {
		{ ASKED, NULL, SCRIPTED_WEBSOCKET, TALK },
		{ 0 },
	};
	struct fixture fixture;
	size_t n;

	fixture_begin(&fixture, rows);
	fixture.daemon.any_order = true;
	faulty_run(&fixture);

	faults_count();
	faulty_run(&fixture);
	assert_string_equal(fixture.heard, TALK_HEARD);
	n = faults_end();
	assert_true(n >= 6);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		faulty_run(&fixture);
		(void)faults_end();
	}
	fixture.daemon.all_asked = true;
	fixture_end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_later_messages),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_broken_rules),
		cmocka_unit_test(test_flood_of_pings),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_silent_server),
		cmocka_unit_test(test_request_over_tcp),
		cmocka_unit_test(test_second_address),
		cmocka_unit_test(test_no_way_there),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_close_of_a_deaf_peer),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_close_at_every_turn),
		cmocka_unit_test(test_no_memory),
	};

	/* as the program does: libuv writes to sockets that have closed */
	(void)signal(SIGPIPE, SIG_IGN);
	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
