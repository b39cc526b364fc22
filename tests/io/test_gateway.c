/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_gateway: the built-in gateway's life in the daemon, as a reload or a
 * restart sees it, and the file that carries what was pushed over it.
 */
#include "support/cmocka.h"
#include "support/faults.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "daemon_parts.h"

/* A daemon of which only what the gateway needs is there. */
struct world {
	struct daemon daemon;
	struct daemon_config daemon_config;
	struct config config;
	struct supervisor_ops ops;
	char dir[64];
	char path[96];
	struct err err;
};

static struct world *world_new(const char *dir)
{
	struct world *world = test_calloc(1, sizeof(*world));
	struct daemon *daemon = &world->daemon;

	assert_int_equal(uv_loop_init(&daemon->loop), 0);
	(void)snprintf(world->dir, sizeof(world->dir), "%s", dir);
	(void)snprintf(world->path, sizeof(world->path), "%s/gateway.prom",
	               dir);
	daemon->state_dir = world->dir;
	daemon->config = &world->daemon_config;
	world->daemon_config.config = &world->config;
	world->config.gateway = (struct config_gateway){ .enabled = true };
	assert_int_equal(journal_init(&daemon->journal, 50), 0);
	supervisor_init(&daemon->supervisor, &world->ops, NULL,
	                &daemon->journal, 1);
	daemon->api.loop = &daemon->loop;
	return world;
}

static int open_gateway(struct world *world)
{
	int r = daemon_gateway_plan(&world->daemon, &world->config.gateway,
	                            &world->err);

	if (r == 0)
		daemon_gateway_apply(&world->daemon);
	else
		daemon_gateway_revert(&world->daemon);
	return r;
}

static void run_until_closed(struct world *world)
{
	for (int i = 0; world->daemon.n_pending > 0; i++) {
		assert_true(i < 100000);
		(void)uv_run(&world->daemon.loop, UV_RUN_ONCE);
	}
}

static void world_free(struct world *world)
{
	daemon_gateway_close(&world->daemon);
	run_until_closed(world);
	assert_null(world->daemon.gateway);
	assert_null(world->daemon.api.builtin);
	(void)uv_run(&world->daemon.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&world->daemon.loop), 0);
	supervisor_fini(&world->daemon.supervisor);
	journal_fini(&world->daemon.journal);
	test_free(world);
}

static struct push_store *store_of(const struct world *world)
{
	return builtin_store(world->daemon.gateway->builtin);
}

static void push(struct world *world, const char *path, const char *text)
{
	struct push_key key;
	struct push_body body;
	struct err err = { 0 };

	push_key_init(&key);
	push_body_init(&body, 1);
	assert_int_equal(push_path_parse(slice_from(path), &key, &err), 0);
	assert_int_equal(push_body_parse(&body, slice_from(text), &err), 0);
	assert_int_equal(
		push_store_push(store_of(world), &key, &body, true,
	                        builtin_now(world->daemon.gateway->builtin),
	                        &err),
		0);
	push_body_fini(&body);
	push_key_fini(&key);
}

