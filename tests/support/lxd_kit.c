/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "support/lxd_kit.h"

#include <string.h>
#include "runtime/lxd_work.h"

static const char *const echo[] = { "/bin/echo", "hi", NULL };

void fixture_on_done(struct runtime_call *call)
{
	struct fixture *fixture = container_of(call, struct fixture, call);

	fixture->done = true;
	fixture->n_done++;
}

void fixture_on_closed(void *context)
{
	*(bool *)context = true;
}

void fixture_open_runtime(struct fixture *fixture, const char *name,
                          const char *endpoint)
{
	fixture->client = http_client_new(&fixture->loop.uv, NULL);
	assert_non_null(fixture->client);
	assert_int_equal(lxd_runtime_new(&fixture->runtime, &fixture->loop.uv,
	                                 fixture->client, name, endpoint, NULL,
	                                 NULL),
	                 0);
	container_of(fixture->runtime, struct lxd_runtime, base)->retry_ms = 5;
}

void fixture_begin(struct fixture *fixture, const struct scripted_row *rows)
{
	*fixture = (struct fixture){ 0 };
	test_loop_init(&fixture->loop);
	scripted_open(&fixture->daemon, &fixture->loop, "lxd.socket", rows);
	fixture_open_runtime(fixture, "lxd", fixture->daemon.path);
	fixture->call.target = "c1";
	fixture->call.stop_timeout_ms = -1;
	fixture->call.argv = echo;
}

void fixture_close_runtime(struct fixture *fixture)
{
	fixture->closed = false;
	runtime_close(fixture->runtime, fixture_on_closed, &fixture->closed);
	assert_false(fixture->closed);
	test_loop_until(&fixture->loop, &fixture->closed);
	fixture->closed = false;
	http_client_close(fixture->client, fixture_on_closed, &fixture->closed);
	test_loop_until(&fixture->loop, &fixture->closed);
}

void fixture_end(struct fixture *fixture)
{
	fixture_close_runtime(fixture);
	scripted_close(&fixture->daemon);
	runtime_call_fini(&fixture->call);
	test_loop_fini(&fixture->loop);
	scripted_done(&fixture->daemon);
}

void fixture_start(struct fixture *fixture, operation op)
{
	fixture->done = false;
	assert_int_equal(op(fixture->runtime, &fixture->call, fixture_on_done),
	                 0);
	assert_false(fixture->done);
}

void fixture_run(struct fixture *fixture, operation op)
{
	fixture_start(fixture, op);
	test_loop_until(&fixture->loop, &fixture->done);
}

void fixture_expect(const struct fixture *fixture, enum runtime_result result,
                    const char *words)
{
	const struct runtime_call *call = &fixture->call;

	if (call->result != result ||
	    (words && !strstr(call->err.message, words)))
		fail_msg("%s: %s%s", runtime_result_name(call->result),
		         call->err.message, fixture->daemon.complaint);
	if (result == RUNTIME_OK)
		assert_string_equal(call->err.message, "");
}
