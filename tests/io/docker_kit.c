/* SPDX-License-Identifier: Apache-2.0 */
#include "io/docker_kit.h"

#include <string.h>
#include "runtime/docker_work.h"

static const char *const echo[] = { "/bin/echo", "hi", NULL };

static void on_logged(void *context, enum log_level level, struct slice line)
{
	struct fixture *fixture = context;

	(void)buf_append(&fixture->said, line.p, line.n);
}

void docker_call_done(struct runtime_call *call)
{
	struct fixture *fixture = container_of(call, struct fixture, call);

	fixture->done = true;
	fixture->n_done++;
}

void docker_closed(void *context)
{
	*(bool *)context = true;
}

void docker_hurry(struct runtime *runtime)
{
	struct docker *docker = container_of(runtime, struct docker, runtime);

	docker->retry_ms = 2;
	docker->retry_max_ms = 4;
	docker->effect_ms = 0;
}

void docker_open(struct fixture *fixture, const char *name,
                 const char *endpoint)
{
	fixture->client = http_client_new(&fixture->loop.uv, NULL);
	assert_non_null(fixture->client);
	assert_int_equal(docker_runtime_new(&fixture->runtime,
	                                    &fixture->loop.uv, fixture->client,
	                                    name, endpoint, &fixture->log,
	                                    NULL),
	                 0);
	docker_hurry(fixture->runtime);
}

void docker_begin_test(struct fixture *fixture, const struct scripted_row *rows)
{
	*fixture = (struct fixture){ 0 };
	buf_init(&fixture->said, 1 << 20);
	fixture->log = (struct log){ .emit = on_logged,
		                     .context = fixture,
		                     .level = LOG_LEVEL_DEBUG };
	test_loop_init(&fixture->loop);
	scripted_open(&fixture->engine, &fixture->loop, "docker.sock", rows);
	docker_open(fixture, "docker", fixture->engine.path);
	fixture->call.target = "web";
	fixture->call.stop_timeout_ms = -1;
	fixture->call.argv = echo;
}

void docker_close_all(struct fixture *fixture)
{
	fixture->closed = false;
	runtime_close(fixture->runtime, docker_closed, &fixture->closed);
	assert_false(fixture->closed);
	test_loop_until(&fixture->loop, &fixture->closed);
	fixture->closed = false;
	http_client_close(fixture->client, docker_closed, &fixture->closed);
	test_loop_until(&fixture->loop, &fixture->closed);
}

/* Without looking whether the whole script was asked. */
void docker_end_early(struct fixture *fixture)
{
	docker_close_all(fixture);
	scripted_close(&fixture->engine);
	runtime_call_fini(&fixture->call);
	buf_fini(&fixture->said);
	test_loop_fini(&fixture->loop);
}

void docker_end_test(struct fixture *fixture)
{
	docker_end_early(fixture);
	scripted_done(&fixture->engine);
}

void docker_start(struct fixture *fixture, operation op)
{
	fixture->done = false;
	assert_int_equal(op(fixture->runtime, &fixture->call, docker_call_done),
	                 0);
	assert_false(fixture->done);
}

void docker_run(struct fixture *fixture, operation op)
{
	docker_start(fixture, op);
	test_loop_until(&fixture->loop, &fixture->done);
}

void docker_expect(const struct fixture *fixture, enum runtime_result result,
                   const char *words)
{
	const struct runtime_call *call = &fixture->call;

	if (call->result != result ||
	    (words && !strstr(call->err.message, words)))
		fail_msg("%s: %s; %s", runtime_result_name(call->result),
		         call->err.message, fixture->engine.complaint);
	if (result == RUNTIME_OK)
		assert_string_equal(call->err.message, "");
	else
		assert_true(call->err.code < 0);
}

/* Waits for words in the log. */
void docker_until_said(struct fixture *fixture, const char *words)
{
	for (int i = 0; i < 1000; i++) {
		if (strstr(buf_text(&fixture->said), words))
			return;
		test_loop_for(&fixture->loop, 1);
	}
	fail_msg("never said \"%s\", but: %s", words, buf_text(&fixture->said));
}

void docker_tell(const struct story *stories, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct story *story = &stories[i];
		struct fixture fixture;

		print_message("  %s\n", story->name);
		docker_begin_test(&fixture, story->rows);
		docker_run(&fixture, story->op);
		docker_expect(&fixture, story->result, story->words);
		assert_int_equal(fixture.call.found.status, story->status);
		docker_end_test(&fixture);
	}
}
