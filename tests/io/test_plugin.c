/* SPDX-License-Identifier: Apache-2.0 */
/* plugin: shared objects and programs, good ones and bad ones. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"
#include "support/peer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "action/bounce.h"
#include "action/plugin.h"
#include "base/text.h"
#include "io/http_client.h"

#define GRACE_MS   400
#define TIMEOUT_MS 5000

struct world {
	struct test_loop loop;
	struct http_client *client;
	struct plugins_options options;
	struct plugins *plugins;
	struct log log;
	char said[8192];
	char complaints[1024];
	bool client_closed;
	bool plugins_closed;
};

struct job {
	struct plugin_call call;
	struct step_plugin step;
	bool done;
};

static const struct label labels[] = {
	{ { "instance", 8 }, { "a:9100", 6 } },
	{ { "job", 3 }, { "node \"x\"", 8 } },
};

static const struct notice notice = {
	.event = NOTICE_STEP,
	.monitor = "cpu",
	.rule = "cpu",
	.container = "web",
	.id = "",
	.image = "",
	.runtime = "host",
	.host = "box",
	.reason = "value beyond the threshold",
	.step = "",
	.result = "",
	.detail = "",
	.output = "",
	.exit_code = -1,
	.age_ms = 30000,
	.attempt = 2,
	.labels = labels,
	.n_labels = 2,
	.value = "104.5",
	.threshold = ">100",
	.level = "hard",
};

/* --- the world -------------------------------------------------------------- */

static void set_flag(void *context)
{
	*(bool *)context = true;
}

static void on_line(void *context, enum log_level level, struct slice line)
{
	struct world *world = context;
	size_t n = strlen(world->said);

	(void)level;
	(void)snprintf(world->said + n, sizeof(world->said) - n, SLICE_FMT,
	               SLICE_ARG(line));
}

static void on_complaint(void *context, const char *monitor, const char *plugin,
                         const char *words)
{
	struct world *world = context;
	size_t n = strlen(world->complaints);

	(void)snprintf(world->complaints + n, sizeof(world->complaints) - n,
	               "%s %s %s;", monitor, plugin, words);
}

static void world_init(struct world *world)
{
	const struct plugins_options options = {
		.loop = &world->loop.uv,
		.log = &world->log,
		.complain = on_complaint,
		.context = world,
		.grace_ms = GRACE_MS,
	};

	*world = (struct world){ 0 };
	test_loop_init(&world->loop);
	world->log.emit = on_line;
	world->log.context = world;
	world->log.level = LOG_LEVEL_DEBUG;
	world->client = http_client_new(&world->loop.uv, NULL);
	assert_non_null(world->client);
	world->options = options;
	world->options.client = world->client;
	world->plugins = plugins_new(&world->options);
	assert_non_null(world->plugins);
}

static void close_plugins(struct world *world)
{
	world->plugins_closed = false;
	plugins_close(world->plugins, set_flag, &world->plugins_closed);
	test_loop_until(&world->loop, &world->plugins_closed);
	world->plugins = NULL;
}

static void world_fini(struct world *world)
{
	if (world->plugins)
		close_plugins(world);
	http_client_close(world->client, set_flag, &world->client_closed);
	test_loop_until(&world->loop, &world->client_closed);
	test_loop_fini(&world->loop);
}

