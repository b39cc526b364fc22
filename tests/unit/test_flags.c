/* SPDX-License-Identifier: Apache-2.0 */
/* config: the command line of `run`, and the environment. */
#include "support/cmocka.h"

#include <errno.h>
#include <string.h>
#include "config/environment.h"
#include "config/flags.h"
#include "support/faults.h"

#define MAX_WORDS 6

struct expected {
	const char *key;
	const char *value;
	const char *origin;
	bool fallback;
};

static void check_overrides(const struct config_override *overrides, size_t n,
                            const struct expected *expected)
{
	size_t n_expected = 0;

	while (n_expected < MAX_WORDS && expected[n_expected].key)
		n_expected++;
	assert_int_equal(n, n_expected);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(overrides[i].key, expected[i].key);
		assert_string_equal(overrides[i].value, expected[i].value);
		assert_string_equal(overrides[i].origin, expected[i].origin);
		assert_int_equal(overrides[i].fallback, expected[i].fallback);
	}
}

static int parse(const char *const *words, struct flags *flags, struct err *err)
{
	char *argv[MAX_WORDS];
	int argc = 0;

	/* getopt's habit of char *const is only a habit: nothing is written */
	for (; argc < MAX_WORDS && words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	return flags_parse(flags, argc, argv, err);
}

static void test_flags(void **state)
{
	static const struct {
		const char *argv[MAX_WORDS];
		const char *config;
		struct expected expected[MAX_WORDS];
	} rows[] = {
		{ { NULL }, NULL, { { 0 } } },
		/* the flags of the original tool */
		{ { "-configFile", "a.yml" }, "a.yml", { { 0 } } },
		{ { "--configFile=a.yml" }, "a.yml", { { 0 } } },
		{ { "-pushgw=http://h" },
		  NULL,
		  { { "push_gw", "http://h", "--pushgw", 0 } } },
		{ { "--pushgw", "http://h" },
		  NULL,
		  { { "push_gw", "http://h", "--pushgw", 0 } } },
		{ { "-socketLXD", "/l", "-socketDocker=/d" },
		  NULL,
		  { { "socket_lxd", "/l", "--socketLXD", 0 },
		    { "socket_docker", "/d", "--socketDocker", 0 } } },
		{ { "-logLevel=debug", "-checkInterval", "1m", "-addr=:1" },
		  NULL,
		  { { "log_level", "debug", "--logLevel", 0 },
		    { "check_interval", "1m", "--checkInterval", 0 },
		    { "addr", ":1", "--addr", 0 } } },
		/* ours, in any spelling */
		{ { "--config", "b.yml", "--push-gw", "x" },
		  "b.yml",
		  { { "push_gw", "x", "--push-gw", 0 } } },
		{ { "--config-file=", "--LOG_LEVEL=x" },
		  "",
		  { { "log_level", "x", "--LOG_LEVEL", 0 } } },
		{ { "--dry-run", "--paused=false" },
		  NULL,
		  { { "dry_run", "true", "--dry-run", 0 },
		    { "paused", "false", "--paused", 0 } } },
		{ { "--addr", "-x=y" },
		  NULL,
		  { { "addr", "-x=y", "--addr", 0 } } },
		{ { "--for=1s", "--port", "=" },
		  NULL,
		  { { "for", "1s", "--for", 0 },
		    { "port", "=", "--port", 0 } } },
		/* the last one counts */
		{ { "--addr=:1", "-logLevel=x", "-addr=:2" },
		  NULL,
		  { { "addr", ":2", "--addr", 0 },
		    { "log_level", "x", "--logLevel", 0 } } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct flags flags;
		struct err err;

		if (parse(rows[i].argv, &flags, &err) < 0)
			fail_msg("row %zu: %s", i, err.message);
		assert_int_equal(!flags.config, !rows[i].config);
		if (flags.config)
			assert_string_equal(flags.config, rows[i].config);
		assert_false(flags.help);
		check_overrides(flags.overrides, flags.n_overrides,
		                rows[i].expected);
		flags_fini(&flags);
	}
}

static void test_flag_errors(void **state)
{
	static const struct {
		const char *argv[MAX_WORDS];
		const char *message;
	} rows[] = {
		{ { "--addr" }, "--addr needs a value" },
		{ { "-config" }, "--config needs a value" },
		{ { "--adr=:1" }, "unknown flag --adr; did you mean --addr?" },
		{ { "-sockt-docker", "x" },
		  "unknown flag --sockt-docker; did you mean "
		  "--socket-docker?" },
		{ { "--verbose" },
		  "unknown flag --verbose; see bouncer help run" },
		{ { "--confg=x" },
		  "unknown flag --confg; did you mean --config?" },
		{ { "--", "x" }, "unknown flag --; see bouncer help run" },
		{ { "--=x" }, "unknown flag --; see bouncer help run" },
		{ { "--addr", ":1", "config.yml" },
		  "unexpected argument config.yml; a configuration file is "
		  "given with --config" },
		{ { "-" },
		  "unexpected argument -; a configuration file is "
		  "given with --config" },
		{ { "" },
		  "unexpected argument ; a configuration file is "
		  "given with --config" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct flags flags;
		struct err err;

		assert_int_equal(parse(rows[i].argv, &flags, &err), -EINVAL);
		assert_string_equal(err.message, rows[i].message);
		flags_fini(&flags);
	}
}

static void test_flag_help(void **state)
{
	static const char *const words[][MAX_WORDS] = {
		{ "--help" }, { "-h" }, { "--addr", ":1", "-help" }
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct flags flags;
		struct err err;

		assert_int_equal(parse(words[i], &flags, &err), 0);
		assert_true(flags.help);
		flags_fini(&flags);
	}
}

static void test_environment(void **state)
{
	static const struct {
		const char *envp[MAX_WORDS + 1];
		const char *config;
		struct expected expected[MAX_WORDS];
	} rows[] = {
		{ { NULL }, NULL, { { 0 } } },
		{ { "PATH=/bin", "BOUNCER_CONFIG=c.yml", "BOUNCER_CONFIGX=d" },
		  "c.yml",
		  { { 0 } } },
		{ { "BOUNCER_ADDR=:1", "BOUNCER_PUSH_GW=http://h",
		    "BOUNCER_SOCKET_LXD=/l", "BOUNCER_SOCKET_DOCKER=/d",
		    "BOUNCER_LOG_LEVEL=warn", "BOUNCER_CHECK_INTERVAL=1s" },
		  NULL,
		  { { "check_interval", "1s", "BOUNCER_CHECK_INTERVAL", 0 },
		    { "log_level", "warn", "BOUNCER_LOG_LEVEL", 0 },
		    { "socket_docker", "/d", "BOUNCER_SOCKET_DOCKER", 0 },
		    { "socket_lxd", "/l", "BOUNCER_SOCKET_LXD", 0 },
		    { "push_gw", "http://h", "BOUNCER_PUSH_GW", 0 },
		    { "addr", ":1", "BOUNCER_ADDR", 0 } } },
		{ { "BOUNCER_FOR=1s", "BOUNCER_DRY_RUN=1" },
		  NULL,
		  { { "dry_run", "1", "BOUNCER_DRY_RUN", 0 },
		    { "for", "1s", "BOUNCER_FOR", 0 } } },
		/* empty is unset; what we do not know is not ours */
		{ { "BOUNCER_ADDR=", "BOUNCER_CONFIG=", "BOUNCER_MONITOR=x",
		    "bouncer_addr=:1", "BOUNCER_ADDR" },
		  NULL,
		  { { 0 } } },
		/* what Kubernetes sets for a service named bouncer */
		{ { "BOUNCER_PORT=tcp://10.0.0.1:9090",
		    "BOUNCER_SERVICE_HOST=10.0.0.1" },
		  NULL,
		  { { 0 } } },
		{ { "DOCKER_HOST=unix:///d.sock", "STATE_DIRECTORY=/a:/b" },
		  NULL,
		  { { "socket_docker", "unix:///d.sock", "DOCKER_HOST", true },
		    { "state_dir", "/a", "STATE_DIRECTORY", true } } },
		{ { "RUNTIME_DIRECTORY=/r:/s" },
		  NULL,
		  { { "control_socket", "/r/control.sock", "RUNTIME_DIRECTORY",
		      true } } },
		{ { "DOCKER_HOST=ssh://h" }, NULL, { { 0 } } },
		{ { "DOCKER_HOST=tcp://h:2376", "DOCKER_TLS_VERIFY=1" },
		  NULL,
		  { { "socket_docker", "https://h:2376", "DOCKER_HOST",
		      true } } },
		{ { "DOCKER_HOST=tcp://h", "DOCKER_TLS_VERIFY=1", "HOME=/h" },
		  NULL,
		  { { "socket_docker", "https://h", "DOCKER_HOST", true },
		    { "tls_ca", "/h/.docker/ca.pem", "DOCKER_CERT_PATH", true },
		    { "tls_cert", "/h/.docker/cert.pem", "DOCKER_CERT_PATH",
		      true },
		    { "tls_key", "/h/.docker/key.pem", "DOCKER_CERT_PATH",
		      true } } },
		{ { "DOCKER_HOST=tcp://h", "DOCKER_TLS_VERIFY=1", "HOME=/h",
		    "DOCKER_CERT_PATH=/c" },
		  NULL,
		  { { "socket_docker", "https://h", "DOCKER_HOST", true },
		    { "tls_ca", "/c/ca.pem", "DOCKER_CERT_PATH", true },
		    { "tls_cert", "/c/cert.pem", "DOCKER_CERT_PATH", true },
		    { "tls_key", "/c/key.pem", "DOCKER_CERT_PATH", true } } },
		{ { "DOCKER_HOST=tcp://h:2375" },
		  NULL,
		  { { "socket_docker", "tcp://h:2375", "DOCKER_HOST",
		      true } } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct environment environment;

		assert_int_equal(environment_read(&environment, rows[i].envp),
		                 0);
		assert_int_equal(!environment.config, !rows[i].config);
		if (environment.config)
			assert_string_equal(environment.config, rows[i].config);
		check_overrides(environment.overrides, environment.n_overrides,
		                rows[i].expected);
		environment_fini(&environment);
	}
}

static void test_faults(void **state)
{
	static const char *const envp[] = { "BOUNCER_ADDR=:1",
		                            "STATE_DIRECTORY=/a", NULL };
	static const char *const argv[MAX_WORDS] = { "--addr=:1" };

	faults_install_mem();
	for (size_t k = 1; k <= 2; k++) {
		struct environment environment;
		struct flags flags;
		struct err err;
		int r;

		faults_fail(k);
		r = environment_read(&environment, envp);
		environment_fini(&environment);
		/* the second may not be needed */
		assert_true(r == -ENOMEM || (r == 0 && faults_end() < k));

		faults_fail(k);
		r = parse(argv, &flags, &err);
		flags_fini(&flags);
		assert_true(r == -ENOMEM || (r == 0 && faults_end() < k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_flag_errors),
		cmocka_unit_test(test_flag_help),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
