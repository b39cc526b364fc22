/* SPDX-License-Identifier: Apache-2.0 */
/* The registry in the daemon: what a start, a reload or an end without memory
 * leaves behind. */
#include "hub_kit.h"
#include "support/faults.h"

#include <string.h>
#include "daemon_parts.h"

#define TRIES 100 /* faults, spread over all allocations */

static struct daemon us;
static struct config whole;
static struct daemon_config held = { .config = &whole };

static void on_closed(void *context)
{
	*(bool *)context = true;
}

/* False: there was no memory for it, which is said. */
static bool plan(void)
{
	struct err err = { 0 };

	if (daemon_registry_plan(&us, &whole.registry, &err) == 0)
		return true;
	assert_true(err.code < 0);
	assert_string_not_equal(err.message, "");
	daemon_registry_revert(&us);
	return false;
}

static void apply(void)
{
	us.config = &held;
	daemon_registry_apply(&us);
	assert_non_null(us.api.extension);
	assert_true(held.n_refs > 1);
}

/* A reload that fails leaves what there was. */
static bool reload(void)
{
	const struct registry *registry = us.registry.registry;
	bool planned = plan();

	if (planned)
		apply();
	assert_ptr_equal(us.registry.registry, registry);
	assert_false(us.registry.closing);
	assert_true(us.api.extension->ready(&us.registry, NULL));
	return planned;
}

static void await_closed(void)
{
	bool closed = false;

	while (us.n_pending > 0)
		(void)uv_run(&us.loop, UV_RUN_ONCE);
	assert_null(us.registry.registry);
	assert_null(us.registry.http);
	assert_false(us.registry.closing);
	if (us.client) {
		http_client_close(us.client, on_closed, &closed);
		while (!closed)
			(void)uv_run(&us.loop, UV_RUN_ONCE);
	}
	/* what could not be opened was waited for, too */
	assert_int_equal(uv_loop_close(&us.loop), 0);
	assert_int_equal(held.n_refs, 1);
}

static bool begin(void)
{
	memset(&us, 0, sizeof(us));
	whole.registry = config;
	held.n_refs = 1;
	if (uv_loop_init(&us.loop) < 0)
		return false;
	us.client = http_client_new(&us.loop, NULL);
	return true;
}

/* A start, a reload, an end. True: all of it went well. */
static bool live(void)
{
	bool well = false;

	if (!begin())
		return false;
	if (us.client && plan()) {
		apply();
		well = reload();
		daemon_registry_close(&us);
		assert_true(us.registry.closing);
	}
	await_closed();
	return well;
}

/* Something else of the configuration was wrong. */
static bool live_in_vain(void)
{
	bool planned;

	if (!begin())
		return false;
	planned = us.client && plan();
	if (planned)
		daemon_registry_revert(&us);
	/* nobody keeps it for us */
	memset(&whole.registry, 0xff, sizeof(whole.registry));
	await_closed();
	return planned;
}

static void try_without_memory(bool (*scenario)(void))
{
	size_t n_failed = 0;
	size_t n;
	struct registry *registry = open_registry();

	make(registry, KIND_SERVICE, "shop");
	close_registry(registry);
	assert_true(scenario()); /* what libraries keep for ever */
	faults_count();
	assert_true(scenario());
	n = faults_end();
	for (size_t k = 1; k <= n; k += 1 + n / TRIES) {
		faults_fail(k);
		n_failed += !scenario();
		(void)faults_end();
	}
	assert_true(n_failed > 0);
	assert_true(scenario());
}

static void begins_and_ends_without_memory(void **state)
{
	(void)state;
	try_without_memory(live);
}

static void is_given_up_without_memory(void **state)
{
	(void)state;
	try_without_memory(live_in_vain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) \
	cmocka_unit_test_setup_teardown(name, hub_set_up, hub_tear_down)
		ROW(begins_and_ends_without_memory),
		ROW(is_given_up_without_memory),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
