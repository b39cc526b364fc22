/* SPDX-License-Identifier: Apache-2.0 */
/* kubernetes_lease: every answer that an API server may give, or not; the
 * account's files; how it ends. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"
#include "io/tls_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "io/http_client.h"
#include "proto/kubernetes.h"
#include "source/kubernetes_lease.h"

#define MAX_STEPS   64
#define MAX_ANSWER  2048
#define MAX_FILE    65536
#define LEASES      "/apis/coordination.k8s.io/v1/namespaces/test/leases"
#define OTHER_LEASE LEASE("other", "3")
#define OUR_LEASE   LEASE("me", "4")
#define LEASE(holder, transitions)                                       \
	"{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\"," \
	"\"metadata\":{\"name\":\"mon\",\"resourceVersion\":\"v1\"},"    \
	"\"spec\":{\"holderIdentity\":\"" holder "\","                   \
	"\"leaseDurationSeconds\":3600,\"leaseTransitions\":" transitions "}}"
#define STATUS(words) "{\"kind\":\"Status\",\"message\":\"" words "\"}"

static struct tls_kit_files files;

enum close_when { CLOSE_LATER, CLOSE_WHEN_CHANGED, CLOSE_WHEN_LEADING };

struct world {
	struct test_loop loop;
	struct tls_peer peer;
	struct http_client *client;
	struct kubernetes_lease_source *source;
	struct kubernetes_lease_options options;
	struct tls_peer_step steps[MAX_STEPS];
	char answers[MAX_STEPS][MAX_ANSWER];
	size_t n_steps;
	char account[128];
	bool leads;
	bool troubled;
	enum close_when close_when;
	bool closing;
	bool closed;
	bool client_closed;
};

/* --- the account ----------------------------------------------------------- */

static void write_file(const struct world *world, const char *name,
                       const char *text)
{
	char path[160];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", world->account, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void remove_file(const struct world *world, const char *name)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", world->account, name);
	(void)unlink(path);
}

static void write_account(struct world *world)
{
	static char ca[MAX_FILE];
	FILE *file = fopen(files.ca, "r");

	assert_non_null(file);
	ca[fread(ca, 1, sizeof(ca) - 1, file)] = '\0';
	assert_int_equal(fclose(file), 0);
	(void)snprintf(world->account, sizeof(world->account), "%s/account",
	               world->loop.dir);
	assert_int_equal(mkdir(world->account, 0700), 0);
	write_file(world, "ca.crt", ca);
	write_file(world, "token", "first\n");
	write_file(world, "namespace", "test\n");
}

static void remove_account(const struct world *world)
{
	remove_file(world, "ca.crt");
	remove_file(world, "token");
	remove_file(world, "namespace");
	(void)rmdir(world->account);
}

/* --- the world ------------------------------------------------------------- */

static void on_closed(void *context)
{
	struct world *world = context;

	assert_false(world->closed);
	world->closed = true;
}

static void close_source(struct world *world)
{
	struct kubernetes_lease_source *source = world->source;

	world->source = NULL;
	world->closing = true;
	kubernetes_lease_close(source, on_closed, world);
	assert_false(world->closed);
}

static void on_changed(void *context)
{
	struct world *world = context;

	assert_false(world->closing);
	world->leads = kubernetes_lease_leads(world->source);
	world->troubled = kubernetes_lease_trouble(world->source)[0] != '\0';
	if (world->close_when == CLOSE_WHEN_CHANGED ||
	    (world->close_when == CLOSE_WHEN_LEADING && world->leads))
		close_source(world);
}

static void on_client_closed(void *context)
{
	*(bool *)context = true;
}

static struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	test_loop_init(&world->loop);
	write_account(world);
	tls_peer_listen(&world->peer, &world->loop.uv, files.of[TLS_KIT_GOOD],
	                NULL);
	world->peer.steps = world->steps;
	world->options = (struct kubernetes_lease_options){
		.loop = &world->loop.uv,
		.host = "127.0.0.1",
		.port = strrchr(world->peer.url, ':') + 1,
		.account_dir = world->account,
		.name = "mon",
		.identity = "me",
		.lease_ms = 15000,
		.renew_ms = 10000,
		.retry_ms = 5,
		.changed = on_changed,
		.context = world,
	};
	return world;
}

