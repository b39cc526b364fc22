/* SPDX-License-Identifier: Apache-2.0 */
/* What was acknowledged is on disk and is delivered, whatever fails meanwhile:
 * memory, the disk, the receiver, we. */
#include "hub_kit.h"
#include "support/faults.h"
#include "support/peer.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include "io/http_client.h"
#include "registry/alerts.h"
#include "registry/former_names.h"
#include "source/alerts.h"

#define WAIT_MS 20000
#define OK      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define LATER   "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
#define WRONG   "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"

static struct test_peer peer;
static const struct peer_step always_ok[] = {
	PEER_SAYS(OK),
	PEER_SAYS(OK),
	PEER_SAYS(OK),
	PEER_SAYS(OK),
};

struct world {
	struct http_client *client;
	struct registry *registry;
	struct registry_alerts *alerts;
	unsigned n_before; /* handles of the loop */
};

static const char down[] =
	"{\"groupKey\":\"g\",\"commonLabels\":{\"service\":\"shop\"},"
	"\"alerts\":[{\"status\":\"firing\",\"labels\":{\"service\":\"shop\","
	"\"alertname\":\"Down\"},\"startsAt\":\"2026-01-01T00:00:00Z\"}]}";
static const char up[] =
	"{\"groupKey\":\"g\",\"commonLabels\":{\"service\":\"shop\"},"
	"\"alerts\":[{\"status\":\"resolved\",\"labels\":{\"service\":"
	"\"shop\",\"alertname\":\"Down\"},\"startsAt\":"
	"\"2026-01-01T00:00:00Z\",\"endsAt\":\"2026-01-01T01:00:00Z\"}]}";

/* --- the world ----------------------------------------------------------------- */

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void count_handle(uv_handle_t *handle, void *context)
{
	(void)handle;
	(*(unsigned *)context)++;
}

static unsigned n_handles(void)
{
	unsigned n = 0;

	uv_walk(&loop.uv, count_handle, &n);
	return n;
}

/* False: there was no memory for it. */
static bool world_open(struct world *world)
{
	struct registry_alerts_options options = { .loop = &loop.uv,
		                                   .seed = 1 };
	const struct registry_options hub = { .loop = &loop.uv,
		                              .config = &config,
		                              .seed = 1 };

	struct err err;

	*world = (struct world){ .n_before = n_handles() };
	world->client = http_client_new(&loop.uv, NULL);
	if (!world->client || registry_open(&hub, &world->registry, &err) < 0)
		return false;
	options.registry = world->registry;
	options.client = world->client;
	return registry_alerts_open(&options, &world->alerts, &err) == 0;
}

static void world_close(struct world *world)
{
	bool closed = !world->alerts;

	if (world->alerts)
		registry_alerts_close(world->alerts, on_closed, &closed);
	test_loop_until(&loop, &closed);
	if (world->registry)
		close_registry(world->registry);
	closed = !world->client;
	if (world->client)
		http_client_close(world->client, on_closed, &closed);
	test_loop_until(&loop, &closed);
	/* what could not be opened, ends by itself */
	while (n_handles() > world->n_before)
		(void)uv_run(&loop.uv, UV_RUN_ONCE);
}

static int add_notifier(const char *name, struct model_tx *tx, struct err *err)
{
	const struct assignment service = { SERVICE_NAME, { .text = name } };
	struct assignment notifier[] = {
		{ NOTIFIER_SENDER, { .text = "webhook" } },
		{ NOTIFIER_VALUE, { .text = peer.url } },
		{ NOTIFIER_SERVICE, { 0 } },
	};
	struct object *made;
	int r = model_create(tx, KIND_SERVICE, &service, 1,
	                     &notifier[2].value.object, err);

	return r < 0 ? r
	             : model_create(tx, KIND_NOTIFIER, notifier, 3, &made, err);
}

static int apply_notifier(struct registry_edit *edit, struct model_tx *tx,
                          struct err *err)
{
	(void)edit;
	return add_notifier("shop", tx, err);
}

static int apply_other(struct registry_edit *edit, struct model_tx *tx,
                       struct err *err)
{
	(void)edit;
	return add_notifier("other", tx, err);
}

