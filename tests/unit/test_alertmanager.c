/* SPDX-License-Identifier: Apache-2.0 */
/* alertmanager: what Alertmanagers of all ages send. Those of 0.25 were
 * received from a real one. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include <stdio.h>
#include "base/buf.h"
#include "proto/alertmanager.h"
#include "proto/timestamp.h"

static const char firing_0_25[] =
	"{\"receiver\":\"hook\",\"status\":\"firing\",\"alerts\":[{\"status"
	"\":\"firing\",\"labels\":{\"alertname\":\"DiskFull\",\"instance\":"
	"\"web-1:9100\",\"mountpoint\":\"/srv/\\\"a\\\" \\u0026 \\u003cb\\u"
	"003e\",\"severity\":\"critical\"},\"annotations\":{\"description\""
	":\"95 % used\\nsee ümläut 𝄞\",\"summary\":\"Disk of web-1 is full"
	"\",\"value\":\"95\"},\"startsAt\":\"2026-11-21T10:00:13.255217Z\","
	"\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://prom"
	":9090/graph?g0.expr=up+%3D%3D+0\\u0026g0.tab=1\",\"fingerprint\":"
	"\"87a43567449d259e\"},{\"status\":\"firing\",\"labels\":{\"alertna"
	"me\":\"DiskFull\",\"instance\":\"web-2:9100\",\"severity\":\"criti"
	"cal\"},\"annotations\":{\"summary\":\"Disk of web-2 is full\"},\"s"
	"tartsAt\":\"2026-11-21T10:00:13.255217Z\",\"endsAt\":\"0001-01-01T"
	"00:00:00Z\",\"generatorURL\":\"http://prom:9090/graph?g0.expr=up+%"
	"3D%3D+0\\u0026g0.tab=1\",\"fingerprint\":\"7ea5b61b98f4b6e2\"}],\""
	"groupLabels\":{\"alertname\":\"DiskFull\"},\"commonLabels\":{\"ale"
	"rtname\":\"DiskFull\",\"severity\":\"critical\"},\"commonAnnotatio"
	"ns\":{},\"externalURL\":\"http://alertmanager:9093\",\"version\":"
	"\"4\",\"groupKey\":\"{}:{alertname=\\\"DiskFull\\\"}\",\"truncated"
	"Alerts\":0}"
	"\n";

static const char mixed_0_25[] =
	"{\"receiver\":\"hook\",\"status\":\"firing\",\"alerts\":[{\"status"
	"\":\"resolved\",\"labels\":{\"alertname\":\"DiskFull\",\"instance"
	"\":\"web-1:9100\",\"mountpoint\":\"/srv/\\\"a\\\" \\u0026 \\u003cb"
	"\\u003e\",\"severity\":\"critical\"},\"annotations\":{\"descriptio"
	"n\":\"95 % used\\nsee ümläut 𝄞\",\"summary\":\"Disk of web-1 is fu"
	"ll\",\"value\":\"95\"},\"startsAt\":\"2026-11-21T10:00:13.255217Z"
	"\",\"endsAt\":\"2026-11-21T10:00:15.26566Z\",\"generatorURL\":\"ht"
	"tp://prom:9090/graph?g0.expr=up+%3D%3D+0\\u0026g0.tab=1\",\"finger"
	"print\":\"87a43567449d259e\"},{\"status\":\"firing\",\"labels\":{"
	"\"alertname\":\"DiskFull\",\"instance\":\"web-2:9100\",\"severity"
	"\":\"critical\"},\"annotations\":{\"summary\":\"Disk of web-2 is f"
	"ull\"},\"startsAt\":\"2026-11-21T10:00:13.255217Z\",\"endsAt\":\"0"
	"001-01-01T00:00:00Z\",\"generatorURL\":\"http://prom:9090/graph?g0"
	".expr=up+%3D%3D+0\\u0026g0.tab=1\",\"fingerprint\":\"7ea5b61b98f4b"
	"6e2\"}],\"groupLabels\":{\"alertname\":\"DiskFull\"},\"commonLabel"
	"s\":{\"alertname\":\"DiskFull\",\"severity\":\"critical\"},\"commo"
	"nAnnotations\":{},\"externalURL\":\"http://alertmanager:9093\",\"v"
	"ersion\":\"4\",\"groupKey\":\"{}:{alertname=\\\"DiskFull\\\"}\",\""
	"truncatedAlerts\":0}"
	"\n";

static const char truncated_0_25[] =
	"{\"receiver\":\"trunc\",\"status\":\"firing\",\"alerts\":[{\"statu"
	"s\":\"firing\",\"labels\":{\"alertname\":\"T0\",\"sev\":\"trunc\"}"
	",\"annotations\":{},\"startsAt\":\"2026-11-21T10:00:13.255217Z\","
	"\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://prom"
	":9090/graph?g0.expr=up+%3D%3D+0\\u0026g0.tab=1\",\"fingerprint\":"
	"\"869cf3dfe9bb4308\"},{\"status\":\"firing\",\"labels\":{\"alertna"
	"me\":\"T1\",\"sev\":\"trunc\"},\"annotations\":{},\"startsAt\":\"2"
	"026-11-21T10:00:13.255217Z\",\"endsAt\":\"0001-01-01T00:00:00Z\","
	"\"generatorURL\":\"http://prom:9090/graph?g0.expr=up+%3D%3D+0\\u00"
	"26g0.tab=1\",\"fingerprint\":\"65c35c60351401cd\"}],\"groupLabels"
	"\":{\"sev\":\"trunc\"},\"commonLabels\":{\"sev\":\"trunc\"},\"comm"
	"onAnnotations\":{},\"externalURL\":\"http://alertmanager:9093\",\""
	"version\":\"4\",\"groupKey\":\"{}/{sev=\\\"trunc\\\"}:{sev=\\\"tru"
	"nc\\\"}\",\"truncatedAlerts\":2}"
	"\n";
static int setup(void **state)
{
	*state = am_reader_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	am_reader_free(*state);
	return 0;
}

static void read_text(void **state, const char *text,
                      struct am_message *message)
{
	struct err err;
	int r = am_read(*state, slice_from(text), message, &err);

	if (r != 0)
		fail_msg("%s", err.message);
}

static void check_slice(struct slice text, const char *expected)
{
	if (!slice_is(text, expected))
		fail_msg("\"" SLICE_FMT "\" is not \"%s\"", SLICE_ARG(text),
		         expected);
}

static int64_t ms(const char *text)
{
	int64_t ms = 0;

	assert_int_equal(timestamp_parse_rfc3339(slice_from(text), &ms), 0);
	return ms;
}

static void test_firing(void **state)
{
	struct am_message message;
	const struct am_alert *alert;

	read_text(state, firing_0_25, &message);
	assert_true(message.firing);
	check_slice(message.receiver, "hook");
	check_slice(message.version, "4");
	check_slice(message.group_key, "{}:{alertname=\"DiskFull\"}");
	check_slice(message.external_url, "http://alertmanager:9093");
	assert_int_equal(message.common_labels.n, 2);
	assert_int_equal(message.common_annotations.n, 0);
	check_slice(am_label(&message.group_labels, "alertname"), "DiskFull");
	assert_int_equal(message.n_truncated, 0);
	assert_int_equal(message.n_alerts, 2);

	alert = &message.alerts[0];
	assert_true(alert->firing);
	assert_int_equal(alert->labels.n, 4);
	check_slice(am_label(&alert->labels, "mountpoint"), "/srv/\"a\" & <b>");
	check_slice(am_label(&alert->labels, "absent"), "");
	check_slice(am_label(&alert->annotations, "description"),
	            "95 % used\nsee ümläut 𝄞");
	check_slice(alert->generator_url,
	            "http://prom:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
	check_slice(alert->fingerprint, "87a43567449d259e");
	assert_int_equal(alert->starts_ms, ms("2026-11-21T10:00:13.255Z"));
	assert_int_equal(alert->ends_ms, AM_NEVER);
	check_slice(am_label(&message.alerts[1].labels, "instance"),
	            "web-2:9100");
}

/* Each alert has its own status, whatever that of the group is. */
static void test_mixed(void **state)
{
	struct am_message message;

	read_text(state, mixed_0_25, &message);
	assert_true(message.firing);
	assert_false(message.alerts[0].firing);
	assert_int_equal(message.alerts[0].ends_ms,
	                 ms("2026-11-21T10:00:15.265Z"));
	assert_true(message.alerts[1].firing);
}