static void close_all(struct world *world)
{
	if (world->source)
		close_source(world);
	/* nobody waits for what has no answer */
	if (world->peer.n_steps == 0) {
		world->peer.hangs_up = true;
		tls_peer_end_all(&world->peer);
	}
	if (world->closing)
		test_loop_until(&world->loop, &world->closed);
	if (!world->client)
		return;
	http_client_close(world->client, on_client_closed,
	                  &world->client_closed);
	test_loop_until(&world->loop, &world->client_closed);
	world->client = NULL;
}

static void world_free(struct world *world)
{
	close_all(world);
	tls_peer_close(&world->peer);
	remove_account(world);
	test_loop_fini(&world->loop);
	free(world);
}

static int open_source(struct world *world, struct err *err)
{
	world->client = http_client_new(&world->loop.uv, NULL);
	if (!world->client)
		return -ENOMEM;
	world->options.client = world->client;
	return kubernetes_lease_new(&world->options, &world->source, err);
}

static void start(struct world *world)
{
	assert_int_equal(open_source(world, NULL), 0);
	assert_false(kubernetes_lease_leads(world->source));
	assert_int_equal(kubernetes_lease_epoch(world->source), 0);
}

/* What the next request is answered. @head: further headers, with their ends. */
static void say_then(struct world *world, unsigned status, const char *head,
                     const char *body, size_t n, enum tls_peer_then then)
{
	char *answer = world->answers[world->n_steps];

	assert_true(world->n_steps < MAX_STEPS);
	(void)snprintf(answer, MAX_ANSWER,
	               "HTTP/1.1 %u X\r\nContent-Length: %zu\r\n%s\r\n%s",
	               status, n, head, body);
	world->steps[world->n_steps++] =
		(struct tls_peer_step){ .answer = answer, .then = then };
	world->peer.n_steps++;
}

static void say(struct world *world, unsigned status, const char *body)
{
	say_then(world, status, "", body, strlen(body), TLS_PEER_KEEP);
}

/* The next request has no answer. */
static void say_nothing(struct world *world)
{
	assert_true(world->n_steps < MAX_STEPS);
	world->steps[world->n_steps++] =
		(struct tls_peer_step){ .answer = NULL };
	world->peer.n_steps++;
}

static void say_not_there_then_ours(struct world *world)
{
	say(world, 404, STATUS("not found"));
	say(world, 201, OUR_LEASE);
}

static void until_leading(struct world *world)
{
	test_loop_until(&world->loop, &world->leads);
	assert_true(kubernetes_lease_leads(world->source));
	assert_string_equal(kubernetes_lease_holder(world->source), "me");
}

static bool received(const struct world *world, const char *text)
{
	return world->peer.received.p &&
	       strstr(world->peer.received.p, text) != NULL;
}

static unsigned n_received(const struct world *world, const char *text)
{
	const char *at = world->peer.received.p;
	unsigned n = 0;

	while (at && (at = strstr(at, text)) != NULL) {
		at += strlen(text);
		n++;
	}
	return n;
}

/* Until it was received so often. */
static void until_received(struct world *world, const char *text, unsigned n)
{
	for (int i = 0;
	     i < LOOP_WAIT_MS / LOOP_TICK_MS && n_received(world, text) < n;
	     i++)
		test_loop_for(&world->loop, 1);
	assert_true(n_received(world, text) >= n);
}

static void expect_trouble(struct world *world, const char *words)
{
	test_loop_until(&world->loop, &world->troubled);
	if (!strstr(kubernetes_lease_trouble(world->source), words))
		fail_msg("\"%s\" is not in \"%s\"", words,
		         kubernetes_lease_trouble(world->source));
	assert_false(kubernetes_lease_leads(world->source));
}

/* --- answers --------------------------------------------------------------- */

static void test_a_new_lease(void **state)
{
	struct world *world = world_new();

	say_not_there_then_ours(world);
	start(world);
	until_leading(world);
	assert_int_equal(kubernetes_lease_epoch(world->source), 1);
	assert_true(received(world, "GET " LEASES "/mon HTTP/1.1\r\n"));
	assert_true(received(world, "POST " LEASES " HTTP/1.1\r\n"));
	assert_true(received(world, "Authorization: Bearer first\r\n"));
	assert_true(received(world, "\"holderIdentity\":\"me\""));
	world_free(world);
}

