/* SPDX-License-Identifier: Apache-2.0 */
/* worker: once, with each allocation failing in turn: it ends, nothing is
 * lost, and no file is half of anything. What it does beside real daemons is
 * in tests/integration. */
#include "registry/worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "io/atomic_file.h"
#include "io/http_client.h"
#include "registry/worker/fetch.h"
#include "registry/worker/life.h"
#include "registry/worker/rules.h"
#include "registry/worker/wanted.h"
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"
#include "support/peer.h"

#define ANSWER(body, length)                                             \
	PEER_SAYS("HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r" \
	          "\n" body)
#define WANTED                                                          \
	"{\"revision\":7,\"id\":\"7.a\",\"shard\":\"t\",\"documents\":" \
	"{\"targets\":{\"etag\":\"\\\"x\\\"\",\"path\":\"/t\"},"        \
	"\"rules\":{\"etag\":\"\\\"y\\\"\",\"path\":\"/r\"}}}"
#define HEARD PEER_SAYS("HTTP/1.1 204 No Content\r\n\r\n")
#define OLD   "old\n"

struct world {
	struct test_loop loop;
	struct test_peer registry;
	struct test_peer prometheus;
	struct http_client *client;
	struct worker *worker;
	char targets[108];
	char rules[108];
	struct err err; /* of the end */
	bool finished;
	bool worker_closed;
	bool client_closed;
};

static void on_finished(void *context, const struct err *err)
{
	struct world *world = context;

	world->err = *err;
	world->finished = true;
}

static void set_flag(void *context)
{
	*(bool *)context = true;
}

static void on_poll_closed(uv_handle_t *handle)
{
	*(bool *)handle->data = true;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)poll;
	(void)status;
	(void)events;
}

/* libuv ends the program if the table of its watchers cannot grow: it is made
 * large enough beforehand. */