/* Into the private directory, where nobody else writes. */
static void put_file(struct world *world, const char *name, const char *bytes,
                     size_t n, mode_t mode)
{
	char path[108];
	FILE *file = fopen(test_loop_path(&world->loop, name, path), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void copy_from(struct world *world, const char *dir, const char *name)
{
	static char bytes[4 << 20];
	char path[256];
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/%s.so", dir, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	n = fread(bytes, 1, sizeof(bytes), file);
	(void)fclose(file);
	assert_true(n > 0 && n < sizeof(bytes));
	(void)snprintf(path, sizeof(path), "%s.so", name);
	put_file(world, path, bytes, n, 0644);
}

static void copy_plugin(struct world *world, const char *name)
{
	copy_from(world, ODD_PLUGINS, name);
}

static int check(struct world *world, const char *name, struct err *err)
{
	const struct step_plugin step = { .name = name };

	*err = (struct err){ 0 };
	return plugins_check_step(world->plugins, world->loop.dir, &step, err);
}

static void refused(struct world *world, const char *name, const char *words)
{
	struct err err;

	assert_true(check(world, name, &err) < 0);
	if (!strstr(err.message, words))
		fail_msg("%s: %s", name, err.message);
}

static void load(struct world *world, const char *name)
{
	struct err err;

	copy_plugin(world, name);
	if (check(world, name, &err) < 0)
		fail_msg("%s: %s", name, err.message);
}

static void on_done(struct plugin_call *call)
{
	struct job *job = container_of(call, struct job, call);

	assert_false(job->done);
	job->done = true;
}

static void start_with(struct world *world, struct job *job,
                       const struct step_plugin *step, uint64_t timeout_ms)
{
	*job = (struct job){ .step = *step };
	job->call.step = &job->step;
	job->call.notice = &notice;
	job->call.timeout_ms = timeout_ms;
	assert_int_equal(plugin_call_start(world->plugins, &job->call, on_done),
	                 0);
	assert_false(job->done);
}

static void start(struct world *world, struct job *job, const char *name,
                  uint64_t timeout_ms)
{
	const struct step_plugin step = { .name = name };

	start_with(world, job, &step, timeout_ms);
}

static void expect(struct world *world, struct job *job,
                   enum runtime_result result, const char *words)
{
	test_loop_until(&world->loop, &job->done);
	if (job->call.result != result || !strstr(job->call.err.message, words))
		fail_msg("%d: %s", job->call.result, job->call.err.message);
}

static void run(struct world *world, const char *name, uint64_t timeout_ms,
                enum runtime_result result, const char *words)
{
	struct job job;

	start(world, &job, name, timeout_ms);
	expect(world, &job, result, words);
}

/* --- loading ------------------------------------------------------------------ */

static void is_loaded_once(void **state)
{
	struct world world;
	struct err err;
	char path[108];
	char link[108];

	(void)state;
	world_init(&world);
	load(&world, "good");
	assert_non_null(strstr(world.said, "plugin loaded"));
	world.said[0] = '\0';
	assert_int_equal(check(&world, "good", &err), 0);
	assert_string_equal(world.said, "");

	/* another file of that name is not taken for it */
	copy_plugin(&world, "inside");
	(void)test_loop_path(&world.loop, "good.so", path);
	(void)test_loop_path(&world.loop, "inside.so", link);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(link, path), 0);
	refused(&world, "good", "another one needs a restart");
	world_fini(&world);
}

static void only_what_is_safe_is_loaded(void **state)
{
	struct world world;
	struct err err;
	char path[108];

	(void)state;
	world_init(&world);
	refused(&world, "absent", "there is no absent.so in /");
	refused(&world, "../good", "is not a plugin's name");
	refused(&world, "", "is not a plugin's name");
	put_file(&world, "text.so", "no", 2, 0644);
	refused(&world, "text", "cannot be loaded: ");

	copy_plugin(&world, "good");
	(void)test_loop_path(&world.loop, "good.so", path);
	assert_int_equal(chmod(path, 0664), 0);
	refused(&world, "good", "can be written by others (mode 0664)");
	assert_int_equal(chmod(path, 0646), 0);
	refused(&world, "good", "chmod go-w");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chmod(world.loop.dir, 0777), 0);
	refused(&world, "good", "can be written by others (mode 0777)");
	assert_int_equal(chmod(world.loop.dir, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 1234, 0), 0);
		refused(&world, "good", "belongs to user 1234");
		assert_int_equal(chown(path, 0, 0), 0);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(ODD_PLUGINS "/good.so", path), 0);
	refused(&world, "good", "lies outside of plugin_dir");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	refused(&world, "good", "is not a file");
	assert_int_equal(rmdir(path), 0);

	assert_true(plugins_check_step(world.plugins, "/nonexistent",
	                               &(struct step_plugin){ .name = "good" },
	                               &err) < 0);
	assert_non_null(strstr(err.message, "plugin_dir: /nonexistent: No "));
	assert_true(plugins_check_step(world.plugins, NULL,
	                               &(struct step_plugin){ .name = "good" },
	                               &err) < 0);
	assert_non_null(strstr(err.message, "global.plugin_dir is not set"));
	world_fini(&world);
}

