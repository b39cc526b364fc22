/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that ask a daemon or a gateway, against one with scripted
 * answers: what is asked, what is said, and the exit code. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/command_kit.h"
#include "support/faults.h"

#define MAX_ANSWERS 4

#define DAEMON                                                            \
	"{\"version\":\"1.2.3\",\"start_time\":\"2026-01-01T00:00:00Z\"," \
	"\"uptime_seconds\":3725,\"monitors\":2,\"reload_ok\":true,"      \
	"\"pause\":null,\"sources\":[{\"source\":\"http://gw:9091\","     \
	"\"up\":true,\"result\":\"ok\",\"storm\":false}],\"owed\":0}\n"
#define DAEMON_BAD                                                      \
	"{\"version\":\"1.2.3\",\"uptime_seconds\":5,\"monitors\":2,"   \
	"\"reload_ok\":false,\"pause\":{\"since\":null,\"until\":null," \
	"\"reason\":\"a move\",\"by\":\"operator\"},"                   \
	"\"sources\":[{\"source\":\"http://gw:9091\",\"up\":false,"     \
	"\"result\":\"refused\",\"last_read\":null,\"storm\":true}],"   \
	"\"owed\":2}"
#define GOOD                                                            \
	"{\"name\":\"api\",\"state\":\"good\",\"observation\":\"age\"," \
	"\"age_seconds\":12.5,\"limit_seconds\":300,\"held_by\":[],"    \
	"\"next_seconds\":null,\"last_bounce\":null,\"pause\":null,"    \
	"\"quiet_until\":null}"
#define GAVE_UP                                                        \
	"{\"name\":\"b\xc3\xa4r\",\"state\":\"gave_up\","              \
	"\"observation\":\"missing\",\"age_seconds\":null,"            \
	"\"limit_seconds\":5400,\"held_by\":[\"cooldown\",\"pause\"]," \
	"\"next_seconds\":75,\"last_bounce\":null,"                    \
	"\"pause\":{\"until\":null,\"reason\":\"x\\u001b[2J\"},"       \
	"\"quiet_until\":null}"
#define MEMBER(identity, health, streak)                                   \
	"{\"name\":\"health/" identity "\",\"state\":\"good\","            \
	"\"observation\":\"health\",\"age_seconds\":null,"                 \
	"\"limit_seconds\":0,\"held_by\":[],\"next_seconds\":null,"        \
	"\"last_bounce\":null,\"pause\":null,\"quiet_until\":null,"        \
	"\"rule\":\"health\",\"health\":\"" health "\",\"seen\":\"" health \
	"\",\"streak\":" #streak "}"
#define RULE                                                    \
	"{\"name\":\"health\",\"containers\":2,\"left_out\":4," \
	"\"pause\":{\"until\":null,\"reason\":\"moving\"}}"
#define EMPTY_RULE                                            \
	"{\"name\":\"none\",\"containers\":0,\"left_out\":0," \
	"\"pause\":null}"
#define MONITORS "{\"monitors\":[" GOOD ",\n" GAVE_UP "]}\n"

static char directory[] = "/tmp/bouncer-test-XXXXXX";

struct row {
	const char *words[10]; /* --socket is added */
	struct answer answers[MAX_ANSWERS];
	const char *asked; /* the request lines, as "GET /a\n" */
	int code;
	const char *out;
	const char *err;
};

static size_t n_answers(const struct row *row)
{
	size_t n = 0;

	while (n < MAX_ANSWERS &&
	       (row->answers[n].status || row->answers[n].kind != ANSWER_JSON))
		n++;
	return n;
}

/* The request lines of what a server has seen. */
static void request_lines(const char *text, char *lines, size_t size)
{
	static const char *const methods[] = { "GET /", "POST /", "PUT /",
		                               "DELETE /" };
	size_t n = 0;

	lines[0] = '\0';
	for (; *text; text++) {
		for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
			if (strncmp(text, methods[i], strlen(methods[i])) == 0)
				n += (size_t)snprintf(
					lines + n, size - n, "%.*s\n",
					(int)(strstr(text, " HTTP/1.1") - text),
					text);
		}
	}
}

