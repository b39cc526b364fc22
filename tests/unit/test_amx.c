/* SPDX-License-Identifier: Apache-2.0 */
/* amx: the environment of prometheus-am-executor, of a message of two alerts as
 * its README has it. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include <string.h>
#include "core/amx.h"

#define GENERATOR                                                         \
	"http://oldpad:9090/graph#%5B%7B%22expr%22%3A%22up%20%3D%3D%200%" \
	"22%2C%22tab%22%3A0%7D%5D"

static const char sample[] =
	"{\"receiver\":\"default\",\"status\":\"firing\",\"alerts\":["
	"{\"status\":\"firing\",\"labels\":{\"alertname\":\"InstanceDown\","
	"\"instance\":\"localhost:1234\",\"job\":\"broken\",\"monitor\":"
	"\"codelab-monitor\"},\"annotations\":{},\"startsAt\":"
	"\"2016-04-07T18:08:52.804+02:00\",\"endsAt\":"
	"\"0001-01-01T00:00:00Z\",\"generatorURL\":\"" GENERATOR "\"},"
	"{\"status\":\"resolved\",\"labels\":{\"alertname\":\"InstanceDown\","
	"\"instance\":\"localhost:5678\",\"job\":\"broken\",\"monitor\":"
	"\"codelab-monitor\"},\"annotations\":{\"summary\":\"a \\\"b\\\"\\n"
	"$(c)\"},\"startsAt\":\"2016-04-07T18:08:52.804+02:00\",\"endsAt\":"
	"\"2016-04-07T18:09:52+02:00\",\"generatorURL\":\"" GENERATOR "\","
	"\"fingerprint\":\"boop\"}],"
	"\"groupLabels\":{\"alertname\":\"InstanceDown\"},"
	"\"commonLabels\":{\"alertname\":\"InstanceDown\",\"job\":\"broken\","
	"\"monitor\":\"codelab-monitor\"},\"commonAnnotations\":{\"s\":\"x\"},"
	"\"externalURL\":\"http://oldpad:9093\",\"version\":\"4\","
	"\"groupKey\":\"{}:{alertname=\\\"InstanceDown\\\"}\"}";

/* All of it: nothing is missing, nothing is added. */
static const char *const expected[] = {
	"AMX_RECEIVER=default",
	"AMX_STATUS=firing",
	"AMX_EXTERNAL_URL=http://oldpad:9093",
	"AMX_ALERT_LEN=2",
	"AMX_LABEL_alertname=InstanceDown",
	"AMX_LABEL_job=broken",
	"AMX_LABEL_monitor=codelab-monitor",
	"AMX_GLABEL_alertname=InstanceDown",
	"AMX_ANNOTATION_s=x",
	"AMX_ALERT_1_STATUS=firing",
	"AMX_ALERT_1_START=1460045332",
	"AMX_ALERT_1_END=0",
	"AMX_ALERT_1_URL=" GENERATOR,
	"AMX_ALERT_1_FINGERPRINT=",
	"AMX_ALERT_1_LABEL_alertname=InstanceDown",
	"AMX_ALERT_1_LABEL_instance=localhost:1234",
	"AMX_ALERT_1_LABEL_job=broken",
	"AMX_ALERT_1_LABEL_monitor=codelab-monitor",
	"AMX_ALERT_2_STATUS=resolved",
	"AMX_ALERT_2_START=1460045332",
	"AMX_ALERT_2_END=1460045392",
	"AMX_ALERT_2_URL=" GENERATOR,
	"AMX_ALERT_2_FINGERPRINT=boop",
	"AMX_ALERT_2_LABEL_alertname=InstanceDown",
	"AMX_ALERT_2_LABEL_instance=localhost:5678",
	"AMX_ALERT_2_LABEL_job=broken",
	"AMX_ALERT_2_LABEL_monitor=codelab-monitor",
	"AMX_ALERT_2_ANNOTATION_summary=a \"b\"\n$(c)",
};

#define N_FIRST 18 /* of them: all but the second alert */

static void check(const struct buf *buf, size_t n)
{
	const char *at = buf_text(buf);

	for (size_t i = 0; i < n; i++) {
		assert_string_equal(at, expected[i]);
		at += strlen(at) + 1;
	}
	assert_ptr_equal(at, buf->p + buf->n);
}

static size_t size_of_first(void)
{
	size_t size = 0;

	for (size_t i = 0; i < N_FIRST; i++)
		size += strlen(expected[i]) + 1;
	return size;
}

struct read {
	struct am_reader *reader;
	struct am_message message;
};

static struct read read_text(const char *text)
{
	struct read read = { .reader = am_reader_new() };
	struct err err = { 0 };

	assert_non_null(read.reader);
	assert_int_equal(
		am_read(read.reader, slice_from(text), &read.message, &err), 0);
	return read;
}

static void test_sample(void **state)
{
	struct read read = read_text(sample);
	struct buf buf;

	buf_init(&buf, 65536);
	assert_int_equal(amx_environment(&read.message, &buf), 2);
	assert_int_equal(buf.failed, 0);
	check(&buf, ARRAY_SIZE(expected));
	buf_fini(&buf);
	am_reader_free(read.reader);
}

/* An alert is told of whole, or not at all. */
static void test_room(void **state)
{
	struct read read = read_text(sample);
	size_t whole;
	struct buf buf;

	buf_init(&buf, 65536);
	(void)amx_environment(&read.message, &buf);
	whole = buf.n;
	buf_fini(&buf);
	for (size_t max = size_of_first(); max < whole; max++) {
		buf_init(&buf, max);
		assert_int_equal(amx_environment(&read.message, &buf), 1);
		assert_int_equal(buf.failed, 0);
		check(&buf, N_FIRST);
		buf_fini(&buf);
	}
	buf_init(&buf, 40);
	assert_int_equal(amx_environment(&read.message, &buf), 0);
	assert_int_equal(buf.failed, -E2BIG);
	buf_fini(&buf);
	am_reader_free(read.reader);
}

/* A NUL would end the variable, and what follows would be another one. */
static void test_nul(void **state)
{
	static const char text[] =
		"{\"status\":\"resolved\",\"alerts\":[],\"commonLabels\":"
		"{\"a.b\":\"x\\u0000PATH=/tmp\"}}";
	struct read read = read_text(text);
	struct buf buf;

	buf_init(&buf, 65536);
	assert_int_equal(amx_environment(&read.message, &buf), 0);
	assert_non_null(memmem(buf.p, buf.n, "AMX_LABEL_a.b=x PATH=/tmp",
	                       sizeof("AMX_LABEL_a.b=x PATH=/tmp")));
	assert_non_null(memmem(buf.p, buf.n, "AMX_ALERT_LEN=0", 16));
	buf_fini(&buf);
	am_reader_free(read.reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_nul),
	};

	faults_install_mem();
	return cmocka_run_group_tests_name("amx", tests, NULL, NULL);
}