static void only_what_fits_is_loaded(void **state)
{
	static const char *const names[] = { "wrong_abi", "wrong_name",
		                             "mute" };
	static const char *const words[] = {
		"made for version 99 of the interface, here is version 1",
		"it calls itself \"other\"",
		"does not export bouncer_plugin",
	};
	struct world world;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		copy_plugin(&world, names[i]);
		refused(&world, names[i], words[i]);
	}
	world_fini(&world);
}

static void parameters_are_put_to_it(void **state)
{
	static const struct step_parameter odd = { "number", "3" };
	static const struct step_parameter later = { "number",
		                                     "{{ attempt }}" };
	static const struct step_parameter unknown = { "nummer", "3" };
	const struct {
		const struct step_parameter *given;
		const char *words; /* NULL: it is good */
	} rows[] = {
		{ &odd, "it refuses: number must be even, 3 is not" },
		{ &later, NULL },
		{ &unknown, "did you mean number?" },
	};
	struct world world;
	struct err err = { 0 };

	(void)state;
	world_init(&world);
	copy_plugin(&world, "good");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct step_plugin step = { .name = "good",
			                          .parameters = rows[i].given,
			                          .n_parameters = 1 };
		int r = plugins_check_step(world.plugins, world.loop.dir, &step,
		                           &err);

		assert_int_equal(r < 0, rows[i].words != NULL);
		if (rows[i].words && !strstr(err.message, rows[i].words))
			fail_msg("%s", err.message);
	}
	world_fini(&world);
}

/* As `bouncer check` does it: without a loop. */
static void a_configuration_is_checked(void **state)
{
	const struct step_plugin good = { .name = "good" };
	const struct step_plugin absent = { .name = "absent" };
	const struct step_plugin program = { .path = "/nonexistent/x" };
	const struct step steps[] = {
		{ .kind = STEP_PLUGIN, .plugin = &good },
		{ .kind = STEP_LOG },
		{ .kind = STEP_PLUGIN, .plugin = &absent },
		{ .kind = STEP_PLUGIN, .plugin = &program },
	};
	struct config_monitor monitor = { .name = "cpu", .steps = steps };
	struct config config = { .monitors = &monitor, .n_monitors = 1 };
	const struct plugins_options options = { 0 };
	struct plugins *plugins = plugins_new(&options);
	struct world world;
	struct buf problems;
	bool closed = false;

	(void)state;
	world_init(&world);
	copy_plugin(&world, "good");
	assert_non_null(plugins);
	buf_init(&problems, PLUGIN_MAX_PROBLEMS);
	config.global.plugin_dir = world.loop.dir;
	monitor.n_steps = 2;
	assert_int_equal(plugins_check(plugins, &config, &problems), 0);
	assert_int_equal(problems.n, 0);
	monitor.n_steps = 4;
	assert_int_equal(plugins_check(plugins, &config, &problems), -EINVAL);
	assert_non_null(strstr(buf_text(&problems),
	                       "monitor cpu: plugin absent: there is no "));
	assert_non_null(strstr(buf_text(&problems),
	                       "monitor cpu: plugin exec:/nonexistent/x: "));
	buf_fini(&problems);
	plugins_close(plugins, set_flag, &closed);
	assert_true(closed);
	world_fini(&world);
}

/* --- actions ------------------------------------------------------------------- */

