/* SPDX-License-Identifier: Apache-2.0 */
/* api: who may steer, and what is answered. */
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "api_kit.h"

#define BOUNCE "POST /api/v1/monitors/a/bounce HTTP/1.1"
#define PAUSE  "POST /api/v1/pause HTTP/1.1"
#define RESUME "POST /api/v1/resume HTTP/1.1"
#define RELOAD "POST /api/v1/reload HTTP/1.1"

static struct auth *make_auth(void)
{
	char path[] = "/tmp/bouncer-test-XXXXXX";
	int fd = mkstemp(path);
	struct auth *auth;
	struct err err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "right\n", 6), 6);
	assert_int_equal(close(fd), 0);
	assert_int_equal(auth_new(path, NULL, &auth, &err), 0);
	assert_int_equal(unlink(path), 0);
	return auth;
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void test_who_may_steer(void **state)
{
	static const char *const orders[] = { BOUNCE, PAUSE, RESUME, RELOAD };
	struct auth *auth = make_auth();
	struct api_kit kit;

	api_kit_init(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		api_kit_ask(&kit, kit.addr, orders[i], "", 403,
		            "use the control socket or set auth.token_file");
	kit.api.control_auth = auth;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		api_kit_ask(&kit, kit.addr, orders[i], "", 401,
		            "wrong or missing token");
	api_kit_ask(&kit, kit.addr, RELOAD "\r\nAuthorization: Bearer wrong",
	            "", 401, NULL);
	api_kit_said(&kit, "");
	assert_int_equal(kit.api.n_refused[API_REFUSED_ACCESS], 4);
	assert_int_equal(kit.api.n_refused[API_REFUSED_TOKEN], 5);
	/* said once, for all of them */
	assert_int_equal(count(buf_text(&kit.kit.log_text), "request refused"),
	                 1);
	/* long ago; no machine builds this in its first seconds */
	kit.api.refused_log_ms = 1;
	uv_update_time(&kit.kit.loop.uv);
	assert_true(uv_now(&kit.kit.loop.uv) > 11000);
	api_kit_ask(&kit, kit.addr, RELOAD, "", 401, NULL);
	assert_non_null(strstr(buf_text(&kit.kit.log_text), "left_out=8"));

	api_kit_ask(&kit, kit.addr, RELOAD "\r\nAuthorization: Bearer right",
	            "", 200, "{\"monitors\":2}");
	api_kit_ask(&kit, kit.control, RELOAD, "", 200, "{\"monitors\":2}");
	api_kit_said(&kit, "reload;reload;");
	api_kit_ask(&kit, kit.addr, "GET /metrics HTTP/1.1", "", 200,
	            "bouncer_api_refused_total{reason=\"access\"} 4");
	api_kit_fini(&kit);
	auth_free(auth);
}

static void test_challenge(void **state)
{
	struct auth *auth = make_auth();
	struct api_kit kit;
	struct client client;

	api_kit_init(&kit);
	kit.api.control_auth = auth;
	api_kit_connect(&kit, kit.addr, &client);
	client_send(&client, RELOAD "\r\nHost: x\r\nConnection: close\r\n"
	                            "Content-Length: 0\r\n\r\n");
	client_await_end(&client);
	assert_non_null(strstr(buf_text(&client.in),
	                       "\r\nWWW-Authenticate: Bearer "
	                       "realm=\"bouncer\"\r\n"));
	assert_null(strstr(buf_text(&client.in), "Basic"));
	client_close(&client);
	api_kit_fini(&kit);
	auth_free(auth);
}

static void test_pause(void **state)
{
	static const struct {
		const char *body;
		uint16_t status;
		const char *part;
		const char *said;
	} rows[] = {
		{ "", 200, "{\"monitor\":null,\"until\":null,\"saved\":true}",
		  "pause all 0 ;" },
		{ "{\"monitor\":\"a\",\"for_seconds\":5,\"reason\":\"why\"}",
		  200, "{\"monitor\":\"a\",\"until\":\"", "pause a 5000 why;" },
		{ "{\"monitor\":\"b/c\",\"for_seconds\":null}", 200,
		  "\"until\":null", "pause b/c 0 ;" },
		{ "{\"monitor\":\"x\"}", 404, "no monitor is called x", "" },
		{ "{\"monitor\":3}", 400, "monitor must be a name", "" },
		{ "{\"for_seconds\":0}", 400, "whole number from 1", "" },
		{ "\n {\"for_seconds\":-1}", 400, "whole number", "" },
		{ "{\"for_seconds\":-1}", 400, "whole number", "" },
		{ "{\"for_seconds\":1.5}", 400, "whole number", "" },
		{ "{\"for_seconds\":\"1h\"}", 400, "whole number", "" },
		{ "{\"for_seconds\":9223372036854775807}", 400, "whole number",
		  "" },
		{ "{\"reason\":[]}", 400, "reason must be a text", "" },
		{ "\n [{}]", 400, "not an object", "" },
		{ "[]", 400, "not an object", "" },
		{ "3", 400, "not an object", "" },
		{ "{", 400, "the body is not as expected", "" },
	};
	struct api_kit kit;

	api_kit_init(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		api_kit_ask(&kit, kit.control, PAUSE, rows[i].body,
		            rows[i].status, rows[i].part);
		api_kit_said(&kit, rows[i].said);
	}
	api_kit_ask(&kit, kit.addr, "GET /api/v1/monitors HTTP/1.1", "", 200,
	            "\"until\":null,\"reason\":\"why\",\"by\":\"operator\"}");
	api_kit_ask(&kit, kit.addr, "GET /api/v1/daemon HTTP/1.1", "", 200,
	            "\"pause\":{\"since\":");
	api_kit_ask(&kit, kit.addr, "GET / HTTP/1.1", "", 200,
	            "by an operator: why");
	api_kit_fini(&kit);
}

static void test_resume(void **state)
{
	struct api_kit kit;

	api_kit_init(&kit);
	api_kit_ask(&kit, kit.control, RESUME, "", 409,
	            "no operator has paused all; 0 monitors");
	api_kit_ask(&kit, kit.control, RESUME, "{\"monitor\":\"a\"}", 409,
	            "a is not paused");
	api_kit_ask(&kit, kit.control, PAUSE, "", 200, NULL);
	api_kit_ask(&kit, kit.control, RESUME, "{\"monitor\":\"a\"}", 409,
	            "all monitors are paused");
	api_kit_ask(&kit, kit.control, RESUME, "", 200,
	            "{\"monitor\":null,\"saved\":true}");
	assert_int_equal(kit.monitors[0].policy.state, POLICY_STARTING);
	kit.monitors[0].paused = true;
	api_kit_ask(&kit, kit.control, RESUME, "{\"monitor\":\"a\"}", 409,
	            "a is paused by the configuration");
	api_kit_ask(&kit, kit.control, RESUME, "{\"monitor\":\"x\"}", 404,
	            "no monitor is called x");
	api_kit_fini(&kit);
}

static void release(struct api_kit *kit)
{
	struct promise_wait *wait =
		container_of(list_pop(&kit->waits), struct promise_wait, node);

	wait->saved = true;
	wait->durable(wait);
}

/* The answer comes when it is on disk, or says that it is not. */
static void test_answer_waits_for_the_disk(void **state)
{
	static const char request[] = PAUSE "\r\nHost: x\r\n"
					    "Content-Length: 0\r\n\r\n";
	struct response response;
	struct client client;
	struct api_kit kit;

	api_kit_init(&kit);
	kit.slow_disk = true;
	api_kit_connect(&kit, kit.control, &client);
	client_send(&client, request);
	while (list_empty(&kit.waits))
		test_loop_for(&kit.kit.loop, 1);
	test_loop_for(&kit.kit.loop, 5);
	assert_int_equal(client.in.n, 0);
	release(&kit);
	client_response(&client, &response, false);
	assert_int_equal(response.status, 200);
	response_fini(&response);

	/* who asked is gone, and so is the server's patience */
	client_send(&client, request);
	while (list_empty(&kit.waits))
		test_loop_for(&kit.kit.loop, 1);
	client_close(&client);
	test_loop_for(&kit.kit.loop, 5);
	release(&kit);

	kit.slow_disk = false;
	kit.full_disk = true;
	api_kit_ask(&kit, kit.control, PAUSE, "", 200, "\"saved\":false}");
	api_kit_ask(&kit, kit.control, RESUME, "", 200, "\"saved\":false}");
	kit.api.stopping = true;
	api_kit_ask(&kit, kit.control, PAUSE, "", 409, "stopping");
	api_kit_ask(&kit, kit.control, RESUME, "", 409, "stopping");
	api_kit_fini(&kit);
}

static void test_bounce(void **state)
{
	static const char slashed[] =
		"POST /api/v1/monitors/b%2Fc/bounce HTTP/1.1";
	struct api_kit kit;

	api_kit_init(&kit);
	api_kit_ask(&kit, kit.control, BOUNCE, "{\"dry_run\":true}", 200,
	            "\"Would do now: restart docker one.\"");
	api_kit_said(&kit, "");
	api_kit_ask(&kit, kit.control, BOUNCE, "", 202,
	            "{\"monitor\":\"a\",\"lines\":[\"Begins: restart docker "
	            "one.\"");
	api_kit_ask(&kit, kit.control, slashed, "{\"dry_run\":false}", 202,
	            "\"monitor\":\"b/c\"");
	api_kit_said(&kit, "bounce a;bounce b/c;");
	api_kit_ask(&kit, kit.control, BOUNCE, "{\"dry_run\":1}", 400,
	            "dry_run must be true or false");
	api_kit_ask(&kit, kit.control,
	            "POST /api/v1/monitors/x/bounce HTTP/1.1", "", 404, NULL);
	api_kit_ask(&kit, kit.control, "POST /api/v1/monitors/a HTTP/1.1", "",
	            404, NULL);

	kit.monitors[0].target->owner = &kit;
	api_kit_ask(&kit, kit.control, BOUNCE, "", 409,
	            "another bounce is at work on its target");
	api_kit_ask(&kit, kit.control, BOUNCE, "{\"dry_run\":true}", 200,
	            "Would be refused now: another bounce");
	kit.monitors[0].target->owner = NULL;
	kit.group.storm = true;
	api_kit_ask(&kit, kit.control, BOUNCE, "", 202, "Goes over storm: ");
	api_kit_fini(&kit);
}

static void test_reload(void **state)
{
	struct api_kit kit;

	api_kit_init(&kit);
	kit.problems = "c.yml:1: x\nc.yml:2: y\n";
	api_kit_ask(&kit, kit.control, RELOAD, "", 422,
	            "{\"error\":\"c.yml has problems\",\"problems\":["
	            "\"c.yml:1: x\",\"c.yml:2: y\"]}");
	kit.api.stopping = true;
	api_kit_ask(&kit, kit.control, RELOAD, "", 409, "stopping");
	api_kit_ask(&kit, kit.control, "GET /api/v1/reload HTTP/1.1", "", 405,
	            NULL);
	api_kit_fini(&kit);
}

static void test_explain_and_health(void **state)
{
	struct group *groups[1];
	struct api_kit kit;

	api_kit_init(&kit);
	groups[0] = &kit.group;
	kit.api.groups = groups;
	kit.api.n_groups = 1;
	api_kit_ask(&kit, kit.addr, "GET /api/v1/monitors/a/explain HTTP/1.1",
	            "", 200, "\"steps\":[\"restart docker one\"]");
	api_kit_ask(&kit, kit.addr,
	            "GET /api/v1/monitors/b%2Fc/explain HTTP/1.1", "", 200,
	            "\"monitor\":\"b/c\"");
	api_kit_ask(&kit, kit.addr, "GET /api/v1/monitors/b/explain HTTP/1.1",
	            "", 404, NULL);

	/* an interval of an hour: not late yet */
	kit.configs[0].check_interval_ms = 3600000;
	kit.api.start_wall_ms = api_wall_ms(&kit.api, api_now_ms(&kit.api));
	api_kit_ask(&kit, kit.addr, "GET /api/v1/health HTTP/1.1", "", 200,
	            "{\"ok\":true}");
	kit.api.start_wall_ms -= 4 * 3600000;
	api_kit_ask(&kit, kit.addr, "GET /api/v1/health HTTP/1.1", "", 503,
	            "[\"http://gw has not been read lately\"]");
	kit.group.result = READING_REFUSED;
	api_kit_ask(&kit, kit.addr, "GET /api/v1/health HTTP/1.1", "", 503,
	            "{\"ok\":false,\"problems\":[\"http://gw refused\"]}");
	kit.group.result = READING_OK;
	kit.group.read_ms = api_now_ms(&kit.api);
	kit.group.up = true;
	api_kit_ask(&kit, kit.addr, "GET /api/v1/health HTTP/1.1", "", 200,
	            NULL);
	kit.api.stopping = true;
	api_kit_ask(&kit, kit.addr, "GET /api/v1/health HTTP/1.1", "", 503,
	            "the daemon is stopping");
	api_kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_may_steer),
		cmocka_unit_test(test_challenge),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_answer_waits_for_the_disk),
		cmocka_unit_test(test_bounce),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_explain_and_health),
	};

	return cmocka_run_group_tests_name("api_control", tests, NULL, NULL);
}
