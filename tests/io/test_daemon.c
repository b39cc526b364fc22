/* SPDX-License-Identifier: Apache-2.0 */
/* daemon: what only its start and its end show, in this process. That it does
 * its work is shown against real daemons. */
#include "support/cmocka.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "daemon.h"

#define STATE                                                                  \
	"{\"format\":\"bouncer-state\",\"version\":1,\"monitors\":[{\"name\":" \
	"\"a\",\"failed\":1,\"gave_up\":true,\"bounces_ms\":[]}],"             \
	"\"stopped\":[{\"runtime\":\"docker\",\"target\":\"a\",\"project\":"   \
	"\"\",\"since_ms\":1}]}\n"

/* Somebody else's port. */
static int occupy(uint16_t *portp)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	*portp = ntohs(address.sin_port);
	return fd;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void assert_file_is(const char *path, const char *text)
{
	char found[1024] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_true(fread(found, 1, sizeof(found) - 1, file) > 0);
	assert_int_equal(fclose(file), 0);
	assert_string_equal(found, text);
}

/* All that may be in it still is the lock. */
static void remove_state_dir(const char *dir)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/lock", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* A start that fails knows nothing, and must not write that down: what is
 * owed and what gave up waits for the start that succeeds. */
static void test_failed_start_keeps_the_state(void **state)
{
	char dir[] = "/tmp/bouncer-test-XXXXXX";
	struct daemon_options options = { .file = "test.yml" };
	struct buf problems;
	char path[64];
	struct buf text;
	uint16_t port;
	int fd = occupy(&port);

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/state.json", dir);
	write_file(path, STATE);
	buf_init(&text, 4096);
	buf_init(&problems, 4096);
	assert_int_equal(
		buf_printf(&text,
	                   "global: {control_socket: none, addr: "
	                   "'127.0.0.1:%u', state_dir: "
	                   "%s, push_gw: 'http://127.0.0.1:1', "
	                   "log_level: error}\n"
	                   "monitors:\n"
	                   "- {name: a, max_age: 1m, type: docker, "
	                   "container_name: a, label_name: job, "
	                   "label_value: a, restart_type: container}\n",
	                   port, dir),
		0);
	assert_int_equal(config_load_text(buf_slice(&text), "test.yml", NULL, 0,
	                                  &options.config, &problems),
	                 0);
	assert_int_equal(daemon_run(&options), 1);
	assert_file_is(path, STATE);

	buf_fini(&problems);
	buf_fini(&text);
	assert_int_equal(unlink(path), 0);
	remove_state_dir(dir);
	assert_int_equal(close(fd), 0);
}

/* The look-up of the daemon's first reading: ends the daemon, and hangs. In
 * the place of libc's: the program's own symbol is found first. */
__attribute__((visibility("default"))) int getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints,
	struct addrinfo **foundp)
{
	(void)kill(getpid(), SIGTERM);
	for (;;)
		(void)pause();
}

/* An orderly end does not wait for a name server that does not answer. */
static void test_end_while_a_name_is_looked_up(void **state)
{
	struct daemon_options options = { .file = "test.yml" };
	char dir[] = "/tmp/bouncer-test-XXXXXX";
	struct buf text;
	struct buf problems;
	pid_t child;
	int status;

	assert_non_null(mkdtemp(dir));
	buf_init(&text, 4096);
	assert_int_equal(
		buf_printf(&text,
	                   "global: {control_socket: none, "
	                   "addr: 'unix:%s/s', state_dir: %s, push_gw: "
	                   "'http://gateway.test:9091', log_level: error}\n"
	                   "monitors:\n"
	                   "- {name: a, max_age: 1m, type: docker, "
	                   "container_name: a, label_name: job, "
	                   "label_value: a, restart_type: container}\n",
	                   dir, dir),
		0);
	buf_init(&problems, 4096);
	if (config_load_text(buf_slice(&text), "test.yml", NULL, 0,
	                     &options.config, &problems) < 0)
		fail_msg("%s", buf_text(&problems));
	buf_fini(&problems);
	buf_fini(&text);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)alarm(10);
		exit(daemon_run(&options));
	}
	config_free(options.config);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	remove_state_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failed_start_keeps_the_state),
		cmocka_unit_test(test_end_while_a_name_is_looked_up),
	};

	return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