static void completes_later(void **state)
{
	static const struct step_parameter given[] = {
		{ "greeting", "{{ container }}" }, { "number", "4" }
	};
	const struct step_plugin step = { .name = "good",
		                          .parameters = given,
		                          .n_parameters = 2 };
	struct world world;
	struct job jobs[3];

	(void)state;
	world_init(&world);
	load(&world, "good");
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		start_with(&world, &jobs[i], &step, TIMEOUT_MS);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		expect(&world, &jobs[i], RUNTIME_OK,
		       "web cpu 4 104.5a:9100 after 1");
	assert_non_null(strstr(world.said, "here I am"));
	assert_string_equal(world.complaints, "");
	world_fini(&world);
}

static void completes_inside_of_start(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	load(&world, "inside");
	run(&world, "inside", TIMEOUT_MS, RUNTIME_FAILED, "inside of start");
	load(&world, "half");
	run(&world, "half", TIMEOUT_MS, RUNTIME_OK, "done");
	assert_non_null(strstr(world.complaints, "cpu half completed, and "));
	load(&world, "failing");
	run(&world, "failing", TIMEOUT_MS, RUNTIME_FAILED,
	    "plugin failing did not start: No such file");
	run(&world, "unknown", TIMEOUT_MS, RUNTIME_FAILED,
	    "plugin unknown is not loaded");
	world_fini(&world);
}

static void one_that_never_completes_has_failed(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	load(&world, "never");
	load(&world, "obedient");
	load(&world, "stubborn");
	run(&world, "obedient", 20, RUNTIME_TIMED_OUT,
	    "plugin obedient did not complete within 20ms");
	assert_string_equal(world.complaints, "");
	run(&world, "stubborn", 20, RUNTIME_TIMED_OUT, "did not obey cancel");
	assert_string_equal(world.complaints, "cpu stubborn never completed;");
	for (int i = 0; i < PLUGIN_MAX_GIVEN_UP; i++)
		run(&world, "never", 1, RUNTIME_TIMED_OUT, "within 1ms");
	run(&world, "never", 1, RUNTIME_FAILED, "it is started no more");
	world_fini(&world);
}

static void one_that_completes_late_is_told_of(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	load(&world, "late");
	run(&world, "late", 10, RUNTIME_TIMED_OUT, "within 10ms");
	run(&world, "late", TIMEOUT_MS, RUNTIME_OK, "in time");
	assert_string_equal(world.complaints,
	                    "cpu late never completed;cpu late completed after "
	                    "its deadline: ignored;");
	world_fini(&world);
}

static void one_that_completes_twice_is_told_of(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	load(&world, "twice");
	run(&world, "twice", TIMEOUT_MS, RUNTIME_OK, "once");
	assert_string_equal(world.complaints,
	                    "cpu twice completed twice: ignored;");
	world.complaints[0] = '\0';
	/* the first is long over, and is not taken for another */
	run(&world, "twice", TIMEOUT_MS, RUNTIME_OK, "once");
	assert_string_equal(world.complaints,
	                    "cpu twice completed twice: ignored;"
	                    "cpu twice completed twice: ignored;");
	/* what is remembered is bounded */
	for (int i = 0; i < 100; i++)
		run(&world, "twice", TIMEOUT_MS, RUNTIME_OK, "once");
	world_fini(&world);
}

static void cancelled(void **state)
{
	struct world world;
	struct job job;

	(void)state;
	world_init(&world);
	load(&world, "obedient");
	start(&world, &job, "obedient", TIMEOUT_MS);
	plugin_call_cancel(&job.call);
	plugin_call_cancel(&job.call);
	expect(&world, &job, RUNTIME_CANCELLED, "was cancelled");
	plugin_call_cancel(&job.call);
	world_fini(&world);
}

/* --- helpers ---------------------------------------------------------------------- */

static void run_tool(struct world *world, const char *what, const char *url,
                     uint64_t timeout_ms, enum runtime_result result,
                     const char *words)
{
	const struct step_parameter given[] = { { "url", url },
		                                { "what", what } };
	const struct step_plugin step = { .name = "tools",
		                          .parameters = given,
		                          .n_parameters = 2 };
	struct job job;

	start_with(world, &job, &step, timeout_ms);
	expect(world, &job, result, words);
}

