/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/number.h"

#define MAX_OUTPUT 4096

struct run {
	struct process_call call;
	bool done;
	int n_done;
};

static struct test_loop loop;

static int set_up(void **state)
{
	(void)state;
	test_loop_init(&loop);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_loop_fini(&loop);
	return 0;
}

static void on_done(struct process_call *call)
{
	struct run *run = container_of(call, struct run, call);

	run->done = true;
	run->n_done++;
}

static void start(struct run *run, const char *const *argv)
{
	run->call.argv = argv;
	if (!run->call.max_output)
		run->call.max_output = MAX_OUTPUT;
	assert_int_equal(process_spawn(&loop.uv, &run->call, on_done), 0);
	assert_false(run->done);
}

static void start_sh(struct run *run, const char *script)
{
	start(run, (const char *const[]){ "sh", "-c", script, NULL });
}

static void finish(struct run *run)
{
	test_loop_until(&loop, &run->done);
	assert_int_equal(run->n_done, 1);
	assert_null(run->call.process);
}

static void run_sh(struct run *run, const char *script)
{
	start_sh(run, script);
	finish(run);
}

/* Waits until the command has said @text. */
static void await_output(struct run *run, const char *text)
{
	uint64_t end = uv_hrtime() + LOOP_WAIT_MS * UINT64_C(1000000);

	while (!strstr(buf_text(&run->call.output), text)) {
		if (run->done || uv_hrtime() > end)
			fail_msg("said only \"%s\"",
			         buf_text(&run->call.output));
		test_loop_for(&loop, 5);
	}
}

static void assert_output(const struct run *run, const char *expected)
{
	assert_string_equal(buf_text(&run->call.output), expected);
}

/* The number on the first line of the output. */
static pid_t output_pid(const struct run *run)
{
	const char *text = buf_text(&run->call.output);
	uint64_t pid;

	assert_int_equal(
		number_parse_u64(slice_make(text, strcspn(text, "\n")), &pid),
		0);
	return (pid_t)pid;
}