/* Trouble, in words, and then it goes on as if nothing had been. */
static void test_what_is_no_lease(void **state)
{
	static const struct {
		unsigned status;
		const char *body;
		const char *words;
	} rows[] = {
		{ 400, STATUS("bad name"), "HTTP status 400 Bad Request: bad" },
		{ 422, STATUS("too short"), "HTTP status 422" },
		{ 500, "", "HTTP status 500" },
		{ 502, "<html>no</html>", "HTTP status 502" },
		{ 301, "", "HTTP status 301" },
		{ 200, "<html>welcome</html>", "not JSON" },
		{ 200, "", "not JSON" },
		{ 200, "{\"kind\":\"Lease\",\"sp", "not JSON" },
		{ 200, STATUS("what"), "the answer is no Lease" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world *world = world_new();

		say(world, rows[i].status, rows[i].body);
		start(world);
		expect_trouble(world, rows[i].words);
		say_not_there_then_ours(world);
		/* the request that hangs meanwhile takes the next answers */
		tls_peer_end_all(&world->peer);
		until_leading(world);
		assert_string_equal(kubernetes_lease_trouble(world->source),
		                    "");
		world_free(world);
	}
}

static void test_an_answer_that_is_not_whole(void **state)
{
	struct world *world = world_new();

	say_then(world, 200, "", "{\"kind\":", 100, TLS_PEER_CUT);
	say_not_there_then_ours(world);
	start(world);
	until_leading(world);
	world_free(world);

	world = world_new();
	say_then(world, 200, "", "{\"kind\":", KUBERNETES_MAX_LEASE + 1,
	         TLS_PEER_KEEP);
	start(world);
	expect_trouble(world, "too large");
	world_free(world);
}

static void test_no_answer_at_all(void **state)
{
	struct world *world = world_new();

	world->options.renew_ms = 90; /* a third for each request */
	start(world);
	expect_trouble(world, "127.0.0.1");
	world_free(world);

	world = world_new();
	world->peer.hangs_up = true;
	start(world);
	expect_trouble(world, "127.0.0.1");
	world_free(world);
}

/* Somebody else was quicker, and leads. */
static void test_another_leads(void **state)
{
	struct world *world = world_new();

	say(world, 404, "");
	say(world, 409, STATUS("it exists"));
	say(world, 200, OTHER_LEASE);
	say_nothing(world);
	start(world);
	until_received(world, "GET ", 3);
	assert_string_equal(kubernetes_lease_holder(world->source), "other");
	assert_string_equal(kubernetes_lease_trouble(world->source), "");
	assert_int_equal(kubernetes_lease_epoch(world->source), 0);
	assert_false(world->leads);
	close_all(world);
	/* nothing of ours was to be given free */
	assert_false(received(world, "PUT "));
	world_free(world);
}

/* Conflicts while we lead: we look, and it is still ours, or gone. */
static void test_conflicts_while_leading(void **state)
{
	struct world *world = world_new();

	say_not_there_then_ours(world);
	say(world, 409, STATUS("modified"));
	say(world, 200, OUR_LEASE);
	say(world, 200, OUR_LEASE);
	say(world, 404, STATUS("gone"));
	say_not_there_then_ours(world);
	say_nothing(world);
	start(world);
	until_leading(world);
	/* the fourth renews what was made again, whose answer was read */
	until_received(world, "PUT ", 4);
	assert_true(world->leads);
	assert_int_equal(n_received(world, "POST "), 2);
	/* who made it again is the next epoch */
	assert_int_equal(kubernetes_lease_epoch(world->source), 6);
	assert_true(received(world, "\"leaseTransitions\":5"));
	world_free(world);
}

static void test_taken_from_us(void **state)
{
	struct world *world = world_new();

	say_not_there_then_ours(world);
	say(world, 409, STATUS("modified"));
	say(world, 200, OTHER_LEASE);
	start(world);
	until_leading(world);
	while (world->leads)
		test_loop_for(&world->loop, 1);
	assert_string_equal(kubernetes_lease_holder(world->source), "other");
	world_free(world);
}

/* It is asked again when the server wants it, no sooner. */
static void test_retry_after(void **state)
{
	static const char words[] = STATUS("slowly");
	struct world *world = world_new();
	uint64_t begin_ns = uv_hrtime();

	say_then(world, 429, "Retry-After: 1\r\n", words, strlen(words),
	         TLS_PEER_KEEP);
	say_not_there_then_ours(world);
	start(world);
	until_leading(world);
	assert_true(uv_hrtime() - begin_ns >= 1000000000);
	world_free(world);
}

/* Whom the rules do not let does not try each moment. */
static void test_forbidden(void **state)
{
	struct world *world = world_new();

	say(world, 403, STATUS("leases is forbidden"));
	say_nothing(world); /* a next one would be seen */
	start(world);
	expect_trouble(world, "our service account needs get, create and "
	                      "update on leases: leases is forbidden");
	test_loop_for(&world->loop, 50);
	assert_int_equal(n_received(world, "GET "), 1);
	world_free(world);
}

/* --- the token ------------------------------------------------------------- */

static void test_a_token_that_was_replaced(void **state)
{
	struct world *world = world_new();

	say_not_there_then_ours(world);
	say(world, 401, STATUS("Unauthorized"));
	say(world, 200, OUR_LEASE);
	start(world);
	until_leading(world);
	write_file(world, "token", "second\n");
	until_received(world, "Authorization: Bearer second\r\n", 1);
	assert_true(world->leads);
	assert_string_equal(kubernetes_lease_trouble(world->source), "");
	world_free(world);
}

static void test_a_token_that_is_refused(void **state)
{
	struct world *world = world_new();

	say(world, 401, STATUS("Unauthorized"));
	say(world, 401, STATUS("Unauthorized"));
	start(world);
	expect_trouble(world, "HTTP status 401 Unauthorized: Unauthorized");
	assert_int_equal(n_received(world, "Bearer first"), 2);
	world_free(world);
}

static void test_no_token(void **state)
{
	struct world *world = world_new();

	remove_file(world, "token");
	say_not_there_then_ours(world);
	start(world);
	expect_trouble(world, "account/token");
	assert_null(world->peer.received.p);
	write_file(world, "token", "late\n");
	until_leading(world);
	assert_true(received(world, "Bearer late"));
	world_free(world);
}

/* --- what it needs --------------------------------------------------------- */

static void expect_refusal(struct world *world, int code, const char *words)
{
	struct err err = { 0 };

	assert_int_equal(open_source(world, &err), code);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" is not in \"%s\"", words, err.message);
	assert_null(world->source);
	world_free(world);
}