static void commands(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	load(&world, "tools");
	run_tool(&world, "spawn", "", TIMEOUT_MS, RUNTIME_FAILED,
	         "0 3 [toldyes ] [oh ] ");
	run_tool(&world, "much", "", TIMEOUT_MS, RUNTIME_OK,
	         "0 0 [0123456789012345] [told]  truncated");
	run_tool(&world, "slow", "", TIMEOUT_MS, RUNTIME_FAILED,
	         "\"sh\" did not end within 20ms");
	/* it ends with the action, whose deadline is what counts */
	run_tool(&world, "hang", "", 30, RUNTIME_TIMED_OUT, "within 30ms");
	assert_string_equal(world.complaints, "");
	run_tool(&world, "many", "", TIMEOUT_MS, RUNTIME_FAILED, "16");
	run_tool(&world, "nonsense", "", TIMEOUT_MS, RUNTIME_OK, "refused");
	world_fini(&world);
}

static void requests(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS("HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\n"
		          "good"),
		PEER_SAYS("HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\n"
		          "much"),
		{ .answer = NULL },
	};
	struct test_peer peer;
	struct world world;
	char url[200];

	(void)state;
	world_init(&world);
	load(&world, "tools");
	test_peer_listen(&peer, &world.loop.uv, "127.0.0.1", 0);
	test_peer_script(&peer, steps, ARRAY_SIZE(steps));
	(void)snprintf(url, sizeof(url), "%s/a?b=c", peer.url);
	run_tool(&world, "ask", url, TIMEOUT_MS, RUNTIME_OK, "0 202 good ");
	assert_non_null(
		strstr(test_peer_received(&peer), "PUT /a?b=c HTTP/1.1\r\n"));
	assert_non_null(strstr(test_peer_received(&peer), "X-Mine: 1\r\n"));
	run_tool(&world, "little", url, TIMEOUT_MS, RUNTIME_OK, "-90 202 ");
	/* nobody answers */
	run_tool(&world, "ask", url, 30, RUNTIME_TIMED_OUT, "within 30ms");
	test_peer_close(&peer);
	run_tool(&world, "ask", url, TIMEOUT_MS, RUNTIME_OK, "-111 0 ");
	world_fini(&world);
}

/* --- what is shipped ------------------------------------------------------- */

static const struct label efs_labels[] = {
	{ { "fs", 2 }, { "fs-0123abcd", 11 } },
	{ { "bad", 3 }, { "fs-../../x", 10 } },
};

static void run_efs(struct world *world, const char *label, const char *url,
                    enum runtime_result result, const char *words)
{
	const struct step_parameter given[] = {
		{ "aws_region", "eu-central-1" },
		{ "endpoint", url },
		{ "file_system_prometheus_label", label },
	};
	struct notice told = notice;
	struct job job = { .step = { .name = "efs_emergency",
		                     .parameters = given,
		                     .n_parameters = 3 } };
	struct err err;

	if (plugins_check_step(world->plugins, world->loop.dir, &job.step,
	                       &err) < 0)
		fail_msg("%s", err.message);
	told.labels = efs_labels;
	told.n_labels = ARRAY_SIZE(efs_labels);
	job.call = (struct plugin_call){ .step = &job.step,
		                         .notice = &told,
		                         .timeout_ms = TIMEOUT_MS };
	assert_int_equal(plugin_call_start(world->plugins, &job.call, on_done),
	                 0);
	expect(world, &job, result, words);
}

