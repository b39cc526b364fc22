/* SPDX-License-Identifier: Apache-2.0 */
/* docker: documents as engines really send them, and framed streams in every
 * possible split. */
#include "support/cmocka.h"

#include <errno.h>
#include "proto/docker.h"
#include "proto/docker_frames.h"

static struct docker_version version(const char *text)
{
	struct docker_version v = { 0 };

	assert_int_equal(docker_version_parse(slice_from(text), &v), 0);
	return v;
}

static void test_versions(void **state)
{
	static const char *const bad[] = { "",    "1",     "1.",   ".4",
		                           "v1",  "1.4.1", "1.-1", "1.65536",
		                           "a.b", " 1.4",  "1.4 " };
	struct docker_version v = { 7, 7 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(docker_version_parse(slice_from(bad[i]), &v),
		                 -EINVAL);
	assert_int_equal(v.major, 7);
	/* numbers, not text: 1.9 comes before 1.41 */
	assert_true(docker_version_compare(version("1.9"), version("1.41")) <
	            0);
	assert_true(docker_version_compare(version("2.0"), version("1.99")) >
	            0);
	assert_int_equal(
		docker_version_compare(version("1.41"), version("1.41")), 0);
	v = docker_version_min(version("1.47"), version("1.41"));
	assert_int_equal(v.minor, 41);
	v = docker_version_min(version("1.40"), version("1.55"));
	assert_int_equal(v.minor, 40);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *message;
		enum docker_refusal refusal;
		uint16_t minor;
	} rows[] = {
		{ "client version 1.99 is too new. Maximum supported API "
		  "version is 1.41",
		  DOCKER_REFUSAL_TOO_NEW, 41 },
		{ "client version 1.11 is too old. Minimum supported API "
		  "version is 1.12, please upgrade your client to a newer "
		  "version",
		  DOCKER_REFUSAL_TOO_OLD, 12 },
		{ "client version 1.20 is too old. Minimum supported API "
		  "version is 1.44.",
		  DOCKER_REFUSAL_TOO_OLD, 44 },
		{ "client version 1.20 is too old", DOCKER_REFUSAL_TOO_OLD, 0 },
		{ "client version 1.20 is fine", DOCKER_REFUSAL_OTHER, 0 },
		{ "invalid restart timeout", DOCKER_REFUSAL_OTHER, 0 },
		{ "", DOCKER_REFUSAL_OTHER, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct docker_version bound = { 9, 9 };

		assert_int_equal(docker_refusal(rows[i].message, &bound),
		                 rows[i].refusal);
		assert_int_equal(bound.minor, rows[i].minor);
	}
}

static void test_messages(void **state)
{
	static const struct {
		const char *body;
		const char *message;
	} rows[] = {
		{ "{\"message\":\"No such container: nope\"}\n",
		  "No such container: nope" },
		{ "{\"cause\":\"no such container\",\"message\":\"no container "
		  "with name or ID \\\"nope\\\" found\",\"response\":404}",
		  "no container with name or ID \"nope\" found" },
		{ "client version 1.11 is too old\r\n",
		  "client version 1.11 is too old" },
		{ "<html>\n <b>502</b>\n</html>\n",
		  "<html> <b>502</b> </html>" },
		{ "{\"error\":1}", "{\"error\":1}" },
		{ "{\"message\":null}", "{\"message\":null}" },
		{ "a\x1b[31mb\xff\x7f", "a [31mb" },
		{ "", "" },
	};
	char out[DOCKER_MESSAGE_MAX];
	char body[1000];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		docker_message(slice_from(rows[i].body), out);
		assert_string_equal(out, rows[i].message);
	}

	/* cut at a whole character */
	memset(body, 'x', 198);
	memcpy(body + 198, "\xc3\xa9tail", 7);
	docker_message(slice_from(body), out);
	assert_int_equal(strlen(out), 198);
}