static void check_row(const struct row *row)
{
	const char *words[KIT_MAX_WORDS] = { NULL };
	struct server server;
	struct spoken spoken;
	char lines[1024];
	size_t n = 0;

	server_start(&server, directory, row->answers, n_answers(row));
	for (; row->words[n]; n++)
		words[n] = row->words[n];
	words[n++] = "--socket";
	words[n++] = server.path;
	speak(&spoken, words, NULL);
	assert_string_equal(spoken.err, row->err);
	assert_string_equal(spoken.out, row->out);
	assert_int_equal(spoken.code, row->code);
	request_lines(server.seen->text, lines, sizeof(lines));
	assert_string_equal(lines, row->asked);
	spoken_fini(&spoken);
	server_stop(&server);
}

#define SAYS(status, body)                    \
	{                                     \
		(status), (body), ANSWER_JSON \
	}
#define UNKNOWN      "{\"error\":\"no monitor is called apo\"}"
#define ASKED_STATUS "GET /api/v1/daemon\nGET /api/v1/monitors\n"
#define HEAD         "bouncer 1.2.3, up 1h2m, 2 monitors, sources: 1 up, 0 down\n\n"
#define TABLE_HEADER \
	"MONITOR  STATE    AGE / LIMIT      LAST BOUNCE  NEXT      HELD BY\n"
#define TABLE_GOOD_LINE \
	"api      good     12s / 5m         -            -         -\n"
#define TABLE_BAD_LINE                                                      \
	"b\xc3\xa4r      gave_up  missing / 1h30m  -            in 1m15s  " \
	"paused (x\\x1b[2J), cooldown\n"