/* How often the journal says it, of what is not about one monitor. */
static unsigned n_said(const struct world *world, const char *reason)
{
	const struct journal *journal = &world->daemon.journal;
	unsigned n = 0;

	for (uint64_t seq = journal_first(journal); seq < journal->next_seq;
	     seq++) {
		const struct journal_entry *entry = journal_get(journal, seq);

		n += entry && strcmp(entry->reason, reason) == 0;
	}
	return n;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static unsigned n_files(const char *dir, const char *begin)
{
	DIR *open = opendir(dir);
	struct dirent *entry;
	unsigned n = 0;

	assert_non_null(open);
	while ((entry = readdir(open)))
		n += strncmp(entry->d_name, begin, strlen(begin)) == 0;
	(void)closedir(open);
	return n;
}

static void remove_dir(const char *dir)
{
	DIR *open = opendir(dir);
	struct dirent *entry;

	assert_non_null(open);
	while ((entry = readdir(open)))
		(void)unlinkat(dirfd(open), entry->d_name, 0);
	(void)closedir(open);
	assert_int_equal(rmdir(dir), 0);
}

#define DIR_TEMPLATE "/tmp/bouncer-test-XXXXXX"

static void survives_a_restart(void **state)
{
	char dir[] = DIR_TEMPLATE;
	struct world *world;
	struct push_group *group;

	assert_non_null(mkdtemp(dir));
	world = world_new(dir);
	assert_int_equal(open_gateway(world), 0);
	assert_non_null(world->daemon.api.builtin);
	assert_ptr_equal(world->daemon.api.gateway, &world->config.gateway);
	push(world, "/job/a", "# TYPE m counter\nm{x=\"1\"} 5\nm{x=\"2\"} 6\n");
	push(world, "/job/b/instance/i", "n 1\n");
	world_free(world);

	world = world_new(dir);
	assert_int_equal(open_gateway(world), 0);
	assert_int_equal(push_store_counts(store_of(world)).n_groups, 2);
	group = push_store_next_group(store_of(world), NULL);
	assert_non_null(group);
	assert_true(group->pushed.wall_ms > 0);
	/* of the time since it was pushed we were away for some */
	assert_true((int64_t)group->away_ms <=
	            builtin_now(world->daemon.gateway->builtin).mono_ms -
	                    group->pushed.mono_ms);
	world_free(world);
	remove_dir(dir);
}

/* Until when we listened is worth a snapshot, nothing at all is not. */
static void last_snapshot_says_when(void **state)
{
	char dir[] = DIR_TEMPLATE;
	struct world *world;
	struct stat before;
	struct stat after;

	assert_non_null(mkdtemp(dir));
	world = world_new(dir);
	assert_int_equal(open_gateway(world), 0);
	world_free(world);
	assert_int_equal(n_files(dir, "gateway"), 0);

	world = world_new(dir);
	assert_int_equal(open_gateway(world), 0);
	push(world, "/job/a", "m 1\n");
	world_free(world);
	assert_int_equal(n_files(dir, "gateway"), 1);
	world = world_new(dir);
	assert_int_equal(stat(world->path, &before), 0);
	assert_int_equal(open_gateway(world), 0);
	world_free(world);
	world = world_new(dir);
	assert_int_equal(stat(world->path, &after), 0);
	assert_true(before.st_ino != after.st_ino);
	assert_int_equal(n_files(dir, "gateway"), 1);
	world_free(world);
	remove_dir(dir);
}

/* Some time after a change, and not again without one. */
static void written_at_an_interval(void **state)
{
	char dir[] = DIR_TEMPLATE;
	struct world *world;
	struct daemon_gateway *gateway;

	assert_non_null(mkdtemp(dir));
	world = world_new(dir);
	world->config.gateway.snapshot_interval_ms = 1;
	assert_int_equal(open_gateway(world), 0);
	gateway = world->daemon.gateway;
	assert_int_equal(uv_is_active((uv_handle_t *)&gateway->timer), 0);
	push(world, "/job/a", "m 1\n");
	push(world, "/job/b", "m 1\n");
	assert_int_equal(uv_is_active((uv_handle_t *)&gateway->timer), 1);
	for (int i = 0; gateway->n_written == 0 || gateway->writer; i++) {
		assert_true(i < 100000);
		(void)uv_run(&world->daemon.loop, UV_RUN_ONCE);
	}
	assert_int_equal(n_files(dir, "gateway.prom"), 1);
	/* nothing is left to wait for */
	(void)uv_run(&world->daemon.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_is_active((uv_handle_t *)&gateway->timer), 0);
	world_free(world);
	remove_dir(dir);
}

static void damaged_is_set_aside(void **state)
{
	static const char *const texts[] = {
		"rubbish\n",
		"",
		"# bouncer snapshot 1 1795177980172\n# group 1 pushed=",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char dir[] = DIR_TEMPLATE;
		struct world *world;

		assert_non_null(mkdtemp(dir));
		world = world_new(dir);
		write_file(world->path, texts[i]);
		assert_int_equal(open_gateway(world), 0);
		assert_int_equal(n_said(world, "pushed state cannot be used, "
		                               "starting afresh"),
		                 1);
		assert_int_equal(n_files(dir, "gateway.prom.damaged-"), 1);
		assert_int_equal(push_store_counts(store_of(world)).n_groups,
		                 0);
		/* and it goes on from there */
		push(world, "/job/a", "m 1\n");
		world_free(world);
		assert_int_equal(n_files(dir, "gateway.prom"), 2);
		remove_dir(dir);
	}
}

static void unreadable_is_left_alone(void **state)
{
	char dir[] = DIR_TEMPLATE;
	char loop[96];
	struct world *world;

	assert_non_null(mkdtemp(dir));
	world = world_new(dir);
	(void)snprintf(loop, sizeof(loop), "%s", world->path);
	assert_int_equal(symlink(loop, loop), 0); /* ELOOP, also for root */
	assert_int_equal(open_gateway(world), 0);
	assert_int_equal(
		n_said(world, "pushed state cannot be read, none is kept"), 1);
	push(world, "/job/a", "m 1\n");
	world_free(world);
	assert_int_equal(n_files(dir, "gateway"), 1);
	remove_dir(dir);
}

/* Said once, and again only when it has worked meanwhile. */
static void failing_write_is_reported_once(void **state)
{
	static const char words[] =
		"pushed state cannot be written, going on without";
	char dir[] = DIR_TEMPLATE;
	struct world *world;
	struct daemon_gateway *gateway;

	assert_non_null(mkdtemp(dir));
	world = world_new(dir);
	world->config.gateway.snapshot_interval_ms = 1;
	assert_int_equal(open_gateway(world), 0);
	gateway = world->daemon.gateway;
	assert_int_equal(rmdir(dir), 0);
	push(world, "/job/a", "m 1\n");
	for (int i = 0; i < 50 || gateway->writer; i++)
		(void)uv_run(&world->daemon.loop, UV_RUN_ONCE);
	assert_int_equal(n_said(world, words), 1);
	assert_true(gateway->failing);
	/* the place is back: it is written without a further push */
	assert_int_equal(mkdir(dir, 0700), 0);
	for (int i = 0; gateway->failing; i++) {
		assert_true(i < 100000);
		(void)uv_run(&world->daemon.loop, UV_RUN_ONCE);
	}
	assert_int_equal(n_files(dir, "gateway.prom"), 1);
	world_free(world);
	remove_dir(dir);
}

static void without_a_directory(void **state)
{
	struct world *world = world_new("");

	world->daemon.state_dir = NULL;
	assert_int_equal(open_gateway(world), 0);
	push(world, "/job/a", "m 1\n");
	world_free(world);
}

/* What a reload may do: change it, leave it, switch it off and on. */
static void follows_the_configuration(void **state)
{
	char dir[] = DIR_TEMPLATE;
	struct world *world;
	struct builtin *before;

	assert_non_null(mkdtemp(dir));
	world = world_new(dir);
	assert_int_equal(open_gateway(world), 0);
	before = world->daemon.gateway->builtin;
	push(world, "/job/a", "m 1\n");

	world->config.gateway.max_groups = 1;
	assert_int_equal(open_gateway(world), 0);
	assert_ptr_equal(world->daemon.gateway->builtin, before);
	assert_int_equal(push_store_counts(store_of(world)).n_groups, 1);

	/* a plan that fails changes nothing */
	world->config.gateway.token_file = "/nonexistent/tokens";
	assert_true(open_gateway(world) < 0);
	assert_non_null(strstr(world->err.message, "/nonexistent/tokens"));
	assert_ptr_equal(world->daemon.gateway->builtin, before);
	assert_null(world->daemon.api.push_auth);
	world->config.gateway.token_file = NULL;

	world->config.gateway.enabled = false;
	assert_int_equal(open_gateway(world), 0);
	assert_null(world->daemon.api.builtin);
	assert_int_equal(world->daemon.n_pending, 1);
	/* at once on again: not before it is gone */
	world->config.gateway.enabled = true;
	assert_int_equal(open_gateway(world), UV_EBUSY);
	run_until_closed(world);
	assert_null(world->daemon.gateway);
	assert_int_equal(n_files(dir, "gateway.prom"), 1);

	assert_int_equal(open_gateway(world), 0);
	assert_int_equal(push_store_counts(store_of(world)).n_groups, 1);
	world_free(world);
	remove_dir(dir);
}

/* A first plan that fails leaves nothing, and writes nothing. */
static void failed_start_leaves_nothing(void **state)
{
	char dir[] = DIR_TEMPLATE;
	struct world *world;

	assert_non_null(mkdtemp(dir));
	world = world_new(dir);
	world->config.gateway.token_file = "/nonexistent/tokens";
	assert_true(open_gateway(world) < 0);
	run_until_closed(world);
	assert_null(world->daemon.gateway);
	world_free(world);
	assert_int_equal(n_files(dir, "gateway"), 0);
	remove_dir(dir);
}

static void tokens_are_followed(void **state)
{
	char dir[] = DIR_TEMPLATE;
	char tokens[96];
	struct world *world;

	assert_non_null(mkdtemp(dir));
	world = world_new(dir);
	(void)snprintf(tokens, sizeof(tokens), "%s/tokens", dir);
	write_file(tokens, "secret\n");
	assert_int_equal(chmod(tokens, 0600), 0);
	world->config.gateway.token_file = tokens;
	assert_int_equal(open_gateway(world), 0);
	assert_non_null(world->daemon.api.push_auth);
	world->config.gateway.token_file = NULL;
	assert_int_equal(open_gateway(world), 0);
	assert_null(world->daemon.api.push_auth);
	world_free(world);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_a_restart),
		cmocka_unit_test(last_snapshot_says_when),
		cmocka_unit_test(written_at_an_interval),
		cmocka_unit_test(damaged_is_set_aside),
		cmocka_unit_test(unreadable_is_left_alone),
		cmocka_unit_test(failing_write_is_reported_once),
		cmocka_unit_test(without_a_directory),
		cmocka_unit_test(follows_the_configuration),
		cmocka_unit_test(failed_start_leaves_nothing),
		cmocka_unit_test(tokens_are_followed),
	};

	faults_install();
	return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