/* Docker 20.10's, with what nobody here reads left out */
static const char docker_running[] =
	"{\"Id\":\"2cc0f8c0d37a148d140c04939b518efb57e619ef18269fb9fdec8ecff"
	"80563ea\",\"Created\":\"2026-11-20T23:46:57.3Z\",\"Path\":\"sh\","
	"\"State\":{\"Status\":\"running\",\"Running\":true,\"Paused\":false,"
	"\"Restarting\":false,\"OOMKilled\":false,\"Dead\":false,\"Pid\":14571,"
	"\"ExitCode\":0,\"Error\":\"\","
	"\"StartedAt\":\"2026-11-20T23:46:57.737541075Z\","
	"\"FinishedAt\":\"0001-01-01T00:00:00Z\"},\"Name\":\"/a1\","
	"\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"no\","
	"\"MaximumRetryCount\":0},\"AutoRemove\":true,\"NanoCpus\":"
	"18446744073709551615},\"Config\":{\"Image\":\"bb\"}}";

static void test_container_running(void **state)
{
	struct docker_container c;

	assert_int_equal(
		docker_container_parse(slice_from(docker_running), &c, NULL),
		0);
	assert_int_equal(c.status, DOCKER_STATUS_RUNNING);
	assert_int_equal(strlen(c.id), 64);
	assert_string_equal(c.started_at, "2026-11-20T23:46:57.737541075Z");
	assert_int_equal(c.exit_code, -1);
	assert_false(c.has_stop_timeout);
	assert_int_equal(c.stop_timeout_s, DOCKER_STOP_TIMEOUT_S);
	assert_int_equal(c.policy, DOCKER_POLICY_NO);
	assert_true(c.auto_remove);
	assert_false(docker_container_stopped_by_hand(&c));
}