/* Not even a zombie counts: nobody may be there to reap orphans. */
static bool is_running(pid_t pid)
{
	char path[64];
	char state = 'X';
	char line[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (file && fgets(line, sizeof(line), file) && strrchr(line, ')'))
		state = strrchr(line, ')')[2];
	if (file)
		(void)fclose(file);
	return state != 'X' && state != 'Z';
}

static void await_gone(pid_t pid)
{
	for (int i = 0; is_running(pid); i++) {
		if (i == 500)
			fail_msg("process %d is still there", (int)pid);
		test_loop_for(&loop, 10);
	}
}

/* --- what a command says and how it ends -------------------------------- */

static void ends_with_status_and_output(void **state)
{
	static const struct row {
		const char *script;
		int64_t status;
		const char *output;
	} rows[] = {
		{ "true", 0, "" },
		{ "echo out; echo err >&2; echo out", 0, "out\nerr\nout\n" },
		{ "echo through the name > /dev/stdout", 0,
		  "through the name\n" },
		{ "exit 3", 3, "" },
		{ "exit 126", 126, "" },
		{ "exit 127", 127, "" },
		{ "cat; readlink /proc/self/fd/0", 0, "/dev/null\n" },
		{ "exec >&- 2>&-; sleep 0.05; exit 7", 7, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct run run = { 0 };

		run_sh(&run, rows[i].script);
		assert_int_equal(run.call.err.code, 0);
		assert_int_equal(run.call.exit_status, rows[i].status);
		assert_int_equal(run.call.term_signal, 0);
		assert_output(&run, rows[i].output);
		assert_false(run.call.truncated);
		process_call_fini(&run.call);
	}
}

static void ends_by_a_signal(void **state)
{
	struct run run = { 0 };

	(void)state;
	run_sh(&run, "kill -ABRT $$");
	assert_int_equal(run.call.err.code, 0);
	assert_int_equal(run.call.exit_status, -1);
	assert_int_equal(run.call.term_signal, SIGABRT);
	process_call_fini(&run.call);
}

/* We ignore SIGPIPE; a command must not, or its pipelines never end. */
static void signals_are_as_a_command_expects(void **state)
{
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	struct run run = { 0 };

	(void)state;
	run_sh(&run, "kill -PIPE $$");
	(void)signal(SIGPIPE, before);
	assert_int_equal(run.call.term_signal, SIGPIPE);
	process_call_fini(&run.call);
}

static void arguments_arrive_as_they_are(void **state)
{
	const char *const argv[] = { "printf",     "[%s]", "a b", "$(id)",
		                     "; rm -rf /", "",     "*",   NULL };
	struct run run = { 0 };

	(void)state;
	start(&run, argv);
	finish(&run);
	assert_output(&run, "[a b][$(id)][; rm -rf /][][*]");
	process_call_fini(&run.call);
}

static void given_environment_wins(void **state)
{
	const char *const env[] = { "BOUNCER_TEST_A=given",
		                    "BOUNCER_TEST_C=", NULL };
	struct run run = { .call.env = env };

	(void)state;
	assert_int_equal(setenv("BOUNCER_TEST_A", "ours", 1), 0);
	assert_int_equal(setenv("BOUNCER_TEST_AB", "kept", 1), 0);
	assert_int_equal(setenv("BOUNCER_TEST_C", "ours", 1), 0);
	run_sh(&run, "env | grep ^BOUNCER_TEST | sort; test -n \"$PATH\"");
	assert_output(&run, "BOUNCER_TEST_A=given\n"
	                    "BOUNCER_TEST_AB=kept\n"
	                    "BOUNCER_TEST_C=\n");
	assert_int_equal(run.call.exit_status, 0);
	process_call_fini(&run.call);
}

static void has_its_own_session(void **state)
{
	struct run run = { 0 };

	(void)state;
	run_sh(&run, "read -r pid name status parent group session rest "
	             "< /proc/self/stat; "
	             "test $$ = $group && test $$ = $session");
	assert_int_equal(run.call.exit_status, 0);
	process_call_fini(&run.call);
}

static void inherits_no_descriptors(void **state)
{
	struct run before = { 0 };
	struct run after = { 0 };
	struct run other = { 0 };
	uv_tcp_t sockets[8];

	(void)state;
	run_sh(&before, "ls /proc/self/fd | wc -l");
	for (size_t i = 0; i < ARRAY_SIZE(sockets); i++)
		assert_int_equal(uv_tcp_init_ex(&loop.uv, &sockets[i], AF_INET),
		                 0);
	start_sh(&other, "echo here; exec sleep 100");
	await_output(&other, "here");
	run_sh(&after, "ls /proc/self/fd | wc -l");
	assert_output(&after, buf_text(&before.call.output));

	process_cancel(&other.call);
	finish(&other);
	for (size_t i = 0; i < ARRAY_SIZE(sockets); i++)
		uv_close((uv_handle_t *)&sockets[i], NULL);
	test_loop_for(&loop, 1);
	process_call_fini(&before.call);
	process_call_fini(&after.call);
	process_call_fini(&other.call);
}

/* --- the limit of what is kept ----------------------------------------- */

static void output_is_capped(void **state)
{
	static const struct row {
		const char *script;
		size_t max;
		size_t kept;
		bool truncated;
	} rows[] = {
		{ "head -c 20000000 /dev/zero", 1000, 1000, true },
		{ "head -c 1000 /dev/zero", 1000, 1000, false },
		{ "head -c 1001 /dev/zero", 1000, 1000, true },
		{ "echo x", 1, 1, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct run run = { .call.max_output = rows[i].max };

		run_sh(&run, rows[i].script);
		assert_int_equal(run.call.err.code, 0);
		assert_int_equal(run.call.exit_status, 0);
		assert_int_equal(run.call.output.n, rows[i].kept);
		assert_true(run.call.output.cap <= rows[i].max + 1);
		assert_int_equal(run.call.truncated, rows[i].truncated);
		process_call_fini(&run.call);
	}
}

static void output_may_be_dropped_whole(void **state)
{
	const char *const argv[] = { "head", "-c", "100000", "/dev/zero",
		                     NULL };
	struct run run = { .call.argv = argv };

	(void)state;
	assert_int_equal(process_spawn(&loop.uv, &run.call, on_done), 0);
	finish(&run);
	assert_int_equal(run.call.exit_status, 0);
	assert_int_equal(run.call.output.n, 0);
	assert_true(run.call.truncated);
	process_call_fini(&run.call);
}

static void an_endless_flood_meets_its_deadline(void **state)
{
	struct run run = { .call.timeout_ms = 300 };

	(void)state;
	run_sh(&run, "exec yes");
	assert_int_equal(run.call.err.code, UV_ETIMEDOUT);
	assert_int_equal(run.call.output.n, MAX_OUTPUT);
	assert_true(run.call.truncated);
	process_call_fini(&run.call);
}

/* --- what cannot be started --------------------------------------------- */

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void assert_does_not_start(const char *program, int code,
                                  const char *message)
{
	struct run run = { 0 };

	start(&run, (const char *const[]){ program, NULL });
	finish(&run);
	assert_int_equal(run.call.err.code, code);
	assert_non_null(strstr(run.call.err.message, message));
	assert_int_equal(run.call.exit_status, -1);
	assert_int_equal(run.call.term_signal, 0);
	process_call_fini(&run.call);
}

static void says_why_it_did_not_start(void **state)
{
	char path[108];

	(void)state;
	assert_does_not_start("bouncer-no-such-program", UV_ENOENT,
	                      "cannot run \"bouncer-no-such-program\": "
	                      "not found in PATH");
	assert_does_not_start("/no/such/program", UV_ENOENT,
	                      "cannot run \"/no/such/program\": No such file");
	assert_does_not_start("/tmp", UV_EACCES,
	                      "cannot run \"/tmp\": permission denied");
	assert_does_not_start("", UV_ENOENT, "cannot run \"\"");
	assert_does_not_start(NULL, UV_EINVAL, "no command was given");

	(void)test_loop_path(&loop, "plain", path);
	write_file(path, "just text\n", 0644);
	assert_does_not_start(path, UV_EACCES, "is it executable?");

	(void)test_loop_path(&loop, "script", path);
	write_file(path, "#!/no/such/interpreter\n", 0755);
	assert_does_not_start(path, UV_ENOENT, "interpreter or loader");
}

static void out_of_descriptors_is_said(void **state)
{
	struct rlimit before;
	struct rlimit none;
	struct run run = { 0 };
	int fd;

	(void)state;
	run_sh(&run, "true"); /* libuv's own descriptors are open now */
	process_call_fini(&run.call);
	run = (struct run){ 0 };

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	fd = dup(0);
	assert_true(fd >= 0);
	none = before;
	none.rlim_cur = (rlim_t)fd;
	(void)close(fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	start_sh(&run, "true");
	finish(&run);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(run.call.err.code, UV_EMFILE);
	assert_non_null(strstr(run.call.err.message, "\"sh\""));
	process_call_fini(&run.call);
}

/* --- deadline, cancel, and the group ------------------------------------ */

static void the_deadline_terminates(void **state)
{
	struct run run = { .call.timeout_ms = 200 };

	(void)state;
	run_sh(&run, "echo before; exec sleep 100");
	assert_int_equal(run.call.err.code, UV_ETIMEDOUT);
	assert_string_equal(run.call.err.message,
	                    "\"sh\" did not end within 200ms");
	assert_int_equal(run.call.term_signal, SIGTERM);
	assert_output(&run, "before\n");
	process_call_fini(&run.call);
}

static void what_ignores_term_is_killed(void **state)
{
	struct run run = { .call.kill_grace_ms = 100 };
	uint64_t begin;

	(void)state;
	start_sh(&run,
	         "trap '' TERM; echo ready; sleep 100 & wait; exec sleep 100");
	await_output(&run, "ready");
	begin = uv_hrtime();
	process_cancel(&run.call);
	process_cancel(&run.call);
	finish(&run);
	assert_true(uv_hrtime() - begin >= 90 * UINT64_C(1000000));
	assert_int_equal(run.call.err.code, UV_ECANCELED);
	assert_int_equal(run.call.term_signal, SIGKILL);
	process_call_fini(&run.call);
}

static void may_use_the_grace(void **state)
{
	struct run run = { 0 };

	(void)state;
	start_sh(&run, "trap 'echo tidied; exit 0' TERM; echo ready; "
	               "sleep 100 & wait");
	await_output(&run, "ready");
	process_cancel(&run.call);
	finish(&run);
	assert_int_equal(run.call.err.code, UV_ECANCELED);
	assert_int_equal(run.call.exit_status, 0);
	assert_output(&run, "ready\ntidied\n");
	process_call_fini(&run.call);
}

static void cancelled_at_once(void **state)
{
	struct run run = { 0 };

	(void)state;
	start_sh(&run, "exec sleep 100");
	process_cancel(&run.call);
	assert_false(run.done);
	finish(&run);
	assert_int_equal(run.call.err.code, UV_ECANCELED);
	assert_int_equal(run.call.term_signal, SIGTERM);
	process_cancel(&run.call); /* long over: harmless */
	process_call_fini(&run.call);
}

static void what_did_not_start_is_not_cancelled(void **state)
{
	struct run run = { 0 };

	(void)state;
	start(&run, (const char *const[]){ "/no/such/program", NULL });
	process_cancel(&run.call);
	finish(&run);
	assert_int_equal(run.call.err.code, UV_ENOENT);
	process_call_fini(&run.call);
}

static void a_grandchild_does_not_delay(void **state)
{
	struct run run = { 0 };
	uint64_t begin;
	pid_t grandchild;

	(void)state;
	begin = uv_hrtime();
	run_sh(&run, "sleep 100 & echo $!");
	assert_true(uv_hrtime() - begin <
	            (PROCESS_DRAIN_MS + 3000) * UINT64_C(1000000));
	assert_int_equal(run.call.err.code, 0);
	assert_int_equal(run.call.exit_status, 0);
	grandchild = output_pid(&run);
	/* it ended by itself: what it left running is its own business */
	assert_true(is_running(grandchild));
	assert_int_equal(kill(grandchild, SIGKILL), 0);
	process_call_fini(&run.call);
}

static void the_group_goes_with_the_deadline(void **state)
{
	struct run run = { .call.timeout_ms = 300 };

	(void)state;
	run_sh(&run, "sleep 100 & echo $!; wait");
	assert_int_equal(run.call.err.code, UV_ETIMEDOUT);
	await_gone(output_pid(&run));
	process_call_fini(&run.call);
}

static void stubborn_grandchildren_are_killed(void **state)
{
	struct run run = { .call.kill_grace_ms = 200 };

	(void)state;
	start_sh(&run, "sh -c \"trap '' TERM; echo \\$\\$; exec sleep 100\" & "
	               "wait");
	await_output(&run, "\n");
	process_cancel(&run.call);
	finish(&run);
	assert_int_equal(run.call.err.code, UV_ECANCELED);
	assert_int_equal(run.call.term_signal, SIGTERM);
	await_gone(output_pid(&run));
	process_call_fini(&run.call);
}

static void a_grandchild_may_use_the_grace_too(void **state)
{
	struct run run = { 0 };

	(void)state;
	start_sh(&run, "(trap 'sleep 0.4; echo tidied; exit' TERM; echo ready; "
	               "sleep 100 & wait) & wait");
	await_output(&run, "ready");
	process_cancel(&run.call);
	finish(&run);
	/* the shell above it died at once, longer ago than the drain time */
	assert_int_equal(run.call.term_signal, SIGTERM);
	assert_output(&run, "ready\ntidied\n");
	process_call_fini(&run.call);
}

static void many_at_once(void **state)
{
	struct run runs[40] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		start_sh(&runs[i],
		         i % 2 ? "echo odd; exit 1" : "exec sleep 100");
	for (size_t i = 0; i < ARRAY_SIZE(runs); i += 2)
		process_cancel(&runs[i].call);
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		finish(&runs[i]);
		assert_int_equal(runs[i].call.err.code,
		                 i % 2 ? 0 : UV_ECANCELED);
		assert_output(&runs[i], i % 2 ? "odd\n" : "");
		process_call_fini(&runs[i].call);
	}
}

/* --- what it is told, and what it complains of --------------------------- */

static void errors_may_be_apart(void **state)
{
	struct run run = { .call.max_errors = 8 };

	run_sh(&run, "echo out; echo a complaint >&2");
	assert_output(&run, "out\n");
	assert_string_equal(buf_text(&run.call.errors), "a compla");
	assert_true(run.call.truncated);
	process_call_fini(&run.call);
}

static void reads_what_it_is_given(void **state)
{
	static char much[1 << 20];
	struct run run = { .call.input = { "one\ntwo", 7 } };

	run_sh(&run, "cat");
	assert_output(&run, "one\ntwo");
	process_call_fini(&run.call);

	/* more than a pipe holds; to who listens, and to who does not */
	memset(much, 'x', sizeof(much));
	run = (struct run){ .call.input = { much, sizeof(much) } };
	run_sh(&run, "wc -c");
	assert_output(&run, "1048576\n");
	process_call_fini(&run.call);
	run = (struct run){ .call.input = { much, sizeof(much) } };
	run_sh(&run, "exec <&-; echo deaf; exit 3");
	assert_output(&run, "deaf\n");
	assert_int_equal(run.call.exit_status, 3);
	process_call_fini(&run.call);
	run = (struct run){ .call.input = { much, sizeof(much) },
		            .call.timeout_ms = 50 };
	run_sh(&run, "sleep 60");
	assert_int_equal(run.call.err.code, UV_ETIMEDOUT);
	process_call_fini(&run.call);
}

/* --- out of memory ------------------------------------------------------- */

static void faulty_run(void)
{
	const char *const env[] = { "A=1", NULL };
	const char *const argv[] = { "sh", "-c", "echo $A", NULL };
	struct run run = { .call.argv = argv,
		           .call.env = env,
		           .call.input = { "x", 1 },
		           .call.max_errors = 64,
		           .call.max_output = MAX_OUTPUT };

	if (process_spawn(&loop.uv, &run.call, on_done) < 0) {
		test_loop_for(&loop, 1);
		assert_int_equal(run.n_done, 0);
		return;
	}
	finish(&run);
	if (run.call.err.code == 0) {
		assert_int_equal(run.call.exit_status, 0);
		assert_true(run.call.truncated || run.call.output.n == 2);
	}
	process_call_fini(&run.call);
}

static void survives_lack_of_memory(void **state)
{
	size_t n;

	(void)state;
	faulty_run(); /* what the loop itself allocates once is there now */
	faults_count();
	faulty_run();
	n = faults_end();
	assert_true(n >= 3);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		faulty_run();
		(void)faults_end();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ends_with_status_and_output),
		TEST(ends_by_a_signal),
		TEST(signals_are_as_a_command_expects),
		TEST(arguments_arrive_as_they_are),
		TEST(given_environment_wins),
		TEST(has_its_own_session),
		TEST(inherits_no_descriptors),
		TEST(output_is_capped),
		TEST(output_may_be_dropped_whole),
		TEST(an_endless_flood_meets_its_deadline),
		TEST(says_why_it_did_not_start),
		TEST(out_of_descriptors_is_said),
		TEST(the_deadline_terminates),
		TEST(what_ignores_term_is_killed),
		TEST(may_use_the_grace),
		TEST(cancelled_at_once),
		TEST(what_did_not_start_is_not_cancelled),
		TEST(a_grandchild_does_not_delay),
		TEST(the_group_goes_with_the_deadline),
		TEST(stubborn_grandchildren_are_killed),
		TEST(a_grandchild_may_use_the_grace_too),
		TEST(many_at_once),
		TEST(errors_may_be_apart),
		TEST(reads_what_it_is_given),
		TEST(survives_lack_of_memory),
	};

	faults_install();
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