static void test_truncated(void **state)
{
	struct am_message message;

	read_text(state, truncated_0_25, &message);
	assert_int_equal(message.n_alerts, 2);
	assert_int_equal(message.n_truncated, 2);
}

/* What we call an alert is what Alertmanager calls it. */
static void test_fingerprint(void **state)
{
	static const char *const texts[] = { firing_0_25, mixed_0_25,
		                             truncated_0_25 };
	char own[AM_FINGERPRINT_MAX];
	struct am_message message;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		read_text(state, texts[i], &message);
		for (size_t k = 0; k < message.n_alerts; k++) {
			const struct am_alert *alert = &message.alerts[k];

			check_slice(alert->fingerprint,
			            am_fingerprint(&alert->labels, own));
		}
	}
}

/* Version 3: a number for the group, beyond what a double holds; no
 * fingerprints. */
static void test_old(void **state)
{
	struct am_message message;
	char own[AM_FINGERPRINT_MAX];

	read_text(
		state,
		"{\"receiver\":\"hook\",\"status\":\"resolved\",\"alerts\":[{"
		"\"status\":\"resolved\",\"labels\":{\"alertname\":\"A\"},"
		"\"annotations\":{},\"startsAt\":\"2016-04-07T16:08:52.804Z\","
		"\"endsAt\":\"2016-04-07T17:08:52+01:00\","
		"\"generatorURL\":\"\"}],\"version\":\"3\","
		"\"groupKey\":14695981039346656037}",
		&message);
	check_slice(message.version, "3");
	check_slice(message.group_key, "14695981039346656037");
	assert_false(message.firing);
	assert_false(message.alerts[0].firing);
	assert_int_equal(message.alerts[0].ends_ms, ms("2016-04-07T16:08:52Z"));
	check_slice(message.alerts[0].fingerprint,
	            am_fingerprint(&message.alerts[0].labels, own));
	assert_int_equal(strlen(own), 16);
}