/* Which file system, the labels of the series say. */
static void efs_emergency_reads_the_label(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n"
		          "{}"),
		PEER_SAYS("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n"
		          "gone"),
	};
	struct test_peer peer;
	struct world world;

	(void)state;
	world_init(&world);
	copy_from(&world, SHIPPED_PLUGINS, "efs_emergency");
	(void)setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
	(void)setenv("AWS_SECRET_ACCESS_KEY", "geheim", 1);
	test_peer_listen(&peer, &world.loop.uv, "127.0.0.1", 0);
	test_peer_script(&peer, steps, ARRAY_SIZE(steps));
	run_efs(&world, "fs", peer.url, RUNTIME_OK,
	        "fs-0123abcd: throughput mode elastic");
	assert_non_null(strstr(test_peer_received(&peer),
	                       "PUT /2015-02-01/file-systems/fs-0123abcd "));
	run_efs(&world, "fs", peer.url, RUNTIME_FAILED, "AWS says 404: gone");
	run_efs(&world, "bad", peer.url, RUNTIME_FAILED, "is no file system");
	run_efs(&world, "none", peer.url, RUNTIME_FAILED, "has no label none");
	(void)unsetenv("AWS_ACCESS_KEY_ID");
	run_efs(&world, "fs", peer.url, RUNTIME_FAILED,
	        "there are no credentials in AWS_ACCESS_KEY_ID");
	test_peer_close(&peer);
	world_fini(&world);
}

/* --- through a bounce --------------------------------------------------------- */

struct step_job {
	struct bounce bounce;
	bool done;
};

/* The disk is quick, but not before promises_save() has returned. */
static void on_saved(uv_timer_t *timer)
{
	struct promise_wait *wait = timer->data;

	timer->data = NULL;
	wait->durable(wait);
}

static void save_soon(void *context, struct promise_wait *wait)
{
	uv_timer_t *disk = context;

	if (!wait)
		return;
	assert_null(disk->data);
	disk->data = wait;
	assert_int_equal(uv_timer_start(disk, on_saved, 0, 0), 0);
}

static void on_bounced(struct bounce *bounce)
{
	container_of(bounce, struct step_job, bounce)->done = true;
}

static void begin_step(struct bouncer *bouncer, struct step_job *job,
                       const struct step *step)
{
	*job = (struct step_job){ .bounce = { .step = step,
		                              .runtime_name = "host",
		                              .target = "job",
		                              .monitor = "job",
		                              .reason = "too old",
		                              .attempt = 1 } };
	bounce_start(bouncer, &job->bounce, on_bounced);
}

static void bounce_step(struct world *world, struct bouncer *bouncer,
                        struct step_job *job, const struct step *step)
{
	begin_step(bouncer, job, step);
	test_loop_until(&world->loop, &job->done);
}

static void is_a_step(void **state)
{
	static const struct step_plugin good = { .name = "good" };
	static const struct step_plugin obedient = { .name = "obedient" };
	static const struct step steps[] = {
		{ .kind = STEP_PLUGIN, .plugin = &good },
		{ .kind = STEP_PLUGIN, .plugin = &obedient, .timeout_ms = 20 },
	};
	struct bouncer bouncer = { .max_parallel = 1 };
	struct promises_ops ops = { .save = save_soon };
	uv_timer_t disk = { 0 };
	struct world world;
	struct step_job job;
	bool closed = false;

	(void)state;
	world_init(&world);
	load(&world, "good");
	load(&world, "obedient");
	bouncer.loop = &world.loop.uv;
	bouncer.plugins = world.plugins;
	assert_int_equal(uv_timer_init(&world.loop.uv, &disk), 0);
	ops.context = &disk;
	bouncer.promises = promises_new(&world.loop.uv, NULL, &ops, 1);
	assert_non_null(bouncer.promises);
	assert_int_equal(bouncer_init(&bouncer), 0);

	bounce_step(&world, &bouncer, &job, &steps[0]);
	assert_int_equal(job.bounce.result, STEP_OK);
	assert_string_equal(job.bounce.detail, "hello job 2 - after 1");
	bounce_step(&world, &bouncer, &job, &steps[1]);
	assert_int_equal(job.bounce.result, STEP_TIMED_OUT);
	assert_string_equal(job.bounce.detail,
	                    "plugin obedient did not complete within 20ms");
	bouncer.plugins = NULL;
	bounce_step(&world, &bouncer, &job, &steps[0]);
	assert_int_equal(job.bounce.result, STEP_FAILED);
	assert_string_equal(job.bounce.detail, "there are no plugins here");

	/* what runs when we end is cancelled */
	bouncer.plugins = world.plugins;
	job = (struct step_job){ 0 };
	begin_step(&bouncer, &job,
	           &(struct step){ .kind = STEP_PLUGIN, .plugin = &obedient });
	while (job.bounce.stage != BOUNCE_ACTING)
		(void)uv_run(&world.loop.uv, UV_RUN_NOWAIT);
	bouncer_close(&bouncer, set_flag, &closed);
	test_loop_until(&world.loop, &closed);
	assert_true(job.done);
	assert_int_equal(job.bounce.result, STEP_CANCELLED);
	closed = false;
	promises_close(bouncer.promises, set_flag, &closed);
	test_loop_until(&world.loop, &closed);
	uv_close((uv_handle_t *)&disk, NULL);
	world_fini(&world);
}