static void test_no_cluster(void **state)
{
	struct world *world = world_new();

	world->options.host = NULL;
	expect_refusal(world, -ENOENT, "KUBERNETES_SERVICE_HOST");
	world = world_new();
	write_file(world, "namespace", "\n");
	expect_refusal(world, -EINVAL, "namespace is empty");
	world = world_new();
	world->options.port = "x";
	expect_refusal(world, -EINVAL, "port 'x'");

	/* it is said in the configuration */
	world = world_new();
	remove_file(world, "namespace");
	world->options.namespace_ = "mine";
	say_not_there_then_ours(world);
	start(world);
	until_leading(world);
	assert_true(received(world, "POST /apis/coordination.k8s.io/v1/"
	                            "namespaces/mine/leases "));
	world_free(world);
}

/* --- the end --------------------------------------------------------------- */

static void test_given_free(void **state)
{
	struct world *world = world_new();

	world->options.retry_ms = 5000;
	say_not_there_then_ours(world);
	/* somebody has written it meanwhile */
	say(world, 409, STATUS("modified"));
	say(world, 200, OUR_LEASE);
	say(world, 200, LEASE("", "4"));
	start(world);
	until_leading(world);
	close_all(world);
	assert_int_equal(n_received(world, "\"holderIdentity\":\"\""), 2);
	assert_int_equal(world->peer.n_steps, 0);
	world_free(world);
}

/* A renewal is under way, and nobody knows what became of it. */
static void test_closed_while_it_renews(void **state)
{
	struct world *world = world_new();

	world->options.renew_ms = 4500; /* a third for each request */
	say_not_there_then_ours(world);
	say_nothing(world);
	start(world);
	until_leading(world);
	until_received(world, "PUT ", 1);
	close_source(world);
	/* it hangs until its time is over; then these */
	say(world, 200, OUR_LEASE);
	say(world, 200, LEASE("", "4"));
	test_loop_until(&world->loop, &world->closed);
	assert_true(received(world, "\"holderIdentity\":\"\""));
	world_free(world);
}

