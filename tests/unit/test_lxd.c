/* SPDX-License-Identifier: Apache-2.0 */
/* LXD's and Incus's documents: replies as the daemons send them, requests as
 * they want them. */
#include "support/cmocka.h"

#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "proto/lxd.h"

#define ERROR(code, words)                                                \
	"{\"type\":\"error\",\"status\":\"\",\"status_code\":0,"          \
	"\"operation\":\"\",\"error_code\":" code ",\"error\":" words "," \
	"\"metadata\":null}"
#define SYNC(metadata)                                                   \
	"{\"type\":\"sync\",\"status\":\"Success\",\"status_code\":200," \
	"\"operation\":\"\",\"error_code\":0,\"error\":\"\","            \
	"\"metadata\":" metadata "}"
#define ASYNC(metadata)                                              \
	"{\"type\":\"async\",\"status\":\"Operation created\","      \
	"\"status_code\":100,\"operation\":\"/1.0/operations/1-a\"," \
	"\"error_code\":0,\"error\":\"\",\"metadata\":" metadata "}"
#define OPERATION(code, own, error)                                          \
	"{\"id\":\"de1c37d1-e068\",\"class\":\"task\",\"status_code\":" code \
	",\"metadata\":" own ",\"may_cancel\":false,\"err\":" error "}"
#define OUT "/1.0/instances/c1/logs/exec_de1c37d1.stdout"