static void test_status(void **state)
{
	static const struct row rows[] = {
		{ { "status" },
		  { SAYS(200, DAEMON), SAYS(200, MONITORS) },
		  ASKED_STATUS,
		  0,
		  HEAD TABLE_HEADER TABLE_GOOD_LINE TABLE_BAD_LINE,
		  "" },
		{ { "status", "--check" },
		  { SAYS(200, DAEMON), SAYS(200, MONITORS) },
		  ASKED_STATUS,
		  1,
		  HEAD TABLE_HEADER TABLE_GOOD_LINE TABLE_BAD_LINE,
		  "" },
		{ { "status", "--check", "--names" },
		  { SAYS(200, DAEMON), SAYS(200, "{\"monitors\":[" GOOD "]}") },
		  ASKED_STATUS,
		  0,
		  "api\n",
		  "" },
		{ { "status", "--bad", "--names" },
		  { SAYS(200, DAEMON), SAYS(200, MONITORS) },
		  ASKED_STATUS,
		  0,
		  "b\xc3\xa4r\n",
		  "" },
		{ { "status", "--json" },
		  { SAYS(200, "{\"version\":\"1\"}\n"),
		    SAYS(200, "{\"monitors\":[]}\n") },
		  ASKED_STATUS,
		  0,
		  "{\"daemon\":{\"version\":\"1\"},\"monitors\":[]}\n",
		  "" },
		{ { "status", "--json", "a", "b/c" },
		  { SAYS(200, "{\"version\":\"1\"}\n"),
		    SAYS(200, "{\"name\":\"a\"}\n"),
		    SAYS(200, "{\"name\":\"b/c\"}\n") },
		  "GET /api/v1/daemon\nGET /api/v1/monitors/a\n"
		  "GET /api/v1/monitors/b%2Fc\n",
		  0,
		  "{\"daemon\":{\"version\":\"1\"},\"monitors\":"
		  "[{\"name\":\"a\"},\n{\"name\":\"b/c\"}]}\n",
		  "" },
		/* those of rules stand below these, by name */
		{ { "status" },
		  { SAYS(200, DAEMON),
		    SAYS(200, "{\"monitors\":[" MEMBER(
				      "shop/web", "unhealthy",
				      3) "," MEMBER("db", "healthy",
		                                    0) "],\"rules\":[" RULE
		                                       "," EMPTY_RULE "]}") },
		  ASKED_STATUS,
		  0,
		  HEAD "MONITOR          STATE  AGE / LIMIT    LAST BOUNCE  "
		       "NEXT  HELD BY\n"
		       "health           rule   2 containers   -            "
		       "-     paused (moving), 4 left out: max_containers\n"
		       "health/db        good   healthy        -            "
		       "-     -\n"
		       "health/shop/web  good   unhealthy (3)  -            "
		       "-     -\n"
		       "none             rule   0 containers   -            "
		       "-     -\n",
		  "" },
		{ { "status", "--json", "health", "a" },
		  { SAYS(200, "{\"version\":\"1\"}\n"),
		    SAYS(200, "{\"monitors\":[{\"name\":\"health/a\"}],"
		              "\"rules\":[]}\n"),
		    SAYS(200, "{\"name\":\"a\"}\n") },
		  "GET /api/v1/daemon\nGET /api/v1/monitors/health\n"
		  "GET /api/v1/monitors/a\n",
		  0,
		  "{\"daemon\":{\"version\":\"1\"},\"monitors\":"
		  "[{\"name\":\"health/a\"},\n{\"name\":\"a\"}]}\n",
		  "" },
		{ { "status", "apo" },
		  { SAYS(200, DAEMON), SAYS(404, UNKNOWN),
		    SAYS(200, MONITORS) },
		  "GET /api/v1/daemon\nGET /api/v1/monitors/apo\n"
		  "GET /api/v1/monitors\n",
		  4,
		  "",
		  "bouncer: no monitor is called apo; did you mean api?\n" },
		{ { "status", "nothing-like-it" },
		  { SAYS(200, DAEMON), SAYS(404, UNKNOWN),
		    SAYS(200, MONITORS) },
		  "GET /api/v1/daemon\n"
		  "GET /api/v1/monitors/nothing-like-it\n"
		  "GET /api/v1/monitors\n",
		  4,
		  "",
		  "bouncer: no monitor is called nothing-like-it; see bouncer "
		  "status\n" },
		{ { "status" },
		  { SAYS(200, DAEMON_BAD), SAYS(200, "{\"monitors\":[]}") },
		  ASKED_STATUS,
		  0,
		  "bouncer 1.2.3, up 5s, 2 monitors, sources: 0 up, 1 down\n"
		  "http://gw:9091: so many went bad at once that nothing is "
		  "bounced\n"
		  "http://gw:9091 is down: refused\n"
		  "everything is paused (a move)\n"
		  "the configuration has problems and was not taken over; see "
		  "the log\n"
		  "targets that are down because of us and will be started: "
		  "2\n\n"
		  "MONITOR  STATE  AGE / LIMIT  LAST BOUNCE  NEXT  HELD BY\n",
		  "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

static void test_look(void **state)
{
	static const struct row rows[] = {
		{ { "explain", "a b" },
		  { SAYS(200, "{\"lines\":[\"one\",\"t\\u0007wo\"]}") },
		  "GET /api/v1/monitors/a%20b/explain\n",
		  0,
		  "one\nt\\x07wo\n",
		  "" },
		{ { "explain", "--json", "a" },
		  { SAYS(200, "{\"lines\":[]}\n") },
		  "GET /api/v1/monitors/a/explain\n",
		  0,
		  "{\"lines\":[]}\n",
		  "" },
		{ { "explain", "apo" },
		  { SAYS(404, UNKNOWN), SAYS(200, MONITORS) },
		  "GET /api/v1/monitors/apo/explain\nGET /api/v1/monitors\n",
		  4,
		  "",
		  "bouncer: no monitor is called apo; did you mean api?\n" },
		{ { "explain", "apo" },
		  { SAYS(404, UNKNOWN), SAYS(500, "") },
		  "GET /api/v1/monitors/apo/explain\nGET /api/v1/monitors\n",
		  4,
		  "",
		  "bouncer: no monitor is called apo\n" },
		{ { "healthcheck" },
		  { SAYS(200, "{\"ok\":true}") },
		  "GET /api/v1/health\n",
		  0,
		  "",
		  "" },
		{ { "healthcheck" },
		  { SAYS(503, "{\"ok\":false,\"problems\":[\"a is down\","
		              "\"b is late\"]}") },
		  "GET /api/v1/health\n",
		  1,
		  "",
		  "bouncer: a is down; b is late\n" },
		{ { "healthcheck" },
		  { SAYS(200, "{\"ok\":false}") },
		  "GET /api/v1/health\n",
		  1,
		  "",
		  "bouncer: not well\n" },
		{ { "healthcheck" },
		  { SAYS(200, "ok") },
		  "GET /api/v1/health\n",
		  1,
		  "",
		  "bouncer: what answers is no daemon of ours\n" },
		{ { "journal", "-n", "5", "a&b" },
		  { SAYS(200,
		         "{\"entries\":["
		         "{\"seq\":4,\"time\":\"2026-01-02T03:04:05.6Z\","
		         "\"event\":\"state\",\"monitor\":\"a&b\","
		         "\"from\":\"good\",\"to\":\"breached\","
		         "\"reason\":\"too old\",\"detail\":\"7m\"},\n"
		         "{\"seq\":5,\"time\":\"2026-01-02T03:04:06Z\","
		         "\"event\":\"held\",\"monitor\":\"a&b\","
		         "\"guard\":\"storm\",\"reason\":\"many\"},"
		         "{\"seq\":6,\"time\":\"2026-01-02T03:04:07Z\","
		         "\"event\":\"step\",\"monitor\":\"a&b\","
		         "\"step\":\"restart\",\"result\":\"ok\","
		         "\"reason\":\"done\"},"
		         "{\"seq\":7,\"time\":\"2026-01-02T03:04:08Z\","
		         "\"event\":\"source\",\"subject\":\"http://g\","
		         "\"result\":\"refused\",\"reason\":\"down\"},"
		         "{\"seq\":8,\"time\":\"2026-01-02T03:04:09Z\","
		         "\"event\":\"daemon\",\"reason\":\"start\\u001b\"}"
		         "],\"next\":8}") },
		  "GET /api/v1/journal?limit=5&monitor=a%26b\n",
		  0,
		  "2026-01-02 03:04:05  a&b: good -> breached, too old (7m)\n"
		  "2026-01-02 03:04:06  a&b: held by storm, many\n"
		  "2026-01-02 03:04:07  a&b: step restart ok, done\n"
		  "2026-01-02 03:04:08  http://g: refused, down\n"
		  "2026-01-02 03:04:09  daemon: start\\x1b\n",
		  "" },
		{ { "journal", "--since", "2026-01-02T03:04:05Z", "--json" },
		  { SAYS(200, "{\"entries\":["
		              "{\"seq\":4,\"time\":\"2026-01-02T03:04:04.9Z\"},"
		              "{\"seq\":5,\"time\":\"2026-01-02T03:04:05Z\"}],"
		              "\"next\":8}") },
		  "GET /api/v1/journal?limit=1000000\n",
		  0,
		  "{\"seq\":5,\"time\":\"2026-01-02T03:04:05Z\"}\n",
		  "" },
		{ { "journal", "apo" },
		  { SAYS(200, "{\"entries\":[],\"next\":0}"),
		    SAYS(404, UNKNOWN), SAYS(200, MONITORS) },
		  "GET /api/v1/journal?limit=100&monitor=apo\n"
		  "GET /api/v1/monitors/apo\nGET /api/v1/monitors\n",
		  4,
		  "",
		  "bouncer: no monitor is called apo; did you mean api?\n" },
		{ { "journal", "api" },
		  { SAYS(200, "{\"entries\":[],\"next\":0}"), SAYS(200, GOOD) },
		  "GET /api/v1/journal?limit=100&monitor=api\n"
		  "GET /api/v1/monitors/api\n",
		  0,
		  "",
		  "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

static void test_steer(void **state)
{
	static const struct row rows[] = {
		{ { "bounce", "a" },
		  { SAYS(202, "{\"lines\":[\"restarting docker a\"]}") },
		  "POST /api/v1/monitors/a/bounce\n",
		  0,
		  "restarting docker a\n",
		  "" },
		{ { "bounce", "a" },
		  { SAYS(409, "{\"error\":\"a is bouncing already\"}") },
		  "POST /api/v1/monitors/a/bounce\n",
		  4,
		  "",
		  "bouncer: a is bouncing already\n" },
		{ { "bounce", "a" },
		  { SAYS(401, "{\"error\":\"the token is wrong\"}") },
		  "POST /api/v1/monitors/a/bounce\n",
		  4,
		  "",
		  "bouncer: the token is wrong; --token-file FILE names "
		  "one\n" },
		{ { "pause", "a" },
		  { SAYS(200, "{\"monitor\":\"a\",\"until\":null,"
		              "\"saved\":false}") },
		  "POST /api/v1/pause\n",
		  0,
		  "a is paused until it is resumed; a restart forgets it: "
		  "state_dir cannot be written\n",
		  "" },
		{ { "pause" },
		  { SAYS(200, "{\"monitor\":null,\"until\":null}") },
		  "POST /api/v1/pause\n",
		  0,
		  "everything is paused until it is resumed\n",
		  "" },
		{ { "pause", "a", "--for", "1h" },
		  { SAYS(200, "{\"monitor\":\"a\","
		              "\"until\":\"2001-02-03T04:05:06Z\"}") },
		  "POST /api/v1/pause\n",
		  0,
		  "a is paused until 2001-02-03 04:05\n",
		  "" },
		{ { "resume", "a" },
		  { SAYS(200, "{\"monitor\":\"a\"}") },
		  "POST /api/v1/resume\n",
		  0,
		  "a is resumed\n",
		  "" },
		{ { "resume" },
		  { SAYS(409, "{\"error\":\"the configuration pauses it\"}") },
		  "POST /api/v1/resume\n",
		  4,
		  "",
		  "bouncer: the configuration pauses it\n" },
		{ { "reload" },
		  { SAYS(200, "{\"monitors\":7}") },
		  "POST /api/v1/reload\n",
		  0,
		  "the configuration was read again; monitors: 7\n",
		  "" },
		{ { "reload" },
		  { SAYS(422, "{\"error\":\"it has problems\",\"problems\":"
		              "[\"a:1: x\",\"a:2: y\"]}") },
		  "POST /api/v1/reload\n",
		  4,
		  "",
		  "bouncer: it has problems\na:1: x\na:2: y\n" },
		{ { "reload", "--json" },
		  { SAYS(200, "{\"monitors\":7}\n") },
		  "POST /api/v1/reload\n",
		  0,
		  "{\"monitors\":7}\n",
		  "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

/* What is in the way of an answer, and answers that are none. */
static void test_trouble(void **state)
{
	static const struct row rows[] = {
		{ { "reload" },
		  { SAYS(200, "{\"monitors\":") },
		  "POST /api/v1/reload\n",
		  1,
		  "",
		  "bouncer: what answers is no daemon of ours, or a newer one: "
		  "not JSON: line 1: unexpected token near end of file\n" },
		{ { "reload" },
		  { SAYS(200, "[]") },
		  "POST /api/v1/reload\n",
		  1,
		  "",
		  "bouncer: what answers is no daemon of ours, or a newer one: "
		  "the answer is no JSON object\n" },
	};
	static const struct {
		struct answer answer;
		const char *err; /* after the path of the socket */
		int code;
	} broken[] = {
		{ { 0, "hello\r\n\r\n", ANSWER_RAW }, ": head: ", 3 },
		{ { 0, NULL, ANSWER_CLOSE },
		  ": head: the peer closed without an answer\n",
		  3 },
		{ { 0, NULL, ANSWER_HANG }, ": head: ", 3 },
		{ { 500, "<html>\nx", ANSWER_JSON },
		  " answered 500 Internal Server Error: <html>\n",
		  1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct server server;
		struct spoken spoken;
		char expected[256];

		server_start(&server, directory, &broken[i].answer, 1);
		speak(&spoken,
		      (const char *const[]){ "reload", "--timeout", "300ms",
		                             "--socket", server.path, NULL },
		      NULL);
		assert_int_equal(spoken.code, broken[i].code);
		(void)snprintf(expected, sizeof(expected), "bouncer: unix:%s%s",
		               server.path, broken[i].err);
		assert_memory_equal(spoken.err, expected, strlen(expected));
		spoken_fini(&spoken);
		server_stop(&server);
	}
}

/* As it is typed. */
static void test_relative_socket(void **state)
{
	static const char *const words[4] = { "reload", "--socket", "none.s" };
	static const char *const envp[] = { NULL };
	struct spoken spoken;
	char expected[160];

	assert_int_equal(chdir(directory), 0);
	speak(&spoken, words, envp);
	assert_int_equal(chdir("/"), 0);
	(void)snprintf(expected, sizeof(expected),
	               "bouncer: unix:%s/none.s: connect: no such file",
	               directory);
	assert_memory_equal(spoken.err, expected, strlen(expected));
	assert_int_equal(spoken.code, EXIT_UNREACHABLE);
	spoken_fini(&spoken);
}

static void test_not_there(void **state)
{
	static const char *const commands_of_daemon[][3] = {
		{ "status" },        { "explain", "a" }, { "journal" },
		{ "journal", "-f" }, { "healthcheck" },  { "bounce", "a" },
		{ "pause" },         { "resume" },       { "reload" },
	};
	char variable[160];
	const char *const envp[] = { variable, NULL };

	(void)snprintf(variable, sizeof(variable), "RUNTIME_DIRECTORY=%s:/x",
	               directory);
	for (size_t i = 0; i < ARRAY_SIZE(commands_of_daemon); i++) {
		struct spoken spoken;
		char expected[256];

		speak(&spoken, commands_of_daemon[i], envp);
		(void)snprintf(expected, sizeof(expected),
		               "bouncer: unix:%s/control.sock: connect: no "
		               "such file or directory; is the daemon running? "
		               "--socket PATH or --url URL name another\n",
		               directory);
		assert_string_equal(spoken.err, expected);
		assert_string_equal(spoken.out, "");
		assert_int_equal(spoken.code, EXIT_UNREACHABLE);
		spoken_fini(&spoken);
	}
}

/* Where the daemon is: option, BOUNCER_CONTROL, BOUNCER_URL, the default. */
static void test_address(void **state)
{
	static const char *const envp[] = { "BOUNCER_CONTROL=/none/a",
		                            "BOUNCER_URL=http://127.0.0.1:1",
		                            NULL };
	static const struct {
		const char *words[8];
		const char *const *envp;
		int code;
		const char *err;
	} rows[] = {
		{ { "reload" },
		  envp,
		  3,
		  "bouncer: unix:/none/a: connect: no such file or directory; "
		  "is the daemon running? --socket PATH or --url URL name "
		  "another\n" },
		{ { "reload" },
		  envp + 1,
		  3,
		  "bouncer: http://127.0.0.1:1: connect: connection "
		  "refused\n" },
		{ { "reload", "--url", "http://127.0.0.1:2" },
		  envp,
		  3,
		  "bouncer: http://127.0.0.1:2: connect: connection "
		  "refused\n" },
		{ { "reload", "--url=https://127.0.0.1:2" },
		  NULL,
		  3,
		  BOUNCER_TLS
		          ? "bouncer: https://127.0.0.1:2: connect: connection "
		            "refused\n"
		          : "bouncer: https://127.0.0.1:2: TLS is not built "
		            "into this program: use http://\n" },
		{ { "reload", "--url=ftp://x" }, NULL, 2, NULL },
		{ { "pause", "--for", "100000h" },
		  NULL,
		  2,
		  "bouncer: --for: at most ten years; without it: until it is "
		  "resumed\n" },
		{ { "reload", "--url=http://x", "--socket=/x" },
		  NULL,
		  2,
		  "bouncer: --url and --socket exclude each other\n" },
		{ { "reload", "--token-file", "/none/token" },
		  NULL,
		  2,
		  "bouncer: /none/token: No such file or directory\n" },
		{ { "push", "a", "--token-file", "x", "--user-file", "y",
		    "--delete" },
		  NULL,
		  2,
		  "bouncer: --token-file and --user-file exclude each "
		  "other\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *words[9] = { NULL };
		struct spoken spoken;

		memcpy(words, rows[i].words, sizeof(rows[i].words));
		speak(&spoken, words, rows[i].envp);
		if (rows[i].err)
			assert_string_equal(spoken.err, rows[i].err);
		assert_int_equal(spoken.code, rows[i].code);
		spoken_fini(&spoken);
	}
}

/* A socket that we may not open; root may open all. */
static void test_no_permission(void **state)
{
	static const struct answer answers[] = { SAYS(200, "{}") };
	struct server server;
	struct spoken spoken;

	server_start(&server, directory, answers, 1);
	assert_int_equal(chmod(server.path, 0), 0);
	assert_int_equal(chmod(directory, 0755), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	speak(&spoken,
	      (const char *const[]){ "reload", "--socket", server.path, NULL },
	      NULL);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(spoken.code, EXIT_UNREACHABLE);
	assert_non_null(strstr(spoken.err,
	                       "connect: permission denied; the "
	                       "socket is for root and the members of its "
	                       "group (control_group)\n"));
	spoken_fini(&spoken);
	server_stop(&server);
}

/* The bodies of orders, and the token that goes with them. */
static void test_what_is_sent(void **state)
{
	static const struct {
		const char *words[10];
		const char *sent;
	} rows[] = {
		{ { "bounce", "a" }, "\r\n\r\n{}" },
		{ { "bounce", "a", "--dry-run" },
		  "\r\n\r\n{\"dry_run\":true}" },
		{ { "pause" }, "\r\n\r\n{}" },
		{ { "pause", "a\"b", "--for", "1m30s", "--reason", "x y" },
		  "\r\n\r\n{\"monitor\":\"a\\\"b\",\"for_seconds\":90,"
		  "\"reason\":\"x y\"}" },
		{ { "pause", "--for", "500ms" },
		  "\r\n\r\n{\"for_seconds\":1}" },
		{ { "pause", "--for", "1.5s" }, "\r\n\r\n{\"for_seconds\":2}" },
		{ { "resume", "--", "-a" }, "\r\n\r\n{\"monitor\":\"-a\"}" },
		{ { "reload", "--token-file", "token" },
		  "\r\nAuthorization: Bearer s3cret\r\n" },
		{ { "reload" }, "\r\nContent-Type: application/json\r\n" },
	};
	static const struct answer answers[] = { SAYS(200, "{}") };
	FILE *file;

	assert_int_equal(chdir(directory), 0);
	file = fopen("token", "w");
	assert_non_null(file);
	assert_true(fputs("s3cret\nanother\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char variable[160];
		const char *const envp[] = { variable, NULL };
		struct server server;
		struct spoken spoken;

		server_start(&server, directory, answers, 1);
		(void)snprintf(variable, sizeof(variable), "BOUNCER_CONTROL=%s",
		               server.path);
		speak(&spoken, rows[i].words, envp);
		assert_int_equal(spoken.code, 0);
		assert_non_null(strstr(server.seen->text, rows[i].sent));
		spoken_fini(&spoken);
		server_stop(&server);
	}
	assert_int_equal(unlink("token"), 0);
	assert_int_equal(chdir("/"), 0);
}

#define STREAM_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define ENTRY(seq, reason)                                              \
	"{\"seq\":" seq ",\"time\":\"2026-01-02T03:04:05Z\",\"event\":" \
	"\"daemon\",\"reason\":\"" reason "\"}"
#define EVENT(seq, reason) \
	"id: " seq "\nevent: daemon\ndata: " ENTRY(seq, reason) "\n\n"
#define STARTED(time) SAYS(200, "{\"start_time\":\"" time "\"}")

/* The daemon goes away, comes back, is started anew, and at last says no. */
static void test_follow(void **state)
{
	static const struct answer answers[] = {
		SAYS(200, "{\"entries\":[" ENTRY("8", "x") "],\"next\":8}"),
		STARTED("2026-01-01T00:00:00Z"),
		{ 0,
		  STREAM_HEAD ": hello\n\n" EVENT("8", "one")
		          EVENT("9", "two") "id: 9\nevent: gap\ndata: {}\n\n",
		  ANSWER_RAW },
		{ 0, NULL, ANSWER_CLOSE },
		STARTED("2026-01-01T00:00:00Z"),
		{ 0, STREAM_HEAD EVENT("10", "three"), ANSWER_RAW },
		STARTED("2026-01-01T00:01:00Z"),
		{ 0, STREAM_HEAD EVENT("1", "start"), ANSWER_RAW },
		STARTED("2026-01-01T00:01:00Z"),
		SAYS(401, "{\"error\":\"who are you?\"}"),
	};
	struct server server;
	struct spoken spoken;
	char lines[1024];

	server_start(&server, directory, answers, ARRAY_SIZE(answers));
	speak(&spoken,
	      (const char *const[]){ "journal", "-fn1", "--socket", server.path,
	                             NULL },
	      NULL);
	assert_string_equal(spoken.out, "2026-01-02 03:04:05  daemon: one\n"
	                                "2026-01-02 03:04:05  daemon: two\n"
	                                "2026-01-02 03:04:05  daemon: three\n"
	                                "2026-01-02 03:04:05  daemon: start\n");
	assert_string_equal(
		spoken.err,
		"bouncer: some entries are lost: they came faster "
		"than they were read\n"
		"bouncer: the daemon is gone; waiting for it\n"
		"bouncer: the daemon is back\n"
		"bouncer: the daemon is gone; waiting for it\n"
		"bouncer: the daemon is back\n"
		"bouncer: the daemon is gone; waiting for it\n"
		"bouncer: the daemon is back\n"
		"bouncer: who are you?; --token-file FILE names one\n");
	assert_int_equal(spoken.code, EXIT_REFUSED);
	request_lines(server.seen->text, lines, sizeof(lines));
	assert_string_equal(lines, "GET /api/v1/journal?limit=1\n"
	                           "GET /api/v1/daemon\n"
	                           "GET /api/v1/stream?since=7\n"
	                           "GET /api/v1/daemon\n"
	                           "GET /api/v1/daemon\n"
	                           "GET /api/v1/stream?since=9\n"
	                           "GET /api/v1/daemon\n"
	                           "GET /api/v1/stream?since=0\n"
	                           "GET /api/v1/daemon\n"
	                           "GET /api/v1/stream?since=1\n");
	spoken_fini(&spoken);
	server_stop(&server);
}

/* A stream that is none ends it. */
static void test_follow_garbage(void **state)
{
	static const struct answer answers[] = {
		SAYS(200, "{\"entries\":[],\"next\":0}"),
		STARTED("2026-01-01T00:00:00Z"),
		{ 0, STREAM_HEAD "id: 1\ndata: hello\n\n", ANSWER_RAW },
	};
	struct server server;
	struct spoken spoken;

	server_start(&server, directory, answers, ARRAY_SIZE(answers));
	speak(&spoken,
	      (const char *const[]){ "journal", "-f", "--socket", server.path,
	                             NULL },
	      NULL);
	assert_non_null(strstr(spoken.err, "body: ended by its reader"));
	assert_int_equal(spoken.code, EXIT_UNREACHABLE);
	spoken_fini(&spoken);
	server_stop(&server);
}

/* Whatever allocation fails, the command says so or does its work. */
static void test_out_of_memory(void **state)
{
	static const struct answer answers[] = { SAYS(200, DAEMON),
		                                 SAYS(200, MONITORS),
		                                 SAYS(200, DAEMON),
		                                 SAYS(200, MONITORS) };
	size_t n = 0;

	for (size_t k = 0; k <= n; k++) {
		struct server server;
		struct spoken spoken;
		const char *const words[] = { "status", "--socket", server.path,
			                      NULL };

		server_start(&server, directory, answers, 4);
		if (k == 0)
			faults_count();
		else
			faults_fail(k);
		speak(&spoken, words, NULL);
		if (k == 0)
			n = faults_end();
		else
			(void)faults_end();
		if (k == 0)
			assert_int_equal(spoken.code, EXIT_OK);
		/* jansson takes some for bad syntax, the client of HTTP for
		 * an address that does not answer */
		if (spoken.code != EXIT_OK)
			assert_true(spoken.n_err > 0);
		else
			assert_non_null(strstr(spoken.out, "gave_up"));
		spoken_fini(&spoken);
		server_stop(&server);
	}
	assert_true(n > 10);
}

static int setup(void **state)
{
	/* not libuv's: it aborts if a new loop cannot watch its first file */
	faults_install_mem();
	(void)setenv("TZ", "UTC", 1);
	return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_steer),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_relative_socket),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_no_permission),
		cmocka_unit_test(test_what_is_sent),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_follow_garbage),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
