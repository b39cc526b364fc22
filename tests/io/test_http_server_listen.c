/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server listens: both families, unix sockets, and what is wrong. */
#include "support/cmocka.h"
#include "http_server_kit.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HELLO "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"

static struct kit kit;
static char path[108];
static char address[120];

static int set_up(void **state)
{
	(void)state;
	kit_init(&kit);
	(void)test_loop_path(&kit.loop, "http.sock", path);
	(void)snprintf(address, sizeof(address), "unix:%s", path);
	kit.server = kit_new_server(&kit);
	assert_non_null(kit.server);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kit_fini(&kit);
	return 0;
}

static void assert_listens(const char *where)
{
	struct err err = { 0 };

	if (http_server_listen(kit.server, slice_from(where), &err) < 0)
		fail_msg("%s", err.message);
}

static void assert_refuses(const char *where, int code, const char *words)
{
	struct err err = { 0 };

	assert_int_equal(
		http_server_listen(kit.server, slice_from(where), &err), code);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" lacks \"%s\"", err.message, words);
}

static bool connect_tcp(struct client *client, const char *host, uint16_t port)
{
	struct sockaddr_storage to = { 0 };
	size_t size = sizeof(struct sockaddr_in);

	if (strchr(host, ':')) {
		size = sizeof(struct sockaddr_in6);
		(void)uv_ip6_addr(host, port, (struct sockaddr_in6 *)&to);
	} else {
		(void)uv_ip4_addr(host, port, (struct sockaddr_in *)&to);
	}
	return client_connect_to(client, &kit, (struct sockaddr *)&to, size) ==
	       0;
}

static bool connect_unix(struct client *client)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	return client_connect_to(client, &kit, (struct sockaddr *)&to,
	                         sizeof(to)) == 0;
}

static void assert_serves(struct client *client)
{
	client_ask(client, HELLO, 200, "hello\n");
	client_close(client);
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
		                   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0;

	if (fd >= 0)
		(void)close(fd);
	if (!has)
		print_message("SKIPPED: this machine has no IPv6 (sysctl -w "
		              "net.ipv6.conf.lo.disable_ipv6=0)\n");
	return has;
}

/* --- TCP -------------------------------------------------------------------------- */

static void an_empty_host_is_both_families(void **state)
{
	struct client client;

	(void)state;
	assert_listens(":0");
	assert_true(connect_tcp(&client, "127.0.0.1",
	                        http_server_port(kit.server, 0)));
	assert_serves(&client);
	if (!has_ipv6())
		skip();
	assert_true(
		connect_tcp(&client, "::1", http_server_port(kit.server, 0)));
	assert_serves(&client);
}

static void one_ipv6_address(void **state)
{
	struct client client;

	(void)state;
	if (!has_ipv6())
		skip();
	assert_listens("[::1]:0");
	assert_true(
		connect_tcp(&client, "::1", http_server_port(kit.server, 0)));
	assert_serves(&client);
	assert_false(connect_tcp(&client, "127.0.0.1",
	                         http_server_port(kit.server, 0)));
}

static void several_at_once(void **state)
{
	struct client client;

	(void)state;
	assert_listens("127.0.0.1:0");
	assert_listens("127.0.0.2:0");
	assert_listens(address);
	assert_true(connect_tcp(&client, "127.0.0.1",
	                        http_server_port(kit.server, 0)));
	assert_serves(&client);
	assert_true(connect_tcp(&client, "127.0.0.2",
	                        http_server_port(kit.server, 1)));
	assert_serves(&client);
	assert_true(connect_unix(&client));
	assert_serves(&client);
	assert_int_equal(http_server_port(kit.server, 2), 0);
	assert_int_equal(http_server_port(kit.server, 3), 0);
}

static void what_is_wrong_is_said(void **state)
{
	char taken[64];
	char text[128];

	(void)state;
	assert_refuses("localhost:9090", UV_EINVAL,
	               "cannot listen on \"localhost:9090\": \"localhost\" is "
	               "not a numeric address; use one such as 127.0.0.1");
	assert_refuses("127.0.0.1:99999", UV_EINVAL, "port");
	assert_refuses("192.0.2.1:0", UV_EADDRNOTAVAIL,
	               "cannot listen on \"192.0.2.1:0\"");

	assert_listens("127.0.0.1:0");
	(void)snprintf(taken, sizeof(taken), "127.0.0.1:%u",
	               http_server_port(kit.server, 0));
	(void)snprintf(text, sizeof(text), "cannot listen on \"%s\"", taken);
	assert_refuses(taken, UV_EADDRINUSE, text);

	for (size_t i = 1; i < HTTP_SERVER_MAX_LISTENERS; i++)
		assert_listens("127.0.0.1:0");
	assert_refuses("127.0.0.1:0", -E2BIG, "more than 8 addresses");
}

static void the_port_is_free_at_once(void **state)
{
	struct client client;
	char again[64];

	(void)state;
	assert_listens("127.0.0.1:0");
	(void)snprintf(again, sizeof(again), "127.0.0.1:%u",
	               http_server_port(kit.server, 0));
	assert_true(connect_tcp(&client, "127.0.0.1",
	                        http_server_port(kit.server, 0)));
	client_ask(&client, HELLO, 200, NULL);
	kit_close(&kit, 0); /* first, so that TIME_WAIT is on our side */
	client_close(&client);

	kit.server = kit_new_server(&kit);
	assert_listens(again);
}

/* --- unix sockets -------------------------------------------------------------------- */

static void a_unix_socket_is_removed_at_the_end(void **state)
{
	struct client client;

	(void)state;
	assert_listens(address);
	assert_true(connect_unix(&client));
	assert_serves(&client);
	kit_close(&kit, 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_stale_socket_is_replaced(void **state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct client client;
	int fd;

	(void)state;
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(fd, 1), 0);
	(void)close(fd); /* as a process that was killed leaves it */

	assert_listens(address);
	assert_true(connect_unix(&client));
	assert_serves(&client);
}

static void a_live_socket_is_left_alone(void **state)
{
	struct http_server *first = kit.server;
	struct client client;

	(void)state;
	assert_listens(address);
	kit.server = kit_new_server(&kit);
	assert_refuses(address, -EADDRINUSE, "is it running already?");
	kit_close(&kit, 0);
	kit.closed = false;
	kit.server = first;
	assert_true(connect_unix(&client));
	assert_serves(&client);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_refuses(address, -EADDRINUSE, "exists and is not a socket");
	assert_int_equal(access(path, F_OK), 0);
}

static void anothers_socket_is_not_removed(void **state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	(void)state;
	assert_listens(address);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	kit_close(&kit, 0);
	assert_int_equal(access(path, F_OK), 0);
	(void)close(fd);
}

static void paths_that_cannot_be(void **state)
{
	char long_path[200];

	(void)state;
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	memcpy(long_path, "unix:/", 6);
	assert_true(http_server_listen(kit.server, slice_from(long_path),
	                               NULL) < 0);
	assert_refuses("unix:/no/such/directory/x.sock", UV_ENOENT,
	               "/no/such/directory/x.sock");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_host_is_both_families),
		TEST(one_ipv6_address),
		TEST(several_at_once),
		TEST(what_is_wrong_is_said),
		TEST(the_port_is_free_at_once),
		TEST(a_unix_socket_is_removed_at_the_end),
		TEST(a_stale_socket_is_replaced),
		TEST(a_live_socket_is_left_alone),
		TEST(what_is_no_socket_is_left_alone),
		TEST(anothers_socket_is_not_removed),
		TEST(paths_that_cannot_be),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("http_server_listen", tests, NULL,
	                                   NULL);
}
