/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of containers: who is checked when, by which way, what is made of
 * it, and how it ends. The runtime is one of the test's own. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"
#include "support/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "core/selector.h"
#include "source/prober.h"

/* --- a runtime whose commands end as the test says ------------------------ */

struct fake {
	struct runtime base;
	struct test_loop *loop;
	enum runtime_result result;
	enum runtime_status found;
	bool hold; /* commands do not end */
	struct runtime_call *held;
	uv_timer_t timer;
	unsigned n_running;
	unsigned n_most;
	unsigned n_started;
	char last[64]; /* the command's first word, and where */
};

struct fake_command {
	uv_timer_t timer;
	struct fake *fake;
	struct runtime_call *call;
	bool cancelled;
};

static void on_command_closed(uv_handle_t *handle)
{
	struct fake_command *command =
		container_of((uv_timer_t *)handle, struct fake_command, timer);
	struct runtime_call *call = command->call;
	struct fake *fake = command->fake;

	call->result = command->cancelled ? RUNTIME_CANCELLED : fake->result;
	call->found.status = fake->found;
	call->exit_code = call->result == RUNTIME_OK ? 0 : 7;
	if (call->result == RUNTIME_FAILED)
		(void)buf_puts(&call->output, "it is sick");
	call->work = NULL;
	fake->n_running--;
	free(command);
	call->done(call);
}

static void end_command(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_command_closed);
}

static int fake_exec(struct runtime *runtime, struct runtime_call *call)
{
	struct fake *fake = container_of(runtime, struct fake, base);
	struct fake_command *command = calloc(1, sizeof(*command));

	assert_non_null(command);
	command->fake = fake;
	command->call = call;
	call->work = command;
	(void)snprintf(fake->last, sizeof(fake->last), "%s in %s%s",
	               call->argv[0], call->target,
	               call->quiet ? " quietly" : "");
	fake->n_started++;
	fake->n_running++;
	fake->n_most = MAX(fake->n_most, fake->n_running);
	assert_int_equal(uv_timer_init(&fake->loop->uv, &command->timer), 0);
	if (!fake->hold)
		(void)uv_timer_start(&command->timer, end_command, 1, 0);
	return 0;
}

static void fake_cancel(struct runtime_call *call)
{
	struct fake_command *command = call->work;

	command->cancelled = true;
	(void)uv_timer_start(&command->timer, end_command, 0, 0);
}

static const struct runtime_ops fake_ops = {
	.name = "fake",
	.exec = fake_exec,
	.cancel = fake_cancel,
};

/* --- the prober ------------------------------------------------------------ */

static const char *const command[] = { "/check", NULL };
static const struct selector everybody;

struct fixture {
	struct test_loop loop;
	struct fake fake;
	struct http_client *client;
	struct prober *prober;
	struct probe probe;
	struct containers_query query;
	bool closed;
	bool changed;
	unsigned n_changed;
	enum container_health health;
	char id[64];
};

static void on_changed(void *context, const char *id,
                       enum container_health health)
{
	struct fixture *fixture = context;

	fixture->changed = true;
	fixture->n_changed++;
	fixture->health = health;
	(void)snprintf(fixture->id, sizeof(fixture->id), "%s", id);
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void open_prober(struct fixture *fixture)
{
	const struct prober_options options = {
		.loop = &fixture->loop.uv,
		.runtime = &fixture->fake.base,
		.client = fixture->client,
		.name = "fake",
		.seed = 1,
		.changed = on_changed,
		.context = fixture,
	};

	fixture->prober = prober_new(&options);
}

static void begin(struct fixture *fixture)
{
	*fixture = (struct fixture){ 0 };
	test_loop_init(&fixture->loop);
	fixture->fake =
		(struct fake){ .base.ops = &fake_ops, .loop = &fixture->loop };
	fixture->client = http_client_new(&fixture->loop.uv, NULL);
	assert_non_null(fixture->client);
	fixture->probe = (struct probe){
		.type = PROBE_EXEC,
		.argv = command,
		.interval_ms = 3,
		.timeout_ms = 500,
		.start_interval_ms = 3,
		.retries = 2,
	};
	fixture->query = (struct containers_query){
		.watch = CONTAINERS_HEALTH,
		.selector = &everybody,
		.probe = &fixture->probe,
	};
	open_prober(fixture);
	assert_non_null(fixture->prober);
	assert_int_equal(prober_subscribe(fixture->prober, &fixture->query), 0);
}

static void close_prober(struct fixture *fixture)
{
	fixture->closed = false;
	prober_close(fixture->prober, on_closed, &fixture->closed);
	assert_false(fixture->closed);
	test_loop_until(&fixture->loop, &fixture->closed);
}

static void end(struct fixture *fixture)
{
	close_prober(fixture);
	fixture->closed = false;
	http_client_close(fixture->client, on_closed, &fixture->closed);
	test_loop_until(&fixture->loop, &fixture->closed);
	test_loop_fini(&fixture->loop);
	assert_int_equal(fixture->fake.n_running, 0);
}

static struct container container_of_id(const char *id)
{
	return (struct container){
		.id = id,
		.name = "web",
		.project = "",
		.image = "",
		.status = CONTAINER_RUNNING,
		.exit_code = -1,
		.check_exit_code = -1,
		.output = "",
	};
}

/* What is made of a container that runs. */
static struct container see(struct fixture *fixture, const char *id)
{
	struct container container = container_of_id(id);