static void test_refusals(void **state)
{
	static const struct {
		const char *reply;
		uint16_t http;
		int result;
		const char *words;
	} rows[] = {
		{ ERROR("404", "\"Instance not found\""), 404, LXD_E_NOT_FOUND,
		  "Instance not found" },
		{ ERROR("404", "\"Operation not found\""), 200, LXD_E_NOT_FOUND,
		  "Operation not found" },
		{ ERROR("400", "\"Instance is not running\""), 400,
		  LXD_E_NOT_RUNNING, "Instance is not running" },
		{ ERROR("400", "\"The instance is already stopped\""), 400,
		  LXD_E_NOT_RUNNING, "The instance is already stopped" },
		{ ERROR("400", "\"Instance is frozen\""), 400, LXD_E_FROZEN,
		  "Instance is frozen" },
		{ ERROR("500", "\"Instance is busy running a \\\"restart\\\" "
		               "operation\""),
		  500, LXD_E_BUSY,
		  "Instance is busy running a \"restart\" operation" },
		{ ERROR("403", "\"not authorized\""), 403, LXD_E_FORBIDDEN,
		  "not authorized" },
		{ ERROR("500", "\"no space left\""), 200, LXD_E_REFUSED,
		  "no space left" },
		{ "{\"type\":\"error\"}", 404, LXD_E_NOT_FOUND,
		  "refused without a reason" },
		{ "{\"type\":\"error\",\"error\":7}", 500, LXD_E_REFUSED,
		  "refused without a reason" },
		{ "<html>502</html>", 502, LXD_E_MALFORMED, NULL },
		{ "", 200, LXD_E_MALFORMED, NULL },
		{ "[]", 200, LXD_E_MALFORMED, NULL },
		{ "{}", 200, LXD_E_MALFORMED, NULL },
		{ "{\"type\":\"sy\"}", 200, LXD_E_MALFORMED, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice reply = slice_from(rows[i].reply);
		struct lxd_operation operation;
		struct lxd_instance instance;
		struct err err;

		if (lxd_read_empty(reply, rows[i].http, &err) !=
		            rows[i].result ||
		    lxd_read_operation(reply, rows[i].http, &operation, &err) !=
		            rows[i].result ||
		    lxd_read_instance(reply, rows[i].http, &instance, &err) !=
		            rows[i].result)
			fail_msg("%s: %s", rows[i].reply, err.message);
		if (rows[i].words)
			assert_string_equal(err.message, rows[i].words);
		else
			assert_int_equal(err.code, -EPROTO);
	}
}

static void test_instances(void **state)
{
	static const struct {
		const char *code;
		enum lxd_status status;
	} rows[] = {
		{ "103", LXD_STATUS_RUNNING },   { "113", LXD_STATUS_RUNNING },
		{ "102", LXD_STATUS_STOPPED },   { "110", LXD_STATUS_FROZEN },
		{ "109", LXD_STATUS_FROZEN },    { "106", LXD_STATUS_CHANGING },
		{ "107", LXD_STATUS_CHANGING },  { "111", LXD_STATUS_CHANGING },
		{ "112", LXD_STATUS_ERROR },     { "999", LXD_STATUS_OTHER },
		{ "\"103\"", LXD_STATUS_OTHER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lxd_instance instance;
		char reply[512];

		(void)snprintf(reply, sizeof(reply),
		               SYNC("{\"name\":\"c1\",\"ephemeral\":%s,"
		                    "\"status_code\":%s,\"last_used_at\":"
		                    "\"2026-11-20T23:38:56Z\"}"),
		               i % 2 ? "true" : "false", rows[i].code);
		assert_int_equal(lxd_read_instance(slice_from(reply), 200,
		                                   &instance, NULL),
		                 0);
		assert_int_equal(instance.status, rows[i].status);
		assert_int_equal(instance.ephemeral, i % 2);
		assert_string_equal(instance.last_used, "2026-11-20T23:38:56Z");
	}
}

static void test_not_an_instance(void **state)
{
	static const char *const rows[] = {
		SYNC("null"),
		SYNC("{}"),
		SYNC("[]"),
		SYNC("\"c1\""),
		SYNC("{\"status_code\":null}"),
	};
	struct lxd_instance instance;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(lxd_read_instance(slice_from(rows[i]), 200,
		                                   &instance, &err),
		                 LXD_E_MALFORMED);
		assert_non_null(strstr(err.message, "status_code"));
	}
}

static void test_operations(void **state)
{
	static const struct {
		const char *reply;
		enum lxd_progress progress;
		int64_t exit_code;
		enum lxd_outcome why;
		const char *out;
	} rows[] = {
		{ ASYNC(OPERATION("103", "null", "\"\"")), LXD_PENDING, -1,
		  LXD_E_REFUSED, "" },
		{ SYNC(OPERATION("105", "null", "\"\"")), LXD_PENDING, -1,
		  LXD_E_REFUSED, "" },
		{ SYNC(OPERATION("200",
		                 "{\"return\":3,\"output\":{\"1\":\"" OUT
		                 "\"}}",
		                 "\"\"")),
		  LXD_SUCCESS, 3, LXD_E_REFUSED, OUT },
		{ SYNC(OPERATION("400", "{\"return\":127}",
		                 "\"Command not found\"")),
		  LXD_FAILURE, 127, LXD_E_REFUSED, "" },
		{ SYNC(OPERATION("400", "null",
		                 "\"Instance is busy running a start "
		                 "operation\"")),
		  LXD_FAILURE, -1, LXD_E_BUSY, "" },
		{ SYNC(OPERATION("401", "null", "null")), LXD_CANCELLED, -1,
		  LXD_E_REFUSED, "" },
		{ SYNC(OPERATION("200", "{\"return\":\"0\",\"output\":[]}",
		                 "\"\"")),
		  LXD_SUCCESS, -1, LXD_E_REFUSED, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lxd_operation operation;
		struct err err;

		if (lxd_read_operation(slice_from(rows[i].reply), 200,
		                       &operation, &err) != 0)
			fail_msg("%s: %s", rows[i].reply, err.message);
		assert_string_equal(operation.id, "de1c37d1-e068");
		assert_int_equal(operation.progress, rows[i].progress);
		assert_int_equal(operation.exit_code, rows[i].exit_code);
		assert_int_equal(operation.why, rows[i].why);
		assert_string_equal(operation.output[0], rows[i].out);
		assert_string_equal(operation.output[1], "");
	}
}

/* What the server tells becomes part of our requests: nothing else may. */
static void test_hostile_operations(void **state)
{
	static const char *const ids[] = {
		"", "../instances/c1", "a b", "a?x=y", "x\\u0000", "a\\r\\nb",
	};
	static const char *const paths[] = {
		"/1.0/instances/c1/state",
		"/1.0/certificates/logs/x",
		"/1.0/instances/c1/logs/../../x",
		"/1.0/instances/c1/logs/a b",
		"/1.0/instances/c1/logs/a?project=x",
		"/1.0/instances/c1/logs/a\\r\\nX: y",
		"http://elsewhere/1.0/instances/c1/logs/x",
	};
	struct lxd_operation operation;
	char reply[512];

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		(void)snprintf(reply, sizeof(reply), SYNC("{\"id\":\"%s\"}"),
		               ids[i]);
		if (lxd_read_operation(slice_from(reply), 200, &operation,
		                       NULL) != LXD_E_MALFORMED)
			fail_msg("id %s", ids[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		(void)snprintf(reply, sizeof(reply),
		               SYNC("{\"id\":\"a\",\"metadata\":{\"output\":"
		                    "{\"1\":\"%s\"}}}"),
		               paths[i]);
		assert_int_equal(lxd_read_operation(slice_from(reply), 200,
		                                    &operation, NULL),
		                 0);
		assert_string_equal(operation.output[0], "");
	}
}

static void test_requests(void **state)
{
	static const char *const argv[] = { "/bin/echo", "a \"b\"", "", NULL };
	static const char *const env[] = { "A=1", "B=", "C", "D=x=y", NULL };
	struct buf buf;

	buf_init(&buf, 4096);
	lxd_write_state(&buf, LXD_RESTART, 30, false);
	assert_string_equal(buf_text(&buf),
	                    "{\"action\":\"restart\",\"timeout\":30,"
	                    "\"force\":false}");
	buf_reset(&buf);
	/* a timeout of 0 would kill */
	lxd_write_state(&buf, LXD_STOP, 0, false);
	assert_string_equal(buf_text(&buf),
	                    "{\"action\":\"stop\",\"timeout\":1,"
	                    "\"force\":false}");
	buf_reset(&buf);
	lxd_write_state(&buf, LXD_START, 5, true);
	assert_string_equal(buf_text(&buf),
	                    "{\"action\":\"start\",\"timeout\":5,"
	                    "\"force\":true}");
	buf_reset(&buf);
	lxd_write_exec(&buf, argv, env, true);
	assert_string_equal(
		buf_text(&buf),
		"{\"command\":[\"/bin/echo\",\"a \\\"b\\\"\",\"\"],"
		"\"environment\":{\"A\":\"1\",\"B\":\"\",\"D\":\"x=y\"},"
		"\"interactive\":false,\"wait-for-websocket\":false,"
		"\"record-output\":true}");
	buf_reset(&buf);
	lxd_write_exec(&buf, argv, NULL, true);
	assert_non_null(strstr(buf_text(&buf), "\"environment\":{},"));
	buf_fini(&buf);
}

static void test_targets(void **state)
{
	struct buf buf;

	buf_init(&buf, 4096);
	lxd_target_instance(&buf, "c1", NULL, NULL);
	assert_string_equal(buf_text(&buf), "/1.0/instances/c1");
	buf_reset(&buf);
	lxd_target_instance(&buf, "a/b?c", "state", "p 1&x");
	assert_string_equal(buf_text(&buf), "/1.0/instances/a%2Fb%3Fc/state"
	                                    "?project=p%201%26x");
	buf_reset(&buf);
	lxd_target_wait(&buf, "1-a", 30, NULL);
	assert_string_equal(buf_text(&buf),
	                    "/1.0/operations/1-a/wait?timeout=30");
	buf_reset(&buf);
	lxd_target_wait(&buf, "1-a", 30, "p1");
	assert_string_equal(buf_text(&buf),
	                    "/1.0/operations/1-a/wait?timeout=30&project=p1");
	buf_reset(&buf);
	lxd_target_path(&buf, OUT, "p1");
	assert_string_equal(buf_text(&buf), OUT "?project=p1");
	buf_fini(&buf);

	assert_true(lxd_name_is_valid("weewx-1"));
	assert_false(lxd_name_is_valid(NULL));
	assert_false(lxd_name_is_valid(""));
	assert_false(lxd_name_is_valid(".."));
	assert_false(lxd_name_is_valid("a/b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_not_an_instance),
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_hostile_operations),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