/* Fields that are yet to come, in any order, of any shape. */
static void test_new(void **state)
{
	struct am_message message;

	read_text(
		state,
		"{\"notification_reason\":\"group_interval\",\"routeLabels\":"
		"{\"team\":[{\"alerts\":[{}]}]},\"alerts\":[{\"more\":{\"labels"
		"\":{\"no\":\"x\"}},\"labels\":{\"z\":\"1\",\"b\":\"2\"},"
		"\"new\":[1,[2]],\"status\":\"firing\",\"other\":1.5,\"flag\":"
		"true,\"fingerprint\":\"not one!\"},{\"labels\":{},"
		"\"annotations\":null,\"startsAt\":null}],\"version\":5,"
		"\"truncatedAlerts\":18446744073709551615}",
		&message);
	check_slice(message.version, "5");
	assert_int_equal(message.n_truncated, UINT64_MAX);
	assert_int_equal(message.n_alerts, 2);
	assert_int_equal(message.alerts[0].labels.n, 2);
	check_slice(message.alerts[0].labels.items[0].name, "b");
	assert_int_equal(message.alerts[0].fingerprint.n, 16);
	assert_int_equal(message.alerts[1].starts_ms, AM_NEVER);
	assert_true(message.alerts[1].firing);
	assert_int_equal(message.group_labels.n, 0);
}

/* An alert without a status has the group's. */
static void test_status_of_group(void **state)
{
	struct am_message message;

	read_text(state,
	          "{\"alerts\":[{\"labels\":{}}],\"status\":\"resolved\"}",
	          &message);
	assert_false(message.alerts[0].firing);
	read_text(state, "{\"alerts\":null}", &message);
	assert_int_equal(message.n_alerts, 0);
}