	prober_see(fixture->prober, &container);
	return container;
}

static void wait_changed(struct fixture *fixture, enum container_health health)
{
	fixture->changed = false;
	test_loop_until(&fixture->loop, &fixture->changed);
	assert_int_equal(fixture->health, health);
}

static void tell(struct fixture *fixture, enum runtime_event_kind kind)
{
	const struct runtime_event event = { .kind = kind,
		                             .id = "c1",
		                             .time_ns = 1 };

	prober_event(fixture->prober, &event);
}

/* --- tests ------------------------------------------------------------------ */

static void test_sick_and_well(void **state)
{
	struct fixture fixture;
	struct container seen;

	begin(&fixture);
	seen = see(&fixture, "c1");
	assert_int_equal(seen.health, CONTAINER_HEALTH_STARTING);
	wait_changed(&fixture, CONTAINER_HEALTH_HEALTHY);
	assert_string_equal(fixture.id, "c1");
	assert_string_equal(fixture.fake.last, "/check in c1");

	fixture.fake.result = RUNTIME_FAILED;
	wait_changed(&fixture, CONTAINER_HEALTH_UNHEALTHY);
	seen = see(&fixture, "c1");
	assert_int_equal(seen.health, CONTAINER_HEALTH_UNHEALTHY);
	assert_true(seen.n_streak >= 2);
	assert_int_equal(seen.check_exit_code, 7);
	assert_string_equal(seen.output, "it is sick");

	fixture.fake.result = RUNTIME_OK;
	wait_changed(&fixture, CONTAINER_HEALTH_HEALTHY);
	assert_int_equal(see(&fixture, "c1").n_streak, 0);
	assert_int_equal(prober_count(fixture.prober), 1);
	end(&fixture);
}

/* Of these nothing follows for its health. */
static void test_undecided(void **state)
{
	static const struct {
		enum runtime_result result;
		enum runtime_status found;
		bool counts;
	} rows[] = {
		{ RUNTIME_UNAVAILABLE, 0, false },
		{ RUNTIME_NO_TARGET, 0, false },
		{ RUNTIME_LEFT_ALONE, 0, false },
		{ RUNTIME_CANCELLED, 0, false },
		{ RUNTIME_FAILED, RUNTIME_STATUS_EXITED, false },
		{ RUNTIME_FAILED, RUNTIME_STATUS_PAUSED, false },
		{ RUNTIME_FAILED, RUNTIME_STATUS_RUNNING, true },
		{ RUNTIME_TIMED_OUT, 0, true },
		{ RUNTIME_BUSY, 0, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;

		begin(&fixture);
		fixture.fake.result = rows[i].result;
		fixture.fake.found = rows[i].found;
		(void)see(&fixture, "c1");
		while (fixture.fake.n_started < 6)
			(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
		assert_int_equal(fixture.n_changed, rows[i].counts);
		end(&fixture);
	}
}

static void test_who_is_not_checked(void **state)
{
	static const struct selector_label wanted = { .name = "a" };
	static const struct selector chosen = {
		.select = { .labels = &wanted, .n_labels = 1 },
	};
	struct container own = container_of_id("c1");
	struct container stopped = container_of_id("c2");
	struct fixture fixture;

	begin(&fixture);
	/* it has a check of its own */
	own.health = CONTAINER_HEALTH_HEALTHY;
	prober_see(fixture.prober, &own);
	assert_int_equal(own.health, CONTAINER_HEALTH_HEALTHY);
	stopped.status = CONTAINER_EXITED;
	prober_see(fixture.prober, &stopped);
	assert_int_equal(prober_count(fixture.prober), 0);

	/* covered, and then covered no more */
	(void)see(&fixture, "c3");
	assert_int_equal(prober_count(fixture.prober), 1);
	fixture.query.selector = &chosen;
	assert_int_equal(see(&fixture, "c3").health, CONTAINER_HEALTH_NONE);
	assert_int_equal(prober_count(fixture.prober), 0);
	fixture.query.selector = &everybody;
	fixture.query.probe = NULL;
	(void)see(&fixture, "c4");
	assert_int_equal(prober_count(fixture.prober), 0);
	end(&fixture);
}

static void test_events(void **state)
{
	struct container gone = container_of_id("c1");
	struct fixture fixture;
	unsigned n;

	begin(&fixture);
	(void)see(&fixture, "c1");
	wait_changed(&fixture, CONTAINER_HEALTH_HEALTHY);
	tell(&fixture, RUNTIME_EVENT_PAUSED);
	test_loop_for(&fixture.loop, 10);
	n = fixture.fake.n_started;
	test_loop_for(&fixture.loop, 20);
	assert_int_equal(fixture.fake.n_started, n);
	tell(&fixture, RUNTIME_EVENT_RESUMED);
	while (fixture.fake.n_started == n)
		(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);

	/* a new run is one of which nothing is known */
	tell(&fixture, RUNTIME_EVENT_STARTED);
	assert_int_equal(see(&fixture, "c1").health, CONTAINER_HEALTH_STARTING);
	wait_changed(&fixture, CONTAINER_HEALTH_HEALTHY);
	tell(&fixture, RUNTIME_EVENT_ENDED);
	gone.status = CONTAINER_EXITED;
	prober_see(fixture.prober, &gone);
	assert_int_equal(prober_count(fixture.prober), 1);
	tell(&fixture, RUNTIME_EVENT_REMOVED);
	assert_int_equal(prober_count(fixture.prober), 0);
	tell(&fixture, RUNTIME_EVENT_STARTED);
	end(&fixture);
}

static void test_lists(void **state)
{
	struct fixture fixture;

	begin(&fixture);
	(void)see(&fixture, "c1");
	(void)see(&fixture, "c2");
	prober_list_begin(fixture.prober);
	(void)see(&fixture, "c2");
	prober_list_end(fixture.prober, false);
	assert_int_equal(prober_count(fixture.prober), 2);
	prober_list_end(fixture.prober, true);
	assert_int_equal(prober_count(fixture.prober), 1);
	end(&fixture);
}

/* Never more than so many at once, and each gets its turn. */
/* A list does not say when it was started, on which the period hangs. */
static void test_start_period_wants_a_look(void **state)
{
	struct container seen = container_of_id("c1");
	struct fixture fixture;

	begin(&fixture);
	fixture.probe.start_period_ms = 3600000;
	fixture.probe.start_interval_ms = 3;
	fixture.fake.result = RUNTIME_FAILED;
	seen.started_wall_ms = 0;
	prober_see(fixture.prober, &seen);
	assert_int_equal(seen.health, CONTAINER_HEALTH_UNSAID);
	assert_int_equal(prober_count(fixture.prober), 0);
	/* not even then: the period begins now */
	seen.health = CONTAINER_HEALTH_NONE;
	seen.detailed = true;
	prober_see(fixture.prober, &seen);
	assert_int_equal(seen.health, CONTAINER_HEALTH_STARTING);
	while (fixture.fake.n_started < 5)
		test_loop_for(&fixture.loop, 1);
	assert_int_equal(fixture.n_changed, 0);
	/* it was long ago */
	seen.started_wall_ms = 1;
	seen.id = "c2";
	seen.health = CONTAINER_HEALTH_NONE;
	prober_see(fixture.prober, &seen);
	wait_changed(&fixture, CONTAINER_HEALTH_UNHEALTHY);
	assert_string_equal(fixture.id, "c2");
	end(&fixture);
}

static void test_many(void **state)
{
	struct fixture fixture;
	char ids[200][16];

	begin(&fixture);
	fixture.fake.hold = true;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "c%zu", i);
		(void)see(&fixture, ids[i]);
	}
	while (fixture.fake.n_running < PROBER_MAX_CHECKS)
		(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
	test_loop_for(&fixture.loop, 20);
	assert_int_equal(fixture.fake.n_running, PROBER_MAX_CHECKS);
	assert_int_equal(fixture.fake.n_started, PROBER_MAX_CHECKS);
	/* those that hang go with their containers, the others come */
	fixture.fake.hold = false;
	prober_list_begin(fixture.prober);
	for (size_t i = 100; i < ARRAY_SIZE(ids); i++)
		(void)see(&fixture, ids[i]);
	prober_list_end(fixture.prober, true);
	while (fixture.n_changed < 100 - PROBER_MAX_CHECKS)
		(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
	assert_true(fixture.fake.n_most <= PROBER_MAX_CHECKS);
	end(&fixture);
}

static void test_keys_of_an_instance(void **state)
{
	static const struct container_label labels[] = {
		{ "user.healthcheck.test", "[\"CMD\",\"/own\"]" },
		{ "user.healthcheck.interval", "2ms" },
	};
	static const struct container_label bad[] = {
		{ "user.healthcheck.test", "x" },
	};
	struct container instance = container_of_id("p/c1");
	struct container again;
	struct fixture fixture;

	begin(&fixture);
	fixture.query.probe = NULL;
	instance.project = "p";
	instance.labels = labels;
	instance.n_labels = 2;
	again = instance;
	prober_see(fixture.prober, &instance);
	assert_int_equal(instance.health, CONTAINER_HEALTH_STARTING);
	wait_changed(&fixture, CONTAINER_HEALTH_HEALTHY);
	assert_string_equal(fixture.fake.last, "/own in p/c1 quietly");
	instance = again;
	prober_see(fixture.prober, &instance);
	assert_int_equal(instance.health, CONTAINER_HEALTH_HEALTHY);
	/* changed for the worse while one is under way: it goes */
	fixture.fake.hold = true;
	while (!fixture.fake.n_running)
		(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
	again.labels = bad;
	again.n_labels = 1;
	prober_see(fixture.prober, &again);
	assert_int_equal(prober_count(fixture.prober), 0);
	end(&fixture);
}

/* --- from outside ------------------------------------------------------------ */

static void outside(struct fixture *fixture, enum probe_type type,
                    const char *where)
{
	struct container container = container_of_id("c1");

	fixture->probe.type = type;
	fixture->probe.argv = NULL;
	fixture->probe.url = type == PROBE_HTTP ? where : NULL;
	fixture->probe.address = type == PROBE_TCP ? where : NULL;
	fixture->probe.retries = 1;
	container.ip = "127.0.0.1";
	prober_see(fixture->prober, &container);
}

static void expect_words(struct fixture *fixture, const char *words)
{
	struct container seen = see(fixture, "c1");

	if (!strstr(seen.output, words))
		fail_msg("%s, not %s", seen.output, words);
}

static void test_http(void **state)
{
	static const struct {
		const char *answer;
		enum container_health health;
		const char *words;
	} rows[] = {
		{ "HTTP/1.1 204 X\r\n\r\n", CONTAINER_HEALTH_HEALTHY, "" },
		{ "HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n",
		  CONTAINER_HEALTH_HEALTHY, "" },
		{ "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
		  CONTAINER_HEALTH_UNHEALTHY, "HTTP 503" },
		{ "SSH-2.0\r\n", CONTAINER_HEALTH_UNHEALTHY, "head: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct peer_step step = PEER_SAYS(rows[i].answer);
		struct fixture fixture;
		struct test_peer peer;
		char url[128];

		begin(&fixture);
		fixture.probe.interval_ms = 20;
		test_peer_listen(&peer, &fixture.loop.uv, "127.0.0.1", 0);
		test_peer_script(&peer, &step, 1);
		(void)snprintf(url, sizeof(url),
		               "http://{{ ip }}:%u/{{ container }}?a=b",
		               peer.port);
		outside(&fixture, PROBE_HTTP, url);
		wait_changed(&fixture, rows[i].health);
		expect_words(&fixture, rows[i].words);
		assert_non_null(strstr(test_peer_received(&peer),
		                       "GET /web?a=b HTTP/1.1\r\n"));
		close_prober(&fixture);
		test_peer_close(&peer);
		open_prober(&fixture);
		end(&fixture);
	}
}

static void test_tcp(void **state)
{
	struct fixture fixture;
	struct test_peer peer;
	char address[64];

	begin(&fixture);
	test_peer_listen(&peer, &fixture.loop.uv, "127.0.0.1", 0);
	(void)snprintf(address, sizeof(address), "{{ip}}:%u", peer.port);
	outside(&fixture, PROBE_TCP, address);
	wait_changed(&fixture, CONTAINER_HEALTH_HEALTHY);
	test_peer_close(&peer);
	wait_changed(&fixture, CONTAINER_HEALTH_UNHEALTHY);
	expect_words(&fixture, "connect: connection refused");
	end(&fixture);
}

static void test_bad_addresses(void **state)
{
	static const struct {
		enum probe_type type;
		const char *where;
		const char *words;
	} rows[] = {
		{ PROBE_HTTP, "http://", "host" },
		{ PROBE_HTTP, "ftp://x/", "" },
		{ PROBE_TCP, "localhost", "port" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;

		begin(&fixture);
		outside(&fixture, rows[i].type, rows[i].where);
		wait_changed(&fixture, CONTAINER_HEALTH_UNHEALTHY);
		expect_words(&fixture, rows[i].words);
		end(&fixture);
	}
}

static void test_unknown_ip(void **state)
{
	struct container seen = container_of_id("c1");
	struct fixture fixture;

	begin(&fixture);
	fixture.probe.type = PROBE_TCP;
	fixture.probe.address = "{{ ip }}:80";
	/* a list says less: it is to be looked at */
	assert_int_equal(see(&fixture, "c1").health, CONTAINER_HEALTH_UNSAID);
	assert_int_equal(prober_count(fixture.prober), 0);
	seen.detailed = true;
	prober_see(fixture.prober, &seen);
	assert_int_equal(seen.health, CONTAINER_HEALTH_STARTING);
	assert_int_equal(prober_count(fixture.prober), 1);
	test_loop_for(&fixture.loop, 30);
	assert_int_equal(fixture.n_changed, 0);
	end(&fixture);
}

/* --- without memory, and closed at any time ----------------------------------- */

static void test_close_at_every_turn(void **state)
{
	for (int turns = 0; turns < 40; turns++) {
		struct fixture fixture;
		struct test_peer peer;
		char address[64];

		begin(&fixture);
		test_peer_listen(&peer, &fixture.loop.uv, "127.0.0.1", 0);
		(void)snprintf(address, sizeof(address),
		               turns % 2 ? "http://127.0.0.1:%u"
		                         : "127.0.0.1:%u",
		               peer.port);
		outside(&fixture, turns % 2 ? PROBE_HTTP : PROBE_TCP, address);
		for (int t = 0; t < turns; t++)
			(void)uv_run(&fixture.loop.uv, UV_RUN_NOWAIT);
		close_prober(&fixture);
		test_peer_close(&peer);
		open_prober(&fixture);
		end(&fixture);
	}
}

static void faulty_run(struct fixture *fixture)
{
	fixture->n_changed = 0;
	fixture->fake.n_started = 0;
	open_prober(fixture);
	if (!fixture->prober)
		return;
	if (prober_subscribe(fixture->prober, &fixture->query) == 0) {
		(void)see(fixture, "c1");
		(void)see(fixture, "c2");
		test_loop_for(&fixture->loop, 12);
	}
	close_prober(fixture);
}

static void test_no_memory(void **state)
{
	struct fixture fixture;
	size_t n;

	begin(&fixture);
	close_prober(&fixture);
	faulty_run(&fixture);
	faults_count();
	faulty_run(&fixture);
	n = faults_end();
	assert_int_equal(fixture.n_changed, 2);
	assert_true(n > 8);
	for (size_t k = 1; k <= MIN(n, 40); k++) {
		faults_fail(k);
		faulty_run(&fixture);
		(void)faults_end();
	}
	open_prober(&fixture);
	end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sick_and_well),
		cmocka_unit_test(test_undecided),
		cmocka_unit_test(test_who_is_not_checked),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_start_period_wants_a_look),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_keys_of_an_instance),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_unknown_ip),
		cmocka_unit_test(test_close_at_every_turn),
		cmocka_unit_test(test_no_memory),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