static void test_container_states(void **state)
{
	static const struct {
		const char *status;
		const char *policy;
		enum docker_status expected;
		bool by_hand;
	} rows[] = {
		{ "exited", "always", DOCKER_STATUS_EXITED, true },
		{ "exited", "unless-stopped", DOCKER_STATUS_EXITED, true },
		{ "exited", "on-failure", DOCKER_STATUS_EXITED, false },
		{ "exited", "no", DOCKER_STATUS_EXITED, false },
		{ "exited", "", DOCKER_STATUS_EXITED, false },
		{ "stopped", "always", DOCKER_STATUS_EXITED, true },
		{ "stopping", "always", DOCKER_STATUS_RUNNING, false },
		{ "restarting", "always", DOCKER_STATUS_RESTARTING, false },
		{ "paused", "always", DOCKER_STATUS_PAUSED, false },
		{ "created", "always", DOCKER_STATUS_OTHER, false },
		{ "dead", "no", DOCKER_STATUS_OTHER, false },
		{ "dreaming", "no", DOCKER_STATUS_OTHER, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct docker_container c;
		char text[512];

		(void)snprintf(text, sizeof(text),
		               "{\"Id\":\"x\",\"State\":{\"Status\":\"%s\","
		               "\"ExitCode\":137,\"OOMKilled\":true,"
		               "\"Error\":\"no\\nnetwork\"},\"Config\":"
		               "{\"StopTimeout\":2},\"HostConfig\":"
		               "{\"RestartPolicy\":{\"Name\":\"%s\"}}}",
		               rows[i].status, rows[i].policy);
		assert_int_equal(
			docker_container_parse(slice_from(text), &c, NULL), 0);
		assert_int_equal(c.status, rows[i].expected);
		assert_int_equal(docker_container_stopped_by_hand(&c),
		                 rows[i].by_hand);
		assert_true(c.has_stop_timeout);
		assert_int_equal(c.stop_timeout_s, 2);
		assert_true(c.oom_killed);
		assert_string_equal(c.error, "no network");
		if (c.status == DOCKER_STATUS_EXITED)
			assert_int_equal(c.exit_code, 137);
	}
}

static void test_containers_that_are_none(void **state)
{
	static const char *const texts[] = {
		"",           "{}",
		"[]",         "<html>",
		"{\"Id\":7}", "{\"Id\":\"\"}",
		"null",       "{\"Id\":\"x\"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct docker_container c;
		struct err err = { 0 };

		assert_int_equal(
			docker_container_parse(slice_from(texts[i]), &c, &err),
			-EINVAL);
		assert_string_not_equal(err.message, "");
	}
}

static void test_exec_documents(void **state)
{
	struct docker_exec exec;
	char id[DOCKER_ID_MAX];

	assert_int_equal(
		docker_exec_created_parse(slice_from("{\"Id\":\"b90cf8\"}\n"),
	                                  id, sizeof(id), NULL),
		0);
	assert_string_equal(id, "b90cf8");
	assert_int_equal(
		docker_exec_created_parse(slice_from("{\"Id\":\"../x\"}"), id,
	                                  sizeof(id), NULL),
		-EINVAL);
	assert_int_equal(docker_exec_created_parse(slice_from("{}"), id,
	                                           sizeof(id), NULL),
	                 -EINVAL);

	assert_int_equal(
		docker_exec_parse(slice_from("{\"ID\":\"b9\",\"Running\":true,"
	                                     "\"ExitCode\":null,"
	                                     "\"Pid\":12}"),
	                          &exec, NULL),
		0);
	assert_true(exec.running);
	assert_int_equal(exec.exit_code, -1);
	assert_int_equal(
		docker_exec_parse(
			slice_from(
				"{\"Running\":false,\"ExitCode\":3,\"Pid\":0}"),
			&exec, NULL),
		0);
	assert_false(exec.running);
	assert_int_equal(exec.exit_code, 3);
	assert_int_equal(
		docker_exec_parse(slice_from("{\"ExitCode\":3}"), &exec, NULL),
		-EINVAL);
}

static void test_exec_codes(void **state)
{
	static const struct {
		int64_t code, pid;
		const char *output;
		int64_t expected;
	} rows[] = {
		/* Docker 20.10 says 126 for both */
		{ 126, 0,
		  "OCI runtime exec failed: exec failed: unable to "
		  "start container process: exec: \"nosuch\": executable file "
		  "not found in $PATH: unknown\r\n",
		  127 },
		{ 126, 0,
		  "OCI runtime exec failed: exec failed: unable to "
		  "start container process: exec: \"/nosuch\": stat /nosuch: "
		  "no such file or directory: unknown\r\n",
		  127 },
		{ 126, 0,
		  "OCI runtime exec failed: exec failed: unable to "
		  "start container process: exec: \"/etc/passwd\": permission "
		  "denied: unknown\r\n",
		  126 },
		/* the command's own 126 */
		{ 126, 77, "exec failed: no such file or directory", 126 },
		{ 126, 0, "", 126 },
		{ 127, 0, "", 127 },
		{ 0, 0, "exec failed: executable file not found", 0 },
		{ -1, 0, "", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct docker_exec exec = { false, rows[i].code, rows[i].pid };

		assert_int_equal(
			docker_exec_code(&exec, slice_from(rows[i].output)),
			rows[i].expected);
	}
}

static void test_exec_request(void **state)
{
	static const char *const argv[] = { "/bin/echo", "a \"b\"", "", NULL };
	static const char *const env[] = { "K=V", NULL };
	struct buf out;

	buf_init(&out, 4096);
	docker_exec_create_write(&out, argv, env);
	assert_string_equal(buf_text(&out),
	                    "{\"AttachStdout\":true,\"AttachStderr\":true,"
	                    "\"Tty\":false,"
	                    "\"Cmd\":[\"/bin/echo\",\"a \\\"b\\\"\",\"\"],"
	                    "\"Env\":[\"K=V\"]}");
	buf_reset(&out);
	docker_exec_create_write(&out, argv, NULL);
	assert_null(strstr(buf_text(&out), "Env"));
	buf_fini(&out);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "",   ".",  "..",      "../x",
		                           "-x", "/x", "\xc3\xa9" };
	char long_name[300];

	assert_true(docker_name_valid("prom-stack_api-exporter_1"));
	assert_true(docker_name_valid("0af"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(docker_name_valid(bad[i]));
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_false(docker_name_valid(long_name));
}

/* --- frames ------------------------------------------------------------- */

struct capture {
	char text[64]; /* all payload */
	size_t n;
	char streams[64]; /* of which stream each byte was */
	bool whole;
	bool unframed;
};

/* Feeds @bytes in pieces that end at each of the marks. */
static void feed(struct slice bytes, const size_t *marks, size_t n_marks,
                 struct capture *capture)
{
	struct docker_frames frames = { 0 };
	size_t from = 0;

	*capture = (struct capture){ 0 };
	for (size_t i = 0; i <= n_marks; i++) {
		size_t to = i < n_marks ? marks[i] : bytes.n;
		struct slice piece = slice_make(bytes.p + from, to - from);
		struct docker_piece out;

		while (docker_frames_next(&frames, &piece, &out)) {
			assert_true(out.bytes.n > 0);
			assert_true(capture->n + out.bytes.n < 64);
			memcpy(capture->text + capture->n, out.bytes.p,
			       out.bytes.n);
			memset(capture->streams + capture->n,
			       '0' + (int)out.stream, out.bytes.n);
			capture->n += out.bytes.n;
		}
		assert_int_equal(piece.n, 0);
		from = to;
	}
	capture->whole = docker_frames_whole(&frames);
	capture->unframed = frames.unframed;
}

static void test_frames_in_every_split(void **state)
{
	static const struct {
		struct slice bytes;
		const char *text;
		const char *streams;
		bool whole;
		bool unframed;
	} rows[] = {
#define ROW(bytes, ...) { { bytes, sizeof(bytes) - 1 }, __VA_ARGS__ }
		ROW("\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n", "out\nerr\n",
		    "11112222", true, false),
		/* empty frames say nothing and do no harm */
		ROW("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1x", "x",
		    "1", true, false),
		ROW("", "", "", true, false),
		/* the engine's own words are a stream, too */
		ROW("\3\0\0\0\0\0\0\2no", "no", "33", true, false),
		/* cut in the header, and in the payload */
		ROW("\1\0\0\0\0\0", "", "", false, false),
		ROW("\1\0\0\0\0\0\0\5abc", "abc", "111", false, false),
		/* plain text from the start, shorter than a header, too */
		ROW("OCI runtime exec failed", "OCI runtime exec failed",
		    "33333333333333333333333", false, true),
		ROW("no", "no", "33", false, true),
		/* plain text after a frame */
		ROW("\1\0\0\0\0\0\0\1ano", "ano", "133", false, true),
		/* no such stream; padding that is none; no such length */
		ROW("\4\0\0\0\0\0\0\1a", "\4\0\0\0\0\0\0\1a", "333333333",
		    false, true),
		ROW("\1\0\1\0\0\0\0\1a", "\1\0\1\0\0\0\0\1a", "333333333",
		    false, true),
		ROW("\1\0\0\0\1\0\0\1a", "\1\0\0\0\1\0\0\1a", "333333333",
		    false, true),
#undef ROW
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = rows[i].bytes.n;
		struct capture capture;

		for (size_t a = 0; a <= n; a++) {
			for (size_t b = a; b <= n; b++) {
				size_t marks[] = { a, b };

				feed(rows[i].bytes, marks, 2, &capture);
				assert_int_equal(capture.n,
				                 strlen(rows[i].streams));
				assert_memory_equal(capture.text, rows[i].text,
				                    capture.n);
				assert_string_equal(capture.streams,
				                    rows[i].streams);
				assert_int_equal(capture.whole, rows[i].whole);
				assert_int_equal(capture.unframed,
				                 rows[i].unframed);
			}
		}
	}
}

static void test_frames_byte_by_byte(void **state)
{
	static const char bytes[] = "\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\3err";
	size_t marks[sizeof(bytes) - 1];
	struct capture capture;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		marks[i] = i;
	feed(slice_make(bytes, sizeof(bytes) - 1), marks, ARRAY_SIZE(marks),
	     &capture);
	assert_int_equal(capture.n, 7);
	assert_memory_equal(capture.text, "out\nerr", 7);
	assert_true(capture.whole);
}

static void test_frame_of_the_largest_size(void **state)
{
	/* just allowed: 0x01000000 */
	static const char header[] = "\1\0\0\0\1\0\0\0";
	static const char zeros[4096];
	struct docker_frames frames = { 0 };
	struct slice input = slice_make(header, 8);
	struct docker_piece piece;
	size_t total = 0;

	assert_false(docker_frames_next(&frames, &input, &piece));
	while (total < DOCKER_FRAME_MAX) {
		input = slice_make(zeros, sizeof(zeros));
		assert_false(docker_frames_whole(&frames));
		assert_true(docker_frames_next(&frames, &input, &piece));
		total += piece.bytes.n;
	}
	assert_true(docker_frames_whole(&frames));
	assert_false(frames.unframed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_container_running),
		cmocka_unit_test(test_container_states),
		cmocka_unit_test(test_containers_that_are_none),
		cmocka_unit_test(test_exec_documents),
		cmocka_unit_test(test_exec_codes),
		cmocka_unit_test(test_exec_request),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_frames_in_every_split),
		cmocka_unit_test(test_frames_byte_by_byte),
		cmocka_unit_test(test_frame_of_the_largest_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