static void widen(uv_loop_t *loop)
{
	bool closed = false;
	uv_poll_t poll;
	int fds[2];
	int high;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	high = fcntl(fds[0], F_DUPFD_CLOEXEC, 200);
	assert_true(high >= 0);
	assert_int_equal(uv_poll_init(loop, &poll, high), 0);
	assert_int_equal(uv_poll_start(&poll, UV_READABLE, on_poll), 0);
	poll.data = &closed;
	uv_close((uv_handle_t *)&poll, on_poll_closed);
	while (!closed)
		(void)uv_run(loop, UV_RUN_ONCE);
	(void)close(high);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void open_world(struct world *world, const struct peer_step *steps,
                       size_t n)
{
	static const struct peer_step loads[] = {
		HEARD,
		ANSWER("prometheus_config_last_reload_successful 1\n", 43),
		HEARD,
		HEARD,
	};

	*world = (struct world){ .finished = false };
	test_loop_init(&world->loop);
	widen(&world->loop.uv);
	test_peer_listen(&world->registry, &world->loop.uv, "127.0.0.1", 0);
	test_peer_listen(&world->prometheus, &world->loop.uv, "127.0.0.1", 0);
	test_peer_script(&world->registry, steps, n);
	test_peer_script(&world->prometheus, loads, ARRAY_SIZE(loads));
	(void)test_loop_path(&world->loop, "targets.json", world->targets);
	(void)test_loop_path(&world->loop, "rules.yml", world->rules);
}

static void close_world(struct world *world)
{
	if (world->worker) {
		worker_close(world->worker, set_flag, &world->worker_closed);
		test_loop_until(&world->loop, &world->worker_closed);
	}
	if (world->client) {
		http_client_close(world->client, set_flag,
		                  &world->client_closed);
		test_loop_until(&world->loop, &world->client_closed);
	}
}

static int run_once(struct world *world, bool targets)
{
	struct worker_options options = {
		.loop = &world->loop.uv,
		.seed = 1,
		.server = "p:9090",
		.registry = world->registry.url,
		.prometheus = world->prometheus.url,
		.targets = targets ? world->targets : NULL,
		.rules = targets ? NULL : world->rules,
		.mode = 0600,
		.once = true,
		.finished = on_finished,
		.context = world,
	};
	struct err err = { 0 };
	int r = -ENOMEM;

	world->client = http_client_new(&world->loop.uv, NULL);
	options.client = world->client;
	if (world->client)
		r = worker_open(&options, &world->worker, &err);
	if (r == 0)
		test_loop_until(&world->loop, &world->finished);
	return r;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static bool file_is(const char *path, const char *text)
{
	struct buf content;
	bool is;

	is = atomic_file_read(path, 4096, &content, NULL) == 0 &&
	     slice_is(buf_slice(&content), text);
	buf_fini(&content);
	return is;
}

static size_t scenario(bool targets, size_t kth)
{
	static const char rules[] = "groups: []\n";
	const struct peer_step steps[] = {
		PEER_SAYS("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
		          "\r\n7f\r\n" WANTED "\r\n0\r\n\r\n"),
		targets ? (struct peer_step)ANSWER("[]", 2)
			: (struct peer_step)ANSWER("groups: []\n", 11),
		HEARD,
		HEARD,
		HEARD,
		HEARD,
	};
	const char *text = targets ? "[]" : rules;
	struct world world;
	const char *path;
	bool good;
	size_t n;
	int r;

	assert_int_equal(strlen(WANTED), 0x7f);
	open_world(&world, steps, ARRAY_SIZE(steps));
	path = targets ? world.targets : world.rules;
	write_file(path, OLD);
	if (kth)
		faults_fail(kth);
	else
		faults_count();
	r = run_once(&world, targets);
	close_world(&world);
	n = faults_end();
	good = r == 0 && world.finished && world.err.code == 0;
	if (kth == 0 && !good)
		fail_msg("%s", world.err.message);
	assert_true(r == 0 || r == -ENOMEM);
	assert_true(!good || file_is(path, text));
	assert_true(file_is(path, text) || file_is(path, OLD));
	test_peer_close(&world.registry);
	test_peer_close(&world.prometheus);
	(void)unlink(world.targets);
	(void)unlink(world.rules);
	test_loop_fini(&world.loop);
	return n;
}

static void targets_without_memory(void **state)
{
	size_t n;

	(void)state;
	(void)scenario(true, 0); /* libuv's pool is there now */
	n = scenario(true, 0);
	for (size_t k = 1; k <= n; k++)
		(void)scenario(true, k);
}

static void rules_without_memory(void **state)
{
	size_t n = scenario(false, 0);

	(void)state;
	for (size_t k = 1; k <= n; k++)
		(void)scenario(false, k);
}

/* --- rules ----------------------------------------------------------------- */

struct rules_world {
	struct world world;
	struct life life;
	struct link prometheus;
	struct rng rng;
	struct log log;
	struct rules rules;
	bool done;
	bool ended;
	char good[108];
};

static void on_rules_done(void *context, const struct err *err)
{
	struct rules_world *it = context;

	assert_int_equal(err->code, 0);
	it->done = true;
}

static void on_rules_changed(void *context)
{
	(void)context;
}

static void open_rules(struct rules_world *it)
{
	struct err err;

	open_world(&it->world, NULL, 0);
	it->life.ended = set_flag;
	it->life.context = &it->ended;
	it->world.client = http_client_new(&it->world.loop.uv, NULL);
	assert_non_null(it->world.client);
	it->prometheus = (struct link){ .client = it->world.client,
		                        .life = &it->life,
		                        .name = "Prometheus" };
	assert_int_equal(url_parse(slice_from(it->world.prometheus.url), 80,
	                           &it->prometheus.url, &err),
	                 0);
	it->rules.log = &it->log;
	it->rules.rng = &it->rng;
	it->rules.prometheus = &it->prometheus;
	it->rules.done = on_rules_done;
	it->rules.changed = on_rules_changed;
	it->rules.context = it;
	assert_int_equal(rules_open(&it->rules, &it->world.loop.uv,
	                            it->world.rules, 0600, &err),
	                 0);
	(void)test_loop_path(&it->world.loop, "rules.yml.good", it->good);
}

static void close_rules(struct rules_world *it)
{
	it->life.closing = true;
	rules_close(&it->rules);
	test_loop_until(&it->world.loop, &it->ended);
	rules_fini(&it->rules);
	close_world(&it->world);
	test_peer_close(&it->world.registry);
	test_peer_close(&it->world.prometheus);
	(void)unlink(it->world.rules);
	(void)unlink(it->good);
	test_loop_fini(&it->world.loop);
}

static void put_good(struct rules_world *it, const char *text)
{
	struct buf content;

	buf_init(&content, 4096);
	assert_int_equal(buf_puts(&content, text), 0);
	it->done = false;
	rules_put(&it->rules, &content);
	if (!it->done)
		test_loop_until(&it->world.loop, &it->done);
	assert_int_equal(it->rules.err.code, 0);
	assert_int_equal(it->rules.loaded, LOADED_YES);
}

static void until_kept(struct rules_world *it)
{
	unsigned n_left = LOOP_WAIT_MS / LOOP_TICK_MS;

	while (it->rules.good_file.busy && n_left-- > 0)
		test_loop_for(&it->world.loop, 1);
	assert_false(it->rules.good_file.busy);
}

/* The file of the good ones is slow: what became good meanwhile is known at
 * once, and is what is in the file in the end. */
static void good_while_good_are_written(void **state)
{
	static const struct peer_step loads[] = { HEARD, HEARD, HEARD, HEARD };
	struct rules_world it = { .done = false };

	(void)state;
	open_rules(&it);
	test_peer_script(&it.world.prometheus, loads, ARRAY_SIZE(loads));
	put_good(&it, "groups: [] # one\n");
	until_kept(&it);
	assert_true(file_is(it.good, "groups: [] # one\n"));
	it.rules.good_file.busy = true;
	put_good(&it, "groups: [] # two\n");
	assert_true(slice_is(buf_slice(&it.rules.good), "groups: [] # two\n"));
	assert_true(file_is(it.good, "groups: [] # one\n"));
	it.rules.good_file.busy = false;
	it.rules.good_file.done(&it.rules.good_file);
	until_kept(&it);
	assert_true(file_is(it.good, "groups: [] # two\n"));
	close_rules(&it);
}

/* --- documents --------------------------------------------------------------- */

#define JSON_PAGE                                                   \
	"HTTP/1.1 200 OK\r\nContent-Length: 999\r\nETag: \"x\"\r\n" \
	"\r\n"

struct fetch_world {
	struct world world;
	struct life life;
	struct link registry;
	struct rng rng;
	struct fetch fetch;
	unsigned n_fetched;
	bool settled;
	bool ended;
};

static void on_fetched(void *context, struct buf *body)
{
	static const struct err none;
	struct fetch_world *it = context;

	assert_true(slice_is(buf_slice(body), "[]"));
	it->n_fetched++;
	fetch_done(&it->fetch, &none);
}

static void on_settled(void *context, struct fetch *fetch)
{
	struct fetch_world *it = context;

	(void)fetch;
	it->settled = true;
}

static void open_fetch(struct fetch_world *it, enum document_kind kind,
                       const struct peer_step *steps, size_t n)
{
	struct err err;

	*it = (struct fetch_world){ .settled = false };
	open_world(&it->world, steps, n);
	it->life.ended = set_flag;
	it->life.context = &it->ended;
	it->world.client = http_client_new(&it->world.loop.uv, NULL);
	assert_non_null(it->world.client);
	it->registry = (struct link){ .client = it->world.client,
		                      .life = &it->life,
		                      .name = "registry" };
	assert_int_equal(url_parse(slice_from(it->world.registry.url), 80,
	                           &it->registry.url, &err),
	                 0);
	it->fetch.kind = kind;
	it->fetch.link = &it->registry;
	it->fetch.rng = &it->rng;
	it->fetch.once = true;
	it->fetch.fetched = on_fetched;
	it->fetch.settled = on_settled;
	it->fetch.context = it;
	assert_int_equal(fetch_open(&it->fetch, &it->world.loop.uv), 0);
}

static void want(struct fetch_world *it, const char *etag)
{
	struct wanted_document document = { .path = "/t" };

	(void)snprintf(document.etag, sizeof(document.etag), "%s", etag);
	fetch_want(&it->fetch, &document);
}

static void close_fetch(struct fetch_world *it)
{
	it->life.closing = true;
	fetch_close(&it->fetch);
	test_loop_until(&it->world.loop, &it->ended);
	close_world(&it->world);
	test_peer_close(&it->world.registry);
	test_peer_close(&it->world.prometheus);
	test_loop_fini(&it->world.loop);
}

static void refused(enum document_kind kind, struct peer_step step,
                    const char *why)
{
	struct fetch_world it;

	open_fetch(&it, kind, &step, 1);
	want(&it, "\"x\"");
	test_loop_until(&it.world.loop, &it.settled);
	assert_int_equal(it.n_fetched, 0);
	assert_int_equal(it.fetch.err.code, -EPROTO);
	assert_non_null(strstr(it.fetch.err.message, why));
	assert_string_equal(it.fetch.have, "");
	close_fetch(&it);
}

/* Nobody waits for the rest of it. */
static void no_json_is_refused_as_it_comes(void **state)
{
	static const char *const bad[] = {
		JSON_PAGE "<html>",
		JSON_PAGE " []",
		JSON_PAGE "[1,2,]",
		JSON_PAGE "[]]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refused(DOCUMENT_TARGETS, (struct peer_step)PEER_SAYS(bad[i]),
		        "targets is none");
	refused(DOCUMENT_NODES, (struct peer_step)ANSWER("[[]", 3), "is none");
	refused(DOCUMENT_NODES, (struct peer_step)ANSWER("", 0), "is none");
}

/* What is cut at the end of a line looks as if it were whole. */
static void rules_that_may_be_cut_are_refused(void **state)
{
	(void)state;
	refused(DOCUMENT_RULES,
	        (struct peer_step)PEER_SAYS_THEN("HTTP/1.1 200 OK\r\n\r\n"
	                                         "groups:\n- name: a\n",
	                                         PEER_CLOSE),
	        "whole");
}

static void json_in_pieces_is_whole(void **state)
{
	const struct peer_step step = {
		.answer = "HTTP/1.1 200 OK\r\n\r\n[]",
		.piece = 1,
		.then = PEER_CLOSE,
	};
	struct fetch_world it;

	(void)state;
	open_fetch(&it, DOCUMENT_URLS, &step, 1);
	want(&it, "\"x\"");
	test_loop_until(&it.world.loop, &it.settled);
	assert_int_equal(it.n_fetched, 1);
	assert_string_equal(it.fetch.have, "\"x\"");
	close_fetch(&it);
}

/* It is got again, although it is the one that is wanted. */
static void forgotten_while_it_is_fetched(void **state)
{
	static const struct peer_step steps[] = { ANSWER("[]", 2),
		                                  ANSWER("[]", 2) };
	struct fetch_world it;

	(void)state;
	open_fetch(&it, DOCUMENT_TARGETS, steps, ARRAY_SIZE(steps));
	want(&it, "\"x\"");
	fetch_forget(&it.fetch);
	want(&it, "\"x\"");
	test_loop_until(&it.world.loop, &it.settled);
	assert_int_equal(it.n_fetched, 2);
	assert_string_equal(it.fetch.have, "\"x\"");
	assert_null(strstr(test_peer_received(&it.world.registry),
	                   "If-None-Match"));
	close_fetch(&it);
}

/* That nothing is newer was said before something was. */
static void newer_than_not_modified(void **state)
{
	static const struct peer_step steps[] = {
		ANSWER("[]", 2),
		PEER_SAYS("HTTP/1.1 304 Not Modified\r\n\r\n"),
		ANSWER("[]", 2),
	};
	struct fetch_world it;

	(void)state;
	open_fetch(&it, DOCUMENT_TARGETS, steps, ARRAY_SIZE(steps));
	want(&it, "\"x\"");
	test_loop_until(&it.world.loop, &it.settled);
	it.settled = false;
	want(&it, "\"y\"");
	want(&it, "\"z\"");
	test_loop_until(&it.world.loop, &it.settled);
	assert_int_equal(it.n_fetched, 2);
	assert_string_equal(it.fetch.have, "\"z\"");
	close_fetch(&it);
}

/* --- small parts --------------------------------------------------------------- */

static void what_is_wanted_is_read(void **state)
{
	struct wanted wanted;
	struct err err;

	(void)state;
	assert_int_equal(wanted_parse(slice_from(WANTED), &wanted, &err), 0);
	assert_int_equal(wanted.revision, 7);
	assert_string_equal(wanted.id, "7.a");
	assert_string_equal(wanted.shard, "t");
	assert_string_equal(wanted.documents[DOCUMENT_RULES].etag, "\"y\"");
	assert_string_equal(wanted.documents[DOCUMENT_RULES].path, "/r");
	assert_string_equal(wanted.documents[DOCUMENT_URLS].path, "");
	assert_int_equal(
		wanted_parse(slice_from("{\"revision\":8,\"documents\":{}}"),
	                     &wanted, &err),
		0);
	assert_string_equal(wanted.id, "8");
}

static void what_is_no_answer_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"revision\":-1,\"documents\":{}}",
		"{\"revision\":1,\"documents\":[]}",
		"{\"revision\":1,\"documents\":{\"urls\":{}}}",
		"{\"revision\":1,\"documents\":{\"urls\":{\"etag\":\"a\"}}}",
		"{\"revision\":1,\"documents\":{\"urls\":"
		"{\"etag\":\"a\",\"path\":\"sd\"}}}",
		"{\"revision\":1,\"documents\":{\"urls\":"
		"{\"etag\":\"a\",\"path\":\"/a b\"}}}",
		"{\"revision\":1,\"documents\":{\"urls\":"
		"{\"etag\":\"a\\r\\nX: y\",\"path\":\"/a\"}}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct wanted wanted;
		struct err err;

		assert_int_equal(
			wanted_parse(slice_from(bad[i]), &wanted, &err),
			-EINVAL);
	}
}

static void waits_grow_and_are_bounded(void **state)
{
	struct backoff backoff = { .base_ms = 100, .max_ms = 1000 };
	struct rng rng = { 1 };

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		uint64_t most = i < 4 ? 100u << i : 1000;
		uint64_t ms = backoff_next(&backoff, &rng);

		assert_true(ms >= most / 2 && ms <= most);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wanted_is_read),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(waits_grow_and_are_bounded),
		cmocka_unit_test(targets_without_memory),
		cmocka_unit_test(rules_without_memory),
		cmocka_unit_test(good_while_good_are_written),
		cmocka_unit_test(no_json_is_refused_as_it_comes),
		cmocka_unit_test(rules_that_may_be_cut_are_refused),
		cmocka_unit_test(json_in_pieces_is_whole),
		cmocka_unit_test(forgotten_while_it_is_fetched),
		cmocka_unit_test(newer_than_not_modified),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