static void test_closed_at_every_stage(void **state)
{
	/* before anything */
	struct world *world = world_new();

	start(world);
	close_all(world);
	assert_null(world->peer.received.p);
	world_free(world);

	/* connecting: that ends when its time is over */
	world = world_new();
	world->options.renew_ms = 90;
	world->peer.silent = true;
	world->peer.n_steps = 1;
	start(world);
	for (int i = 0; i < LOOP_WAIT_MS && !world->peer.n_accepted; i++)
		test_loop_for(&world->loop, 1);
	close_all(world);
	assert_null(world->peer.received.p);
	world_free(world);

	/* asking */
	world = world_new();
	say_nothing(world);
	start(world);
	until_received(world, "GET ", 1);
	close_all(world);
	assert_false(received(world, "PUT "));
	world_free(world);
}

/* From what it tells: of trouble, of a holder (and it is just about to take the
 * Lease), and that we lead. */
static void test_closed_by_whom_it_tells(void **state)
{
	static const struct {
		enum close_when when;
		unsigned status;
		bool taken;
	} rows[] = {
		{ CLOSE_WHEN_CHANGED, 500, false },
		{ CLOSE_WHEN_CHANGED, 200, false },
		{ CLOSE_WHEN_LEADING, 200, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world *world = world_new();

		world->close_when = rows[i].when;
		say(world, rows[i].status, OUR_LEASE);
		say(world, 200, OUR_LEASE);
		say(world, 200, LEASE("", "4"));
		start(world);
		test_loop_until(&world->loop, &world->closed);
		assert_int_equal(n_received(world, "PUT "),
		                 rows[i].taken ? 2 : 0);
		assert_int_equal(received(world, "\"holderIdentity\":\"\""),
		                 rows[i].taken);
		world_free(world);
	}
}

/* --- no memory ------------------------------------------------------------- */

/* Whatever is asked, the Lease is ours. */
static size_t lead_with_faults(struct world *world, size_t kth)
{
	int r;

	world->peer.steps = world->steps;
	world->peer.n_steps = world->n_steps;
	world->leads = false;
	world->closing = false;
	world->closed = false;
	world->client_closed = false;
	world->peer.hangs_up = false;
	if (kth)
		faults_fail(kth);
	else
		faults_count();
	r = open_source(world, NULL);
	if (r == 0)
		until_leading(world);
	else
		assert_int_equal(r, -ENOMEM);
	close_all(world);
	return faults_end();
}

static void test_no_memory(void **state)
{
	struct world *world = world_new();
	size_t n;

	for (size_t i = 0; i < MAX_STEPS; i++)
		say(world, 200, OUR_LEASE);
	/* the loop keeps some of what it takes the first time */
	(void)lead_with_faults(world, 0);
	n = lead_with_faults(world, 0);
	assert_true(n > 30);
	for (size_t k = 1; k <= n; k++)
		(void)lead_with_faults(world, k);
	world_free(world);
}

static int set_up(void **state)
{
	faults_install();
	tls_kit_write(&files);
	return 0;
}

static int tear_down(void **state)
{
	tls_kit_remove(&files);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_lease),
		cmocka_unit_test(test_what_is_no_lease),
		cmocka_unit_test(test_an_answer_that_is_not_whole),
		cmocka_unit_test(test_no_answer_at_all),
		cmocka_unit_test(test_another_leads),
		cmocka_unit_test(test_conflicts_while_leading),
		cmocka_unit_test(test_taken_from_us),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_a_token_that_was_replaced),
		cmocka_unit_test(test_a_token_that_is_refused),
		cmocka_unit_test(test_no_token),
		cmocka_unit_test(test_no_cluster),
		cmocka_unit_test(test_given_free),
		cmocka_unit_test(test_closed_while_it_renews),
		cmocka_unit_test(test_closed_at_every_stage),
		cmocka_unit_test(test_closed_by_whom_it_tells),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("kubernetes_lease", tests, set_up,
	                                   tear_down);
}