static const struct {
	const char *text;
	const char *words;
} bad[] = {
	{ "", "JSON that is cut short, or empty" },
	{ "{\"alerts\":[{}", "JSON that is cut short, or empty" },
	{ "{\"alerts\":[{}]}x", "not JSON" },
	{ "alerts=[]", "not JSON" },
	{ "[]", "the document is no object" },
	{ "\"x\"", "the document is no object" },
	{ "{}", "there is no \"alerts\": not what Alertmanager's webhook "
	        "sends" },
	{ "{\"alerts\":{}}", "alerts is no array" },
	{ "{\"alerts\":[7]}", "alerts has an element that is no object" },
	{ "{\"alerts\":[{},[]]}",
	  "alerts[0] has an element that is no object" },
	{ "{\"alerts\":[{}],\"alerts\":[{}]}",
	  "alerts[0] is in a second \"alerts\"" },
	{ "{\"status\":\"sad\",\"alerts\":[]}",
	  "status is neither \"firing\" nor \"resolved\"" },
	{ "{\"alerts\":[{},{\"status\":\"\"}]}",
	  "alerts[1].status is neither \"firing\" nor \"resolved\"" },
	{ "{\"alerts\":[{\"startsAt\":\"now\"}]}",
	  "alerts[0].startsAt is no time (RFC 3339)" },
	{ "{\"alerts\":[{\"endsAt\":12}]}", "alerts[0].endsAt is no text" },
	{ "{\"alerts\":[{\"fingerprint\":{}}]}",
	  "alerts[0].fingerprint is no single value" },
	{ "{\"alerts\":[{\"labels\":[]}]}", "alerts[0].labels is no object" },
	{ "{\"alerts\":[{\"labels\":{\"a\":1}}]}",
	  "alerts[0].labels has a value that is no text" },
	{ "{\"alerts\":[{\"labels\":{\"a\":{}}}]}",
	  "alerts[0].labels has a value that is no text" },
	{ "{\"alerts\":[{\"annotations\":{\"a\":\"\",\"a\":\"\"}}]}",
	  "alerts[0].annotations has a name twice" },
	{ "{\"commonLabels\":{\"a\":\"\"},\"commonLabels\":{}}",
	  "commonLabels stands there twice" },
	{ "{\"receiver\":1}", "receiver is no text" },
	{ "{\"truncatedAlerts\":-1}", "truncatedAlerts is no count" },
};

static void test_bad(void **state)
{
	struct am_message message;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };

		assert_int_equal(am_read(*state, slice_from(bad[i].text),
		                         &message, &err),
		                 AM_E_FORMAT);
		assert_string_equal(err.message, bad[i].words);
		assert_int_equal(am_read(*state, slice_from(bad[i].text),
		                         &message, NULL),
		                 AM_E_FORMAT);
	}
}

static void check_limit(void **state, struct buf *text, const char *words)
{
	struct am_message message;
	struct err err;

	assert_int_equal(text->failed, 0);
	if (!words) {
		read_text(state, buf_text(text), &message);
	} else {
		assert_int_equal(
			am_read(*state, buf_slice(text), &message, &err),
			AM_E_TOO_LARGE);
		assert_string_equal(err.message, words);
	}
	buf_fini(text);
}

static void many_alerts(struct buf *text, unsigned n)
{
	buf_init(text, 1 << 20);
	(void)buf_puts(text, "{\"alerts\":[{}");
	for (unsigned i = 1; i < n; i++)
		(void)buf_puts(text, ",{}");
	(void)buf_puts(text, "]}");
}

static void many_labels(struct buf *text, unsigned n)
{
	buf_init(text, 1 << 20);
	(void)buf_puts(text, "{\"alerts\":[{\"labels\":{");
	for (unsigned i = 0; i < n; i++)
		(void)buf_printf(text, "%s\"l%u\":\"\"", i ? "," : "", n - i);
	(void)buf_puts(text, "}}]}");
}

static void long_text(struct buf *text, int n)
{
	buf_init(text, 1 << 20);
	(void)buf_printf(text, "{\"receiver\":\"%0*d\",\"alerts\":[]}", n, 0);
}

static void test_limits(void **state)
{
	struct buf text;

	many_alerts(&text, AM_MAX_ALERTS);
	check_limit(state, &text, NULL);
	many_alerts(&text, AM_MAX_ALERTS + 1);
	check_limit(state, &text,
	            "alerts has more than 10000 elements; see max_alerts of "
	            "Alertmanager's webhook_config");
	many_labels(&text, AM_MAX_LABELS);
	check_limit(state, &text, NULL);
	many_labels(&text, AM_MAX_LABELS + 1);
	check_limit(state, &text, "alerts[0].labels has more than 128 names");
	long_text(&text, AM_MAX_TEXT);
	check_limit(state, &text, NULL);
	long_text(&text, AM_MAX_TEXT + 1);
	check_limit(state, &text,
	            "receiver has a text of more than 65536 bytes");
}

static int read_once(void)
{
	struct am_reader *reader = am_reader_new();
	struct am_message message;
	int r = -ENOMEM;

	if (reader)
		r = am_read(reader, slice_from(mixed_0_25), &message, NULL);
	am_reader_free(reader);
	return r;
}

static void test_no_memory(void **state)
{
	size_t n;

	faults_count();
	assert_int_equal(read_once(), 0);
	n = faults_end();
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		assert_int_equal(read_once(), -ENOMEM);
		faults_end();
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_firing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mixed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(test_fingerprint, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(test_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new, setup, teardown),
		cmocka_unit_test_setup_teardown(test_status_of_group, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test(test_no_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
