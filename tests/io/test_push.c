/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the built-in gateway, answer by answer. */
#include "support/cmocka.h"
#include "gateway_kit.h"

#include <string.h>
#include <zlib.h>

static struct gateway_kit gateway;

static int set_up(void **state)
{
	gateway_kit_init(&gateway);
	return 0;
}

static int tear_down(void **state)
{
	gateway_kit_fini(&gateway);
	return 0;
}

struct row {
	const char *method;
	const char *path;
	const char *headers;
	const char *body;
	uint16_t status;
	const char *answer; /* as gateway_expect() */
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *row = &rows[i];

		print_message("%s %s %s\n", row->method, row->path,
		              row->headers);
		gateway_ask(&gateway, row->method, row->path, row->headers,
		            slice_from(row->body));
		gateway_expect(&gateway, row->status, row->answer);
	}
}

#define JOB      "/metrics/job/a"
#define INVALID  "pushed metrics are invalid or inconsistent with existing "
#define EXISTING INVALID "metrics: "

/* In this order, for each may find what those before have left. */
static void pushes_are_answered_as_by_the_original(void **state)
{
	static const struct row rows[] = {
		{ "PUT", JOB, "", "x 1\n", 200, "" },
		{ "POST", JOB, "", "# TYPE y counter\ny 1\n", 200, "" },
		{ "PUT", JOB "/instance/b", "", "x 1\n", 200, "" },
		{ "PUT", JOB, "", "", 200, "" },
		{ "POST", JOB, "", "", 200, "" },
		{ "POST", "/metrics/job@base64/YQ==", "", "x 1\n", 200, "" },
		{ "POST", "/metrics/job@base64/YQ", "", "x 1\n", 200, "" },
		{ "POST", "/metrics/job/a%2Fb", "", "x 1\n", 200, "" },
		{ "PUT", "/metrics/job/x/job/y", "", "x 1\n", 200, "" },
		{ "PUT", JOB "/b@base64/=", "", "x 1\n", 200, "" },
		{ "PUT", JOB "?whatever=1", "", "x 1\n", 200, "" },

		{ "PUT", JOB, "", "x 1", 400,
		  "text format parsing error in line 1: …" },
		{ "PUT", JOB, "", "x 1\r\n", 400,
		  "text format parsing error in line 1: …" },
		{ "PUT", JOB, "", "x 1\ngarbage\n", 400,
		  "text format parsing error in line 2: …" },
		{ "PUT", JOB, "", "x 1 1395066363000\n", 400,
		  EXISTING "pushed metrics must not have timestamps\n" },
		{ "PUT", "/metrics/job/b", "", "# TYPE x counter\nx 1\n", 400,
		  EXISTING "…" },
		{ "PUT", JOB, "", "x 1\nx 2\n", 400, EXISTING "…" },
		{ "PUT", JOB, "",
		  "# TYPE bouncer_monitors counter\nbouncer_monitors 1\n", 400,
		  EXISTING "…" },
		{ "PUT", JOB, "", "x{__a=\"b\"} 1\n", 400, EXISTING "…" },
		/* ours are written over it */
		{ "PUT", JOB, "",
		  "# TYPE push_time_seconds counter\npush_time_seconds 1\n",
		  200, "" },

		{ "PUT", "/metrics/job@base64/=", "", "x 1\n", 400,
		  "job name is required\n" },
		{ "PUT", "/metrics/job@base64/+/", "", "x 1\n", 400, "…" },
		{ "PUT", "/metrics/job@base64/!", "", "x 1\n", 400,
		  "invalid base64 encoding in job name \"\": …" },
		{ "PUT", JOB "/b", "", "x 1\n", 400,
		  "odd number of components in label string …" },
		{ "PUT", JOB "/", "", "x 1\n", 200, "" },
		{ "PUT", JOB "/__b/c", "", "x 1\n", 400,
		  "improper label name …" },
		{ "PUT", JOB "/ba-d/c", "", "x 1\n", 400,
		  "improper label name …" },
		{ "PUT", "/metrics/jo/a", "", "x 1\n", 404, NULL },
		{ "PUT", "/metrics/job", "", "x 1\n", 404, NULL },
		{ "PUT", JOB, "", "x{__y=\"z\"} 1\n", 400, NULL },
		{ "PUT", "/metrics", "", "x 1\n", 405, NULL },
		{ "GET", JOB, "", "", 405, NULL },
		{ "PATCH", JOB, "", "x 1\n", 405, NULL },

		{ "DELETE", JOB, "", "", 202, "" },
		{ "DELETE", JOB, "", "", 202, "" },
		{ "DELETE", "/metrics/job/never", "", "", 202, "" },
		{ "DELETE", JOB "/b", "", "", 400,
		  "odd number of components in label string …" },

		{ "GET", "/-/ready", "", "", 200, "OK\n" },
		{ "GET", "/-/healthy", "", "", 200, "OK\n" },
		{ "PUT", "/-/quit", "", "", 403,
		  "Lifecycle API is not enabled.\n" },
		{ "POST", "/-/quit", "", "", 403, NULL },
		{ "GET", "/-/quit", "", "", 405, NULL },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void codings_and_types(void **state)
{
	static const struct row rows[] = {
		{ "PUT", JOB, "Content-Encoding: identity\r\n", "x 1\n", 200,
		  "" },
		{ "PUT", JOB, "Content-Encoding: gzip\r\n", "x 1\n", 400,
		  "gzip: incorrect header check\n" },
		{ "PUT", JOB, "Content-Encoding: gzip\r\n", "", 400,
		  "gzip: unexpected EOF\n" },
		{ "PUT", JOB, "Content-Encoding: snappy\r\n", "x 1\n", 415,
		  "Content-Encoding snappy is not understood; send gzip, or "
		  "none\n" },
		{ "PUT", JOB,
		  "Content-Type: application/vnd.google.protobuf; "
		  "proto=io.prometheus.client.MetricFamily; "
		  "encoding=delimited\r\n",
		  "x", 415,
		  "protobuf is not understood; push the text format, "
		  "Content-Type: text/plain; version=0.0.4\n" },
		{ "PUT", JOB,
		  "Content-Type: application/x-www-form-urlencoded\r\n",
		  "x 1\n", 200, "" },
		{ "PUT", JOB, "Content-Type: text/plain; version=0.0.4\r\n",
		  "x 1\n", 200, "" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

/* Zeros of the language of metrics: comments. */
static void pack(struct buf *out, size_t n)
{
	struct buf plain;
	z_stream zlib = { 0 };

	buf_init(&plain, n + 1);
	buf_init(out, n + 1000);
	assert_int_equal(buf_reserve(&plain, n), 0);
	assert_int_equal(buf_reserve(out, n + 900), 0);
	memset(plain.p, '\n', n);
	(void)memcpy(plain.p, "x 1\n", 4);
	assert_int_equal(deflateInit2(&zlib, 9, Z_DEFLATED, MAX_WBITS + 16, 8,
	                              Z_DEFAULT_STRATEGY),
	                 Z_OK);
	zlib.next_in = (unsigned char *)plain.p;
	zlib.avail_in = (unsigned)n;
	zlib.next_out = (unsigned char *)out->p;
	zlib.avail_out = (unsigned)n + 900;
	assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
	out->n = zlib.total_out;
	(void)deflateEnd(&zlib);
	buf_fini(&plain);
}

static void gzip_is_taken_up_to_the_limit(void **state)
{
	static const char gzip[] = "Content-Encoding: gzip\r\n";
	struct buf body;

	pack(&body, GATEWAY_MAX_BODY);
	gateway_ask(&gateway, "PUT", JOB, gzip, buf_slice(&body));
	gateway_expect(&gateway, 200, "");
	assert_non_null(strstr(gateway_get(&gateway, "/metrics"),
	                       "\nx{instance=\"\",job=\"a\"} 1\n"));
	buf_fini(&body);

	pack(&body, GATEWAY_MAX_BODY + 1);
	assert_true(body.n < 2000);
	gateway_ask(&gateway, "PUT", JOB, gzip, buf_slice(&body));
	gateway_expect(&gateway, 413,
	               "the body has more than 1000000 bytes when "
	               "decompressed; see gateway.max_body\n");
	buf_fini(&body);
	assert_non_null(strstr(
		gateway_get(&gateway, "/metrics"),
		"bouncer_gateway_pushes_total{result=\"too_large\"} 1\n"));
}

static void a_large_body_is_413(void **state)
{
	struct buf body;

	buf_init(&body, GATEWAY_MAX_BODY + 1);
	while (body.n <= GATEWAY_MAX_BODY)
		(void)buf_putc(&body, '\n');
	gateway_ask(&gateway, "PUT", JOB, "", buf_slice(&body));
	gateway_expect(&gateway, 413, NULL);
	body.n--;
	gateway_ask(&gateway, "PUT", JOB, "", buf_slice(&body));
	gateway_expect(&gateway, 200, "");
	buf_fini(&body);
}

static void limits_of_the_store(void **state)
{
	static const struct push_store_limits limits = {
		.max_group_bytes = 200,
		.max_series = 3,
		.max_groups = 2,
	};
	static const struct row rows[] = {
		{ "PUT", JOB, "", "x 1\n", 200, "" },
		{ "PUT", JOB, "",
		  "x{l="
		  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "a"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "a"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "a"
		  "\"} 1\n",
		  413, "…" },
		{ "PUT", JOB, "", "a 1\nb 1\nc 1\nd 1\n", 429, "…" },
		{ "PUT", JOB, "", "a 1\nb 1\n", 200, "" },
		{ "PUT", "/metrics/job/b", "", "", 200, "" },
		{ "PUT", "/metrics/job/c", "", "", 429, "…" },
		{ "GET", "/ping/c", "", "", 429, "…" },
		{ "GET", "/ping/b", "", "", 200, "OK\n" },
	};

	push_store_set_limits(gateway.store, &limits);
	check_rows(rows, ARRAY_SIZE(rows));
	assert_non_null(
		strstr(gateway_get(&gateway, "/metrics"),
	               "bouncer_gateway_pushes_total{result=\"ok\"} 4\n"
	               "bouncer_gateway_pushes_total{result=\"rejected\"} 0\n"
	               "bouncer_gateway_pushes_total{result=\"too_large\"} 1\n"
	               "bouncer_gateway_pushes_total{result=\"limited\"} 3\n"));
}

static void heartbeats(void **state)
{
	static const struct row rows[] = {
		{ "GET", "/ping/a", "", "", 200, "OK\n" },
		{ "POST", "/ping/a", "", "the job's last words", 200, "OK\n" },
		{ "HEAD", "/ping/a", "", "", 200, NULL },
		{ "GET", "/ping/a/start", "", "", 200, "OK\n" },
		{ "GET", "/ping/a/fail", "", "", 200, "OK\n" },
		{ "GET", "/ping/a/17", "", "", 200, "OK\n" },
		{ "GET", "/ping/a/instance/b/0", "", "", 200, "OK\n" },
		{ "PUT", "/ping/a", "", "", 405, NULL },
		{ "GET", "/ping/a/256", "", "", 400, NULL },
		{ "GET", "/ping/", "", "", 404, NULL },
		{ "GET", "/ping", "", "", 404, NULL },
	};

	check_rows(rows, ARRAY_SIZE(rows));
	assert_non_null(strstr(gateway_get(&gateway, "/metrics"),
	                       "\nping_exit_code{instance=\"\",job=\"a\"} "
	                       "17\n"));
}

static void administration_has_a_switch(void **state)
{
	static const struct row off[] = {
		{ "PUT", "/api/v1/admin/wipe", "", "", 404,
		  "this is switched off; set gateway.admin_api: true\n" },
		{ "DELETE", "/api/v1/admin/groups?job=a", "", "", 404, "…" },
	};
	static const struct row on[] = {
		{ "PUT", JOB, "", "x 1\n", 200, "" },
		{ "PUT", JOB "/host/h%201", "", "x 1\n", 200, "" },
		{ "PUT", "/metrics/job/b/host/h%201", "", "x 1\n", 200, "" },
		{ "DELETE", "/api/v1/admin/groups?host=h+1&job=b", "", "", 200,
		  "{\"deleted\":1}\n" },
		{ "DELETE", "/api/v1/admin/groups?job=b", "", "", 200,
		  "{\"deleted\":0}\n" },
		{ "DELETE", "/api/v1/admin/groups?job=a", "", "", 200,
		  "{\"deleted\":2}\n" },
		{ "DELETE", "/api/v1/admin/groups", "", "", 400, "…" },
		{ "DELETE", "/api/v1/admin/groups?job=%zz", "", "", 400, "…" },
		{ "GET", "/api/v1/admin/groups?job=a", "", "", 405, NULL },
		{ "PUT", JOB, "", "x 1\n", 200, "" },
		{ "PUT", "/api/v1/admin/wipe", "", "", 202, "" },
		{ "GET", "/api/v1/admin/wipe", "", "", 405, NULL },
	};

	check_rows(off, ARRAY_SIZE(off));
	gateway.config.admin_api = true;
	check_rows(on, ARRAY_SIZE(on));
	assert_int_equal(push_store_counts(gateway.store).n_groups, 0);
}

static void without_a_gateway(void **state)
{
	static const char off[] = "the built-in gateway is off; set push_gw: "
				  "builtin\n";
	static const struct row rows[] = {
		{ "PUT", JOB, "", "x 1\n", 404, off },
		{ "DELETE", JOB, "", "", 404, off },
		{ "GET", "/ping/a", "", "", 404, off },
		{ "GET", "/api/v1/metrics", "", "", 404, off },
		{ "GET", "/api/v1/status", "", "", 404, off },
		{ "PUT", "/api/v1/admin/wipe", "", "", 404, off },
		{ "DELETE", "/api/v1/admin/groups?job=a", "", "", 404, off },
	};

	static const struct row stopping[] = {
		{ "PUT", JOB, "", "x 1\n", 503, "the bouncer is stopping\n" },
	};

	api_close_gateway(&gateway.api);
	check_rows(rows, ARRAY_SIZE(rows));
	gateway.api.stopping = true;
	check_rows(stopping, ARRAY_SIZE(stopping));
	gateway.api.stopping = false;
	assert_null(
		strstr(gateway_get(&gateway, "/metrics"), "bouncer_gateway"));
}

static void json_as_the_original_gives_it(void **state)
{
	assert_string_equal(gateway_get(&gateway, "/api/v1/metrics"),
	                    "{\"status\":\"success\",\"data\":[]}");
	gateway_put(&gateway, JOB, "# TYPE x counter\nx 1\n");
	gateway_get(&gateway, "/api/v1/metrics");
	gateway_expect(&gateway, 200,
	               "{\"status\":\"success\",\"data\":[{\"labels\":{"
	               "\"job\":\"a\"},\"last_push_successful\":true,…");
	gateway_get(&gateway, "/api/v1/status");
	gateway_expect(&gateway, 200,
	               "{\"status\":\"success\",\"data\":{\"build_information\""
	               ":{\"branch\":\"\",…");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			pushes_are_answered_as_by_the_original, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(codings_and_types, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(gzip_is_taken_up_to_the_limit,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_large_body_is_413, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(limits_of_the_store, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(heartbeats, set_up, tear_down),
		cmocka_unit_test_setup_teardown(administration_has_a_switch,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_gateway, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(json_as_the_original_gives_it,
		                                set_up, tear_down),
	};

	return cmocka_run_group_tests_name("push", tests, NULL, NULL);
}