static struct tried editing(int (*apply)(struct registry_edit *edit,
                                         struct model_tx *tx, struct err *err))
{
	struct tried tried = making(KIND_SERVICE, "");

	tried.edit.apply = apply;
	return tried;
}

/* The service "shop", whose notifier is the peer. */
static void make_notifier(void)
{
	struct registry *registry = open_registry();
	struct tried tried = editing(apply_notifier);

	submit(registry, &tried);
	await_edit(&tried, REGISTRY_DONE);
	close_registry(registry);
}

static int begin(void **state)
{
	if (hub_set_up(state) < 0)
		return -1;
	test_peer_listen(&peer, &loop.uv, "127.0.0.1", 0);
	make_notifier();
	return 0;
}

static int finish(void **state)
{
	test_peer_close(&peer);
	return hub_tear_down(state);
}

/* --- messages ------------------------------------------------------------------ */

struct posted {
	bool answered;
	int code;
};

static void on_kept(void *request, const struct err *err)
{
	struct posted *posted = request;

	assert_false(posted->answered);
	posted->answered = true;
	posted->code = err->code;
}

/* 0: it is kept, or known. */
static int post(struct world *world, const char *text)
{
	struct posted posted = { 0 };
	int r = registry_alerts_take(world->alerts, slice_from(text), on_kept,
	                             &posted, NULL);

	if (r != ALERTS_PENDING)
		return r;
	assert_false(posted.answered);
	test_loop_until(&loop, &posted.answered);
	return posted.code;
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

/* Until there are so many deliveries that ended so, or @wait_ms are over. */
static bool ended(struct world *world, enum delivery_state state, uint64_t n,
                  uint64_t wait_ms)
{
	uint64_t end_ms = uv_hrtime() / 1000000 + wait_ms;
	bool closed = false;
	bool there = false;
	uv_timer_t tick;

	(void)uv_timer_init(&loop.uv, &tick);
	(void)uv_timer_start(&tick, on_tick, 1, 1);
	while (!there && uv_hrtime() / 1000000 < end_ms) {
		(void)uv_run(&loop.uv, UV_RUN_ONCE);
		there = registry_alerts_stats(world->alerts)
		                .deliveries.n_ends[state] >= n;
	}
	tick.data = &closed;
	uv_close((uv_handle_t *)&tick, NULL);
	(void)uv_run(&loop.uv, UV_RUN_NOWAIT);
	return there;
}

/* --- what becomes of it ---------------------------------------------------------- */

static void is_kept_and_delivered(void **state)
{
	struct world world;

	(void)state;
	test_peer_script(&peer, always_ok, ARRAY_SIZE(always_ok));
	assert_true(world_open(&world));
	assert_int_equal(post(&world, down), 0);
	assert_int_equal(number_of("SELECT count(*) FROM alert"), 1);
	assert_true(ended(&world, DELIVERY_SENT, 1, WAIT_MS));
	assert_non_null(
		strstr(test_peer_received(&peer), "\"alertname\":\"Down\""));
	world_close(&world);
	assert_int_equal(number_of("SELECT state FROM delivery"),
	                 DELIVERY_SENT);
	assert_int_equal(number_of("SELECT count(*) FROM alert_label"), 2);
}

static void the_same_is_known(void **state)
{
	struct registry_alerts_stats stats;
	struct posted first = { 0 };
	struct world world;
	int r;

	(void)state;
	test_peer_script(&peer, always_ok, ARRAY_SIZE(always_ok));
	assert_true(world_open(&world));
	r = registry_alerts_take(world.alerts, slice_from(down), on_kept,
	                         &first, NULL);
	assert_int_equal(r, ALERTS_PENDING);
	/* it is not on disk yet: nothing may be promised */
	assert_int_equal(post(&world, down), -EBUSY);
	test_loop_until(&loop, &first.answered);
	assert_int_equal(post(&world, down), 0);
	assert_int_equal(post(&world, up), 0);
	assert_int_equal(post(&world, down), 0);
	stats = registry_alerts_stats(world.alerts);
	assert_int_equal(stats.n_kept, 3);
	assert_int_equal(stats.n_same, 1);
	assert_true(ended(&world, DELIVERY_SENT, 3, WAIT_MS));
	world_close(&world);
}

static void nonsense_is_refused(void **state)
{
	struct world world;

	(void)state;
	assert_true(world_open(&world));
	assert_int_equal(post(&world, "[]"), ALERTS_E_FORMAT);
	assert_int_equal(post(&world, "{"), ALERTS_E_FORMAT);
	world_close(&world);
	assert_int_equal(number_of("SELECT count(*) FROM alert"), 0);
}

/* The next of us goes on where we were. */
static void waits_for_our_return(void **state)
{
	static const struct peer_step script[] = { PEER_SAYS(LATER),
		                                   PEER_SAYS(OK),
		                                   PEER_SAYS(OK) };
	const char *firing;
	struct world world;
	uint64_t n = 0;

	(void)state;
	test_peer_script(&peer, script, ARRAY_SIZE(script));
	assert_true(world_open(&world));
	assert_int_equal(post(&world, down), 0);
	assert_int_equal(post(&world, up), 0);
	while (n == 0) {
		(void)ended(&world, DELIVERY_SENT, 1, 1);
		n = registry_alerts_stats(world.alerts).deliveries.n_retries;
	}
	world_close(&world);
	assert_int_equal(number_of("SELECT sum(tries) FROM delivery"), 1);
	test_peer_forget(&peer);
	assert_true(world_open(&world));
	assert_true(ended(&world, DELIVERY_SENT, 2, WAIT_MS));
	firing = strstr(test_peer_received(&peer), "\"status\":\"firing\"");
	assert_non_null(firing);
	assert_non_null(strstr(firing, "\"status\":\"resolved\""));
	world_close(&world);
}

static const char other_down[] =
	"{\"groupKey\":\"o\",\"commonLabels\":{\"service\":\"other\"},"
	"\"alerts\":[{\"status\":\"firing\",\"labels\":{\"service\":\"other\","
	"\"alertname\":\"Down\"},\"startsAt\":\"2026-01-01T00:00:00Z\"}]}";

static int move_notifier(struct registry_edit *edit, struct model_tx *tx,
                         struct err *err)
{
	static char url[200];
	const struct assignment value = { NOTIFIER_VALUE, { .text = url } };

	(void)snprintf(url, sizeof(url), "%s/elsewhere", peer.url);
	return model_update(
		tx,
		model_next(registry_model(edit->registry), KIND_NOTIFIER, NULL),
		&value, 1, err);
}

/* The end does not overtake the beginning, though its notifier has another
 * value by then, and another's message waits behind the beginning. */
static void in_order_when_a_value_changes(void **state)
{
	static const struct peer_step script[] = { PEER_SAYS(LATER),
		                                   PEER_SAYS(OK), PEER_SAYS(OK),
		                                   PEER_SAYS(OK) };
	struct tried adding = editing(apply_other);
	struct tried moving = editing(move_notifier);
	struct world world;
	const char *begins;
	const char *ends;

	(void)state;
	test_peer_script(&peer, script, ARRAY_SIZE(script));
	assert_true(world_open(&world));
	submit(world.registry, &adding);
	await_edit(&adding, REGISTRY_DONE);
	assert_int_equal(post(&world, down), 0);
	assert_int_equal(post(&world, other_down), 0);
	while (registry_alerts_stats(world.alerts).deliveries.n_retries == 0)
		(void)ended(&world, DELIVERY_SENT, 1, 1);
	test_peer_forget(&peer);
	submit(world.registry, &moving);
	await_edit(&moving, REGISTRY_DONE);
	assert_int_equal(post(&world, up), 0);
	assert_true(ended(&world, DELIVERY_SENT, 3, WAIT_MS));
	world_close(&world);
	begins = strstr(test_peer_received(&peer), "/elsewhere");
	ends = strstr(test_peer_received(&peer), "\"status\":\"resolved\"");
	assert_non_null(begins);
	assert_non_null(ends);
	begins = strstr(begins, "\"status\":\"firing\"");
	assert_true(begins && begins < ends);
}

static int rename_service(struct registry_edit *edit, struct model_tx *tx,
                          struct err *err)
{
	const struct assignment name = { SERVICE_NAME, { .text = "market" } };

	return model_update(
		tx,
		model_next(registry_model(edit->registry), KIND_SERVICE, NULL),
		&name, 1, err);
}

/* It bears its new name before documents do. */
static void take_under_the_name_of_before(void)
{
	struct tried renaming = editing(rename_service);
	struct posted posted = { 0 };
	struct world world;
	int r;

	test_peer_script(&peer, always_ok, ARRAY_SIZE(always_ok));
	assert_true(world_open(&world));
	submit(world.registry, &renaming);
	r = registry_alerts_take(world.alerts, slice_from(down), on_kept,
	                         &posted, NULL);
	assert_int_equal(r, ALERTS_PENDING);
	await_edit(&renaming, REGISTRY_DONE);
	test_loop_until(&loop, &posted.answered);
	assert_int_equal(registry_alerts_stats(world.alerts).n_unrouted, 0);
	assert_true(ended(&world, DELIVERY_SENT, 1, WAIT_MS));
	world_close(&world);
}

static void under_the_name_of_before(void **state)
{
	(void)state;
	take_under_the_name_of_before();
}

/* So many that nothing else would be remembered. */
static void the_names_of_who_is_gone(void **state)
{
	(void)state;
	assert_int_equal(FORMER_NAMES_MAX, 10000);
	run_sql("WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL"
	        " SELECT i + 1 FROM n WHERE i < 10000)"
	        " INSERT INTO audit(created_at, actor, op, kind, object_id, "
	        "title,"
	        "  old, new) SELECT 1, 'x', 'updated', 'service', 1000 + i,"
	        "  'new', json_object('name', 'old' || i),"
	        "  json_object('name', 'new' || i) FROM n");
	take_under_the_name_of_before();
}

/* All that can be remembered is of one who is there, and so is the name: the
 * latest bearer counts. */
static void the_latest_bearer(void **state)
{
	struct registry *registry = open_registry();

	(void)state;
	make(registry, KIND_SERVICE, "other");
	close_registry(registry);
	run_sql("WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL"
	        " SELECT i + 1 FROM n WHERE i < 10000)"
	        " INSERT INTO audit(created_at, actor, op, kind, object_id, "
	        "title,"
	        "  old, new) SELECT 1, 'x', 'updated', 'service', 2, 'new',"
	        "  json_object('name', iif(i = 1, 'shop', 'old' || i)),"
	        "  json_object('name', 'new' || i) FROM n");
	take_under_the_name_of_before();
}

static void on_replayed(struct registry_replaying *replaying)
{
	(void)replaying;
}

static void refused_is_dead(void **state)
{
	static const struct peer_step script[] = { PEER_SAYS(WRONG),
		                                   PEER_SAYS(OK) };
	struct registry_replaying replaying = { .alert_id = 1,
		                                .done = on_replayed };
	struct world world;

	(void)state;
	test_peer_script(&peer, script, ARRAY_SIZE(script));
	assert_true(world_open(&world));
	assert_int_equal(post(&world, down), 0);
	while (number_of("SELECT count(*) FROM delivery WHERE state = 2") == 0)
		(void)ended(&world, DELIVERY_SENT, 1, 1);
	assert_int_equal(registry_alerts_replay(world.alerts, &replaying, NULL),
	                 0);
	assert_true(ended(&world, DELIVERY_SENT, 1, WAIT_MS));
	assert_int_equal(replaying.n, 1);
	world_close(&world);
}

struct replay {
	struct registry_replaying replaying;
	bool done;
};

static void on_replay(struct registry_replaying *replaying)
{
	container_of(replaying, struct replay, replaying)->done = true;
}

static int replay_dead(struct world *world, struct replay *replay,
                       uint64_t delivery_id)
{
	*replay = (struct replay){
		.replaying = { .alert_id = 1,
		               .delivery_id = delivery_id,
		               .done = on_replay },
	};
	return registry_alerts_replay(world->alerts, &replay->replaying, NULL);
}

/* It is told once, however often that is asked for at once. */
static void replayed_at_once(void **state)
{
	static const struct peer_step script[] = { PEER_SAYS(WRONG),
		                                   PEER_SAYS(OK),
		                                   PEER_SAYS(OK) };
	struct replay all;
	struct replay one;
	struct replay other;
	struct replay again;
	struct world world;

	(void)state;
	test_peer_script(&peer, script, ARRAY_SIZE(script));
	assert_true(world_open(&world));
	assert_int_equal(post(&world, down), 0);
	while (number_of("SELECT count(*) FROM delivery WHERE state = 2") == 0)
		(void)ended(&world, DELIVERY_SENT, 1, 1);
	assert_int_equal(replay_dead(&world, &one, 1), 0);
	assert_int_equal(replay_dead(&world, &again, 1), -EBUSY);
	assert_int_equal(replay_dead(&world, &all, 0), -EBUSY);
	assert_int_equal(replay_dead(&world, &other, 2), 0);
	test_loop_until(&loop, &one.done);
	test_loop_until(&loop, &other.done);
	assert_int_equal(one.replaying.err.code, 0);
	assert_int_equal(one.replaying.n, 1);
	assert_int_equal(other.replaying.n, 0);
	/* it waits, or is sent: it is dead no more */
	assert_int_equal(replay_dead(&world, &all, 0), 0);
	test_loop_until(&loop, &all.done);
	assert_int_equal(all.replaying.n, 0);
	assert_true(ended(&world, DELIVERY_SENT, 1, WAIT_MS));
	world_close(&world);
	assert_int_equal(number_of("SELECT state FROM delivery"),
	                 DELIVERY_SENT);
}

/* What waits is bounded, also when it has waited before. */
static void too_many_to_be_replayed(void **state)
{
	struct replay replay;
	struct world world;

	(void)state;
	assert_true(DELIVERIES_MAX < 101000);
	test_peer_script(&peer, NULL, 0);
	run_sql("INSERT INTO alert(id, received_ms, firing, receiver, "
	        "group_key,"
	        " n_alerts, told, body, routing)"
	        " VALUES(1, 0, 1, 'r', 'g', 1, 1, '{\"alerts\":[]}', '{}');"
	        "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL"
	        " SELECT i + 1 FROM n WHERE i <= 101000)"
	        " INSERT INTO delivery(id, alert_id, notifier_id, sender, "
	        "alerts,"
	        "  state, tries, due_ms, created_ms, words)"
	        " SELECT i, 1, 1, 'webhook', '', iif(i = 1, 2, 0), 0, 0, 0, ''"
	        " FROM n");
	assert_true(world_open(&world));
	assert_int_equal(replay_dead(&world, &replay, 1), 0);
	test_loop_until(&loop, &replay.done);
	assert_int_equal(replay.replaying.err.code, -ENOBUFS);
	assert_int_equal(replay.replaying.n, 0);
	world_close(&world);
	assert_int_equal(number_of("SELECT state FROM delivery WHERE id = 1"),
	                 DELIVERY_DEAD);
}

/* --- trouble ----------------------------------------------------------------------- */

static void limit_files(rlim_t size)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size ? size : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* It is not acknowledged; the same is no repetition then. */
static void a_full_disk(void **state)
{
	struct world world;

	(void)state;
	test_peer_script(&peer, always_ok, ARRAY_SIZE(always_ok));
	assert_true(world_open(&world));
	limit_files(4096);
	assert_true(post(&world, down) < 0);
	limit_files(0);
	assert_int_equal(post(&world, down), 0);
	assert_true(ended(&world, DELIVERY_SENT, 1, WAIT_MS));
	assert_int_equal(registry_alerts_stats(world.alerts).n_failed, 1);
	world_close(&world);
	assert_int_equal(number_of("SELECT count(*) FROM delivery"), 1);
}

#define POOL_MOST 64 /* threads that libuv's pool may have */

static uv_work_t held[POOL_MOST];
static size_t n_held;
static uv_sem_t go_on;

static void hold(uv_work_t *work)
{
	(void)work;
	uv_sem_wait(&go_on);
}

static void on_let_go(uv_work_t *work, int status)
{
	(void)work;
	(void)status;
	n_held--;
}

/* What comes after it in libuv's pool waits. */
static void hold_pool(void)
{
	assert_int_equal(uv_sem_init(&go_on, 0), 0);
	for (; n_held < ARRAY_SIZE(held); n_held++)
		assert_int_equal(
			uv_queue_work(&loop.uv, &held[n_held], hold, on_let_go),
			0);
}

static void let_pool_go(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		uv_sem_post(&go_on);
	while (n_held > 0)
		(void)uv_run(&loop.uv, UV_RUN_ONCE);
	uv_sem_destroy(&go_on);
}

/* Who delivers is gone when what was taken last is on disk. */
static void closing_before_it_is_on_disk(void **state)
{
	struct posted posted = { 0 };
	struct world world;
	bool closed = false;
	unsigned n;
	int r;

	(void)state;
	test_peer_script(&peer, always_ok, ARRAY_SIZE(always_ok));
	assert_true(world_open(&world));
	hold_pool();
	r = registry_alerts_take(world.alerts, slice_from(down), on_kept,
	                         &posted, NULL);
	assert_int_equal(r, ALERTS_PENDING);
	n = n_handles();
	registry_alerts_close(world.alerts, on_closed, &closed);
	world.alerts = NULL;
	while (n_handles() > n - 3) /* its timer, and two of the deliveries */
		(void)uv_run(&loop.uv, UV_RUN_NOWAIT);
	assert_false(posted.answered);
	let_pool_go();
	test_loop_until(&loop, &closed);
	assert_true(posted.answered);
	assert_int_equal(posted.code, 0);
	world_close(&world);
	assert_int_equal(number_of("SELECT state FROM delivery"),
	                 DELIVERY_WAITING);
}

/* The configuration that a link of a message is made by may be gone. */
static void nothing_begins_at_the_end(void **state)
{
	struct world world;

	(void)state;
	test_peer_script(&peer, always_ok, ARRAY_SIZE(always_ok));
	run_sql("INSERT INTO alert(id, received_ms, firing, receiver, "
	        "group_key,"
	        " n_alerts, told, body, routing)"
	        " VALUES(1, 0, 1, 'r', 'g', 1, 1, '{\"alerts\":[]}', '{}');"
	        "INSERT INTO delivery(alert_id, notifier_id, sender, alerts,"
	        " state, tries, due_ms, created_ms, words)"
	        " VALUES(1, 1, 'webhook', '', 0, 0, 0, 0, '')");
	assert_true(world_open(&world));
	registry_stop(world.registry);
	test_loop_for(&loop, 200);
	assert_string_equal(test_peer_received(&peer), "");
	world_close(&world);
	assert_int_equal(number_of("SELECT state FROM delivery"),
	                 DELIVERY_WAITING);
	assert_true(world_open(&world));
	assert_true(ended(&world, DELIVERY_SENT, 1, WAIT_MS));
	world_close(&world);
}

static bool live(void)
{
	struct world world;
	bool kept = false;

	if (world_open(&world))
		kept = post(&world, down) == 0;
	if (kept)
		(void)ended(&world, DELIVERY_SENT, 1, 50);
	world_close(&world);
	return kept;
}

static void without_memory(void **state)
{
	size_t n;

	(void)state;
	test_peer_script(&peer, NULL, 0);
	(void)live(); /* what libraries keep for ever */
	faults_count();
	(void)live();
	n = faults_end();
	for (size_t k = 1; k <= n; k += 1 + n / 200) {
		bool kept;

		run_sql("DELETE FROM delivery; DELETE FROM alert_label;"
		        "DELETE FROM alert");
		test_peer_forget(&peer);
		test_peer_script(&peer, always_ok, ARRAY_SIZE(always_ok));
		faults_fail(k);
		kept = live();
		(void)faults_end();
		/* sent, or it waits for the next of us */
		if (kept)
			assert_int_equal(
				number_of("SELECT count(*) FROM delivery "
			                  "WHERE state IN (0, 1)"),
				1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, finish)
		ROW(is_kept_and_delivered),
		ROW(the_same_is_known),
		ROW(nonsense_is_refused),
		ROW(waits_for_our_return),
		ROW(refused_is_dead),
		ROW(a_full_disk),
		ROW(without_memory),
		ROW(closing_before_it_is_on_disk),
		ROW(in_order_when_a_value_changes),
		ROW(under_the_name_of_before),
		ROW(the_names_of_who_is_gone),
		ROW(the_latest_bearer),
		ROW(replayed_at_once),
		ROW(too_many_to_be_replayed),
		ROW(nothing_begins_at_the_end),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
