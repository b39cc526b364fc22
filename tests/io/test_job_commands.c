/* SPDX-License-Identifier: Apache-2.0 */
/* push and ping, against a gateway with scripted answers. */
#include "support/cmocka.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/command_kit.h"

#define MAX_ANSWERS 4

static char directory[] = "/tmp/bouncer-test-XXXXXX";

#define SAYS(status, body)                    \
	{                                     \
		(status), (body), ANSWER_JSON \
	}
#define PING(target) "POST " target " HTTP/1.1\r\n"

struct row {
	const char *words[12]; /* --url is added before them */
	struct answer answers[MAX_ANSWERS];
	const char *sent[MAX_ANSWERS]; /* in this order */
	int code;
	const char *err; /* a part of it; "" for nothing said */
};

static size_t n_answers(const struct row *row)
{
	size_t n = 0;

	while (n < MAX_ANSWERS &&
	       (row->answers[n].status || row->answers[n].kind != ANSWER_JSON))
		n++;
	return n;
}

static void check_row(const struct row *row)
{
	const char *words[KIT_MAX_WORDS] = { NULL };
	struct server server;
	struct spoken spoken;
	const char *at;
	size_t n = 0;

	server_start(&server, NULL, row->answers, n_answers(row));
	words[n++] = row->words[0];
	words[n++] = "--url";
	words[n++] = server.url;
	for (size_t i = 1; i < ARRAY_SIZE(row->words) && row->words[i]; i++)
		words[n++] = row->words[i];
	/* an earlier command of this process ignored it */
	(void)signal(SIGPIPE, SIG_DFL);
	speak(&spoken, words, NULL);
	if (row->err[0])
		assert_non_null(strstr(spoken.err, row->err));
	else
		assert_string_equal(spoken.err, "");
	assert_int_equal(spoken.code, row->code);
	at = server.seen->text;
	for (size_t i = 0; i < MAX_ANSWERS && row->sent[i]; i++) {
		const char *found = strstr(at, row->sent[i]);

		if (!found) {
			fail_msg("'%s' was not sent; but: %s", row->sent[i],
			         at);
			return;
		}
		at = found + strlen(row->sent[i]);
	}
	assert_int_equal(server.seen->n_requests, n_answers(row));
	spoken_fini(&spoken);
	server_stop(&server);
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_push(void **state)
{
	static const struct row rows[] = {
		{ { "push", "-f", "metrics", "a" },
		  { SAYS(202, "") },
		  { "PUT /metrics/job/a HTTP/1.1\r\n",
		    "Content-Type: text/plain; version=0.0.4",
		    "\r\n\r\nx 1\n" },
		  0,
		  "" },
		{ { "push", "--add", "-f", "metrics", "a", "-l", "d=/x",
		    "--label=e=" },
		  { SAYS(200, "") },
		  { "POST /metrics/job/a/d@base64/L3g/e@base64/= HTTP/1.1\r\n",
		    "\r\n\r\nx 1\n" },
		  0,
		  "" },
		{ { "push", "--delete", "a", "--user-file", "user" },
		  { SAYS(202, "") },
		  { "DELETE /metrics/job/a HTTP/1.1\r\n",
		    "Authorization: Basic bWU6cDps\r\n" },
		  0,
		  "" },
		{ { "push", "-f", "metrics", "a" },
		  { SAYS(400, "text format parsing error in line 1\nmore") },
		  { "PUT /metrics/job/a HTTP/1.1\r\n" },
		  4,
		  " answered 400 Bad Request: text format parsing error in "
		  "line 1\n" },
		{ { "push", "-f", "metrics", "a" },
		  { SAYS(401, "{\"error\":\"the token is wrong\"}") },
		  { NULL },
		  4,
		  "bouncer: the token is wrong; --token-file FILE names "
		  "one\n" },
		{ { "push", "-f", "empty", "a" },
		  { { 0 } },
		  { NULL },
		  1,
		  "bouncer: empty: there is nothing to push; --delete removes "
		  "a group\n" },
		{ { "push", "-f", "none", "a" },
		  { { 0 } },
		  { NULL },
		  2,
		  "bouncer: none: No such file or directory\n" },
		{ { "push", "-f", ".", "a" },
		  { { 0 } },
		  { NULL },
		  1,
		  "bouncer: .: Is a directory\n" },
		{ { "push", "-f", "metrics", "" },
		  { { 0 } },
		  { NULL },
		  2,
		  "bouncer: the job has no name\n" },
		{ { "push", "--add", "--replace", "a" },
		  { { 0 } },
		  { NULL },
		  2,
		  "bouncer: --replace, --add and --delete exclude each "
		  "other\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

static void test_push_too_much(void **state)
{
	static const struct row row = {
		{ "push", "-f", "/dev/zero", "a" },
		{ { 0 } },
		{ NULL },
		1,
		"bouncer: /dev/zero: more than 64 MiB\n"
	};

	check_row(&row);
}

static void test_ping(void **state)
{
	static const struct row rows[] = {
		{ { "ping", "a" },
		  { SAYS(200, "") },
		  { PING("/ping/a") },
		  0,
		  "" },
		{ { "ping", "a", "-l", "i=1", "--start" },
		  { SAYS(200, "") },
		  { PING("/ping/a/i/1/start") },
		  0,
		  "" },
		{ { "ping", "start", "--fail" },
		  { SAYS(200, "") },
		  { PING("/ping/job@base64/c3RhcnQ/fail") },
		  0,
		  "" },
		{ { "ping", "a", "--code=255" },
		  { SAYS(200, "") },
		  { PING("/ping/a/255") },
		  0,
		  "" },
		{ { "ping", "a" },
		  { SAYS(503, ""), { 0, NULL, ANSWER_CLOSE }, SAYS(200, "") },
		  { PING("/ping/a"), PING("/ping/a"), PING("/ping/a") },
		  0,
		  "" },
		{ { "ping", "a" },
		  { SAYS(404, "{\"error\":\"no gateway here\"}") },
		  { PING("/ping/a") },
		  4,
		  "bouncer: no gateway here\n" },
		{ { "ping", "-q", "a" },
		  { SAYS(404, "{\"error\":\"no gateway here\"}") },
		  { PING("/ping/a") },
		  4,
		  "" },
		{ { "ping", "a", "--code", "256" },
		  { { 0 } },
		  { NULL },
		  2,
		  "bouncer: --code: 0 to 255; see bouncer help ping\n" },
		{ { "ping", "a", "--fail", "--", "true" },
		  { { 0 } },
		  { NULL },
		  2,
		  "bouncer: --start, --fail, --code and a command exclude" },
		{ { "ping", "a", "--" },
		  { { 0 } },
		  { NULL },
		  2,
		  "bouncer: there is no command after --" },
		{ { "ping", "a", "b" },
		  { { 0 } },
		  { NULL },
		  2,
		  "bouncer: unexpected argument b\n" },
		{ { "ping", "a", "-l", "b" },
		  { { 0 } },
		  { NULL },
		  2,
		  "bouncer: b is no label; write it as name=value" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

static void test_ping_around(void **state)
{
	static const struct row rows[] = {
		{ { "ping", "a", "--", "true" },
		  { SAYS(200, ""), SAYS(200, "") },
		  { PING("/ping/a/start"), PING("/ping/a/0") },
		  0,
		  "" },
		{ { "ping", "a", "--", "sh", "-c", "exit 7" },
		  { SAYS(200, ""), SAYS(200, "") },
		  { PING("/ping/a/start"), PING("/ping/a/7") },
		  7,
		  "" },
		{ { "ping", "a", "--", "sh", "-c", "kill -9 $$" },
		  { SAYS(200, ""), SAYS(200, "") },
		  { PING("/ping/a/start"), PING("/ping/a/137") },
		  137,
		  "" },
		/* its pipes break as they would without us */
		{ { "ping", "a", "--", "sh", "-c", "kill -PIPE $$" },
		  { SAYS(200, ""), SAYS(200, "") },
		  { PING("/ping/a/start"), PING("/ping/a/141") },
		  141,
		  "" },
		/* what asks us to end is for the command, also before it
		 * runs, and it may do what it likes about it */
		{ { "ping", "a", "--", "sh", "-c",
		    "trap 'exit 3' TERM; kill -TERM $PPID; "
		    "while :; do :; done" },
		  { SAYS(200, ""), SAYS(200, "") },
		  { PING("/ping/a/start"), PING("/ping/a/3") },
		  3,
		  "" },
		{ { "ping", "a", "--", "./none" },
		  { SAYS(200, ""), SAYS(200, "") },
		  { PING("/ping/a/start"), PING("/ping/a/127") },
		  127,
		  "bouncer: ./none: No such file or directory\n" },
		{ { "ping", "a", "--", "./metrics" },
		  { SAYS(200, ""), SAYS(200, "") },
		  { PING("/ping/a/start"), PING("/ping/a/126") },
		  126,
		  "bouncer: ./metrics: Permission denied\n" },
		/* whatever the gateway says, the command decides */
		{ { "ping", "a", "--", "sh", "-c", "exit 5" },
		  { SAYS(401, "{\"error\":\"no\"}"), SAYS(500, ""),
		    SAYS(500, ""), SAYS(500, "") },
		  { PING("/ping/a/start"), PING("/ping/a/5") },
		  5,
		  "bouncer: no; --token-file FILE names one\n" },
		/* not even a token that is gone keeps it from running */
		{ { "ping", "--token-file", "./none", "a", "--", "sh", "-c",
		    "exit 5" },
		  { { 0 } },
		  { NULL },
		  5,
		  "bouncer: " },
		{ { "ping", "-q", "--timeout", "200ms", "a", "--", "sh", "-c",
		    "exit 5" },
		  { { 0, NULL, ANSWER_HANG } },
		  { PING("/ping/a/start") },
		  5,
		  "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

/* Without a gateway. */
static void test_ping_unreachable(void **state)
{
	static const struct {
		const char *words[9];
		int code;
		const char *err;
	} rows[] = {
		{ { "ping", "--url", "http://127.0.0.1:1", "a" },
		  3,
		  "bouncer: http://127.0.0.1:1: connect: connection "
		  "refused\n" },
		{ { "ping", "--url", "http://127.0.0.1:1", "-q", "a" }, 3, "" },
		{ { "ping", "--url", "http://127.0.0.1:1", "a", "--", "sh",
		    "-c", "exit 9" },
		  9,
		  "bouncer: http://127.0.0.1:1: connect: connection refused\n"
		  "bouncer: http://127.0.0.1:1: connect: connection "
		  "refused\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *words[10] = { NULL };
		struct spoken spoken;

		memcpy(words, rows[i].words, sizeof(rows[i].words));
		speak(&spoken, words, NULL);
		assert_string_equal(spoken.err, rows[i].err);
		assert_int_equal(spoken.code, rows[i].code);
		spoken_fini(&spoken);
	}
}

static int setup(void **state)
{
	if (!mkdtemp(directory) || chdir(directory) != 0)
		return -1;
	write_file("metrics", "x 1\n");
	write_file("empty", "");
	write_file("user", "me:p:l\r\n");
	return 0;
}

static int teardown(void **state)
{
	(void)unlink("metrics");
	(void)unlink("empty");
	(void)unlink("user");
	return chdir("/") == 0 ? rmdir(directory) : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_push_too_much),
		cmocka_unit_test(test_ping),
		cmocka_unit_test(test_ping_around),
		cmocka_unit_test(test_ping_unreachable),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