/* --- programs ----------------------------------------------------------------------- */

static void run_program(struct world *world, const char *script,
                        uint64_t timeout_ms, enum runtime_result result,
                        const char *words)
{
	static const struct step_parameter given[] = {
		{ "list", "a, \"b\"" }, { "who", "{{ container }}" }
	};
	struct step_plugin step = { .parameters = given, .n_parameters = 2 };
	char path[108];
	char text[1024];
	struct job job;
	struct err err;
	int n;

	n = snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);
	put_file(world, "program", text, (size_t)n, 0755);
	step.path = test_loop_path(&world->loop, "program", path);
	assert_int_equal(plugins_check_step(world->plugins, NULL, &step, &err),
	                 0);
	start_with(world, &job, &step, timeout_ms);
	expect(world, &job, result, words);
}

static void programs(void **state)
{
	static const struct {
		const char *script;
		enum runtime_result result;
		const char *words;
	} rows[] = {
		{ "exit 0", RUNTIME_OK, "" },
		{ "echo fine", RUNTIME_OK, "fine" },
		{ "exit 3", RUNTIME_FAILED, "exit code 3" },
		{ "echo why >&2; exit 3", RUNTIME_FAILED, "exit code 3: why" },
		{ "kill -9 $$", RUNTIME_FAILED, "ended by signal 9" },
		{ "echo '{\"result\":\"ok\",\"detail\":\"5 files\"}'",
		  RUNTIME_OK, "5 files" },
		{ "echo '{\"detail\":\"5\\\\n files\"}'", RUNTIME_OK,
		  "5  files" },
		{ "echo '{\"result\":\"failed\",\"detail\":\"no\"}'",
		  RUNTIME_FAILED, "no" },
		{ "echo '{\"result\":\"ok\",\"detail\":\"no\"}'; exit 1",
		  RUNTIME_FAILED, "exit code 1: no" },
		{ "echo '{\"result\":7}'", RUNTIME_FAILED, "is neither" },
		{ "echo '{\"result\":'", RUNTIME_FAILED,
		  "its answer is not JSON: line 1: " },
		{ "head -c 70000 /dev/zero", RUNTIME_FAILED,
		  "answers with more than" },
		/* what it is told */
		{ "grep -o '\"parameters\":.*'", RUNTIME_OK,
		  "\"parameters\":{\"list\":\"a, "
		  "\\\"b\\\"\",\"who\":\"web\"}" },
		{ "grep -o '\"value\":.*\"annotations\":{}'", RUNTIME_OK,
		  "\"value\":\"104.5\",\"threshold\":\">100\",\"level\":"
		  "\"hard\",\"status\":null,\"labels\":{\"instance\":"
		  "\"a:9100\",\"job\":\"node \\\"x\\\"\"},\"annotations\":{}" },
		{ "grep -c '^{\"version\":1,\"monitor\":\"cpu\",'", RUNTIME_OK,
		  "1" },
	};
	struct world world;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		run_program(&world, rows[i].script, TIMEOUT_MS, rows[i].result,
		            rows[i].words);
	run_program(&world, "echo one >&2; echo two >&2", TIMEOUT_MS,
	            RUNTIME_OK, "");
	assert_non_null(strstr(world.said, "what=one"));
	assert_non_null(strstr(world.said, "what=two"));
	run_program(&world, "exec sleep 60", 50, RUNTIME_TIMED_OUT,
	            "did not end within 50ms and was killed");
	world_fini(&world);
}

static void programs_are_checked(void **state)
{
	struct step_plugin step = { .path = "relative" };
	struct world world;
	struct err err;
	char path[108];

	(void)state;
	world_init(&world);
	assert_true(plugins_check_step(world.plugins, NULL, &step, &err) < 0);
	assert_non_null(strstr(err.message, "an absolute path is needed"));
	put_file(&world, "text", "x", 1, 0644);
	step.path = test_loop_path(&world.loop, "text", path);
	assert_true(plugins_check_step(world.plugins, NULL, &step, &err) < 0);
	assert_non_null(strstr(err.message, "chmod +x"));
	world_fini(&world);
}

/* --- out of memory -------------------------------------------------------------------- */

static void faulty_run(struct world *world, const struct step_plugin *step,
                       const char *dir)
{
	struct job job = { .step = *step };
	struct err err = { 0 };
	int r;

	world->plugins = plugins_new(&world->options);
	if (!world->plugins)
		return;
	r = plugins_check_step(world->plugins, dir, step, &err);
	if (r != 0 && r != -ENOMEM && !strstr(err.message, "cannot be loaded"))
		fail_msg("%s", err.message);
	job.call.step = &job.step;
	job.call.notice = &notice;
	job.call.timeout_ms = TIMEOUT_MS;
	r = plugin_call_start(world->plugins, &job.call, on_done);
	assert_true(r == 0 || r == -ENOMEM);
	if (r == 0)
		test_loop_until(&world->loop, &job.done);
	close_plugins(world);
}

/* @kth: the allocation that fails; 0: none. Returns how many there were. */
static size_t scenario(const struct step_plugin *step, const char *dir,
                       size_t kth)
{
	struct world world;
	size_t n;

	world_init(&world);
	close_plugins(&world);
	/* what the loop itself allocates once is there then */
	faulty_run(&world, step, dir);
	if (kth)
		faults_fail(kth);
	else
		faults_count();
	faulty_run(&world, step, dir);
	n = faults_end();
	world_fini(&world);
	return n;
}

static void survives_lack_of_memory(void **state)
{
	static const struct step_parameter given[] = { { "greeting",
		                                         "{{ container }}" } };
	const struct step_plugin steps[] = {
		{ .name = "good", .parameters = given, .n_parameters = 1 },
		{ .path = "/bin/cat", .parameters = given, .n_parameters = 1 },
	};
	struct world world;

	(void)state;
	world_init(&world);
	copy_plugin(&world, "good");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		size_t n = scenario(&steps[i], world.loop.dir, 0);

		assert_true(n > 5);
		for (size_t k = 1; k <= n; k++)
			(void)scenario(&steps[i], world.loop.dir, k);
	}
	world_fini(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_loaded_once),
		cmocka_unit_test(only_what_is_safe_is_loaded),
		cmocka_unit_test(only_what_fits_is_loaded),
		cmocka_unit_test(parameters_are_put_to_it),
		cmocka_unit_test(a_configuration_is_checked),
		cmocka_unit_test(completes_later),
		cmocka_unit_test(completes_inside_of_start),
		cmocka_unit_test(one_that_never_completes_has_failed),
		cmocka_unit_test(one_that_completes_late_is_told_of),
		cmocka_unit_test(one_that_completes_twice_is_told_of),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(commands),
		cmocka_unit_test(requests),
		cmocka_unit_test(efs_emergency_reads_the_label),
		cmocka_unit_test(is_a_step),
		cmocka_unit_test(programs),
		cmocka_unit_test(programs_are_checked),
		cmocka_unit_test(survives_lack_of_memory),
	};

	faults_install();
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("plugin", tests, NULL, NULL);
}
